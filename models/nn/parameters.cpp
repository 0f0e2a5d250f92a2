// One allocation for all values, one for all gradients, one for each of the copies, one for the buffers. Every entry
// begins at a multiple of 16 elements, which is a whole cache line in float32, so that entries can be vectorised and
// given to threads without touching each other. The gaps between them hold zeros for ever: nothing writes there.
// Entries with Precision::full come first: in mixed precision, where only they have float32 gradients, these are one
// short tensor.

#include "models/nn/parameters.h"

#include "core/io/quotes.h"
#include "core/threads.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace swingrad {
namespace {

constexpr int64_t alignment = 16;
constexpr int64_t chunk = 1 << 14;

int64_t aligned(int64_t count) { return (count + alignment - 1) / alignment * alignment; }

// Element i is draw number i of `random`, whatever thread draws it.
template <class T>
void initialise(const Tensor& values, const Init& init, Random random) {
    if (values.device() == Device::meta) return;
    T* to = values.data<T>();
    parallel_chunks(values.numel(), chunk, [&](int64_t begin, int64_t end) {
        const auto fill = [&](auto draw) {
            for (int64_t i = begin; i < end; ++i) to[i] = static_cast<T>(init.value * draw(static_cast<uint64_t>(i)));
        };
        switch (init.kind) {
            case Init::Kind::constant: return fill([](uint64_t) { return 1.0; });
            case Init::Kind::normal: return fill([&](uint64_t i) { return random.normal(i); });
            case Init::Kind::uniform: return fill([&](uint64_t i) { return 2.0 * random.uniform(i) - 1.0; });
        }
    });
}

// Where values are drawn before they go to `device`: a seed gives the same on every one. Meta has none to draw.
Device drawn_on(Device device) { return device == Device::meta ? Device::meta : Device::cpu; }

// Names of files' tensors: each once, and none that a file needs for something else.
void check_names(const std::vector<NamedParameter>& parameters, const std::vector<NamedBuffer>& buffers) {
    std::set<std::string> names;
    std::map<const void*, std::string> members;
    const auto add = [&](const std::string& name, const void* member) {
        check(is_utf8(name), "[parameters] a member's name is not UTF-8: {}", in_quotes(name));
        check(names.insert(name).second, "[parameters] two members are named {}", in_quotes(name));
        check(name != "__metadata__" && !name.starts_with("optimizer."),
              "[parameters] the name {} is kept for files of checkpoints", name);
        const auto [found, is_new] = members.emplace(member, name);
        check(is_new, "[parameters] {} and {} are one: a module may be declared in one place alone", found->second,
              name);
    };
    for (const auto& [name, parameter] : parameters) add(name, parameter);
    for (const auto& [name, buffer] : buffers) add(name, buffer);
}

}  // namespace

