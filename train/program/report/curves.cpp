#include "train/program/report/curves.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

bool has_point(const Figure& figure) {
    return std::any_of(figure.series.begin(), figure.series.end(), [&](const Series& one) {
        return std::any_of(one.y.begin(), one.y.end(),
                           [&](double y) { return std::isfinite(y) && (!figure.log_y || y > 0); });
    });
}

void add(Figure& figure, const NamedLog& run, const std::string& column, const std::string& name) {
    if (run.log.has(column)) figure.series.push_back({name, run.log.column("epoch"), run.log.column(column)});
}

// "loss" or "accuracy": training and validation of one run, or one curve of each of several.
void add_measure(Figure& figure, const std::vector<NamedLog>& logs, const std::string& measure) {
    if (logs.size() == 1) {
        add(figure, logs[0], "train_" + measure, "training");
        add(figure, logs[0], "validation_" + measure, "validation");
        return;
    }
    for (const NamedLog& run : logs) {
        const bool validated = run.log.has("validation_" + measure);
        add(figure, run, (validated ? "validation_" : "train_") + measure, run.name + (validated ? "" : " (training)"));
    }
}

}  // namespace

std::vector<NamedFigure> curves(const std::vector<NamedLog>& logs) {
    const auto over_epochs = [](const char* file, const char* title, const char* y_label, bool log_y) {
        return NamedFigure{file, {title, "epoch", y_label, {}, log_y, true}};
    };
    const std::string validated = logs.size() == 1 ? "" : ", validation";
    NamedFigure loss = over_epochs("loss.svg", "Loss", "cross entropy", true);
    NamedFigure accuracy = over_epochs("accuracy.svg", "Accuracy", "percent", false);
    NamedFigure rate = over_epochs("learning-rate.svg", "Learning rate", "at the epoch's last step", false);
    NamedFigure norm = over_epochs("gradient-norm.svg", "Gradient norm", "mean over the epoch's steps", true);
    loss.figure.title += validated;
    accuracy.figure.title += validated;
    add_measure(loss.figure, logs, "loss");
    add_measure(accuracy.figure, logs, "accuracy");
    for (const NamedLog& run : logs) {
        add(rate.figure, run, "learning_rate", run.name);
        add(norm.figure, run, "gradient_norm", run.name);
    }
    std::vector<NamedFigure> drawable;
    for (NamedFigure* one : {&loss, &accuracy, &rate, &norm})
        if (has_point(one->figure)) drawable.push_back(std::move(*one));
    return drawable;
}

}  // namespace swingrad
