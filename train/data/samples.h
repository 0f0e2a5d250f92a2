// Samples: what a model learns from, images or tokens or anything else that makes batches.
//
// A data set of your own implements two functions. Order, batches, threads, the way to a GPU, and going on after an
// interruption in the middle of an epoch are the loader's and the trainer's (train/data/loader.h,
// train/loop/trainer.h).
#pragma once

#include "core/random.h"
#include "core/tensor.h"

#include <cstdint>
#include <span>
#include <vector>

namespace swingrad {

struct Dataset;       // images in memory (train/data/dataset.h)
struct PictureInput;  // how a picture becomes a model's input (train/data/batch.h)

struct Batch {
    Tensor inputs;   // [B, ...]: floats, which become the model's dtype (bfloat16 in mixed precision), or int64
    Tensor targets;  // [B, ...]: int64 classes, or floats that the loss compares with, likewise
};

class Samples {
  public:
    virtual ~Samples() = default;

    virtual int64_t size() const = 0;
    // The samples `indices`, each in 0 .. size() - 1, in that order, on the CPU. `augmentation` is null where samples
    // are wanted as they are, else what is random in them is drawn from it by a sample's index, not by its place in the
    // batch. Called on one thread at a time, beside a training step.
    virtual Batch batch(std::span<const int64_t> indices, const Random* augmentation) const = 0;
    // What an epoch goes through, size() numbers, each for batch() with an augmentation: all samples in random order.
    // Others where a sample is seen several times an epoch; what they mean is the samples' own business.
    virtual std::vector<int64_t> order_of_epoch(int64_t epoch, Random random) const;
    // Whether an augmentation makes targets shares of all classes, floats [B, K], as that of mixed images does.
    virtual bool mixes_classes() const { return false; }
    // Whether targets are classes of pixels, int64 [B, H, W], some of them to be ignored.
    virtual bool labels_pixels() const { return false; }

    // For reports, where the samples are images: the pictures, labels and names of classes; else null.
    virtual const Dataset* images() const { return nullptr; }
    // Where the samples are images too: what a model that learnt from them takes a picture of a user's for; else null.
    // The same for the life of the samples.
    virtual const PictureInput* picture_input() const { return nullptr; }
};

// 0 .. count-1 in random order.
std::vector<int64_t> shuffled(int64_t count, Random random);

}  // namespace swingrad
