// The random numbers of a crop and a flip are one draw of four words by the sample's number; what needs more has a
// stream of its own by purpose and number.

#include "train/data/augmentation.h"

#include "core/error.h"
#include "train/data/pixels/jitter.h"
#include "train/data/samples.h"

namespace swingrad {

void check_augmentation(const Augmentation& a) {
    check(a.crop_padding >= 0 && a.crop_padding < (1 << 30), "[make_batch] crop padding must be 0 to 2^30, got {}",
          a.crop_padding);
    check(a.flip >= 0 && a.flip <= 1, "[make_batch] flip must be in [0, 1], got {}", a.flip);
    check(a.colour_jitter >= 0, "[make_batch] colour jitter must be 0 or more, got {}", a.colour_jitter);
    check(a.erasing.probability >= 0 && a.erasing.probability <= 1 && a.erasing.most >= 1,
          "[make_batch] erasing needs a probability in [0, 1] and a count of 1 or more, got {} and {}",
          a.erasing.probability, a.erasing.most);
    check(a.mixing.mixup >= 0 && a.mixing.cutmix >= 0, "[make_batch] mixup and cutmix must be 0 or more, got {} and {}",
          a.mixing.mixup, a.mixing.cutmix);
    check(a.repeats >= 1, "[make_batch] repeats must be 1 or more, got {}", a.repeats);
    if (!a.resized_crop) return;
    const auto [scale, ratio, interpolation] = *a.resized_crop;
    check(scale[0] > 0 && scale[0] <= scale[1] && scale[1] <= 1,
          "[make_batch] scale must rise within (0, 1], got {}, {}", scale[0], scale[1]);
    check(ratio[0] > 0 && ratio[0] <= ratio[1], "[make_batch] ratio must rise above 0, got {}, {}", ratio[0], ratio[1]);
}

// ---- numbers

std::vector<int64_t> order_of_epoch(int64_t count, int64_t epoch, const Augmentation& augmentation, Random random) {
    std::vector<int64_t> order = shuffled(count, random);
    const int64_t repeats = augmentation.repeats, first = augmentation.alternate_flip ? epoch % 2 * repeats : 0;
    if (repeats == 1 && first == 0) return order;
    std::vector<int64_t> numbers;
    for (size_t i = 0; static_cast<int64_t>(numbers.size()) < count; ++i)
        for (int64_t seen = 0; seen < repeats && static_cast<int64_t>(numbers.size()) < count; ++seen)
            numbers.push_back(order[i] + count * (first + seen));
    return numbers;
}

Sample sample_of(int64_t number, int64_t count, const Augmentation& augmentation) {
    const int64_t image = number % count, seen = number / count;
    return {image, image + count * (seen % augmentation.repeats), seen / augmentation.repeats % 2 == 1};
}

// ---- draws

Crop random_crop(const Sample& sample, const Augmentation& augmentation, Random random) {
    const auto words = random.words(static_cast<uint64_t>(sample.draw));
    const auto offset = [&](uint32_t word) {
        const auto places = static_cast<uint64_t>(2 * augmentation.crop_padding + 1);
        return static_cast<int64_t>((word * places) >> 32) - augmentation.crop_padding;
    };
    Crop crop{offset(words[0]), offset(words[1]), words[2] * 0x1p-32 < augmentation.flip};
    if (augmentation.alternate_flip)
        crop.flipped =
            (augmentation.alternate_flip->below(static_cast<uint64_t>(sample.image), 2) == 1) != sample.odd_epoch;
    return crop;
}

Random stream_of(const Sample& sample, AugmentationPurpose purpose, Random random) {
    return random.split(static_cast<uint64_t>(purpose)).split(static_cast<uint64_t>(sample.draw));
}

Tensor augmented_pixels(const Tensor& image, const Sample& sample, const Augmentation& augmentation, Extent size,
                        const Fitting& fitting, const Colour& fill, Random random) {
    const Crop crop = random_crop(sample, augmentation, random);
    const auto draws = [&](AugmentationPurpose purpose) { return Draws(stream_of(sample, purpose, random)); };
    Tensor pixels;
    if (augmentation.resized_crop) {
        Draws of_crop = draws(AugmentationPurpose::resized_crop);
        const Box box = random_box({image.shape()[0], image.shape()[1]}, *augmentation.resized_crop, of_crop);
        pixels = resized(cut_out(image, box), size, augmentation.resized_crop->interpolation);
    } else {
        pixels = shifted(fitted(image, size, fitting), crop.top, crop.left, fill);
    }
    if (crop.flipped) pixels = flipped(pixels);
    if (!augmentation.policy.sequences.empty()) {
        Draws of_policy = draws(AugmentationPurpose::policy);
        return augmented(pixels, augmentation.policy, augmentation.ground, of_policy);
    }
    if (augmentation.colour_jitter == 0) return pixels;
    Draws of_jitter = draws(AugmentationPurpose::colour_jitter);
    return jittered(pixels, augmentation.colour_jitter, of_jitter);
}

}  // namespace swingrad
