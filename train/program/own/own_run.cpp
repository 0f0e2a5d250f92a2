// train and evaluate. A run's folder is like a Swin's; config.json names the program that made the run.
#include "core/io/json_file.h"
#include "train/loop/checkpoint.h"
#include "train/loop/evaluate.h"
#include "train/program/console/flags.h"
#include "train/program/console/progress.h"
#include "train/program/own/own_commands.h"
#include "train/program/run/run_lock.h"
#include "train/program/run/start.h"

namespace swingrad {
namespace fs = std::filesystem;
namespace {

struct TrainFlags {
    Recipe recipe;
    SettingFlags settings;
    SourceFlags source;
    fs::path output, resume;
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

    // What a folder must agree with to be gone on with.
    nlohmann::json derived(const SourceFlags& source) const {
        return {{"program", subject.model_name},
                {"data", source.source},
                {"limit", source.limit},
                {"parameters", model->parameter_count()},
                {"training_samples", data.training->size()}};
    }
};

nlohmann::json read_own_config(const Program& program, const RunFolder& folder) {
    const std::string name = folder.config().string();
    check(fs::exists(folder.config()), "[run] {} is not a run: no config.json in it", folder.path.string());
    nlohmann::json config = read_json_file(folder.config());
    const bool known = config.is_object() && config.contains("derived") && config["derived"].is_object();
    const nlohmann::json made_by = known ? config["derived"].value("program", nlohmann::json()) : nlohmann::json();
    check(made_by == program.name, "[run] {}: no run of {}: its program is {}", name, program.name, made_by.dump());
    return config;
}

Recipe recipe_in(nlohmann::json config, const RunFolder& folder) {
    config.erase("derived");
    Recipe recipe;
    const std::string name = folder.config().string();
    for (const Setting& setting : settings_of(recipe))
        check(config.contains(setting.name), "[run] {}: no \"{}\" in it", name, setting.name);
    update(recipe, config, name);
    try {
        validate(recipe);
    } catch (const UsageError& error) {
        fail_usage("{}: {}", name, error.what());
    }
    return recipe;
}

SourceFlags source_in(const nlohmann::json& config, const RunFolder& folder) {
    const nlohmann::json& derived = config["derived"];
    const bool known = derived.contains("data") && derived["data"].is_string() && derived.contains("limit") &&
                       derived["limit"].is_number_integer();
    check(known, "[run] {}: \"derived\" lacks \"data\" or \"limit\"", folder.config().string());
    SourceFlags source;
    source.source = derived["data"];
    source.limit = derived["limit"];
    return source;
}

int resume(const Program& program, const TrainFlags& flags) {
    const RunFolder folder{flags.resume};
    refuse_other_output(flags.output, flags.resume);
    const nlohmann::json config = read_own_config(program, folder);
    refuse_contradictions(given_of(flags.settings, to_json(flags.recipe)), config, flags.resume.string());
    refuse_contradictions(flags.source.given(), config["derived"], flags.resume.string());
    const Recipe recipe = recipe_in(config, folder);
    choose_device(recipe.device);
    const RunLock lock(folder);
    const SourceFlags source = source_in(config, folder);
    const OwnRun run(program, recipe, source);
    check(config["derived"] == run.derived(source), "[run] {} was made by another {}: {}, now {}",
          flags.resume.string(), program.name, config["derived"].dump(), run.derived(source).dump());
    return go_on(folder, run.subject, "");
}

int train(const Program& program, const TrainFlags& flags) {
    if (!flags.resume.empty()) return resume(program, flags);
    validate(flags.recipe);
    choose_device(flags.recipe.device);
    const RunFolder folder{flags.output.empty()
                               ? fs::path("runs") / fmt::format("{}-seed{}", program.name, flags.recipe.seed)
                               : flags.output};
    require_unused(folder);
    const OwnRun run(program, flags.recipe, flags.source);
    nlohmann::json config = to_json(flags.recipe);
    config["derived"] = run.derived(flags.source);
    return start(folder, run.subject, config, "");
}

int evaluate_run(const Program& program, const fs::path& path) {
    const RunFolder folder{path};
    const nlohmann::json config = read_own_config(program, folder);
    const Recipe recipe = recipe_in(config, folder);
    fs::path weights;
    for (const fs::path& candidate : {folder.last(), folder.best(), folder.weights()})
        if (fs::exists(candidate)) weights = candidate;
    check(!weights.empty(), "--checkpoint {}: no weights in it yet", path.string());
    const std::unique_ptr<Module> model = model_of(program);
    ProgramData data = data_of(program, source_in(config, folder));
    const std::string set = data.test ? "test" : "validation";
    const std::unique_ptr<Samples> test = data.test ? data.test() : std::move(data.validation);
    check(test != nullptr, "[program] {} has neither test nor validation samples", program.name);
    const Parameters parameters(*model, dtype_of_precision(recipe.precision), Random{}, choose_device(recipe.device),
                                Gradients::no);
    load_weights(weights, parameters);
    Progress progress;
    const auto show = [&](int64_t done) { progress.show(set, done, test->size(), "samples", 0); };
    const Evaluation result = evaluate(*model, parameters, *test, recipe.batch_size, show, program.loss);
    progress.line(fmt::format("{} loss {:.4f}{}  ({} samples, {})", set, result.loss,
                              std::isnan(result.accuracy) ? "" : fmt::format(", accuracy {:.2f} %", result.accuracy),
                              grouped(test->size()), weights.filename().string()));
    return 0;
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
    add_threads_flag(command);
    return [&program, flags] { return train(program, *flags); };
}

RunCommand declare_own_evaluate(const Program& program, CLI::App& command) {
    auto path = std::make_shared<fs::path>();
    add_flag(command, "--checkpoint", *path, "the run's folder")->required();
    add_threads_flag(command);
    return [&program, path] { return evaluate_run(program, *path); };
}

}  // namespace swingrad
