// resize(x [B, H, W, C], size H' x W', method) -> [B, H', W', C]
//
// A map interpolated at other positions. Pixel i covers [i, i + 1) and has its value at the middle; the image's borders
// stay where they are. So along an axis of n pixels the new pixel j of n' lies, in numbers of old pixels, at
//
//   s_j = (j + 1/2) n / n' - 1/2          i = floor(s_j)          t = s_j - i, how far from i towards i + 1
//
//   bilinear   (1 - t) x_i + t x_i+1
//   bicubic    k(1 + t) x_i-1 + k(t) x_i + k(1 - t) x_i+1 + k(2 - t) x_i+2,    with a = -3/4 and
//              k(d) = (a + 2) d^3 - (a + 3) d^2 + 1         for d <= 1
//                     a d^3 - 5 a d^2 + 8 a d - 4 a         for 1 < d <= 2
//
// Beyond a border the border's pixel is taken. Nothing is averaged before an image is made smaller (no antialiasing).
// The weights do not depend on x: with R [H', H] for the rows and S [W', W] for the columns, and for each b and c,
//
//   y = R x S^T           y_jk = sum_h sum_w R_jh S_kw x_hw
//
// Backward. y is linear in x, so dx is the transpose of that map, of the same form:
//
//   dx_hw = sum_j sum_k R_jh S_kw dy_jk           dx = R^T dy S
//
// R and S have at most four entries a row, so they are kept as lists. R^T as lists too, and not R read the other way
// round: then each element of dx is one sum that one thread takes, in an order of its own.
// Saved: nothing; the lists are a few numbers a row and column, and are made again. A GPU gets them once, for each pair
// of sizes, and keeps them.
// Source: Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29, 1981; positions,
// borders and a are those of torch.nn.functional.interpolate with align_corners false. Test: tests/image/test_resize.cpp.

#include "cuda/image/resize.h"
#include "autograd/gradcheck.h"
#include "core/operands.h"
#include "core/threads.h"
#include "ops/ops.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <tuple>

