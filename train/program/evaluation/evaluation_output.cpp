#include "train/program/evaluation/evaluation_output.h"

#include "core/instruction_set/instruction_set.h"
#include "core/io/checksum.h"
#include "core/io/file.h"
#include "core/io/quotes.h"
#include "core/io/safetensors.h"
#include "train/program/console/flags.h"
#include "train/program/console/output.h"
#include "train/program/console/progress.h"
#include "train/program/run/belonging.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

constexpr size_t most_listed = 5;

// What tells these weights from others: the run and the epoch that they say they are of, and a checksum of the file.
nlohmann::json identity_of_weights(const fs::path& weights) {
    nlohmann::json identity{{"file", weights.string()}};
    if (fs::is_directory(weights)) return identity;  // a model in several files
    constexpr size_t piece = size_t{1} << 20;
    const InputFile file(weights);
    std::string bytes;
    uint32_t checksum = 0;
    for (uint64_t done = 0; done < file.size(); done += bytes.size()) {
        bytes.resize(std::min<uint64_t>(piece, file.size() - done));
        file.read(done, bytes.data(), bytes.size());
        checksum = crc32c(bytes, checksum);
    }
    identity["crc32c"] = fmt::format("{:08x}", checksum);
    if (weights.extension() != ".safetensors") return identity;  // the index of a model in several files
    if (const auto epoch = epoch_of(weights)) identity["epoch"] = *epoch;
    if (const std::string mark = mark_in(weights); !mark.empty()) identity["run"] = mark;
    return identity;
}

std::string name_of_class(const std::vector<std::string>& names, int64_t k) {
    return static_cast<size_t>(k) < names.size() ? on_one_line(names[static_cast<size_t>(k)])
                                                 : fmt::format("class {}", k);
}

}  // namespace

void EvaluationOutput::declare(CLI::App& command) {
    const auto set = [this](const std::string& text) { json_ = text.empty() ? "-" : text; };
    command
        .add_option_function<std::string>("--json", set,
                                          "all results as JSON into this file, or on standard output alone")
        ->expected(0, 1)
        ->type_name("[FILE]")
        ->default_str("-");
}

bool EvaluationOutput::json_alone() const { return json_ == "-" || (!json_.empty() && is_standard_output(json_)); }

std::function<void(const std::string&)> EvaluationOutput::notes() const {
    if (json_alone()) return complain;
    return [](const std::string& text) { fmt::print("{}", text); };
}

void EvaluationOutput::require_writable(const std::vector<fs::path>& inputs) const {
    if (json_.empty() || json_alone()) return;
    refuse_overwriting("--json", json_, inputs);
    const fs::path folder = fs::path(json_).has_parent_path() ? fs::path(json_).parent_path() : ".";
    check(fs::is_directory(folder), "--json {}: no such folder: {}", json_, folder.string());
    require_replaceable("--json", json_, "{\"");
}

std::optional<Scores> scores_of(const Evaluation& evaluation) {
    if (evaluation.predictions.empty()) return {};
    return scores_of(evaluation.labels, evaluation.predictions, evaluation.classes);
}

void EvaluationOutput::write(const Judgement& judged, const Evaluation& evaluation, const std::optional<Scores>& scores,
                             const std::string& line) const {
    if (!json_.empty()) {
        nlohmann::json json = scores ? to_json(*scores, judged.names) : nlohmann::json::object();
        json["set"] = judged.set;
        json["data"] = judged.data;
        json["samples"] = judged.samples;
        json["left_out"] = judged.left_out;
        json["loss"] = evaluation.loss;
        if (!std::isnan(evaluation.accuracy)) json["accuracy"] = evaluation.accuracy;
        if (evaluation.pixels) json.update(to_json(*evaluation.pixels, judged.names));
        if (const Evaluation* second = judged.with_mirror_images) {
            json["tta"] = {{"loss", second->loss}, {"accuracy", second->accuracy}};
            if (const auto of_second = scores_of(*second); of_second && of_second->top5)
                json["tta"]["top5"] = *of_second->top5;
        }
        json["weights"] = identity_of_weights(judged.weights);
        json["instruction_set"] = instruction_set();
        json["device"] = judged.device;
        json["precision"] = judged.precision;
        const std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        if (json_alone()) {
            print_line(text);
            return;
        }
        write_output(json_, text + "\n");
    }
    print_line(line);
    if (const Evaluation* second = judged.with_mirror_images)
        print_line(fmt::format("with mirror images {:.2f} %{}  (loss {:.4f})", second->accuracy,
                               text_of_top5(scores_of(*second)), second->loss));
    if (scores) fmt::print("{}", table_of_hardest(*scores, judged.names));
    if (evaluation.pixels) fmt::print("{}", table_of(*evaluation.pixels, judged.names));
}

nlohmann::json to_json(const PixelCounts& pixels, const std::vector<std::string>& names) {
    nlohmann::json classes = nlohmann::json::array();
    for (int64_t k = 0; k < pixels.classes(); ++k)  // not a number becomes null
        classes.push_back({{"class", name_of_class(names, k)}, {"label", k}, {"iou", pixels.iou(k)}});
    return {{"mean_iou", pixels.mean_iou()}, {"pixel_accuracy", pixels.accuracy()}, {"iou", classes}};
}

std::string table_of(const PixelCounts& pixels, const std::vector<std::string>& names) {
    std::string table = fmt::format("pixels {:.2f} % right; IoU by class:\n", pixels.accuracy());
    size_t width = 0;
    for (int64_t k = 0; k < pixels.classes(); ++k) width = std::max(width, columns_of(name_of_class(names, k)));
    for (int64_t k = 0; k < pixels.classes(); ++k) {
        const std::string name = name_of_class(names, k);
        const std::string iou = std::isnan(pixels.iou(k)) ? "      -" : fmt::format("{:6.2f} %", pixels.iou(k));
        table += fmt::format("  {}{}  {}\n", name, std::string(width - columns_of(name), ' '), iou);
    }
    return table;
}

std::string text_of_top5(const std::optional<Scores>& scores) {
    return scores && scores->top5 ? fmt::format(", top-5 {:.2f} %", *scores->top5) : "";
}

std::string table_of_hardest(const Scores& scores, const std::vector<std::string>& names) {
    if (scores.classes.size() < 3) return "";
    const char* const title = "hardest classes";
    const std::vector<int64_t> hardest = hardest_classes(scores, most_listed);
    size_t width = std::string_view(title).size();
    for (const int64_t k : hardest) width = std::max(width, columns_of(name_of_class(names, k)));
    std::string table = fmt::format("{}{}    recall  precision        F1  images\n", title,
                                    std::string(width - std::string_view(title).size(), ' '));
    for (const int64_t k : hardest) {
        const ClassScores& one = scores.classes[static_cast<size_t>(k)];
        const std::string name = name_of_class(names, k);
        table += fmt::format("{}{}  {:6.2f} %   {:6.2f} %  {:6.2f} %  {:>6}\n", name,
                             std::string(width - columns_of(name), ' '), 100 * one.recall, 100 * one.precision,
                             100 * one.f1, grouped(one.support));
    }
    return table;
}

}  // namespace swingrad
