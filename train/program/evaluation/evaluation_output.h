// What the commands `evaluate` say of a model: a few lines, and with --json all of it.
#pragma once

#include "train/loop/evaluate.h"
#include "train/program/report/scores/scores.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace swingrad {

// What was judged, by which weights.
struct Judgement {
    std::string set;                                 // "test", "validation"
    std::string data;                                // as --data names it
    std::filesystem::path weights;                   // the file
    std::string device, precision;                   // that computed it
    int64_t samples = 0, left_out = 0;               // left_out: files that are no pictures
    std::vector<std::string> names = {};             // of classes, or none
    const Evaluation* with_mirror_images = nullptr;  // the same images judged so, too; or null
};

class EvaluationOutput {
  public:
    void declare(CLI::App& command);
    // Before anything is computed: throws an Error where the file of --json cannot be written or is one of `inputs`.
    void require_writable(const std::vector<std::filesystem::path>& inputs) const;
    // Whether standard output is the JSON's alone.
    bool json_alone() const;
    // Where other lines than results go, each with its end.
    std::function<void(const std::string&)> notes() const;

    // `line` and the hardest classes, unless standard output is the JSON's; and the JSON.
    void write(const Judgement& judged, const Evaluation& evaluation, const std::optional<Scores>& scores,
               const std::string& line) const;

  private:
    std::string json_;  // file, or "-" for standard output; empty: none
};

// Where there are predictions.
std::optional<Scores> scores_of(const Evaluation& evaluation);

// ", top-5 97.80 %" of more than five classes; else empty.
std::string text_of_top5(const std::optional<Scores>& scores);

// Of pixels: IoU of all and by class, for --json and as lines, each with its end.
nlohmann::json to_json(const PixelCounts& pixels, const std::vector<std::string>& names);
std::string table_of(const PixelCounts& pixels, const std::vector<std::string>& names);

// The hardest classes as a table of a few lines, each with its end; empty of fewer than three classes.
std::string table_of_hardest(const Scores& scores, const std::vector<std::string>& names);

}  // namespace swingrad
