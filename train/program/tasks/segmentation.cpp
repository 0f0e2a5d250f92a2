// A class for each pixel: --task segmentation.

#include "autograd/tape.h"
#include "core/io/file.h"
#include "core/io/quotes.h"
#include "models/segmentation/segmentation_swin.h"
#include "train/data/masked_samples.h"
#include "train/program/console/text.h"
#include "train/program/images/contact_sheet.h"
#include "train/program/images/image_file.h"
#include "train/program/report/page.h"
#include "train/program/tasks/overlay.h"
#include "train/program/tasks/sliding_window.h"
#include "train/program/tasks/task.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

std::string iou_text(double iou) { return std::isnan(iou) ? "-" : fmt::format("{:.1f} %", iou); }

std::string html_of_iou(const PixelCounts& pixels, const std::vector<std::string>& names) {
    std::string table =
        "<table class=\"classes\">\n<thead><tr><th scope=\"col\">class</th><th scope=\"col\"></th>"
        "<th scope=\"col\">IoU</th><th scope=\"col\">pixels</th></tr></thead>\n<tbody>\n";
    for (int64_t k = 0; k < pixels.classes(); ++k) {
        int64_t there = 0;
        for (int64_t other = 0; other < pixels.classes(); ++other) there += pixels.count(k, other);
        const double iou = pixels.iou(k), share = std::isnan(iou) ? 0 : iou / 100;
        table += fmt::format(
            "<tr><th scope=\"row\">{}</th><td class=\"bar\"><span style=\"--share:{:.3f}\"></span></td><td>{}</td>"
            "<td>{}</td></tr>\n",
            escaped(names.at(static_cast<size_t>(k))), share, iou_text(iou), there);
    }
    table += fmt::format(
        "<tr class=\"mean\"><th scope=\"row\">mean of the classes that occur</th><td class=\"bar\"></td><td>{}</td>"
        "<td></td></tr>\n</tbody></table>",
        iou_text(pixels.mean_iou()));
    return html_scrolling("IoU by class", table, 4);
}

// Large enough to be looked at.
Tensor enlarged(const Tensor& picture) {
    constexpr int64_t readable = 128;
    const int64_t rows = picture.shape()[0], columns = picture.shape()[1];
    const int64_t factor = std::max<int64_t>(1, readable / std::max(rows, columns));
    return resized(picture, {rows * factor, columns * factor}, Interpolation::nearest);
}

std::string html_of_figure(const Tensor& picture, const std::string& what) {
    return fmt::format(
        "<figure><img alt=\"{0}\" src=\"data:image/png;base64,{1}\"><figcaption>{0}</figcaption></figure>\n", what,
        base64(png_of(enlarged(picture))));
}

// A map of classes of a batch, int64 or uint8 [B, H, W], as uint8 [H, W].
Tensor map_of(const Tensor& classes, int64_t b) {
    const Tensor one = classes.slice(b, b + 1).view({classes.shape()[1], classes.shape()[2]});
    return one.dtype() == DType::uint8 ? one : one.to(DType::uint8);
}

class Segmentation final : public Task {
  public:
    std::unique_ptr<Module> model(const SwinRecipe& recipe, const SwinConfig& config) const override {
        const SegmentationHead head = recipe.head == "uper" ? SegmentationHead::uper : SegmentationHead::sum;
        return std::make_unique<SegmentationSwin>(config, SegmentationConfig{head, recipe.head_width});
    }
    Loss loss_of_training(const SwinRecipe& recipe) const override { return pixel_loss(recipe.label_smoothing); }
    Loss loss_of_judging(const SwinRecipe&) const override { return pixel_loss(); }
    bool has_masks() const override { return true; }

    std::unique_ptr<Samples> to_train(const Dataset& data, const SwinRecipe& recipe,
                                      const Normalisation& normalisation) const override {
        return std::make_unique<MaskedSamples>(data, normalisation,
                                               augmentation_of(recipe, normalisation, data.has_other_sizes()),
                                               preparation_of(recipe));
    }
    std::unique_ptr<Samples> to_judge(const Dataset& data, const SwinRecipe&, const Normalisation& normalisation,
                                      const Preparation& preparation) const override {
        return std::make_unique<MaskedSamples>(data, normalisation, std::nullopt, preparation);
    }
    std::unique_ptr<Samples> to_judge(Dataset&& data, const SwinRecipe&, const Normalisation& normalisation,
                                      const Preparation& preparation) const override {
        return std::make_unique<MaskedSamples>(std::move(data), normalisation, std::nullopt, preparation);
    }

