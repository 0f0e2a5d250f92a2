// report.html: what a training run came to, on one page that needs nothing but itself, on a desk or a phone, light or
// dark. It knows numbers, texts and images; where they lie is the business of who asks for it (train/program/run).
#pragma once

#include "train/data/dataset.h"
#include "train/loop/prediction.h"
#include "train/program/report/log_table.h"
#include "train/program/report/plot.h"

#include <filesystem>
#include <string>
#include <vector>

namespace swingrad {

struct ReportedRun {
    std::string name;
    std::string model, data;                                   // as their flags name them
    std::string samples_are = "samples";                       // "images"
    size_t classes = 0;                                        // 0: none
    int64_t training_samples = 0, epochs = 0, parameters = 0;  // epochs: asked for
    nlohmann::json recipe, architecture;                       // objects: settings and values
    nlohmann::json environment;  // an array, an object for each start; anything else: none
    LogTable log;
    Series rates = {};           // learning rates of the steps so far, over epochs
    double label_smoothing = 0;  // of the targets of the training loss
    std::string batch_png = {};  // a picture of the first images as the model sees them; empty: none
};

// What the model said of a set of samples: for images, the classes, the calibration, the confusion matrix and examples.
struct Judged {
    std::string set;        // "validation", "test"
    int64_t epoch;          // after which
    int64_t samples;        // how many
    const Dataset* images;  // these; null where they are none
    double accuracy, loss;  // accuracy: NaN where there is none
    const std::vector<Prediction>& predictions;
    std::string more_html = {};  // sections that the task adds
};

// Draws the figures into the folder `figures`, which is made, and writes the page. `judged` may be null. Throws an
// Error where something cannot be written. Figures that cannot be drawn, as without gnuplot, are left out: the page
// says why, and so does the line returned, which is empty where all went well.
std::string write_report(const ReportedRun& run, const Judged* judged, const std::filesystem::path& page,
                         const std::filesystem::path& figures);

}  // namespace swingrad
