#include "train/program/images/predict_pictures.h"

#include "core/allocator.h"
#include "core/io/quotes.h"
#include "train/program/console/flags.h"
#include "train/program/console/output.h"
#include "train/program/images/image_file.h"
#include "train/program/images/listing.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

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
    command.add_option("IMAGE", files, "JPEG or PNG files of any size, or folders of them");
    add_flag(command, "--top", top, "so many classes of each image, the likeliest first");
    command.add_flag("--json", json, "one JSON line an image");
    command.add_flag("--skip-broken", skip_broken,
                     "leave out files that are no pictures or damaged ones, and list them");
}

void PictureFlags::check_usage() const {
    constexpr int64_t most_shown = 1'000'000;
    if (files.empty()) fail_usage("expected at least one IMAGE");
    if (top < 1 || top > most_shown) fail_usage("--top must be 1 to {}, got {}", most_shown, top);
}

namespace {

class Predictor {
  public:
    using Say = std::function<void(const std::string& path, const Tensor& picture)>;
    Predictor(const PictureFlags& flags, bool ignore_exif, const Say& say)
        : flags_(flags), ignore_exif_(ignore_exif), say_(say) {}

    void file(const std::string& path) {
        try {
            const std::optional<Tensor> picture = read(path);
            if (!picture) return;
            say_(path, *picture);
            predicted_ += 1;
        } catch (const Error& error) {
            fails(error.what());
        }
    }

    void folder(const std::string& path) {
        bool told = false;
        const std::vector<std::filesystem::path> files = files_below(path, [&](const std::string& problem) {
            fails(problem);
            told = true;
        });
        if (files.empty() && !told) fails(fmt::format("[predict] {}: expected images, found none", path));
        for (const std::filesystem::path& one : files) file(one.string());
    }

    int code() {
        if (predicted_ == 0 && left_out_ > 0 && code_ == 0) fails("[predict] none of the files is a picture");
        return code_;
    }

  private:
    // Nothing where it is left out.
    std::optional<Tensor> read(const std::string& path) {
        try {
            return read_image(path, {.ignore_exif = ignore_exif_});
        } catch (const Error& error) {
            std::error_code unknown;  // what is not there was mistyped, and is not broken
            if (!flags_.skip_broken || is_out_of_memory(error) || !std::filesystem::exists(path, unknown)) throw;
            std::fflush(stdout);
            warn(fmt::format("left out: {}", error.what()));
            left_out_ += 1;
            return {};
        }
    }

    void fails(const std::string& why) {
        std::fflush(stdout);
        complain(fmt::format("{} predict: {}\n", program_name(), on_one_line(why)));
        code_ = 1;
    }

    const PictureFlags& flags_;
    const bool ignore_exif_;
    const Say& say_;
    int64_t predicted_ = 0, left_out_ = 0;
    int code_ = 0;
};

}  // namespace

int for_each_picture(const PictureFlags& flags, bool ignore_exif,
                     const std::function<void(const std::string& path, const Tensor& picture)>& say) {
    Predictor predictor(flags, ignore_exif, say);
    for (const std::string& path : flags.files) {
        std::error_code unknown;
        if (std::filesystem::is_directory(path, unknown)) predictor.folder(path);
        else predictor.file(path);
    }
    return predictor.code();
}

int predict_pictures(const PictureFlags& flags, const std::vector<std::string>& classes, bool ignore_exif,
                     const LogitsOfPicture& logits_of) {
    return for_each_picture(flags, ignore_exif, [&](const std::string& path, const Tensor& picture) {
        const std::vector<double> probabilities = probabilities_of(logits_of(picture), classes.size(), path);
        std::vector<size_t> best(probabilities.size());
        std::iota(best.begin(), best.end(), size_t{0});
        std::stable_sort(best.begin(), best.end(),
                         [&](size_t a, size_t b) { return probabilities[a] > probabilities[b]; });
        best.resize(std::min(best.size(), static_cast<size_t>(flags.top)));
        (flags.json ? print_json : print_table)(path, classes, probabilities, best);
    });
}

DrawnPictures::DrawnPictures(const std::filesystem::path& folder) : folder_(folder) {
    if (!wanted()) return;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    check(std::filesystem::is_directory(folder), "--output {} cannot be made a folder", folder.string());
}

std::filesystem::path DrawnPictures::beginning_for(const std::string& picture) {
    const std::string stem = std::filesystem::path(picture).stem().string();
    std::string name = stem;
    for (int number = 2; !drawn_.insert(name).second; ++number) name = fmt::format("{}-{}", stem, number);
    return folder_ / name;
}

}  // namespace swingrad
