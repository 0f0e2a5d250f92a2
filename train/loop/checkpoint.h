// Files of weights, and checkpoints to continue a run from. Both are safetensors files with the model's own names for
// parameters and buffers (a Swin's are timm's), written atomically: a run that is killed while it writes leaves the
// file before.
//
// Where a file does not fit the model, the Error is one line, for example
//   [weights] w.safetensors does not fit: 1 missing ("head.fc.bias"), 1 unexpected ("head.bias"),
//   1 of another kind ("head.fc.weight" is float32 [10, 96], expected float32 [100, 96])
// and nothing has been changed.
#pragma once

#include "models/swin/checkpoint_names.h"
#include "train/optim/optimiser.h"
#include "train/optim/shards.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace swingrad {

// Weights alone. What cannot be read again, as it holds a value that is not finite, is not written: an Error says so,
// and the file before stays. The same is true of a checkpoint. With `shards` all ranks call this, rank 0 writes the
// file of one process, and is sent what it lacks a tensor at a time.
void save_weights(const std::filesystem::path& path, const Parameters& parameters,
                  const std::map<std::string, std::string>& metadata = {}, const Shards* shards = nullptr);
// From such a file, a checkpoint, or one of timm's, Microsoft's, torchvision's or Hugging Face's
// (models/swin/checkpoint_names.h). Converts where the file's floats are of another width. With OtherSizes::resample,
// weights for another window or patch size are made to fit (models/swin/resample_weights.h).
enum class OtherSizes : bool { refuse, resample };
struct LoadedWeights {
    NamesOf names = NamesOf::timm;       // whose the file has
    std::vector<std::string> resampled;  // parameters
};
LoadedWeights load_weights(const std::filesystem::path& path, const Parameters& parameters,
                           OtherSizes other_sizes = OtherSizes::refuse);

// Weights, the optimiser's state as "optimizer.<state>.<parameter>" ("optimizer.exp_avg.head.fc.weight"), its number
// of steps as metadata "optimizer.steps", and `state`, whatever else the run must know to continue (step, epoch, seed,
// config, ...), as metadata "swingrad". JSON knows neither NaN nor infinity: such numbers in `state` become null.
void save_checkpoint(const std::filesystem::path& path, const Parameters& parameters, const Optimiser& optimiser,
                     const nlohmann::json& state, const Shards* shards = nullptr);
// Restores both, or with no optimiser the weights alone. Returns `state`. `check_state` sees it, and the optimiser's
// number of steps, before anything is changed, and may throw.
using CheckState = std::function<void(const nlohmann::json& state, int64_t steps)>;
nlohmann::json load_checkpoint(const std::filesystem::path& path, const Parameters& parameters, Optimiser* optimiser,
                               const CheckState& check_state = {});
// `state` alone, from which to build the model that load_checkpoint fills. Reads no tensor.
nlohmann::json checkpoint_state(const std::filesystem::path& path);

// Whether a file with this metadata is a checkpoint.
bool is_checkpoint(const std::map<std::string, std::string>& metadata);

}  // namespace swingrad
