// train and verify. A run's folder is like a Swin's; config.json names the program that made the run.
#include "core/io/stored_tensors.h"
#include "models/nn/freeze.h"
#include "train/loop/trainer.h"
#include "train/program/console/flags.h"
#include "train/program/console/resume_changes.h"
#include "train/program/own/own_commands.h"
#include "train/program/own/own_saved.h"
#include "train/program/ranks/mpi_ranks.h"
#include "train/program/run/belonging.h"
#include "train/program/run/fingerprint.h"
#include "train/program/run/run_lock.h"
#include "train/program/run/start.h"
#include "train/program/run/verify.h"
#include "train/program/serve/report_server.h"

namespace swingrad {
namespace fs = std::filesystem;
namespace {

struct TrainFlags {
    Recipe recipe;
    SettingFlags settings;
    SourceFlags source;
    fs::path output, resume;
    bool accept_other_data = false;
    int64_t serve = not_served;
    double timeout = 10;
};

// The model and its data, and a run of them.
struct OwnRun {
    std::unique_ptr<Module> model;
    ProgramData data;
    RunSubject subject;

    OwnRun(const Program& program, const Recipe& recipe, const SourceFlags& source)
        : model(model_of(program)),
          data(data_of(program, source)),
          subject{.recipe = recipe,
                  .model = *model,
                  .training = *data.training,
                  .validation = data.validation.get(),
                  .test = data.test,
                  .loss = program.loss,
                  .program = program.name,
                  .model_name = program.name,
                  .data_name = source.source.empty() ? program.name : source.text(),
                  .settings = to_json(recipe),
                  .architecture = {{"program", program.name}, {"parameters", model->parameter_count()}}} {
        if (const Dataset* images = data.training->images()) {
            subject.samples_are = "images";
            subject.classes = images->classes.size();
        }
    }

    // Marks the run's files by what `derived` says; a run of version 0.1 by nothing.
    void mark(const nlohmann::json& derived) {
        for (const char* key : {identity_setting, init_fingerprint_setting})
            if (derived.contains(key) && derived[key].is_string()) subject.fixed_settings[key] = derived[key];
    }

