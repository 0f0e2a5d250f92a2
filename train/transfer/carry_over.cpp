#include "train/transfer/carry_over.h"

#include "models/swin/resample_weights.h"

#include <algorithm>

namespace swingrad {
namespace {

using Entry = Parameters::Entry;

// To wherever `target` lies.
void copy(const Tensor& value, const Tensor& target) { target.copy_from(value.on(target.device())); }

void require_same_names(const Parameters& from, const Parameters& to) {
    const bool same = std::equal(from.entries().begin(), from.entries().end(), to.entries().begin(), to.entries().end(),
                                 [](const Entry& a, const Entry& b) { return a.name == b.name; });
    check(same && from.buffers().shape() == to.buffers().shape(), "[phase] the two models have other parameters");
}

Tensor resampled(const Entry& from, const Tensor& value, const Entry& to) {
    Tensor result = from.shape == to.shape ? value : resampled_weight(from.name, value, to.shape);
    check(result.defined(), "[phase] {} of {} cannot be resampled to {}", from.name, from.shape, to.shape);
    return result;
}

enum class OfAnotherShape : bool { resample, begin_anew };

// A flat tensor of `from`'s layout in that of `to`, on the CPU: a part an entry.
Tensor carried(const Parameters& from, const Parameters& to, const Tensor& flat, OfAnotherShape rule) {
    const Tensor there = flat.on_cpu(), result = Tensor::zeros(to.values().shape(), flat.dtype());
    for (size_t i = 0; i < from.entries().size(); ++i) {
        const Entry &a = from.entries()[i], &b = to.entries()[i];
        if (a.shape != b.shape && rule == OfAnotherShape::begin_anew) continue;
        const Tensor part = there.slice(a.offset, a.offset + a.shape.numel()).view(a.shape);
        result.slice(b.offset, b.offset + b.shape.numel()).view(b.shape).copy_from(resampled(a, part, b));
    }
    return result;
}

// How many updates each entry has had.
Tensor counts_carried(const Parameters& from, const Parameters& to, const Tensor& counts) {
    Tensor result = counts.on_cpu().clone();
    for (size_t i = 0; i < from.entries().size(); ++i)
        if (from.entries()[i].shape != to.entries()[i].shape) result.data<int64_t>()[i] = 0;
    return result;
}

}  // namespace

void carry_over(const Trainer& from, Trainer& to) {
    const Parameters &before = from.parameters(), &now = to.parameters();
    require_same_names(before, now);
    copy(carried(before, now, before.values(), OfAnotherShape::resample), now.values());
    copy(before.buffers(), now.buffers());
    now.renew_copies();

    const auto states = from.optimiser().state(), targets = to.optimiser().state();
    check(states.size() == targets.size(), "[phase] the two optimisers have other states");
    for (size_t i = 0; i < states.size(); ++i) {
        const auto& [name, state] = states[i];
        const Tensor& target = targets[i].second;
        const bool flat = state.shape() == before.values().shape() && name != state_of_averaged_buffers;
        if (name == state_of_average) copy(carried(before, now, state, OfAnotherShape::resample), target);
        else if (name == "step") copy(counts_carried(before, now, state), target);
        else if (flat) copy(carried(before, now, state, OfAnotherShape::begin_anew), target);
        else copy(state, target);  // of buffers, and of the whole
    }
    to.optimiser().set_steps(from.optimiser().steps());
    to.state() = from.state();
}

void require_carried(Module& from, Module& to) {
    const Parameters before(from, DType::float32, Random{}, Device::meta, Gradients::no),
        now(to, DType::float32, Random{}, Device::meta, Gradients::no);
    require_same_names(before, now);
    for (size_t i = 0; i < before.entries().size(); ++i) {
        const Entry &a = before.entries()[i], &b = now.entries()[i];
        if (a.shape != b.shape) resampled(a, Tensor::zeros(a.shape), b);
    }
}

}  // namespace swingrad
