#include "train/program/run/run.h"

#include "models/swin/swin_v2.h"
#include "train/data/batch.h"
#include "train/loop/trainer.h"
#include "train/program/images/data_source.h"
#include "train/program/run/run_lock.h"
#include "train/program/run/start.h"

#include <memory>
#include <tuple>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

// A Swin, its images, and the subject of a run that refers to both.
class SwinRun {
  public:
    explicit SwinRun(const SwinRecipe& recipe) : recipe_(recipe), source_(parse_data_source(recipe.data)) {
        const Dataset all = load_dataset(source_, Split::train, {.extent = {recipe.img_size, recipe.img_size}});
        std::tie(training_, validation_) = hold_out(all, recipe.validation, random_of(recipe, Purpose::hold_out));
        check(recipe.validation == 0 || validation_.size() > 0,
              "[train] --validation {} of {} images leaves none to validate on", recipe.validation, all.size());
    }

    int start_in(const RunFolder& folder) {
        const auto classes = static_cast<int64_t>(training_.classes.size());
        const RunConfig config{recipe_, model_of(recipe_, classes), normalisation_of(source_.kind), training_.classes,
                               training_.size()};
        const Learning learning = learning_of(config);
        return start(folder, learning.subject, to_json(config), samples_text());
    }

    int go_on_in(const RunFolder& folder, const RunConfig& config) {
        check(training_.size() == config.training_images && training_.classes == config.classes,
              "[train] {} is not what {} was trained on: {} images of {} classes, then {} of {}", recipe_.data,
              folder.path.string(), training_.size(), training_.classes.size(), config.training_images,
              config.classes.size());
        const Learning learning = learning_of(config);
        return go_on(folder, learning.subject, samples_text());
    }

  private:
    struct Learning {
        std::unique_ptr<SwinV2> model;
        std::unique_ptr<ImageSamples> training, validation;
        RunSubject subject;
    };

    Learning learning_of(const RunConfig& config) const {
        const Augmentation augmentation{.crop_padding = recipe_.crop_padding, .flip = recipe_.flip};
        auto model = std::make_unique<SwinV2>(config.model);
        auto train = std::make_unique<ImageSamples>(training_, config.normalisation, augmentation);
        auto validate = std::make_unique<ImageSamples>(validation_, config.normalisation);
        RunSubject subject{.recipe = recipe_,
                           .model = *model,
                           .training = *train,
                           .validation = validation_.size() > 0 ? validate.get() : nullptr,
                           .test = [this, &config] { return test_of(config); },  // not read before
                           .model_name = recipe_.model,
                           .data_name = recipe_.data,
                           .samples_are = "images",
                           .classes = config.classes.size(),
                           .settings = to_json(recipe_),
                           .architecture = config_to_json(config.model)};
        return {std::move(model), std::move(train), std::move(validate), std::move(subject)};
    }

    std::unique_ptr<Samples> test_of(const RunConfig& config) const {
        return std::make_unique<ImageSamples>(load_dataset(source_, Split::test, {.extent = config.model.img_size}),
                                              config.normalisation);
    }

    std::string samples_text() const {
        const auto [rows, columns] = training_.extent();
        return fmt::format(", {} classes, {} x {} pixels", training_.classes.size(), rows, columns);
    }

    const SwinRecipe recipe_;
    const DataSource source_;
    Dataset training_, validation_;
};

}  // namespace

fs::path default_run_folder(const SwinRecipe& recipe) {
    return fs::path("runs") /
           fmt::format("{}-{}-seed{}", recipe.model, parse_data_source(recipe.data).kind, recipe.seed);
}

int start_run(const SwinRecipe& recipe, const fs::path& path) {
    const RunFolder folder{path};
    require_unused(folder);
    return SwinRun(recipe).start_in(folder);
}

int resume_run(const fs::path& path) {
    const RunFolder folder{path};
    const RunConfig config = read_config(folder);
    const RunLock lock(folder);
    return SwinRun(config.recipe).go_on_in(folder, config);
}

}  // namespace swingrad
