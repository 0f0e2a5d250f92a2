// From one size of a model to another in the middle of a training.
#pragma once

#include "train/loop/trainer.h"

namespace swingrad {

// Makes `to` go on where `from` stands, between two steps: weights, their average, the optimiser's memory and the run's
// state. Both have the same recipe and as many samples; the models differ in the sizes of images, patches or windows
// alone. Weights of another shape are resampled (models/swin/resample_weights.h), and so is their average. Their
// moments begin anew, and with them their count of updates: the weights are a linear function of those before, but of a
// gradient's squares, element by element, nothing follows for the new ones. All other moments are kept. Throws an Error
// where a shape cannot be had.
void carry_over(const Trainer& from, Trainer& to);

// Throws an Error that names the first parameter that cannot be resampled from one model to the other. Allocates none.
void require_carried(Module& from, Module& to);

}  // namespace swingrad
