#include "train/transfer/initial_weights.h"

#include "core/io/quotes.h"
#include "core/io/stored_tensors.h"
#include "models/swin/checkpoint_names.h"
#include "train/loop/checkpoint.h"
#include "train/loop/fill.h"

#include <algorithm>
#include <set>

namespace swingrad {
namespace {

using Names = std::vector<std::string>;

const std::string classifier = "head.fc.";

NamedTensors targets_of(const Parameters& parameters) {
    NamedTensors targets;
    for (const auto& entry : parameters.entries()) targets.emplace_back(entry.name, entry.value);
    for (const auto& entry : parameters.buffer_entries()) targets.emplace_back(entry.name, entry.value);
    return targets;
}

bool is_swins(const NamedTensors& targets) {
    return std::any_of(targets.begin(), targets.end(),
                       [](const auto& target) { return target.first == "layers.0.blocks.0.attn.qkv.weight"; });
}

// `3 (a, b and 1 more)`
std::string listed(const Names& names) {
    constexpr size_t most = 4;
    std::string text = fmt::format("{} (", names.size());
    for (size_t i = 0; i < std::min(most, names.size()); ++i) text += (i > 0 ? ", " : "") + names[i];
    return text + (names.size() > most ? fmt::format(" and {} more)", names.size() - most) : ")");
}

// What becomes of each tensor of either side.
struct Sorted {
    NamedTensors fitting;  // targets
    Names missing, misfits, unused;
    std::string classes;  // where the head alone does not fit for its classes
};

Sorted sorted(const std::map<std::string, StoredTensor>& stored, const NamedTensors& targets, bool swin) {
    Sorted result;
    std::set<std::string> wanted;
    for (const auto& [name, target] : targets) {
        wanted.insert(name);
        const auto found = stored.find(name);
        if (found == stored.end()) {
            result.missing.push_back(in_quotes(name));
            continue;
        }
        const Shape &there = found->second.shape, &here = target.shape();
        if (there == here && is_convertible(found->second, target.dtype())) {
            result.fitting.emplace_back(name, target);
        } else if (swin && name.starts_with(classifier) && there.rank() == here.rank() && there.rank() > 0 &&
                   there[0] != here[0] && there.with(0, here[0]) == here) {
            result.classes = fmt::format("head: {} classes there, {} here: begun anew", there[0], here[0]);
        } else {
            result.misfits.push_back(fmt::format("{} is {} there, {} {} here", in_quotes(name), found->second.text(),
                                                 name_of(target.dtype()), here));
        }
    }
    for (const auto& [name, tensor] : stored)
        if (!wanted.contains(name)) result.unused.push_back(in_quotes(name));
    return result;
}

// What is no weight, whatever the model: an optimiser's state, counters.
bool is_no_weight(const std::string& name, bool checkpoint, bool swin) {
    return (swin && is_bookkeeping(name)) || (checkpoint && name.starts_with("optimizer.")) ||
           name.ends_with("num_batches_tracked");
}

}  // namespace

InitialWeights take_initial_weights(const std::filesystem::path& path, const Parameters& parameters) {
    const std::string file_name = on_one_line(path.string()), heading = "[init] " + file_name;
    StoredTensors file = open_tensors(path);
    check_checksums(file);  // first: a damaged name fits nothing
    const NamedTensors targets = targets_of(parameters);
    const bool swin = is_swins(targets), checkpoint = is_checkpoint(file.metadata);
    std::string with_names;
    if (swin) {
        TimmNamed named = to_timm_names(std::move(file.tensors), heading);
        file.tensors = std::move(named.tensors);
        if (named.given != NamesOf::timm) with_names = fmt::format(", which has the names of {}", name_of(named.given));
    }
    std::erase_if(file.tensors, [&](const auto& one) { return is_no_weight(one.first, checkpoint, swin); });
    take_shapes(file.tensors, targets);
    const Names resampled = resample(file.tensors, targets);
    const Sorted parts = sorted(file.tensors, targets, swin);
    check(!parts.fitting.empty(), "{}: nothing in it fits: it holds {}, the model has {}", heading,
          file.tensors.empty() ? "no weight" : listed(parts.unused.empty() ? parts.misfits : parts.unused),
          listed(parts.missing.empty() ? parts.misfits : parts.missing));
    fill(parts.fitting, read_fitting(heading + " cannot be used", file.tensors, parts.fitting));
    parameters.renew_copies();

    InitialWeights result{static_cast<int64_t>(parts.fitting.size()), {}};
    result.notes.push_back(fmt::format("begun from {}{}: {} of {} tensors taken", file_name, with_names,
                                       parts.fitting.size(), targets.size()));
    if (!parts.classes.empty()) result.notes.push_back(parts.classes);
    if (!resampled.empty()) result.notes.push_back("resampled to the sizes here: " + listed(resampled));
    if (!parts.misfits.empty()) result.notes.push_back("of another shape, begun anew: " + listed(parts.misfits));
    if (!parts.missing.empty()) result.notes.push_back("not there, begun anew: " + listed(parts.missing));
    if (!parts.unused.empty()) result.notes.push_back("there, and of no use here: " + listed(parts.unused));
    return result;
}

}  // namespace swingrad