    // What a folder must agree with to be gone on with.
    nlohmann::json derived(const SourceFlags& source) const {
        nlohmann::json derived{{"program", subject.model_name},
                               {"data", data.lasting_source.empty() ? source.source : data.lasting_source},
                               {"limit", source.limit},
                               {"parameters", model->parameter_count()},
                               {"training_samples", data.training->size()},
                               {"fingerprint", fingerprint_of(*data.training, data.validation.get())}};
        note_pictures(*data.training, derived);
        return derived;
    }
};

// Throws an Error that says what differs where a run's model is another one, or its samples are. Samples that have only
// moved have the same fingerprint. What runs of before it was saved lack is not compared, and names of classes may
// change.
void check_same(const nlohmann::json& before, const nlohmann::json& now, const TrainFlags& flags) {
    const bool moved = now.at("fingerprint") == before.value("fingerprint", nlohmann::json());
    std::string samples, rest;
    for (const auto& [key, value] : now.items()) {
        const nlohmann::json old = before.value(key, nlohmann::json());
        const bool of_pictures = key == "fingerprint" || key == "pictures";
        if (value == old || key == "classes" || (of_pictures && old.is_null()) || (key == "data" && moved)) continue;
        const bool of_samples = of_pictures || key == "data" || key == "training_samples";
        std::string& text = of_samples ? samples : rest;
        text += fmt::format("{}{} {}, before {}", text.empty() ? "" : "; ", key, value.dump(), old.dump());
    }
    check(rest.empty(), "[run] {} was made by another program: {}", flags.resume.string(), rest);
    check(samples.empty() || flags.accept_other_data,
          "[run] {} learnt from other samples: {}; --accept-other-data goes on all the same", flags.resume.string(),
          samples);
}

int resume(const Program& program, const TrainFlags& flags) {
    const RunFolder folder{flags.resume};
    refuse_other_output(flags.output, flags.resume);
    nlohmann::json config = read_own_config(program, folder);
    Recipe recipe = recipe_in(config, folder);
    std::vector<int64_t> epochs_before = epochs_before_in(config, folder);
    nlohmann::json settings = given_of(flags.settings, to_json(flags.recipe));
    const ResumeChanges changes = take_changes(settings, recipe, flags.resume.string());
    refuse_contradictions(settings, config, flags.resume.string());
    changes.apply(recipe, epochs_before);
    nlohmann::json given = flags.source.given();
    SourceFlags source = source_in(config, folder);
    if (given.contains("data")) source.source = given["data"];  // may have moved, and is compared by what it holds
    given.erase("data");
    refuse_contradictions(given, config["derived"], flags.resume.string());
    choose_device(recipe.device);
    const RunLock lock(folder);
    OwnRun run(program, recipe, source);
    nlohmann::json derived = run.derived(source);
    check_same(config["derived"], derived, flags);
    const nlohmann::json identity = identity_in(config, folder);
    if (!identity.is_null()) derived[identity_setting] = identity;
    if (const auto init = config["derived"].find(init_fingerprint_setting); init != config["derived"].end())
        derived[init_fingerprint_setting] = *init;
    run.mark(derived);
    if (!epochs_before.empty()) {
        derived["epochs_before"] = epochs_before;
        run.subject.fixed_settings[epochs_before_setting] = epochs_before;
    }
    if (changes.epochs) run.subject.raised_from = epochs_before.back();
    const auto server = serve_report(flags.serve, flags.resume);
    const bool same = config["derived"] == derived && !changes.any();
    config["derived"] = derived;
    config.update(to_json(recipe));
    return go_on(lock, run.subject, same ? nlohmann::json() : config, "");
}

int train(const Program& program, const TrainFlags& flags) {
    if (!flags.resume.empty()) return resume(program, flags);
    if (flags.accept_other_data) fail_usage("--accept-other-data goes with --resume");
    validate(flags.recipe);
    refuse_idle(given_of(flags.settings, to_json(flags.recipe)), to_json(program.recipe), needs_of_flags(flags.recipe));
    choose_device(flags.recipe.device);
    if (!flags.recipe.freeze.empty()) as_usage([&] { return freeze(*model_of(program), flags.recipe.freeze); });
    const RunFolder folder{flags.output.empty()
                               ? fs::path("runs") / fmt::format("{}-seed{}", program.name, flags.recipe.seed)
                               : flags.output};
    require_unused(folder);
    Recipe recipe = flags.recipe;
    recipe.micro_batches = micro_batches_of(recipe, !model_of(program)->buffers().empty());  // chosen once
    OwnRun run(program, recipe, flags.source);
    nlohmann::json config = to_json(recipe), derived = run.derived(flags.source), decisive = config;
    decisive["program"] = program.name;
    decisive["parameters"] = derived["parameters"];
    if (!flags.recipe.init.empty())
        decisive[init_fingerprint_setting] = derived[init_fingerprint_setting] =
            fingerprint_of_files(open_tensors(weights_in_folder_or_file(flags.recipe.init)).files);
    derived[identity_setting] = identity_of(decisive, derived["fingerprint"]);
    run.mark(derived);
    config["derived"] = derived;
    const auto server = serve_report(flags.serve, folder.path);
    return start(folder, run.subject, config, "");
}

int verify(const Program& program, const fs::path& path) {
    const RunFolder folder{path};
    return verify_run(folder, program.name, [&] {
        const nlohmann::json config = read_own_config(program, folder);
        const nlohmann::json samples = config["derived"].value("training_samples", nlohmann::json());
        check(is_int64(samples), "[run] {}: \"derived\" lacks \"training_samples\"", folder.config().string());
        VerifiedRun run{recipe_in(config, folder), model_of(program), samples.get<int64_t>()};
        if (const nlohmann::json identity = identity_in(config, folder); !identity.is_null())
            run.fixed_settings[identity_setting] = identity;
        if (const auto before = epochs_before_in(config, folder); !before.empty())
            run.fixed_settings[epochs_before_setting] = before;
        return run;
    });
}

}  // namespace

RunCommand declare_own_train(const Program& program, CLI::App& command) {
    auto flags = std::make_shared<TrainFlags>();
    flags->recipe = program.recipe;
    flags->source.source = program.source;
    flags->source.declare(command);
    flags->settings = add_setting_flags(command, settings_of(flags->recipe));
    add_flag(command, "--output", flags->output, "the run's folder, which must not exist or be empty")
        ->default_str("runs/NAME-seedN");
    add_flag(command, "--resume", flags->resume, "go on with the run in this folder; needs no other flag");
    command.add_flag("--accept-other-data", flags->accept_other_data,
                     "with --resume: go on although the samples are not those the run began with");
    add_flag(command, "--serve", flags->serve, serve_help)->type_name("PORT")->default_str("");
    add_flag(command, "--timeout", flags->timeout, timeout_help);
    add_threads_flag(command);
    add_gemm_flag(command);
    return [&program, flags] {
        const JoinedRanks joined(flags->timeout);
        return train(program, *flags);
    };
}

RunCommand declare_own_verify(const Program& program, CLI::App& command) {
    auto path = std::make_shared<fs::path>();
    command.add_option("RUN", *path, "the run's folder")->required();
    add_threads_flag(command);
    add_gemm_flag(command);
    return [&program, path] { return verify(program, *path); };
}

}  // namespace swingrad
