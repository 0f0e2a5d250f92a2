// Adaptive gradient clipping. A unit is a row of a weight [out, ...], which makes one output; a parameter of one axis
// or none is one unit. With the unit's weights W and gradient G, Frobenius norms | |, and the factor `clip`:
//
//   most = clip max(|W|, 1e-3)
//   G <- G                           where |G| < most
//   G <- G most / max(|G|, 1e-6)     otherwise
//
// A step of plain gradient descent changes a unit by lr |G|, so |G| / |W| says how large the step is beside what it
// changes, where |G| alone says nothing. 1e-3 lets weights that begin at 0 leave it.
// The layer declared last, a classifier's head, is not clipped: the authors found it harmful there, and timm leaves the
// last two parameters out for the same reason.
// Numerics: both norms are summed in double, a unit's on one thread, so the bits depend on no number of threads.
// Source: Brock, De, Smith, Simonyan, "High-performance large-scale image recognition without normalization", arXiv
// 2102.06171, with the numbers of timm's adaptive_clip_grad. The factor is in cuda/optim/clip.h, for the GPU too. Test:
// tests/train/optim/test_clipping.cpp.

#include "train/optim/clipping.h"

#include "core/threads.h"
#include "train/optim/clip.h"
#include "train/optim/flat.h"
#include "train/optim/flat_table.h"

#include <cmath>
#include <string>

namespace swingrad {
namespace {

template <class T>
void clip_values_on_cpu(const Parameters& parameters, double most, const std::vector<bool>& entries) {
    for_each(stretches(parameters, entries), [&](const Stretch& stretch) {
        with_gradients<T>(parameters, stretch, [&]<class G>(G* g) {
            for (int64_t i = 0; i < stretch.end - stretch.begin; ++i)
                g[i] = static_cast<G>(cuda::clamped(widen(g[i]), static_cast<acc_type<G>>(most)));
        });
    });
}

template <class T>
void clip_units_on_cpu(const Parameters& parameters, const std::vector<cuda::ClipUnit>& units, double clip,
                       const std::vector<bool>& entries) {
    const std::vector<bool> received = with_gradient(parameters, entries);
    parallel_for(static_cast<int64_t>(units.size()), [&](int64_t number) {
        const cuda::ClipUnit& unit = units[static_cast<size_t>(number)];
        const auto entry = static_cast<size_t>(unit.entry);
        if (!received[entry]) return;
        const T* w = parameters.values().data<T>() + unit.begin;
        with_gradients<T>(parameters, {entry, unit.begin, unit.begin + unit.count}, [&]<class G>(G* g) {
            double w_squares = 0, g_squares = 0;
            for (int64_t i = 0; i < unit.count; ++i) {
                w_squares += static_cast<double>(w[i]) * w[i];
                g_squares += static_cast<double>(widen(g[i])) * widen(g[i]);
            }
            const double factor = cuda::unit_factor(w_squares, g_squares, clip);
            if (factor == 1) return;
            for (int64_t i = 0; i < unit.count; ++i)
                g[i] = static_cast<G>(widen(g[i]) * static_cast<acc_type<G>>(factor));
        });
    });
}

std::vector<cuda::ClipUnit> units_of(const Parameters& parameters) {
    const std::vector<bool> last = of_last_layer(parameters);
    std::vector<cuda::ClipUnit> units;
    for (size_t i = 0; i < last.size(); ++i) {
        const auto& entry = parameters.entries()[i];
        if (last[i]) continue;
        const int64_t rows = entry.shape.rank() > 1 ? entry.shape[0] : 1, each = entry.shape.numel() / rows;
        for (int64_t row = 0; row < rows; ++row)
            units.push_back({entry.offset + row * each, each, static_cast<int64_t>(i)});
    }
    return units;
}

}  // namespace

std::vector<bool> of_last_layer(const Parameters& parameters) {
    const auto layer_of = [](const std::string& name) { return name.substr(0, name.rfind('.')); };  // or itself
    const std::string last = layer_of(parameters.entries().back().name);
    std::vector<bool> is_last;
    for (const auto& entry : parameters.entries()) is_last.push_back(layer_of(entry.name) == last);
    return is_last;
}

ClipMode clip_mode_named(const std::string& name) {
    if (name == "value") return ClipMode::value;
    return name == "agc" ? ClipMode::agc : ClipMode::norm;
}

Clipping::Clipping(const Parameters& parameters, ClipMode mode, double most, const Shards* shards)
    : parameters_(parameters), mode_(mode), most_(most), shards_(shards) {
    check(most >= 0, "[clip] the bound must not be negative, got {}", most);
    if (mode != ClipMode::agc || most == 0) return;
    units_ = units_of(parameters);
    if (parameters.device() != Device::cuda || units_.empty()) return;
    units_on_device_ =
        Tensor::empty({static_cast<int64_t>(units_.size() * sizeof(cuda::ClipUnit))}, DType::uint8, Device::cuda);
    memory_of(Device::cuda).copy_from_host(units_on_device_.address(), units_.data(), units_on_device_.bytes());
}

double Clipping::clip() {
    if (most_ == 0) return gradient_norm(parameters_, shards_);
    if (mode_ == ClipMode::norm) return clip_gradients(parameters_, most_, shards_);
    const double norm = gradient_norm(parameters_, shards_);
    if (!std::isfinite(norm)) return norm;
    if (parameters_.device() == Device::cuda) {
        FlatTable table(parameters_);
        clip_in_step(table.current());
        return norm;
    }
    dispatch_float("clip", parameters_.values().dtype(), [&]<class T>(T) {
        if (mode_ == ClipMode::value) clip_values_on_cpu<T>(parameters_, most_, own_entries(shards_));
        else clip_units_on_cpu<T>(parameters_, units_, most_, own_entries(shards_));
    });
    return norm;
}

void Clipping::clip_in_step(const cuda::FlatTable& table) const {
    if (most_ == 0 || mode_ == ClipMode::norm) return;
    dispatch_float("clip", parameters_.values().dtype(), [&]<class T>(T) {
        T* g = parameters_.gradients().device_data<T>();
        auto* g_copies = device_data_or_null<bfloat16>(parameters_.copies_gradients());
        if (mode_ == ClipMode::value) return cuda::clip_values(table, most_, g, g_copies);
        if (units_.empty()) return;
        const auto* units = reinterpret_cast<const cuda::ClipUnit*>(units_on_device_.device_data<uint8_t>());
        cuda::clip_units(table, static_cast<int64_t>(units_.size()), units, most_,
                         parameters_.values().device_data<T>(), g, g_copies);
    });
}

}  // namespace swingrad
