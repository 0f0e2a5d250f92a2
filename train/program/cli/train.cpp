#include "core/io/json_file.h"
#include "models/nn/freeze.h"
#include "models/swin/hub_config.h"
#include "models/swin/swin_v2.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/model_flags.h"
#include "train/program/console/flags.h"
#include "train/program/console/output.h"
#include "train/program/images/data_source.h"
#include "train/program/run/run.h"
#include "train/program/run/run_folder.h"
#include "train/program/weights/origin.h"

namespace swingrad {
namespace {

struct TrainFlags {
    SwinRecipe recipe;
    ModelFlags model;
    SettingFlags settings;
    std::filesystem::path config, output, resume, show_batch;
    bool accept_other_data = false;
};

// The settings that were given as flags, and no others.
nlohmann::json given(const TrainFlags& flags) {
    nlohmann::json chosen = given_of(flags.settings, to_json(flags.recipe));
    if (!flags.model.text().empty()) chosen["model-args"] = flags.model.arguments();
    return chosen;
}

// Defaults, then the config file, then flags.
SwinRecipe recipe_of(const TrainFlags& flags) {
    SwinRecipe recipe;
    if (!flags.config.empty()) {
        nlohmann::json settings = read_json_file(flags.config);
        // A run's own config.json will do: what follows from its settings is worked out anew.
        if (settings.is_object()) settings.erase("derived");
        if (is_hub_config(settings))
            fail_usage(
                "--config {}: a hub's configuration of a model, which goes to summary, evaluate and predict; a "
                "training's has the architecture as \"model-args\"",
                flags.config.string());
        update(recipe, settings, flags.config.string());
    }
    update(recipe, given(flags), "the flags");
    validate(recipe);
    choose_device(recipe.device);
    as_usage([&] { return parse_data_source(recipe.data); });
    try {
        SwinV2 model(model_of(recipe, 1));  // before any image is read
        if (!recipe.freeze.empty()) as_usage([&] { return freeze(model, recipe.freeze); });
    } catch (const UsageError& error) {
        throw UsageError(flags.model.in_terms_of_flags(error.what()));
    }
    return recipe;
}

int resume(const TrainFlags& flags) {
    const std::string run = flags.resume.string();
    if (!flags.config.empty())
        fail_usage("--config {} contradicts --resume {}, which keeps its settings", flags.config.string(), run);
    refuse_other_output(flags.output, flags.resume);
    const RunConfig config = read_config(RunFolder{flags.resume});
    nlohmann::json chosen = given(flags);
    ResumeOptions options{.data = chosen.value("data", ""), .accept_other_data = flags.accept_other_data};
    if (!options.data.empty()) as_usage([&] { return parse_data_source(options.data); });
    chosen.erase("data");        // may have moved, and is compared by what it holds
    chosen.erase("model-args");  // compared as a whole model:
    const std::string contradiction = flags.model.contradiction(config.model);
    if (!contradiction.empty()) fail_usage("{} of {}; a resumed run keeps its settings", contradiction, run);
    refuse_contradictions(chosen, to_json(config.recipe), run);
    choose_device(config.recipe.device);
    return resume_run(flags.resume, options);
}

}  // namespace

RunCommand declare_train(CLI::App& command) {
    auto flags = std::make_shared<TrainFlags>();
    flags->settings = add_setting_flags(command, settings_of(flags->recipe));
    add_flag(command, "--config", flags->config,
             "JSON file of the settings above by name, and of \"model-args\"; flags win");
    add_flag(command, "--output", flags->output, "the run's folder, which must not exist or be empty")
        ->default_str("runs/MODEL-DATA-seedN");
    add_flag(command, "--resume", flags->resume, "go on with the run in this folder; needs no other flag");
    command.add_flag("--accept-other-data", flags->accept_other_data,
                     "with --resume: go on although the images are not those the run began with");
    add_flag(command, "--show-batch", flags->show_batch,
             "draw the first batch as the model would see it into this PNG file, and end");
    add_threads_flag(command);
    add_gemm_flag(command);
    flags->model.declare(command, {"img_size", "num_classes", "in_chans", "drop_path_rate"});
    command.footer(
        "Ctrl-C saves the run and says how to go on with it. The run's folder holds config.json, environment.json,\n"
        "log.jsonl and log.csv (a line an epoch), report.html (curves, confusion, examples; new after every epoch),\n"
        "last.safetensors (to resume from), previous.safetensors (the one before it), best.safetensors and, at the\n"
        "end, model.safetensors. `swingrad verify` says whether all of it is whole.\n\n"
        "Examples:\n"
        "  swingrad train --data shapes --model nano --epochs 5 --threads 2\n"
        "  swingrad train --data folder:cifar10-jpeg --model cifar --epochs 100 --output runs/first\n"
        "  swingrad train --model micro --depths 2,2,4 --window-size 8 --epochs 5 --output runs/wide\n"
        "  swingrad train --resume runs/wide\n"
        "  swingrad train --resume runs/first --data folder:moved/cifar10-jpeg\n"
        "  swingrad train --data cifar10:DIR --model cifar --device cuda --precision bf16 --output runs/fast\n"
        "  swingrad train --data folder:photos --model tiny --img-size 256 --aa rand-m9-mstd0.5-inc1 --mixup 0.8 \\\n"
        "      --cutmix 1 --reprob 0.25 --show-batch batch.png\n"
        "  swingrad train --data folder:photos --init runs/first --lr 2e-4 --output runs/tuned\n"
        "  swingrad train --data folder:photos --model tiny --img-size 256 --init swinv2_tiny --freeze "
        "patch_embed,layers.0\n"
        "  swingrad train --data folder:photos --init runs/first --probe --lr 1e-2 --output runs/probed\n"
        "  swingrad train --img-size 16 --batch-size 32 --epochs 1 --device emulated --output runs/emulated");
    return [flags] {
        if (!flags->resume.empty() && !flags->show_batch.empty())
            fail_usage("--show-batch {} draws what a new run would see, and does not go with --resume",
                       flags->show_batch.string());
        if (!flags->resume.empty()) return resume(*flags);
        if (flags->accept_other_data) fail_usage("--accept-other-data goes with --resume");
        const SwinRecipe recipe = recipe_of(*flags);
        if (!flags->show_batch.empty()) {
            std::error_code unknown;  // whatever is there, a picture to train on or a run's file, is not this command's
            if (std::filesystem::is_regular_file(flags->show_batch, unknown))
                fail_usage("--show-batch {} is there already: remove it, or choose another",
                           flags->show_batch.string());
            show_batch(recipe, flags->show_batch);
            print_line(fmt::format("the first images of the first epoch are in {}", flags->show_batch.string()));
            return 0;
        }
        std::optional<ModelCard> origin;
        if (!recipe.init.empty()) origin = origin_of(recipe.init).card;
        return start_run(recipe, flags->output.empty() ? default_run_folder(recipe) : flags->output, origin);
    };
}

}  // namespace swingrad
