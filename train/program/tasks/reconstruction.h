// What a model tells of hidden patches, as pictures.
#pragma once

#include "train/data/batch.h"

#include <string>

namespace swingrad {

// Of image `b` of a batch of hidden_patches(), and what the model told of it, float32 [B, H, W, C] on the CPU: side by
// side the image, what of it was seen, and the image with what was told in the hidden patches; uint8 [H, 3 W + 4, 3].
// Where pixels were normalised around each (`normalised`), first and last are such pixels, with grey for their mean.
Tensor reconstruction_strip(const Batch& batch, const Tensor& told, int64_t b, const Normalisation& normalisation,
                            bool normalised);

// Enlarged by a whole factor where it has few rows.
Tensor large_enough(const Tensor& picture);

// Of every image of the batch, with captions.
std::string html_of_reconstructions(const Batch& batch, const Tensor& told, const Normalisation& normalisation,
                                    bool normalised);

}  // namespace swingrad
