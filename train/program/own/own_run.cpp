// train and evaluate. A run's folder is like a Swin's; config.json names the program that made the run.
#include "core/io/json_file.h"
#include "core/io/safetensors.h"
#include "train/loop/checkpoint.h"
#include "train/loop/evaluate.h"
#include "train/program/console/flags.h"
#include "train/program/console/progress.h"
#include "train/program/own/own_commands.h"
#include "train/program/run/belonging.h"
#include "train/program/run/fingerprint.h"
#include "train/program/run/run_lock.h"
#include "train/program/run/start.h"
#include "train/program/run/verify.h"
#include "train/program/run/way_back.h"

namespace swingrad {
namespace fs = std::filesystem;
namespace {

struct TrainFlags {
    Recipe recipe;
    SettingFlags settings;
    SourceFlags source;
    fs::path output, resume;
    bool accept_other_data = false;
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

    // Marks the run's files by `identity`; empty: by nothing.
    void mark(const nlohmann::json& identity) {
        if (identity.is_string()) subject.fixed_settings = {{identity_setting, identity}};
    }

    // What a folder must agree with to be gone on with.
    nlohmann::json derived(const SourceFlags& source) const {
        return {{"program", subject.model_name},
                {"data", source.source},
                {"limit", source.limit},
                {"parameters", model->parameter_count()},
                {"training_samples", data.training->size()},
                {"fingerprint", fingerprint_of(*data.training, data.validation.get())}};
    }
};

nlohmann::json read_own_config(const Program& program, const RunFolder& folder) {
    const std::string name = folder.config().string();
    check(fs::exists(folder.config()), "[run] {} is not a run: no config.json in it", folder.path.string());
    nlohmann::json config = read_json_file(folder.config());
    const bool known = config.is_object() && config.contains("derived") && config["derived"].is_object();
    const nlohmann::json made_by = known ? config["derived"].value("program", nlohmann::json()) : nlohmann::json();
    check(made_by == program.name, "[run] {}: no run of {}: its program is {}", name, program.name, json_text(made_by));
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
                       is_int64(derived["limit"]);
    check(known, "[run] {}: \"derived\" lacks \"data\" or \"limit\"", folder.config().string());
    SourceFlags source;
    source.source = derived["data"];
    source.limit = derived["limit"];
    return source;
}

// Null in runs of version 0.1.
nlohmann::json identity_in(const nlohmann::json& config, const RunFolder& folder) {
    const nlohmann::json identity = config["derived"].value(identity_setting, nlohmann::json());
    check(identity.is_null() || identity.is_string(), "[run] {}: \"{}\" under \"derived\" must be a text, got {}",
          folder.config().string(), identity_setting, json_text(identity));
    return identity;
}

// Throws an Error that says what differs where a run's model is another one, or its samples are. Samples that have only
// moved have the same fingerprint, which runs of before there was one lack.
void check_same(const nlohmann::json& before, const nlohmann::json& now, const TrainFlags& flags) {
    const bool moved = now.at("fingerprint") == before.value("fingerprint", nlohmann::json());
    std::string samples, rest;
    for (const auto& [key, value] : now.items()) {
        const nlohmann::json old = before.value(key, nlohmann::json());
        if (value == old || (key == "fingerprint" && old.is_null()) || (key == "data" && moved)) continue;
        const bool of_samples = key == "data" || key == "training_samples" || key == "fingerprint";
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
    refuse_contradictions(given_of(flags.settings, to_json(flags.recipe)), config, flags.resume.string());
    nlohmann::json given = flags.source.given();
    SourceFlags source = source_in(config, folder);
    if (given.contains("data")) source.source = given["data"];  // may have moved, and is compared by what it holds
    given.erase("data");
    refuse_contradictions(given, config["derived"], flags.resume.string());
    const Recipe recipe = recipe_in(config, folder);
    choose_device(recipe.device);
    const RunLock lock(folder);
    OwnRun run(program, recipe, source);
    nlohmann::json derived = run.derived(source);
    check_same(config["derived"], derived, flags);
    const nlohmann::json identity = identity_in(config, folder);
    if (!identity.is_null()) derived[identity_setting] = identity;
    run.mark(identity);
    const bool same = config["derived"] == derived;
    config["derived"] = derived;
    return go_on(lock, run.subject, same ? nlohmann::json() : config, "");
}

int train(const Program& program, const TrainFlags& flags) {
    if (!flags.resume.empty()) return resume(program, flags);
    if (flags.accept_other_data) fail_usage("--accept-other-data goes with --resume");
    validate(flags.recipe);
    choose_device(flags.recipe.device);
    const RunFolder folder{flags.output.empty()
                               ? fs::path("runs") / fmt::format("{}-seed{}", program.name, flags.recipe.seed)
                               : flags.output};
    require_unused(folder);
    OwnRun run(program, flags.recipe, flags.source);
    nlohmann::json config = to_json(flags.recipe), derived = run.derived(flags.source), decisive = config;
    decisive["program"] = program.name;
    decisive["parameters"] = derived["parameters"];
    derived[identity_setting] = identity_of(decisive, derived["fingerprint"]);
    run.mark(derived[identity_setting]);
    config["derived"] = derived;
    return start(folder, run.subject, config, "");
}

int evaluate_run(const Program& program, const fs::path& path) {
    const RunFolder folder{path};
    const nlohmann::json config = read_own_config(program, folder);
    const Recipe recipe = recipe_in(config, folder);
    const fs::path weights = folder.weights_so_far();
    check(!weights.empty(), "--checkpoint {}: no weights in it yet", path.string());
    const std::unique_ptr<Module> model = model_of(program);
    const SourceFlags source = source_in(config, folder);
    ProgramData data = program.data ? program.data(source.source) : ProgramData{};  // what is not asked for is not read
    const std::string set = data.test ? "test" : "validation";
    const std::unique_ptr<Samples> test = limited(data.test ? data.test() : std::move(data.validation), source.limit);
    check(test != nullptr, "[program] {} has neither test nor validation samples", program.name);
    const Parameters parameters(*model, dtype_of_precision(recipe.precision), Random{}, choose_device(recipe.device),
                                Gradients::no);
    load_weights(weights, parameters);
    const nlohmann::json identity = identity_in(config, folder);
    require_of_run(weights, identity.is_string() ? identity.get<std::string>() : "");
    Progress progress;
    if (!has_checksum(weights)) progress.warning(no_checksum_text(weights));
    const auto show = [&](int64_t done) { progress.show(set, done, test->size(), "samples", 0); };
    const Evaluation result = evaluate(*model, parameters, *test, recipe.batch_size, show, program.loss);
    check(result.not_finite.empty(), "[evaluate] {} says nothing: {}", weights.string(), result.not_finite);
    progress.line(fmt::format("{} loss {:.4f}{}  ({} samples, {})", set, result.loss,
                              std::isnan(result.accuracy) ? "" : fmt::format(", accuracy {:.2f} %", result.accuracy),
                              grouped(test->size()), weights.filename().string()));
    return 0;
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
    add_threads_flag(command);
    return [&program, flags] { return train(program, *flags); };
}

RunCommand declare_own_evaluate(const Program& program, CLI::App& command) {
    auto path = std::make_shared<fs::path>();
    add_flag(command, "--checkpoint", *path, "the run's folder")->required();
    add_threads_flag(command);
    return [&program, path] { return evaluate_run(program, *path); };
}

RunCommand declare_own_verify(const Program& program, CLI::App& command) {
    auto path = std::make_shared<fs::path>();
    command.add_option("RUN", *path, "the run's folder")->required();
    add_threads_flag(command);
    return [&program, path] { return verify(program, *path); };
}

}  // namespace swingrad
