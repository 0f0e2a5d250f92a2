// Images are read when they are first asked for: who judges a model by test images needs no others.
#include "train/data/batch.h"
#include "train/program/images/data_source.h"
#include "train/program/own/own_program.h"

#include <optional>

namespace swingrad {
namespace {

// Asked on one thread first, by whoever wants their number.
class ImagesOnUse final : public Samples {
  public:
    ImagesOnUse(const PictureInput& input, std::function<ImageSamples()> load)
        : input_(input), load_(std::move(load)) {}
    int64_t size() const override { return loaded().size(); }
    Batch batch(std::span<const int64_t> indices, const Random* augmentation) const override {
        return loaded().batch(indices, augmentation);
    }
    const Dataset* images() const override { return loaded().images(); }
    const PictureInput* picture_input() const override { return &input_; }

  private:
    const ImageSamples& loaded() const {
        if (!samples_) samples_.emplace(load_());
        return *samples_;
    }
    const PictureInput input_;
    const std::function<ImageSamples()> load_;
    mutable std::optional<ImageSamples> samples_;
};

}  // namespace

ProgramData image_data(const std::string& name, Extent extent) {
    const DataSource source = parse_data_source(name);
    const Normalisation normalisation = normalisation_of(source.kind);
    const bool apart = has_split(source, Split::validation);
    const auto load = [=](Split split) { return load_dataset(source, split, {.extent = extent}); };
    // Where a part of the training images validates, both come of one reading.
    const auto parts = std::make_shared<std::optional<TrainingImages>>();
    const auto part = [=](Dataset TrainingImages::*one) {
        if (!*parts) *parts = load_to_train(source, false, 0.1, Random{0, 0x41}, {.extent = extent});
        return std::move((**parts).*one);
    };
    // Whoever trains shall not find at the end that the test images cannot be read.
    const auto look_at_test = [=] {
        if (source.kind != "shapes" && has_split(source, Split::test)) load(Split::test);
    };
    const PictureInput input{extent, normalisation};
    ProgramData data;
    data.lasting_source = lasting_source(name);
    data.training = std::make_unique<ImagesOnUse>(input, [=] {
        look_at_test();
        return ImageSamples(apart ? load(Split::train) : part(&TrainingImages::training), normalisation,
                            Augmentation{});
    });
    data.validation = std::make_unique<ImagesOnUse>(input, [=] {
        return ImageSamples(apart ? load(Split::validation) : part(&TrainingImages::validation), normalisation);
    });
    if (has_split(source, Split::test))
        data.test = [=]() -> std::unique_ptr<Samples> {
            return std::make_unique<ImageSamples>(load(Split::test), normalisation);
        };
    return data;
}

}  // namespace swingrad
