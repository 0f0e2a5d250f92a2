#include "train/program/run/run_report.h"

#include "core/io/json_file.h"
#include "train/loop/trainer.h"
#include "train/program/run/environment.h"

namespace swingrad {
namespace fs = std::filesystem;

namespace {

// The learning rate of each step so far; of a long run every so many, which a picture does not show.
Series rates_of(const Recipe& recipe, const LogTable& log) {
    constexpr int64_t most_points = 2000, most_steps = int64_t{1} << 40;
    if (log.epochs.empty()) return {};
    const auto epochs = static_cast<int64_t>(log.column("epoch").back());
    const double last = log.column("step").back();  // not a number in a log without it
    if (epochs < 1 || !(last >= static_cast<double>(epochs) && last < most_steps)) return {};
    const auto steps = static_cast<int64_t>(last), stride = (steps + most_points - 1) / most_points;
    const Schedule schedule = schedule_of(recipe, steps / epochs);
    Series rates;
    for (int64_t i = 0; i < steps; i += stride) {
        rates.x.push_back(static_cast<double>((i + 1) * epochs) / static_cast<double>(steps));
        rates.y.push_back(schedule.at(i));
    }
    return rates;
}

}  // namespace

NamedLog named_log(const RunFolder& folder, const std::string& name) {
    NamedLog named{name, read_log(folder.log())};
    try {
        Recipe recipe;
        const nlohmann::json config = read_json_file(folder.config());
        for (const char* needed : {"epochs", "lr"}) config.at(needed);
        for (const Setting& setting : settings_of(recipe))  // those of older runs lack what is new since
            if (config.contains(setting.name))
                update(recipe, nlohmann::json::object({{setting.name, config[setting.name]}}),
                       folder.config().string());
        validate(recipe);
        named.rates = rates_of(recipe, named.log);
        // The loss of a program of one's own may be of another kind.
        if (!config.at("derived").contains("program")) named.label_smoothing = recipe.label_smoothing;
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the log is enough
    }
    return named;
}

std::string report_on(const RunFolder& folder, const RunSubject& subject, int64_t parameters, const Judged* judged) {
    std::error_code error;
    ReportedRun run{.name = fs::canonical(folder.path, error).filename().string(),
                    .model = subject.model_name,
                    .data = subject.data_name,
                    .samples_are = subject.samples_are,
                    .classes = subject.classes,
                    .training_samples = subject.training.size(),
                    .epochs = subject.recipe.epochs,
                    .parameters = parameters,
                    .recipe = subject.settings,
                    .architecture = subject.architecture,
                    .environment = environments_of(folder),
                    .log = fs::exists(folder.log()) ? read_log(folder.log()) : LogTable{},
                    .label_smoothing = subject.loss ? 0 : subject.recipe.label_smoothing};
    run.rates = rates_of(subject.recipe, run.log);
    return write_report(run, judged, folder.report(), folder.figures());
}

}  // namespace swingrad
