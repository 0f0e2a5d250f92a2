// Everything a model computes for one batch, by name: the way to compare it with another implementation.
#pragma once

#include "core/io/safetensors.h"
#include "models/nn/parameters.h"
#include "models/swin/swin_v2.h"
#include "train/data/samples.h"
#include "train/loop/loss.h"

#include <filesystem>
#include <functional>
#include <string>

namespace swingrad {

// Runs `model` forward in evaluation mode on images [B, in_chans, H, W], and backward from loss(logits), a scalar:
//   logits                  [B, K]
//   loss                    []
//   <layer>                 [B, H, W, C]: patch_embed, layers.0.blocks.0, layers.0, layers.1.downsample, ..., norm
//   grad.<parameter>        like the parameter; zeros where none arrived
//   grad.images             [B, in_chans, H, W]
// All in the dtype of `parameters`, which are those of the model; the gradients share the memory of theirs.
NamedTensors trace_model(const SwinV2& model, const Parameters& parameters, const Tensor& images,
                         const std::function<Tensor(const Tensor& logits)>& loss);

// The same of any model, on a batch of what it learns from:
//   inputs, targets         the batch, as the model has it
//   output                  what the model puts out
//   loss                    []
//   out.<module>            what each module puts out that is called as module(x), in the order in which they are done;
//                           out.<module>#2 the second time
//   grad.<parameter>        like the parameter; zeros where none arrived
//   grad_of_inputs          like the inputs, where these are floats
NamedTensors trace_module(Module& model, const Parameters& parameters, const Batch& batch, const Loss& loss);

// A batch for it, from a safetensors file with inputs and targets [B, ...]. Throws an Error naming the file and what is
// wrong in it.
Batch read_traced_batch(const std::filesystem::path& path);

struct TraceOptions {
    std::filesystem::path weights;  // safetensors: parameters under timm's names
    // JSON: a run's config.json, or {"architecture": "swinv2" | "swin", "num_classes": K, "model_args": {...}}, names
    // as in timm, or in models/swin/config.h where timm has none. "swin" is Swin V1.
    std::filesystem::path config;
    std::filesystem::path input;    // safetensors: images float32 [B, in_chans, H, W], labels int64 [B]
    std::filesystem::path output;   // safetensors: what trace_model gives for the mean cross entropy
    std::string precision = "f32";  // or f64
    std::string device = "cpu";     // or cuda, emulated (train/loop/device.h)
};

// The command `swingrad trace`. Pads after the shift, as timm does, whatever the training default. Throws an Error
// naming the file and the key or value that is wrong.
void trace(const TraceOptions& options);

// The configuration in a file of either form.
SwinConfig read_model_config(const std::filesystem::path& path);

}  // namespace swingrad
