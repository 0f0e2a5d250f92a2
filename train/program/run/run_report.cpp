#include "train/program/run/run_report.h"

#include "core/io/json_file.h"
#include "train/data/batch.h"
#include "train/loop/trainer.h"
#include "train/program/images/contact_sheet.h"
#include "train/program/images/image_file.h"
#include "train/program/report/examples.h"
#include "train/program/run/environment.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace fs = std::filesystem;

namespace {

// Whether the rates in the log are the schedule's: those from before epochs were raised are not.
bool follows(const LogTable& log, const Schedule& schedule, double highest) {
    const std::vector<double> steps = log.column("step"), rates = log.column("learning_rate");
    for (size_t i = 0; i < rates.size(); ++i) {
        if (std::isnan(rates[i]) || !(steps[i] >= 1 && steps[i] < 1e15)) continue;
        if (std::abs(schedule.at(static_cast<int64_t>(steps[i]) - 1) - rates[i]) > 1e-9 * highest) return false;
    }
    return true;
}

// The learning rate of each step so far; of a long run every so many, which a picture does not show.
Series rates_of(const Recipe& recipe, const LogTable& log) {
    constexpr int64_t most_points = 2000, most_steps = int64_t{1} << 40;
    if (log.epochs.empty()) return {};
    const auto epochs = static_cast<int64_t>(log.column("epoch").back());
    const double last = log.column("step").back();  // not a number in a log without it
    if (epochs < 1 || !(last >= static_cast<double>(epochs) && last < most_steps)) return {};
    const auto steps = static_cast<int64_t>(last), stride = (steps + most_points - 1) / most_points;
    const Schedule schedule = schedule_of(recipe, steps / epochs);
    if (!follows(log, schedule, recipe.lr)) return {};
    Series rates;
    for (int64_t i = 0; i < steps; i += stride) {
        rates.x.push_back(static_cast<double>((i + 1) * epochs) / static_cast<double>(steps));
        rates.y.push_back(schedule.at(i));
    }
    return rates;
}

}  // namespace

std::vector<std::string> names_of_runs(const std::vector<std::string>& runs) {
    std::vector<std::string> names;
    for (const std::string& run : runs) {
        const fs::path path = fs::absolute(run).lexically_normal();
        names.push_back((path.has_filename() ? path : path.parent_path()).filename().string());
    }
    auto sorted = names;
    std::sort(sorted.begin(), sorted.end());
    const bool distinct = std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
    return distinct ? names : runs;
}

NamedLog named_log(const RunFolder& folder, const std::string& name) {
    NamedLog named{name, read_log(folder.log())};
    try {
        Recipe recipe;
        const nlohmann::json config = read_json_file(folder.config());
        for (const char* needed : {"epochs", "lr"}) config.at(needed);
        for (const Setting& setting : settings_of(recipe))  // those of older runs lack what is new since
            if (!may_change(setting.name) && config.contains(setting.name))
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

Tensor first_batch_of(const Samples& training, const Recipe& recipe) {
    std::vector<int64_t> order = training.order_of_epoch(0, random_of(recipe, Purpose::order).split(0));
    order.resize(static_cast<size_t>(recipe.batch_size));
    const Random random = random_of(recipe, Purpose::augmentation).split(0);
    return training.batch(order, &random).inputs;
}

std::string png_of_first_batch(const RunSubject& subject) {
    constexpr int64_t most_images = 24, widest = 1024;
    const PictureInput* input = subject.training.picture_input();
    if (!input || subject.training.size() < subject.recipe.batch_size) return "";
    Tensor images;
    try {
        images = first_batch_of(subject.training, subject.recipe);
    } catch (const Error&) {  // a picture that has gone since: the page does without
        return "";
    }
    const Shape& shape = images.shape();  // samples of one's own may make anything of their pictures
    if (shape.rank() != 4 || (shape[-1] != 3 && shape[-1] != 4) || images.dtype() != DType::float32) return "";
    const Tensor first = images.slice(0, std::min(shape[0], most_images));
    return png_of(shrunk(contact_sheet(first, input->normalisation), widest));
}

std::string report_on(const RunFolder& folder, const RunSubject& subject, int64_t parameters, const Judged* judged,
                      const std::string& batch_png) {
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
                    .label_smoothing = subject.loss && !subject.smooths_labels ? 0 : subject.recipe.label_smoothing};
    run.rates = rates_of(subject.recipe, run.log);
    run.batch_png = batch_png;
    return write_report(run, judged, folder.report(), folder.figures());
}

}  // namespace swingrad