namespace swingrad {
namespace {

// A matrix of few entries: for each row the columns that have one. R[j] lists what pixel j is made of.
struct Tap {
    int64_t from;
    double weight;
};
using Taps = std::vector<std::vector<Tap>>;

double cubic(double d) {
    constexpr double a = -0.75;
    return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

// n pixels to `to`.
Taps taps_of(int64_t n, int64_t to, Resize method) {
    Taps all(static_cast<size_t>(to));
    const double step = static_cast<double>(n) / static_cast<double>(to);
    for (int64_t j = 0; j < to; ++j) {
        const double s = (static_cast<double>(j) + 0.5) * step - 0.5, i = std::floor(s), t = s - i;
        const auto add = [&, base = static_cast<int64_t>(i)](int64_t offset, double weight) {
            if (weight != 0)
                all[static_cast<size_t>(j)].push_back({std::clamp<int64_t>(base + offset, 0, n - 1), weight});
        };
        if (method == Resize::bilinear) {
            add(0, 1 - t);
            add(1, t);
        } else {
            add(-1, cubic(1 + t));
            add(0, cubic(t));
            add(1, cubic(1 - t));
            add(2, cubic(2 - t));
        }
    }
    return all;
}

Taps transposed(const Taps& taps, int64_t columns) {
    Taps result(static_cast<size_t>(columns));
    for (size_t j = 0; j < taps.size(); ++j)
        for (const Tap& tap : taps[j])
            result[static_cast<size_t>(tap.from)].push_back({static_cast<int64_t>(j), tap.weight});
    return result;
}

// to[i] = the sum over the taps of weight x[from, i]; a row of x is `count` numbers.
template <class T>
void weighted_sum(const std::vector<Tap>& taps, int64_t count, const T* x, acc_type<T>* to) {
    std::fill_n(to, count, acc_type<T>(0));
    for (const Tap& tap : taps) {
        const auto weight = static_cast<acc_type<T>>(tap.weight);
        const T* row = x + tap.from * count;
        for (int64_t i = 0; i < count; ++i) to[i] += weight * widen(row[i]);
    }
}

// ---- CPU forward: y = R x S^T. With R^T and S^T, dy for x and dx for y, CPU backward too

// A row of y is made of a row of R x, which is forgotten again.
template <class T>
void forward(const Shape& shape, const Taps& R, const Taps& S, const T* x, T* y) {
    const int64_t H = shape[1], W = shape[2], C = shape[3];
    const auto H_new = static_cast<int64_t>(R.size()), W_new = static_cast<int64_t>(S.size());
    parallel_for(shape[0] * H_new, [&](int64_t piece) {
        const int64_t b = piece / H_new, h = piece % H_new;
        const Tensor scratch = Tensor::empty({W + 1, C}, dtype_of<acc_type<T>>());
        acc_type<T>*row = scratch.data<acc_type<T>>(), *pixel = row + W * C;
        weighted_sum(R[static_cast<size_t>(h)], W * C, x + b * H * W * C, row);
        for (int64_t w = 0; w < W_new; ++w) {
            weighted_sum(S[static_cast<size_t>(w)], C, row, pixel);
            for (int64_t c = 0; c < C; ++c) y[(piece * W_new + w) * C + c] = narrow<T>(pixel[c]);
        }
    });
}

// ---- lists on a GPU

// How an axis is resized: n pixels to `to`, or, transposed, `to` back to n.
struct Axis {
    int64_t n, to;
    Resize method;
    bool transposed;

    int64_t rows() const { return transposed ? n : to; }
    Taps taps() const {
        const Taps plain = taps_of(n, to, method);
        return transposed ? swingrad::transposed(plain, n) : plain;
    }
};

struct TapsOnDevice {
    Tensor places;   // int32: first [rows + 1] | from [entries]
    Tensor weights;  // [entries]
};

TapsOnDevice copied(const Taps& taps, DType dtype) {
    std::vector<int32_t> first{0}, from;
    std::vector<double> weights;
    for (const auto& row : taps) {
        for (const Tap& tap : row) {
            from.push_back(static_cast<int32_t>(tap.from));
            weights.push_back(tap.weight);
        }
        first.push_back(static_cast<int32_t>(from.size()));
    }
    first.insert(first.end(), from.begin(), from.end());
    return {Tensor::from({static_cast<int64_t>(first.size())}, first).on(Device::cuda),
            Tensor::from({static_cast<int64_t>(weights.size())}, weights).to(dtype).on(Device::cuda)};
}

// Copied when first asked for and kept, because copying waits for the device.
template <class W>
cuda::Taps<W> taps_on_device(const Axis& axis) {
    static std::mutex mutex;
    static auto& all = *new std::map<std::tuple<int64_t, int64_t, Resize, bool, DType>, TapsOnDevice>;
    const std::lock_guard lock(mutex);
    TapsOnDevice& taps = all[{axis.n, axis.to, axis.method, axis.transposed, dtype_of<W>()}];
    if (!taps.places.defined()) taps = copied(axis.taps(), dtype_of<W>());
    const int32_t* const first = taps.places.device_data<int32_t>();
    return {axis.rows(), first, first + axis.rows() + 1, taps.weights.device_data<W>()};
}

// ---- the choice of device

Tensor resized(const Tensor& x, const Axis& down, const Axis& across) {
    const Shape& shape = x.shape();
    const Tensor y = x.empty_like(shape.with(1, down.rows()).with(2, across.rows()));
    on_device_of(
        "resize", x, [&]<class T>(T) { forward(shape, down.taps(), across.taps(), x.data<T>(), y.data<T>()); },
        [&]<class T>(T) {
            using W = acc_type<T>;
            cuda::resize(shape[0], shape[1], shape[2], shape[3], taps_on_device<W>(down), taps_on_device<W>(across),
                         x.device_data<T>(), y.device_data<T>());
        });
    return y;
}

// ---- autograd node

struct ResizeNode final : Node {
    Extent from, to;
    Resize method = Resize::bilinear;

    std::string_view name() const override { return "resize"; }

    // forward: y = R x S^T, so:
    std::vector<Tensor> backward(const Tensor& dy, const NeedsInputGrad&) override {
        return {resized(dy, {from.rows, to.rows, method, true}, {from.columns, to.columns, method, true})};
    }
};

}  // namespace

// ---- public function

Tensor resize(const Tensor& x, Extent size, Resize method) {
    check(x.shape().rank() == 4 && x.shape()[1] > 0 && x.shape()[2] > 0,
          "[resize] x must be [B, H, W, C], neither H nor W 0, got {}", x.shape());
    check(size.rows > 0 && size.columns > 0, "[resize] size must be at least 1 x 1, got {} x {}", size.rows,
          size.columns);
    const Extent from{x.shape()[1], x.shape()[2]};
    if (size == from) return x;
    auto node = std::make_unique<ResizeNode>();
    node->from = from;
    node->to = size;
    node->method = method;
    return record(std::move(node), {x},
                  resized(x, {from.rows, size.rows, method, false}, {from.columns, size.columns, method, false}));
}

// ---- gradient checks: larger along one axis and smaller along the other, and both the other way round

namespace {

std::vector<Tensor> input(Random random) { return {random_tensor({2, 3, 5, 2}, random)}; }
const DeclareGradientCase bilinear_case{{"resize/bilinear", input, [](const std::vector<Tensor>& in) {
                                             return resize(in[0], {7, 4}, Resize::bilinear);
                                         }}};
const DeclareGradientCase bilinear_wide_case{{"resize/bilinear/wide", input, [](const std::vector<Tensor>& in) {
                                                  return resize(in[0], {2, 8}, Resize::bilinear);
                                              }}};
const DeclareGradientCase bicubic_case{{"resize/bicubic", input, [](const std::vector<Tensor>& in) {
                                            return resize(in[0], {7, 4}, Resize::bicubic);
                                        }}};
const DeclareGradientCase bicubic_wide_case{{"resize/bicubic/wide", input, [](const std::vector<Tensor>& in) {
                                                 return resize(in[0], {2, 8}, Resize::bicubic);
                                             }}};

}  // namespace
}  // namespace swingrad
