#include "train/program/report/curves.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

bool has_point(const Figure& figure) {
    return std::any_of(figure.series.begin(), figure.series.end(), [&](const Series& one) {
        for (size_t i = 0; i < one.y.size(); ++i)
            if (drawable(figure, one.x[i], one.y[i])) return true;
        return false;
    });
}

// What curves are drawn over: a column of the log, so many to a unit of the axis.
struct Over {
    const char *column, *label;
    double unit;
    bool whole;  // ticks at whole numbers only
};
constexpr Over over_epochs{"epoch", "epoch", 1, true};

void add(Figure& figure, const NamedLog& run, const std::string& column, const std::string& name, Over over) {
    if (!run.log.has(column)) return;
    std::vector<double> x = run.log.column(over.column);
    for (double& value : x) value /= over.unit;
    figure.series.push_back({name, std::move(x), run.log.column(column)});
}

// "loss" or "accuracy": training and validation of one run, or one curve of each of several. A loss of smoothed targets
// is another measure than one of the classes themselves.
void add_measure(Figure& figure, const std::vector<NamedLog>& logs, const std::string& measure, Over over) {
    for (const NamedLog& run : logs) {
        const bool alone = logs.size() == 1, validated = run.log.has("validation_" + measure);
        const bool smoothed = measure == "loss" && run.label_smoothing > 0;
        const std::string of_training =
            smoothed ? fmt::format("training, smoothed by {}", run.label_smoothing) : "training";
        if (alone || !validated)
            add(figure, run, "train_" + measure, alone ? of_training : fmt::format("{} ({})", run.name, of_training),
                over);
        if (validated)
            add(figure, run, "validation_" + measure,
                !alone     ? run.name
                : smoothed ? "validation, raw"
                           : "validation",
                over);
    }
}

// Loss, accuracy and mean IoU, as far as there are any; a file's name ends as said.
std::vector<NamedFigure> measures(const std::vector<NamedLog>& logs, const std::string& ending, Over over) {
    const bool classify =
        std::all_of(logs.begin(), logs.end(), [](const NamedLog& run) { return run.log.has("train_accuracy"); });
    const std::string validated = logs.size() == 1 ? "" : ", validation";
    const char* const of_loss = classify ? "cross entropy" : "loss";
    NamedFigure loss{"loss" + ending, {"Loss" + validated, over.label, of_loss, {}, true, over.whole}};
    NamedFigure accuracy{"accuracy" + ending, {"Accuracy" + validated, over.label, "percent", {}, false, over.whole}};
    add_measure(loss.figure, logs, "loss", over);
    NamedFigure iou{"mean-iou" + ending, {"Mean IoU" + validated, over.label, "percent", {}, false, over.whole}};
    add_measure(accuracy.figure, logs, "accuracy", over);
    add_measure(iou.figure, logs, "mean_iou", over);
    return {std::move(loss), std::move(accuracy), std::move(iou)};
}

std::vector<NamedFigure> drawable_ones(std::vector<NamedFigure> figures) {
    std::erase_if(figures, [](const NamedFigure& one) { return !has_point(one.figure); });
    return figures;
}

}  // namespace

std::vector<NamedFigure> curves(const std::vector<NamedLog>& logs) {
    std::vector<NamedFigure> figures = measures(logs, ".svg", over_epochs);
    NamedFigure rate{"learning-rate.svg", {"Learning rate", "epoch", "of each step", {}, false, true}};
    NamedFigure norm{"gradient-norm.svg", {"Gradient norm", "epoch", "the epoch's mean", {}, true, true}};
    for (const NamedLog& run : logs) {
        if (run.rates.x.empty()) {
            add(rate.figure, run, "learning_rate", run.name, over_epochs);
            rate.figure.y_label = "at the epoch's last step";
        } else {
            rate.figure.series.push_back({run.name, run.rates.x, run.rates.y});
        }
        add(norm.figure, run, "gradient_norm", run.name, over_epochs);
    }
    figures.push_back(std::move(rate));
    figures.push_back(std::move(norm));
    return drawable_ones(std::move(figures));
}

std::vector<NamedFigure> curves_by_time(const std::vector<NamedLog>& logs) {
    constexpr double minute = 60, shown_in_minutes = 5 * minute;
    double longest = 0;
    for (const NamedLog& run : logs)
        for (const double seconds : run.log.column("seconds"))
            if (std::isfinite(seconds)) longest = std::max(longest, seconds);
    const bool minutes = longest >= shown_in_minutes;
    const Over over = minutes ? Over{"seconds", "minutes", minute, false} : Over{"seconds", "seconds", 1, false};
    std::vector<NamedFigure> figures = measures(logs, "-by-time.svg", over);
    NamedFigure rate{"learning-rate-by-time.svg",
                     {"Learning rate", over.label, "at the epoch's last step", {}, false, over.whole}};
    for (const NamedLog& run : logs) add(rate.figure, run, "learning_rate", run.name, over);
    figures.push_back(std::move(rate));
    return drawable_ones(std::move(figures));
}

}  // namespace swingrad
