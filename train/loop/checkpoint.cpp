#include "train/loop/checkpoint.h"

#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "core/io/safetensors.h"
#include "train/loop/fill.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace swingrad {
namespace {

const std::string state_key = "swingrad", steps_key = "optimizer.steps", optimiser_prefix = "optimizer.";

// ---- the tensors of a file: handles on the memory that is saved from and loaded into. Weights are parameters and
// buffers.

struct FileTensor {
    std::string name;
    Tensor tensor;
    // Of Parameters::entries(), the one whose owner alone has it where the optimiser's memory is divided among ranks.
    std::optional<size_t> of_entry = {};
};
using FileTensors = std::vector<FileTensor>;

FileTensors weights_of(const Parameters& parameters) {
    const auto& entries = parameters.entries();
    FileTensors all;
    for (size_t i = 0; i < entries.size(); ++i) {
        all.push_back({entries[i].name, entries[i].value});
        if (entries[i].has_copy()) all.back().of_entry = i;
    }
    for (const auto& entry : parameters.buffer_entries()) all.push_back({entry.name, entry.value});
    return all;
}

// A state with a number an element is cut like the parameters; one with a number a parameter, into scalars. Of an
// average of weights, the buffers are cut like buffers, and its count is as it is.
FileTensors state_of(const Parameters& parameters, const Optimiser& optimiser) {
    const auto& entries = parameters.entries();
    FileTensors all;
    for (const auto& [state, flat] : optimiser.state()) {
        if (state == state_of_averaged_buffers) {
            for (const auto& entry : parameters.buffer_entries())
                all.push_back(
                    {optimiser_prefix + state + "." + entry.name, flat.subrange(entry.offset, entry.value.shape())});
            continue;
        }
        if (state == state_of_average_count) {
            all.push_back({optimiser_prefix + state, flat});
            continue;
        }
        const bool an_element = flat.numel() == parameters.values().numel();
        check(an_element || flat.numel() == static_cast<int64_t>(entries.size()),
              "[checkpoint] the optimiser's {} must have {} elements or {}, got {}", state, parameters.values().numel(),
              entries.size(), flat.numel());
        for (size_t i = 0; i < entries.size(); ++i)
            all.push_back({optimiser_prefix + state + "." + entries[i].name,
                           an_element ? flat.subrange(entries[i].offset, entries[i].shape)
                                      : flat.subrange(static_cast<int64_t>(i), {}),
                           i});
    }
    return all;
}

NamedTensors named(const FileTensors& tensors) {
    NamedTensors all;
    for (const FileTensor& one : tensors) all.emplace_back(one.name, one.tensor);
    return all;
}

bool is_optimiser_state(const std::string& name) { return name.rfind(optimiser_prefix, 0) == 0; }

// ---- what cannot be: neither written nor read, so that what is written can be read

bool is_mean_of_squares(const std::string& name) { return name.starts_with(optimiser_prefix + "exp_avg_sq."); }
bool is_count(const std::string& name) {
    return name.starts_with(optimiser_prefix + "step.") || name == optimiser_prefix + state_of_average_count;
}

void require_within(const std::string& heading, const std::string& name, const Tensor& tensor, double most) {
    const std::vector<double> values = tensor.values();
    for (size_t i = 0; i < values.size(); ++i)
        if (!(values[i] >= 0 && values[i] <= most))
            fail("{}: element {} of {} must be 0 {}, got {}", heading, i, in_quotes(name),
                 std::isfinite(most) ? fmt::format("to {}", most) : "or more", values[i]);
}

// Means of squares are not negative, and no parameter has had more updates than there were steps.
void check_optimiser_state(const std::string& heading, const NamedTensors& tensors, int64_t steps) {
    for (const auto& [name, tensor] : tensors) {
        if (is_mean_of_squares(name)) require_within(heading, name, tensor, std::numeric_limits<double>::infinity());
        if (is_count(name)) require_within(heading, name, tensor, static_cast<double>(steps));
    }
}

// Each tensor is looked at and written when its turn comes, and so the others' reach rank 0, which writes, one by one.
void write(const std::filesystem::path& path, const std::string& heading, const FileTensors& tensors, int64_t steps,
           const std::map<std::string, std::string>& metadata, const Shards* shards) {
    std::vector<TensorToWrite> all;
    for (const FileTensor& one : tensors)
        all.push_back(
            {one.name, one.tensor.dtype(), one.tensor.shape(), [&one, &heading, steps, shards] {
                 const Tensor whole =
                     (shards && one.of_entry ? shards->to_first(*one.of_entry, one.tensor) : one.tensor).on_cpu();
                 if (shards && !shards->is_first()) return whole;
                 check_finite(heading, one.name, whole, whole);
                 check_optimiser_state(heading, {{one.name, whole}}, steps);
                 return whole;
             }});
    if (!shards || shards->is_first()) return write_tensors_in_turn(path, std::move(all), metadata);
    order_as_in_file(all);
    for (const TensorToWrite& one : all) one.read();
}

// ---- metadata

nlohmann::json state_in(const std::string& heading, const std::map<std::string, std::string>& metadata) {
    const auto found = metadata.find(state_key);
    check(found != metadata.end(), "{} is no checkpoint: it has no metadata {}", heading, in_quotes(state_key));
    return parse_json(found->second, fmt::format("{}: metadata {}", heading, in_quotes(state_key)));
}

int64_t steps_in(const std::string& heading, const std::map<std::string, std::string>& metadata) {
    const auto found = metadata.find(steps_key);
    check(found != metadata.end(), "{} has no metadata {}", heading, in_quotes(steps_key));
    const std::string& text = found->second;
    int64_t steps = -1;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), steps);
    check(problem == std::errc() && end == text.data() + text.size() && steps >= 0,
          "{}: metadata {} must be a count, got {}", heading, in_quotes(steps_key), in_quotes(text));
    return steps;
}

