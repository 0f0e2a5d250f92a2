#include "train/loop/checkpoint.h"

#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "core/io/safetensors.h"
#include "models/swin/resample_weights.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace swingrad {
namespace {

const std::string state_key = "swingrad", steps_key = "optimizer.steps", optimiser_prefix = "optimizer.";

// ---- the tensors of a file: handles on the memory that is saved from and loaded into. Weights are parameters and
// buffers.

// Where they are, or copies on the CPU.
enum class Place : bool { there, on_cpu };
Tensor at(Place place, const Tensor& flat) { return place == Place::there ? flat : flat.on_cpu(); }

NamedTensors weights_of(const Parameters& parameters, Place place) {
    const Tensor values = at(place, parameters.values());
    NamedTensors all;
    for (const auto& entry : parameters.entries())
        all.emplace_back(entry.name, values.subrange(entry.offset, entry.shape));
    for (const auto& entry : parameters.buffer_entries()) all.emplace_back(entry.name, at(place, entry.value));
    return all;
}

// A state with a number an element is cut like the parameters; one with a number a parameter, into scalars.
NamedTensors state_of(const Parameters& parameters, const Optimiser& optimiser, Place place) {
    const auto& entries = parameters.entries();
    NamedTensors all;
    for (const auto& [state, tensor] : optimiser.state()) {
        const Tensor flat = at(place, tensor);
        const bool an_element = flat.numel() == parameters.values().numel();
        check(an_element || flat.numel() == static_cast<int64_t>(entries.size()),
              "[checkpoint] the optimiser's {} must have {} elements or {}, got {}", state, parameters.values().numel(),
              entries.size(), flat.numel());
        for (size_t i = 0; i < entries.size(); ++i)
            all.emplace_back(optimiser_prefix + state + "." + entries[i].name,
                             an_element ? flat.subrange(entries[i].offset, entries[i].shape)
                                        : flat.subrange(static_cast<int64_t>(i), {}));
    }
    return all;
}

// ---- what does not fit

bool is_float(DType dtype) { return dtype == DType::float32 || dtype == DType::float64 || dtype == DType::bfloat16; }

// `2 missing ("a", "b")`, at most three named; nothing for none.
void add_list(std::string& text, const std::vector<std::string>& items, const std::string& what) {
    constexpr size_t most = 3;
    if (items.empty()) return;
    text += fmt::format("{}{} {} (", text.empty() ? "" : ", ", items.size(), what);
    for (size_t i = 0; i < std::min(most, items.size()); ++i) text += (i ? ", " : "") + items[i];
    text += items.size() > most ? fmt::format(" and {} more)", items.size() - most) : ")";
}

// Replaces what can be resampled to the shape of its target; returns the names.
std::vector<std::string> resample(SafetensorsFile& file, const NamedTensors& targets) {
    std::vector<std::string> names;
    for (const auto& [name, target] : targets) {
        const auto found = file.tensors.find(name);
        if (found == file.tensors.end() || found->second.shape() == target.shape() || !is_float(found->second.dtype()))
            continue;
        const Tensor fitting = resampled_weight(name, found->second.to(target.dtype()), target.shape());
        if (!fitting.defined()) continue;
        found->second = fitting;
        names.push_back(name);
    }
    return names;
}

// Copies the tensors of `file` to where they belong, once all is known to fit. Names for which `ignored` holds may be
// there unasked.
template <class Ignored>
void fill(const std::string& heading, const SafetensorsFile& file, const NamedTensors& targets, Ignored ignored) {
    std::vector<std::string> missing, unexpected, misfits;
    std::set<std::string> wanted;
    std::vector<Tensor> sources;
    for (const auto& [name, target] : targets) {
        wanted.insert(name);
        const auto found = file.tensors.find(name);
        if (found == file.tensors.end()) {
            missing.push_back(in_quotes(name));
            continue;
        }
        const Tensor& source = found->second;
        const bool convertible =
            source.dtype() == target.dtype() || (is_float(source.dtype()) && is_float(target.dtype()));
        if (source.shape() == target.shape() && convertible) sources.push_back(source);
        else
            misfits.push_back(fmt::format("{} is {} {}, expected {} {}", in_quotes(name), name_of(source.dtype()),
                                          source.shape(), name_of(target.dtype()), target.shape()));
    }
    for (const auto& [name, tensor] : file.tensors)
        if (!wanted.count(name) && !ignored(name)) unexpected.push_back(in_quotes(name));
    std::string wrong;
    add_list(wrong, missing, "missing");
    add_list(wrong, unexpected, "unexpected");
    add_list(wrong, misfits, "of another kind");
    check(wrong.empty(), "{} does not fit: {}", heading, wrong);

    // Converting takes memory and so may fail; copying does not.
    for (size_t i = 0; i < targets.size(); ++i)
        if (sources[i].dtype() != targets[i].second.dtype()) sources[i] = sources[i].to(targets[i].second.dtype());
    for (size_t i = 0; i < targets.size(); ++i) {
        const Tensor& target = targets[i].second;
        if (target.numel() > 0)
            memory_of(target.device()).copy_from_host(target.address(), sources[i].address(), target.bytes());
    }
}

bool is_optimiser_state(const std::string& name) { return name.rfind(optimiser_prefix, 0) == 0; }

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

}  // namespace

