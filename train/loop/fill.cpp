#include "train/loop/fill.h"

#include "core/device.h"
#include "core/io/quotes.h"
#include "models/swin/resample_weights.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace swingrad {
namespace {

using Stored = std::map<std::string, StoredTensor>;

// `2 missing ("a", "b")`, at most three named; nothing for none.
void add_list(std::string& text, const std::vector<std::string>& items, const std::string& what) {
    constexpr size_t most = 3;
    if (items.empty()) return;
    text += fmt::format("{}{} {} (", text.empty() ? "" : ", ", items.size(), what);
    for (size_t i = 0; i < std::min(most, items.size()); ++i) text += (i ? ", " : "") + items[i];
    text += items.size() > most ? fmt::format(" and {} more)", items.size() - most) : ")";
}

// [i, j, ...] of the element at `flat`.
std::vector<int64_t> index_of(int64_t flat, const Shape& shape) {
    std::vector<int64_t> index(static_cast<size_t>(shape.rank()));
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
        index[static_cast<size_t>(axis)] = flat % shape[axis];
        flat /= shape[axis];
    }
    return index;
}

}  // namespace

bool is_convertible(const StoredTensor& stored, DType to) {
    return stored.dtype && (*stored.dtype == to || (is_float(*stored.dtype) && is_float(to)));
}

void take_shapes(Stored& tensors, const NamedTensors& targets) {
    for (const auto& [name, target] : targets) {
        const auto found = tensors.find(name);
        if (found == tensors.end()) continue;
        StoredTensor& stored = found->second;
        const Shape shape = shape_here(name, stored.shape, target.shape());
        if (shape == stored.shape) continue;
        stored.read = [read = stored.read, shape] { return read().view(shape); };
        stored.shape = shape;
    }
}

std::vector<std::string> resample(Stored& tensors, const NamedTensors& targets) {
    std::vector<std::string> names;
    for (const auto& [name, target] : targets) {
        const auto found = tensors.find(name);
        if (found == tensors.end() || found->second.shape == target.shape() ||
            !is_convertible(found->second, target.dtype()))
            continue;
        // Where a model holds bfloat16, it is rounded once, afterwards.
        const DType dtype = target.dtype() == DType::bfloat16 ? DType::float32 : target.dtype();
        const Tensor fitting = resampled_weight(name, found->second.read().to(dtype), target.shape());
        if (!fitting.defined()) continue;
        found->second.shape = fitting.shape();
        found->second.dtype = fitting.dtype();
        found->second.read = [fitting] { return fitting; };
        names.push_back(name);
    }
    return names;
}

void check_fit(const std::string& heading, const Stored& tensors, const NamedTensors& targets,
               const std::function<bool(const std::string&)>& ignored) {
    std::vector<std::string> missing, unexpected, misfits;
    std::set<std::string> wanted;
    for (const auto& [name, target] : targets) {
        wanted.insert(name);
        const auto found = tensors.find(name);
        if (found == tensors.end()) missing.push_back(in_quotes(name));
        else if (found->second.shape != target.shape() || !is_convertible(found->second, target.dtype()))
            misfits.push_back(fmt::format("{} is {}, expected {} {}", in_quotes(name), found->second.text(),
                                          name_of(target.dtype()), target.shape()));
    }
    for (const auto& [name, tensor] : tensors)
        if (!wanted.count(name) && !ignored(name)) unexpected.push_back(in_quotes(name));
    std::string wrong;
    add_list(wrong, missing, "missing");
    add_list(wrong, unexpected, "unexpected");
    add_list(wrong, misfits, "of another kind");
    check(wrong.empty(), "{} does not fit: {}", heading, wrong);
}

void check_finite(const std::string& heading, const std::string& name, const Tensor& given, const Tensor& converted) {
    const int64_t at = first_not_finite(converted);
    if (at == converted.numel()) return;
    const double value = given.subrange(at, {}).item();
    fail("{}: {} holds {} at [{}]{}", heading, in_quotes(name), value, fmt::join(index_of(at, given.shape()), ", "),
         std::isfinite(value) ? fmt::format(", too large for {}", name_of(converted.dtype())) : "");
}

NamedTensors read_fitting(const std::string& heading, const Stored& tensors, const NamedTensors& targets) {
    NamedTensors sources;
    for (const auto& [name, target] : targets) {
        const Tensor given = tensors.at(name).read();
        sources.emplace_back(name, given.dtype() == target.dtype() ? given : given.to(target.dtype()));
        // As the model will have it: a double may be too large for a float.
        check_finite(heading, name, given, sources.back().second);
    }
    return sources;
}

void fill(const NamedTensors& targets, const NamedTensors& sources) {
    for (size_t i = 0; i < targets.size(); ++i) {
        const Tensor &target = targets[i].second, &source = sources[i].second;
        if (target.numel() > 0)
            memory_of(target.device()).copy_from_host(target.address(), source.address(), target.bytes());
    }
}

}  // namespace swingrad
