#include "train/program/images/predict_pictures.h"

#include "core/io/quotes.h"
#include "train/program/console/flags.h"
#include "train/program/console/output.h"
#include "train/program/images/image_file.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace swingrad {
namespace {

// softmax(logits), in double.
std::vector<double> probabilities_of(const Tensor& logits, size_t classes, const std::string& path) {
    std::vector<double> values = logits.values();
    check(values.size() == classes, "[predict] {}: expected {} logits, one for each class, got {}", path, classes,
          logits);
    for (size_t label = 0; label < values.size(); ++label)
        check(std::isfinite(values[label]), "[predict] {}: the logit of class {} is {}, which says nothing", path,
              label, values[label]);
    const double largest = *std::max_element(values.begin(), values.end());
    double sum = 0;
    for (double& value : values) sum += value = std::exp(value - largest);
    for (double& value : values) value /= sum;
    return values;
}

void print_table(const std::string& path, const std::vector<std::string>& classes,
                 const std::vector<double>& probabilities, const std::vector<size_t>& best) {
    constexpr int bar_width = 30;
    const bool terminal = isatty(STDOUT_FILENO) == 1;
    size_t width = 0;
    std::vector<std::string> names;
    for (const size_t label : best) {
        names.push_back(on_one_line(classes[label]));
        width = std::max(width, columns_of(names.back()));
    }
    fmt::print("{}\n", on_one_line(path));
    for (size_t i = 0; i < best.size(); ++i) {
        const double probability = probabilities[best[i]];
        const auto filled = static_cast<size_t>(std::lround(bar_width * probability));
        fmt::print("  {}{}  {:5.1f} %{}\n", names[i], std::string(width - columns_of(names[i]), ' '), 100 * probability,
                   terminal && filled > 0 ? "  " + std::string(filled, '=') : "");
    }
}

void print_json(const std::string& path, const std::vector<std::string>& classes,
                const std::vector<double>& probabilities, const std::vector<size_t>& best) {
    nlohmann::json predictions = nlohmann::json::array();
    for (const size_t label : best)
        predictions.push_back({{"class", classes[label]}, {"label", label}, {"probability", probabilities[label]}});
    const nlohmann::json line = {{"image", path}, {"predictions", predictions}};
    fmt::print("{}\n", line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
}

}  // namespace

void PictureFlags::declare(CLI::App& command) {
    command.add_option("IMAGE", files, "JPEG or PNG files of any size");
    add_flag(command, "--top", top, "so many classes of each image, the likeliest first");
    command.add_flag("--json", json, "one JSON line an image");
}

void PictureFlags::check_usage() const {
    constexpr int64_t most_shown = 1'000'000;
    if (files.empty()) fail_usage("expected at least one IMAGE");
    if (top < 1 || top > most_shown) fail_usage("--top must be 1 to {}, got {}", most_shown, top);
}

int predict_pictures(const PictureFlags& flags, const std::vector<std::string>& classes, bool ignore_exif,
                     const LogitsOfPicture& logits_of) {
    int code = 0;
    for (const std::string& path : flags.files) {
        try {
            const Tensor picture = read_image(path, {.ignore_exif = ignore_exif});
            const std::vector<double> probabilities = probabilities_of(logits_of(picture), classes.size(), path);
            std::vector<size_t> best(probabilities.size());
            std::iota(best.begin(), best.end(), size_t{0});
            std::stable_sort(best.begin(), best.end(),
                             [&](size_t a, size_t b) { return probabilities[a] > probabilities[b]; });
            best.resize(std::min(best.size(), static_cast<size_t>(flags.top)));
            (flags.json ? print_json : print_table)(path, classes, probabilities, best);
        } catch (const Error& error) {
            std::fflush(stdout);
            complain(fmt::format("{} predict: {}\n", program_name(), on_one_line(error.what())));
            code = 1;
        }
    }
    return code;
}

}  // namespace swingrad