// ---- public functions

void save_weights(const std::filesystem::path& path, const Parameters& parameters,
                  const std::map<std::string, std::string>& metadata) {
    write_safetensors(path, weights_of(parameters, Place::on_cpu), metadata);
}

LoadedWeights load_weights(const std::filesystem::path& path, const Parameters& parameters, OtherSizes other_sizes) {
    std::string heading = "[weights] " + path.string();
    SafetensorsFile file = read_safetensors(path);
    const bool checkpoint = file.metadata.count(state_key) > 0;
    const NamedTensors targets = weights_of(parameters, Place::there);
    LoadedWeights loaded;
    const auto is_there = [&](const auto& target) { return file.tensors.contains(target.first); };
    if (!std::all_of(targets.begin(), targets.end(),
                     is_there)) {  // names that are the model's own are not for a Swin's
        auto [names, tensors] = to_timm_names(std::move(file.tensors), heading);
        file.tensors = std::move(tensors);
        loaded.names = names;
        if (names != NamesOf::timm) heading += fmt::format(", with the names of {},", name_of(names));
    }
    if (other_sizes == OtherSizes::resample) loaded.resampled = resample(file, targets);
    const auto ignored = [&](const std::string& name) {
        return (checkpoint && is_optimiser_state(name)) || name.ends_with(".num_batches_tracked");  // PyTorch's
    };
    fill(heading, file, targets, ignored);
    parameters.renew_copies();
    return loaded;
}

void save_checkpoint(const std::filesystem::path& path, const Parameters& parameters, const Optimiser& optimiser,
                     const nlohmann::json& state) {
    NamedTensors all = weights_of(parameters, Place::on_cpu);
    for (auto& one : state_of(parameters, optimiser, Place::on_cpu)) all.push_back(std::move(one));
    std::map<std::string, std::string> metadata{{steps_key, std::to_string(optimiser.steps())}};
    try {
        metadata[state_key] = state.dump();
    } catch (const nlohmann::json::exception&) {
        fail("{}: the state to save holds text that is not UTF-8", heading_of(path));
    }
    write_safetensors(path, all, metadata);
}

nlohmann::json load_checkpoint(const std::filesystem::path& path, const Parameters& parameters, Optimiser* optimiser) {
    const std::string heading = heading_of(path);
    const SafetensorsFile file = read_safetensors(path);
    nlohmann::json state = state_in(heading, file.metadata);
    NamedTensors targets = weights_of(parameters, Place::there);
    if (!optimiser) {
        fill(heading, file, targets, is_optimiser_state);
        parameters.renew_copies();
        return state;
    }
    const int64_t steps = steps_in(heading, file.metadata);
    for (auto& one : state_of(parameters, *optimiser, Place::there)) targets.push_back(std::move(one));
    fill(heading, file, targets, [](const std::string&) { return false; });
    parameters.renew_copies();
    optimiser->set_steps(steps);
    return state;
}

nlohmann::json checkpoint_state(const std::filesystem::path& path) {
    return state_in(heading_of(path), read_safetensors_metadata(path));
}

}  // namespace swingrad
