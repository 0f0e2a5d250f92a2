// What is done to images in training, so that the model seldom sees the same one twice.
#pragma once

#include "train/data/pixels/crop.h"
#include "train/data/pixels/erase.h"
#include "train/data/pixels/mix.h"
#include "train/data/pixels/policy.h"

#include <optional>
#include <vector>

namespace swingrad {

// In the order in which it is done.
struct Augmentation {
    int64_t crop_padding = 4;                      // pixels of border added on each side before a crop of the old size
    double flip = 0.5;                             // how often left and right are exchanged
    std::optional<ResizedCrop> resized_crop = {};  // instead of that crop
    // Instead of `flip`: every other epoch, beginning with the first or the second as this stream says of the image.
    std::optional<Random> alternate_flip = {};
    Policy policy = {};
    double colour_jitter = 0;  // strength; nothing where there is a policy, as in timm
    Ground ground = {};        // what lies around an image that a policy moves
    Erasing erasing = {};
    Mixing mixing = {};
    // How often an image that an epoch takes is seen in it, each time augmented anew. An epoch sees as many images as
    // there are, so it takes one in so many.
    int64_t repeats = 1;

    // Whether it changes more than can be done on the way from bytes to normalised numbers.
    bool changes_pixels() const { return resized_crop || !policy.sequences.empty() || colour_jitter > 0; }
};

// Throws an Error that names what is out of range.
void check_augmentation(const Augmentation& augmentation);

// The numbers of an epoch of `count` images. A number holds an image, how often it was seen in this epoch before, and,
// with alternating flips, whether the epoch is odd; without either it is the image.
std::vector<int64_t> order_of_epoch(int64_t count, int64_t epoch, const Augmentation& augmentation, Random random);

// One sample: which image, and what is drawn for it.
struct Sample {
    int64_t image = 0;
    int64_t draw = 0;  // by which random numbers are drawn: image + count times how often it was seen before
    bool odd_epoch = false;
};
Sample sample_of(int64_t number, int64_t count, const Augmentation& augmentation);

// Where a crop out of a padded image begins, and whether it is flipped.
struct Crop {
    int64_t top = 0, left = 0;  // where row and column 0 lie in the image; may be outside it
    bool flipped = false;
};
Crop random_crop(const Sample& sample, const Augmentation& augmentation, Random random);

// The streams of what is drawn one number after another.
enum class AugmentationPurpose : uint64_t { resized_crop = 1, policy, colour_jitter, erasing, mixing };
Random stream_of(const Sample& sample, AugmentationPurpose purpose, Random random);

// The pixels of a sample in training, uint8 [rows, columns, 3]: cropped, flipped, and changed by policy or jitter.
// `fill` is the border of a padded crop; `fitting` brings pictures of another size to this one before it.
Tensor augmented_pixels(const Tensor& image, const Sample& sample, const Augmentation& augmentation, Extent size,
                        const Fitting& fitting, const Colour& fill, Random random);

}  // namespace swingrad