std::string heading_of(const std::filesystem::path& path) { return "[checkpoint] " + path.string(); }

const std::string not_written = " is not written, as nothing could read it", cannot_be_used = " cannot be used";

// ---- a file of weights, of whatever names

// Whose weights come under several names, and beside what is none.
bool is_swins(const NamedTensors& targets) {
    return std::any_of(targets.begin(), targets.end(),
                       [](const auto& target) { return target.first == "layers.0.blocks.0.attn.qkv.weight"; });
}

// PyTorch's batch norm counts batches, ours does not.
bool is_count_of_batches(const std::string& name) {
    return name == "num_batches_tracked" || name.ends_with(".num_batches_tracked");
}

}  // namespace

// ---- public functions

void save_weights(const std::filesystem::path& path, const Parameters& parameters,
                  const std::map<std::string, std::string>& metadata, const Shards* shards) {
    write(path, "[weights] " + path.string() + not_written, weights_of(parameters), 0, metadata, shards);
}

LoadedWeights load_weights(const std::filesystem::path& path, const Parameters& parameters, OtherSizes other_sizes) {
    std::string heading = "[weights] " + path.string();
    StoredTensors file = open_tensors(path);
    check_checksums(file);  // first: a damaged name fits nothing
    const bool checkpoint = is_checkpoint(file.metadata);
    const NamedTensors targets = named(weights_of(parameters));
    const bool swin = is_swins(targets);
    LoadedWeights loaded;
    const auto is_there = [&](const auto& target) { return file.tensors.contains(target.first); };
    if (swin && !std::all_of(targets.begin(), targets.end(), is_there)) {
        auto [names, tensors] = to_timm_names(std::move(file.tensors), heading);
        file.tensors = std::move(tensors);
        loaded.names = names;
        if (names != NamesOf::timm) heading += fmt::format(", with the names of {},", name_of(names));
    }
    take_shapes(file.tensors, targets);
    if (other_sizes == OtherSizes::resample) loaded.resampled = resample(file.tensors, targets);
    const auto ignored = [&](const std::string& name) {
        return (checkpoint && is_optimiser_state(name)) || (swin ? is_bookkeeping(name) : is_count_of_batches(name));
    };
    check_fit(heading, file.tensors, targets, ignored);
    fill(targets, read_fitting(heading + cannot_be_used, file.tensors, targets));
    parameters.renew_copies();
    return loaded;
}

void save_checkpoint(const std::filesystem::path& path, const Parameters& parameters, const Optimiser& optimiser,
                     const nlohmann::json& state, const Shards* shards) {
    FileTensors all = weights_of(parameters);
    for (auto& one : state_of(parameters, optimiser)) all.push_back(std::move(one));
    std::map<std::string, std::string> metadata{{steps_key, std::to_string(optimiser.steps())}};
    try {
        metadata[state_key] = state.dump();
    } catch (const nlohmann::json::exception&) {
        fail("{}: the state to save holds text that is not UTF-8", heading_of(path));
    }
    write(path, heading_of(path) + not_written, all, optimiser.steps(), metadata, shards);
}

nlohmann::json load_checkpoint(const std::filesystem::path& path, const Parameters& parameters, Optimiser* optimiser,
                               const CheckState& check_state) {
    const std::string heading = heading_of(path);
    const StoredTensors stored = open_tensors(path);
    check_checksums(stored);  // first, as in load_weights
    nlohmann::json state = state_in(heading, stored.metadata);
    const int64_t steps = steps_in(heading, stored.metadata);
    NamedTensors targets = named(weights_of(parameters));
    if (optimiser)
        for (auto& one : named(state_of(parameters, *optimiser))) targets.push_back(std::move(one));
    // Without an optimiser, its state is not asked for.
    const auto ignored = [&](const std::string& name) { return !optimiser && is_optimiser_state(name); };
    check_fit(heading, stored.tensors, targets, ignored);
    const NamedTensors sources = read_fitting(heading + cannot_be_used, stored.tensors, targets);
    check_optimiser_state(heading + cannot_be_used, sources, steps);
    if (check_state) check_state(state, steps);
    fill(targets, sources);
    parameters.renew_copies();
    if (optimiser) optimiser->set_steps(steps);
    return state;
}

bool is_checkpoint(const std::map<std::string, std::string>& metadata) { return metadata.contains(state_key); }

nlohmann::json checkpoint_state(const std::filesystem::path& path) {
    return state_in(heading_of(path), read_safetensors_metadata(path));
}

}  // namespace swingrad
