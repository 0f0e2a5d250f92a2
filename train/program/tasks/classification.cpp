// Images to classes: what --task is by default.

#include "models/swin/swin_v2.h"
#include "train/program/tasks/task.h"

namespace swingrad {
namespace {

class Classification final : public Task {
  public:
    std::unique_ptr<Module> model(const SwinRecipe&, const SwinConfig& config) const override {
        return std::make_unique<SwinV2>(config);
    }

    std::unique_ptr<Samples> to_train(const Dataset& data, const SwinRecipe& recipe,
                                      const Normalisation& normalisation) const override {
        return std::make_unique<ImageSamples>(data, normalisation,
                                              augmentation_of(recipe, normalisation, data.has_other_sizes()),
                                              preparation_of(recipe));
    }
    std::unique_ptr<Samples> to_judge(const Dataset& data, const SwinRecipe&, const Normalisation& normalisation,
                                      const Preparation& preparation) const override {
        return std::make_unique<ImageSamples>(data, normalisation, std::nullopt, preparation);
    }
    std::unique_ptr<Samples> to_judge(Dataset&& data, const SwinRecipe&, const Normalisation& normalisation,
                                      const Preparation& preparation) const override {
        return std::make_unique<ImageSamples>(std::move(data), normalisation, std::nullopt, preparation);
    }

    int predict(const TrainedSwin& trained, const PictureFlags& flags,
                const std::filesystem::path& output) const override {
        if (!output.empty()) fail_usage("--output {} is for pictures, and classification draws none", output.string());
        return predict_pictures(flags, trained.classes, trained.recipe.ignore_exif, [&](const Tensor& picture) {
            return trained.model.forward(trained.parameters.as_input(input_of(trained.input, picture)));
        });
    }
};

}  // namespace

const Task& classification_task() {
    static const Classification task;
    return task;
}

}  // namespace swingrad
