#include "train/program/report/curves.h"

#include <algorithm>

namespace swingrad {
namespace {

bool has_point(const Figure& figure) {
    return std::any_of(figure.series.begin(), figure.series.end(), [&](const Series& one) {
        for (size_t i = 0; i < one.y.size(); ++i)
            if (drawable(figure, one.x[i], one.y[i])) return true;
        return false;
    });
}

void add(Figure& figure, const NamedLog& run, const std::string& column, const std::string& name) {
    if (run.log.has(column)) figure.series.push_back({name, run.log.column("epoch"), run.log.column(column)});
}

// "loss" or "accuracy": training and validation of one run, or one curve of each of several. A loss of smoothed targets
// is another measure than one of the classes themselves.
void add_measure(Figure& figure, const std::vector<NamedLog>& logs, const std::string& measure) {
    for (const NamedLog& run : logs) {
        const bool alone = logs.size() == 1, validated = run.log.has("validation_" + measure);
        const bool smoothed = measure == "loss" && run.label_smoothing > 0;
        const std::string of_training =
            smoothed ? fmt::format("training, smoothed by {}", run.label_smoothing) : "training";
        if (alone || !validated)
            add(figure, run, "train_" + measure, alone ? of_training : fmt::format("{} ({})", run.name, of_training));
        if (validated)
            add(figure, run, "validation_" + measure, !alone ? run.name : smoothed ? "validation, raw" : "validation");
    }
}

}  // namespace

std::vector<NamedFigure> curves(const std::vector<NamedLog>& logs) {
    const auto over_epochs = [](const char* file, const char* title, const char* y_label, bool log_y) {
        return NamedFigure{file, {title, "epoch", y_label, {}, log_y, true}};
    };
    const bool classify =
        std::all_of(logs.begin(), logs.end(), [](const NamedLog& run) { return run.log.has("train_accuracy"); });
    const std::string validated = logs.size() == 1 ? "" : ", validation";
    NamedFigure loss = over_epochs("loss.svg", "Loss", classify ? "cross entropy" : "loss", true);
    NamedFigure accuracy = over_epochs("accuracy.svg", "Accuracy", "percent", false);
    NamedFigure rate = over_epochs("learning-rate.svg", "Learning rate", "of each step", false);
    NamedFigure norm = over_epochs("gradient-norm.svg", "Gradient norm", "the epoch's mean", true);
    loss.figure.title += validated;
    accuracy.figure.title += validated;
    add_measure(loss.figure, logs, "loss");
    add_measure(accuracy.figure, logs, "accuracy");
    for (const NamedLog& run : logs) {
        if (run.rates.x.empty()) {
            add(rate.figure, run, "learning_rate", run.name);
            rate.figure.y_label = "at the epoch's last step";
        } else {
            rate.figure.series.push_back({run.name, run.rates.x, run.rates.y});
        }
        add(norm.figure, run, "gradient_norm", run.name);
    }
    std::vector<NamedFigure> drawable;
    for (NamedFigure* one : {&loss, &accuracy, &rate, &norm})
        if (has_point(one->figure)) drawable.push_back(std::move(*one));
    return drawable;
}

}  // namespace swingrad