Parameters::Parameters(Module& model, DType dtype, Random random, Device device, Gradients with) {
    const bool mixed = dtype == DType::bfloat16;
    const std::vector<NamedParameter> all = model.parameters();
    check(!all.empty(),
          "[parameters] the model declares no parameter: its constructor must name each layer and parameter "
          "by declare(name, member)");
    check_names(all, model.buffers());
    for (const auto& [name, parameter] : all) {
        entries_.push_back({name, parameter->shape, 0, parameter->decay, {}, {}, 1, parameter->is_table});
        count_ += parameter->shape.numel();
    }
    int64_t total = 0, full_total = 0;  // Precision::full first, whatever the dtype: the layout is always the same
    for (const Precision precision : {Precision::full, Precision::mixed}) {
        full_total = total;
        for (size_t i = 0; i < all.size(); ++i)
            if (all[i].parameter->precision == precision)
                entries_[i].offset = std::exchange(total, total + aligned(entries_[i].shape.numel()));
    }
    // Fills the entry's part of the CPU's memory, or of a device's by way of it.
    const auto draw = [&](size_t i, const Tensor& values) {
        dispatch_float("parameters", values.dtype(),
                       [&]<class T>(T) { initialise<T>(values, all[i].parameter->init, random.split(i)); });
    };
    const bool copies_alone = mixed && with == Gradients::no;
    if (copies_alone) {  // an entry at a time, so that there is never room for all in float32
        values_ = Tensor::zeros({full_total}, DType::float32, device);
        copies_ = Tensor::zeros({total}, DType::bfloat16, device);
        for (size_t i = 0; i < all.size() && device != Device::meta; ++i) {
            const Tensor drawn = Tensor::zeros(entries_[i].shape, DType::float32);
            draw(i, drawn);
            const bool has_copy = all[i].parameter->precision == Precision::mixed;
            (has_copy ? copies_ : values_)
                .subrange(entries_[i].offset, entries_[i].shape)
                .copy_from((has_copy ? drawn.to(DType::bfloat16) : drawn).on(device));
        }
    } else {
        const Tensor start = Tensor::zeros({total}, mixed ? DType::float32 : dtype, drawn_on(device));
        for (size_t i = 0; i < all.size(); ++i) draw(i, start.subrange(entries_[i].offset, entries_[i].shape));
        values_ = start.on(device);
        if (mixed) copies_ = values_.to(DType::bfloat16);
    }
    if (with == Gradients::yes) {
        gradients_ = values_.zeros_like({mixed ? full_total : total});
        if (mixed) copies_gradients_ = copies_.zeros_like({total});
    }
    for (size_t i = 0; i < all.size(); ++i) {
        Entry& entry = entries_[i];
        const bool has_copy = mixed && all[i].parameter->precision == Precision::mixed;
        entry.leaf = (has_copy ? copies_ : values_).subrange(entry.offset, entry.shape);
        if (with == Gradients::yes && !all[i].parameter->frozen) {
            require_gradient(entry.leaf, entry.name);
            bind_gradient(entry.leaf, (has_copy ? copies_gradients_ : gradients_).subrange(entry.offset, entry.shape));
        }
        entry.value = has_copy && !copies_alone ? values_.subrange(entry.offset, entry.shape) : entry.leaf;
        all[i].parameter->value = entry.leaf;
    }
    make_buffers(model);
}

// After the values, whose dtype and device they have.
void Parameters::make_buffers(Module& model) {
    const std::vector<NamedBuffer> all = model.buffers();
    int64_t total = 0;
    for (const NamedBuffer& named : all) total += aligned(named.buffer->shape.numel());
    const Tensor start = Tensor::zeros({total}, values_.dtype(), drawn_on(values_.device()));
    std::vector<int64_t> offsets;
    int64_t offset = 0;
    for (const NamedBuffer& named : all) {
        const Buffer& buffer = *named.buffer;
        dispatch_float("parameters", start.dtype(), [&]<class T>(T) {
            initialise<T>(start.subrange(offset, buffer.shape), Init::constant(buffer.start), Random{});
        });
        offsets.push_back(std::exchange(offset, offset + aligned(buffer.shape.numel())));
    }
    buffers_ = start.on(values_.device());
    for (size_t i = 0; i < all.size(); ++i) {
        all[i].buffer->value = buffers_.subrange(offsets[i], all[i].buffer->shape);
        buffer_entries_.push_back({all[i].name, all[i].buffer->value, offsets[i]});
    }
}

int64_t Parameters::frozen_count() const {
    int64_t count = 0;
    for (const Entry& entry : entries_)
        if (!entry.trained()) count += entry.shape.numel();
    return count;
}

Tensor Parameters::as_input(const Tensor& inputs) const {
    const Tensor there = inputs.on(device());
    return !is_float(inputs.dtype()) || there.dtype() == dtype() ? there : there.to(dtype());
}

void Parameters::renew_copies() const {
    if (copies_.defined() && values_.numel() == copies_.numel()) copies_.copy_from(values_.to(copies_.dtype()));
}

void Parameters::decay_rates(const Module& model, double decay) {
    std::vector<std::optional<int64_t>> layers;
    std::optional<int64_t> top;
    for (const Entry& entry : entries_) {
        layers.push_back(model.layer_of(entry.name));
        if (layers.back()) top = std::max(top.value_or(0), *layers.back());
    }
    check(top.has_value(), "the model knows no layers (Module::layer_of)");
    for (size_t i = 0; i < entries_.size(); ++i)
        entries_[i].rate = std::pow(decay, static_cast<double>(*top - layers[i].value_or(*top)));
}

void Parameters::zero_grad() const {
    for (const Entry& entry : entries_)
        if (entry.trained()) swingrad::zero_grad(entry.leaf);
}

std::vector<std::string> Parameters::without_gradient() const {
    std::vector<Tensor> leaves;
    for (const Entry& entry : entries_)
        if (entry.trained()) leaves.push_back(entry.leaf);
    return swingrad::without_gradient(leaves);
}

}  // namespace swingrad
