#include "core/io/json_file.h"
#include "models/nn/freeze.h"
#include "models/swin/hub_config.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/model_flags.h"
#include "train/program/console/flags.h"
#include "train/program/console/output.h"
#include "train/program/images/data_source.h"
#include "train/program/phases/phases_of_run.h"
#include "train/program/ranks/mpi_ranks.h"
#include "train/program/recipes/recipes.h"
#include "train/program/recipes/seeds.h"
#include "train/program/run/run.h"
#include "train/program/run/run_folder.h"
#include "train/program/serve/report_server.h"
#include "train/program/tasks/task.h"
#include "train/program/weights/origin.h"

namespace swingrad {
namespace {

struct TrainFlags {
    SwinRecipe recipe;
    ModelFlags model;
    SettingFlags settings;
    std::filesystem::path config, output, resume, show_batch;
    std::string named_recipe;
    int64_t seeds = 0;
    bool accept_other_data = false;
    int64_t serve = not_served;
    double timeout = 10;
};

// The settings that were given as flags, and no others.
nlohmann::json given(const TrainFlags& flags) {
    nlohmann::json chosen = given_of(flags.settings, to_json(flags.recipe));
    if (!flags.model.text().empty()) chosen["model-args"] = flags.model.arguments();
    return chosen;
}

// Defaults, then the named recipe, then the config file, then flags.
SwinRecipe recipe_of(const TrainFlags& flags) {
    SwinRecipe recipe;
    std::vector<std::pair<std::string, std::string>> needs;  // who, and which setting
    if (!flags.named_recipe.empty()) {
        const NamedRecipe named = recipe_of_name(flags.named_recipe);
        update(recipe, named.settings, "the recipe " + on_one_line(flags.named_recipe));
        for (const std::string& need : named.needs) needs.emplace_back("--recipe " + flags.named_recipe, need);
    }
    if (!flags.config.empty()) {
        nlohmann::json settings = read_json_file(flags.config);
        // A run's own config.json will do: what follows from its settings is worked out anew. So will a recipe.
        if (settings.is_object() && settings.contains("derived")) say_as_today(settings);
        if (settings.is_object()) {
            settings.erase("derived"), settings.erase("about");
            for (const std::string& need : take_needs(settings, flags.config.string()))
                needs.emplace_back("--config " + flags.config.string(), need);
        }
        if (is_hub_config(settings))
            fail_usage(
                "--config {}: a hub's configuration of a model, which goes to summary, evaluate and predict; a "
                "training's has the architecture as \"model-args\"",
                flags.config.string());
        update(recipe, settings, flags.config.string());
    }
    update(recipe, given(flags), "the flags");
    const nlohmann::json all = to_json(recipe);
    for (const auto& [who, need] : needs)
        if (!all.contains(need) || all[need] == to_json(SwinRecipe{})[need])
            fail_usage("{} needs --{}", on_one_line(who), need);
    validate(recipe);
    refuse_idle(given(flags), to_json(SwinRecipe{}), needs_of_flags(recipe));
    choose_device(recipe.device);
    as_usage([&] { return parse_data_source(recipe.data); });
    try {
        const auto model = task_named(recipe.task).model(recipe, model_of(recipe, 1));  // before any image is read
        if (!recipe.freeze.empty()) as_usage([&] { return freeze(*model, recipe.freeze); });
        phases_of_run(recipe, model_of(recipe, 1));
    } catch (const UsageError& error) {
        throw UsageError(flags.model.in_terms_of_flags(error.what()));
    }
    return recipe;
}

ResumeOptions resume_options(const TrainFlags& flags, const nlohmann::json& chosen) {
    ResumeOptions options{.data = chosen.value("data", ""), .accept_other_data = flags.accept_other_data};
    if (!options.data.empty()) as_usage([&] { return parse_data_source(options.data); });
    return options;
}

void refuse_serving_seeds(const TrainFlags& flags) {
    if (flags.serve != not_served) fail_usage("--serve {} is for one run, and there are several", flags.serve);
}

int resume_all_seeds(const TrainFlags& flags) {
    refuse_serving_seeds(flags);
    nlohmann::json chosen = given(flags);
    const ResumeOptions options = resume_options(flags, chosen);
    chosen.erase("data");
    if (!chosen.empty() || flags.seeds > 0)
        fail_usage("--{} contradicts --resume {}, whose runs keep their settings",
                   chosen.empty() ? "seeds" : chosen.begin().key(), flags.resume.string());
    return resume_seeds(flags.resume, options);
}

int resume(const TrainFlags& flags) {
    const std::string run = flags.resume.string();
    if (!flags.config.empty())
        fail_usage("--config {} contradicts --resume {}, which keeps its settings", flags.config.string(), run);
    if (!flags.named_recipe.empty())
        fail_usage("--recipe {} contradicts --resume {}, which keeps its settings", flags.named_recipe, run);
    refuse_other_output(flags.output, flags.resume);
    if (is_of_seeds(flags.resume)) return resume_all_seeds(flags);
    if (flags.seeds > 0) fail_usage("--seeds {} contradicts --resume {}, which is one run", flags.seeds, run);
    const RunConfig config = read_config(RunFolder{flags.resume});
    nlohmann::json chosen = given(flags);
    ResumeOptions options = resume_options(flags, chosen);
    chosen.erase("data");        // may have moved, and is compared by what it holds
    chosen.erase("model-args");  // compared as a whole model:
    const std::string contradiction = flags.model.contradiction(config.model);
    if (!contradiction.empty()) fail_usage("{} of {}; a resumed run keeps its settings", contradiction, run);
    options.changes = take_changes(chosen, config.recipe, run);
    refuse_contradictions(chosen, to_json(config.recipe), run);
    choose_device(config.recipe.device);
    const auto server = serve_report(flags.serve, flags.resume);
    return resume_run(flags.resume, options);
}

}  // namespace

RunCommand declare_train(CLI::App& command) {
    auto flags = std::make_shared<TrainFlags>();
    flags->settings = add_setting_flags(command, settings_of(flags->recipe));
    add_flag(command, "--recipe", flags->named_recipe, "settings by name, below, or in a JSON file; all others win");
    add_flag(command, "--config", flags->config,
             "JSON file of the settings above by name, and of \"model-args\"; flags win");
    CLI::Option* seeds = add_flag(command, "--seeds", flags->seeds,
                                  "train so many times, with --seed and the seeds after it, and table what came out")
                             ->default_str("one");
    add_flag(command, "--output", flags->output, "the run's folder, which must not exist or be empty")
        ->default_str("runs/MODEL-DATA-seedN");
    add_flag(command, "--resume", flags->resume, "go on with the run in this folder; needs no other flag");
    command.add_flag("--accept-other-data", flags->accept_other_data,
                     "with --resume: go on although the images are not those the run began with");
    add_flag(command, "--show-batch", flags->show_batch,
             "draw the first batch as the model would see it into this PNG file, and end");
    add_flag(command, "--serve", flags->serve, serve_help)->type_name("PORT")->default_str("");
    add_flag(command, "--timeout", flags->timeout, timeout_help);
    add_threads_flag(command);
    add_gemm_flag(command);
    flags->model.declare(command, {"img_size", "num_classes", "in_chans", "drop_path_rate"});
    command.footer(
        "Ctrl-C saves the run and says how to go on with it. The run's folder holds config.json, environment.json,\n"
        "log.jsonl and log.csv (a line an epoch), report.html (curves, scores, examples; new after every epoch),\n"
        "last.safetensors (to resume from), previous.safetensors (the one before it), best.safetensors and, at the\n"
        "end, model.safetensors. With --model-ema what is validated, best and model is of the averaged weights.\n"
        "`swingrad verify` says whether all of it is whole.\n\n"
        "Recipes:\n" +
        text_of_named_recipes() +
        "\nExamples:\n"
        "  swingrad train --data shapes --model nano --epochs 5 --threads 2\n"
        "  swingrad train --data folder:cifar10-jpeg --model cifar --epochs 100 --output runs/first\n"
        "  swingrad train --model micro --depths 2,2,4 --window-size 8 --epochs 5 --output runs/wide\n"
        "  swingrad train --resume runs/wide\n"
        "  swingrad train --data folder:cifar10-jpeg --recipe cifar-minutes --seeds 3\n"
        "  swingrad train --data folder:cifar10-jpeg --recipe cifar-minutes --progressive 16:0.5,32:0.5\n"
        "  swingrad train --resume runs/wide --epochs 10    more epochs: the rate is then that of a run of ten\n"
        "  swingrad train --resume runs/first --data folder:moved/cifar10-jpeg\n"
        "  swingrad train --data cifar10:DIR --model cifar --device cuda --precision bf16 --output runs/fast\n"
        "  swingrad train --data folder:photos --model tiny --img-size 256 --aa rand-m9-mstd0.5-inc1 --mixup 0.8 \\\n"
        "      --cutmix 1 --reprob 0.25 --show-batch batch.png\n"
        "  swingrad train --opt muon --momentum 0.95 --model-ema --model-ema-decay 0.99 --grad-accum-steps 2\n"
        "  swingrad train --data folder:photos --init runs/first --lr 2e-4 --output runs/tuned\n"
        "  swingrad train --data folder:photos --model tiny --img-size 256 --init swinv2_tiny --freeze "
        "patch_embed,layers.0\n"
        "  swingrad train --data folder:photos --init runs/first --probe --lr 1e-2 --output runs/probed\n"
        "  swingrad train --task segmentation --data folder:scenes --model tiny --img-size 256 --head uper\n"
        "  swingrad train --img-size 16 --batch-size 32 --epochs 1 --device emulated --output runs/emulated\n"
        "  mpirun -n 2 swingrad train --data folder:cifar10-jpeg --model cifar --output runs/by-two");
    return [flags, seeds] {
        const JoinedRanks joined(flags->timeout);
        if (!flags->resume.empty() && !flags->show_batch.empty())
            fail_usage("--show-batch {} draws what a new run would see, and does not go with --resume",
                       flags->show_batch.string());
        if (!flags->resume.empty()) return resume(*flags);
        if (!flags->show_batch.empty() && flags->serve != not_served)
            fail_usage("--serve {} shows a training, and --show-batch trains nothing", flags->serve);
        if (flags->accept_other_data) fail_usage("--accept-other-data goes with --resume");
        const SwinRecipe recipe = recipe_of(*flags);
        if (!flags->show_batch.empty()) {
            if (seeds->count() > 0) fail_usage("--show-batch is of one run, and --seeds {} are several", flags->seeds);
            std::error_code unknown;  // whatever is there, a picture to train on or a run's file, is not this command's
            if (std::filesystem::is_regular_file(flags->show_batch, unknown))
                fail_usage("--show-batch {} is there already: remove it, or choose another",
                           flags->show_batch.string());
            if (world().rank() != 0) return 0;
            show_batch(recipe, flags->show_batch);
            print_line(fmt::format("the first images of the first epoch are in {}", flags->show_batch.string()));
            return 0;
        }
        RunOrigin origin{flags->named_recipe};
        if (!recipe.init.empty()) origin.model = origin_of(recipe.init).card;
        const std::filesystem::path& output = flags->output;
        if (seeds->count() == 0) {
            const std::filesystem::path folder = output.empty() ? default_run_folder(recipe) : output;
            const auto server = serve_report(flags->serve, folder);
            return start_run(recipe, folder, origin);
        }
        require(flags->seeds >= 1 && flags->seeds <= most_seeds_of_a_recipe, "seeds",
                fmt::format("1 to {}", most_seeds_of_a_recipe).c_str(), flags->seeds);
        refuse_serving_seeds(*flags);
        if (world().size() > 1) fail_usage("--seeds trains one run after another, each by one process");
        return train_seeds(recipe, flags->seeds, output.empty() ? default_seeds_folder(recipe, flags->seeds) : output,
                           origin);
    };
}

}  // namespace swingrad