    std::string html_of_judged(const TrainedSwin& trained, const Samples& samples,
                               const Evaluation& evaluation) const override {
        if (!evaluation.pixels) return "";
        return "<h2>Classes of pixels</h2>\n" + html_of_iou(*evaluation.pixels, trained.classes) +
               html_of_examples(trained, samples);
    }

    int predict(const TrainedSwin& trained, const PictureFlags& flags, const fs::path& output) const override {
        DrawnPictures drawn(output);
        return for_each_picture(flags, trained.recipe.ignore_exif, [&](const std::string& path, const Tensor& picture) {
            const Tensor classes =
                classes_of_pixels(logits_of_pixels(trained.model, trained.parameters, trained.input, picture));
            if (drawn.wanted()) draw(drawn.beginning_for(path), picture, classes, trained.classes);
            say(flags, path, classes, trained.classes);
        });
    }

  private:
    static std::string html_of_examples(const TrainedSwin& trained, const Samples& samples) {
        constexpr int64_t most_shown = 4;
        const NoGrad no_recording;
        trained.model.eval();
        std::vector<int64_t> first(static_cast<size_t>(std::min(samples.size(), most_shown)));
        std::iota(first.begin(), first.end(), 0);
        const Batch batch = samples.batch(first, nullptr);
        const Tensor said = classes_of_pixels(trained.model.forward(trained.parameters.as_input(batch.inputs)));
        std::string html = "<h2>Examples</h2>\n<div class=\"images\">\n";
        for (int64_t b = 0; b < static_cast<int64_t>(first.size()); ++b) {
            const Tensor picture = picture_of(batch.inputs, b, trained.input.normalisation);
            html += html_of_figure(picture, fmt::format("image {}", b));
            html += html_of_figure(overlay(picture, map_of(batch.targets, b), trained.classes), "its classes");
            html += html_of_figure(overlay(picture, map_of(said, b), trained.classes), "as predicted");
        }
        return html + "</div>\n";
    }

    static Tensor picture_of(const Tensor& inputs, int64_t b, const Normalisation& normalisation) {
        const int64_t rows = inputs.shape()[1], columns = inputs.shape()[2];
        const Tensor sheet = contact_sheet(inputs.slice(b, b + 1), normalisation);  // enlarged by a whole factor
        return resized(sheet, {rows, columns}, Interpolation::nearest);
    }

    static void draw(const fs::path& beginning, const Tensor& picture, const Tensor& classes,
                     const std::vector<std::string>& names) {
        write_png(beginning.string() + "_mask.png", classes);
        write_png(beginning.string() + "_overlay.png", overlay(picture, classes, names));
    }

    // The classes with the most pixels.
    static void say(const PictureFlags& flags, const std::string& path, const Tensor& classes,
                    const std::vector<std::string>& names) {
        std::vector<int64_t> pixels(names.size());
        for (const uint8_t k : classes.span<uint8_t>()) pixels[k] += 1;
        std::vector<size_t> most(names.size());
        std::iota(most.begin(), most.end(), size_t{0});
        std::stable_sort(most.begin(), most.end(), [&](size_t a, size_t b) { return pixels[a] > pixels[b]; });
        std::erase_if(most, [&](size_t k) { return pixels[k] == 0; });
        most.resize(std::min(most.size(), static_cast<size_t>(flags.top)));
        const auto share = [&](size_t k) {
            return static_cast<double>(pixels[k]) / static_cast<double>(classes.numel());
        };
        if (flags.json) {
            nlohmann::json list = nlohmann::json::array();
            for (const size_t k : most) list.push_back({{"class", names[k]}, {"label", k}, {"share", share(k)}});
            const nlohmann::json line = {{"image", path}, {"pixels", list}};
            fmt::print("{}\n", line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
            return;
        }
        fmt::print("{}\n", on_one_line(path));
        for (const size_t k : most)
            fmt::print("  {:5.1f} % of the pixels  {}\n", 100 * share(k), on_one_line(names[k]));
    }
};

}  // namespace

const Task& segmentation_task() {
    static const Segmentation task;
    return task;
}

}  // namespace swingrad
