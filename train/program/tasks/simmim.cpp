// Hidden patches of images, told without labels: --task simmim.

#include "autograd/tape.h"
#include "core/io/quotes.h"
#include "models/simmim/loss.h"
#include "models/simmim/simmim_swin.h"
#include "train/data/hidden_patches.h"
#include "train/program/images/image_file.h"
#include "train/program/tasks/reconstruction.h"
#include "train/program/tasks/task.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <numeric>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

Hiding hiding_of(const SwinRecipe& recipe, const SwinConfig& config) {
    return {.patch = config.patch_size.rows,
            .mask_patch = mask_patch_of(recipe, config),
            .ratio = recipe.mask_ratio,
            .norm_window = recipe.norm_target ? recipe.norm_target_patch_size : 0};
}

// The model that the images are for. Its classes do not matter here.
Hiding hiding_of(const SwinRecipe& recipe) { return hiding_of(recipe, model_of(recipe, 1)); }

// What the model tells of hidden patches, float32 [B, H, W, C] on the CPU.
Tensor told(const TrainedSwin& trained, const Batch& batch) {
    const NoGrad no_recording;
    trained.model.eval();
    return trained.model.forward(trained.parameters.as_input(batch.inputs)).on_cpu().to(DType::float32);
}

class SimMim final : public Task {
  public:
    std::unique_ptr<Module> model(const SwinRecipe& recipe, const SwinConfig& config) const override {
        mask_patch_of(recipe, config);  // or one line that says what does not fit
        return std::make_unique<SimMimSwin>(config);
    }
    Loss loss_of_training(const SwinRecipe&) const override { return loss(); }
    Loss loss_of_judging(const SwinRecipe&) const override { return loss(); }

    std::unique_ptr<Samples> to_train(const Dataset& data, const SwinRecipe& recipe,
                                      const Normalisation& normalisation) const override {
        return hidden(std::make_unique<ImageSamples>(data, normalisation,
                                                     augmentation_of(recipe, normalisation, data.has_other_sizes()),
                                                     preparation_of(recipe)),
                      recipe);
    }
    std::unique_ptr<Samples> to_judge(const Dataset& data, const SwinRecipe& recipe, const Normalisation& normalisation,
                                      const Preparation& preparation) const override {
        return hidden(std::make_unique<ImageSamples>(data, normalisation, std::nullopt, preparation), recipe);
    }
    std::unique_ptr<Samples> to_judge(Dataset&& data, const SwinRecipe& recipe, const Normalisation& normalisation,
                                      const Preparation& preparation) const override {
        return hidden(std::make_unique<ImageSamples>(std::move(data), normalisation, std::nullopt, preparation),
                      recipe);
    }

    std::string html_of_judged(const TrainedSwin& trained, const Samples& samples, const Evaluation&) const override {
        constexpr int64_t most_shown = 4;
        std::vector<int64_t> first(static_cast<size_t>(std::min(samples.size(), most_shown)));
        std::iota(first.begin(), first.end(), 0);
        const Batch batch = samples.batch(first, nullptr);
        return html_of_reconstructions(batch, told(trained, batch), trained.input.normalisation,
                                       trained.recipe.norm_target);
    }

    int predict(const TrainedSwin& trained, const PictureFlags& flags, const fs::path& output) const override {
        DrawnPictures drawn(output);
        return for_each_picture(flags, trained.recipe.ignore_exif, [&](const std::string& path, const Tensor& picture) {
            const int64_t number[] = {0};
            const Batch batch =
                hidden_patches(input_of(trained.input, picture), number, hiding_of(trained.recipe), Random{});
            const Tensor said = told(trained, batch);
            const double wrong = masked_l1(said, batch.targets).item();
            if (flags.json)
                fmt::print("{}\n", nlohmann::json{{"image", path}, {"loss", wrong}}.dump(
                                       -1, ' ', true, nlohmann::json::error_handler_t::replace));
            else fmt::print("{}\n  loss {:.4f} of hidden patches\n", on_one_line(path), wrong);
            if (!drawn.wanted()) return;
            write_png(drawn.beginning_for(path).string() + "_reconstruction.png",
                      large_enough(reconstruction_strip(batch, said, 0, trained.input.normalisation,
                                                        trained.recipe.norm_target)));
        });
    }

  private:
    static Loss loss() {
        return [](const Tensor& output, const Tensor& targets) { return masked_l1(output, targets); };
    }
    static std::unique_ptr<Samples> hidden(std::unique_ptr<ImageSamples> images, const SwinRecipe& recipe) {
        return std::make_unique<HiddenPatches>(std::move(images), hiding_of(recipe));
    }
};

}  // namespace

const Task& simmim_task() {
    static const SimMim task;
    return task;
}

}  // namespace swingrad
