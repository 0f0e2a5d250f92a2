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
// R and S have at most four entries a row and are lists of these, as are R^T and S^T: an element of dx is one sum too.
// Saved: nothing; the lists are short and are made again. A GPU gets them once for each pair of sizes, and keeps them.
// Source: Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29, 1981; positions,
// borders and a are those of torch's interpolate with align_corners false. Test: tests/image/test_resize.cpp.

#include "cuda/image/resize.h"
#include "core/threads.h"
#include "ops/image/sparse_matrix.h"
#include "ops/operation.h"
#include "ops/ops.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

namespace swingrad {

// ---- forward: y = R x S^T. With R^T and S^T, dy for x and dx for y, backward too

template <class T>
void ResizeOp<T>::forward() const {
    parallel_rows(B * R.rows, W * C, [&](int64_t row) {  // of y
        const int64_t b = row / R.rows, j = row % R.rows;
        std::vector<A> R_x(W * C), pixel(C);  // a row of R x, a pixel of y
        for (int32_t e = R.first[j]; e < R.first[j + 1]; ++e)
            for (int64_t i = 0; i < W * C; ++i) R_x[i] += R.weight[e] * x[(b * H + R.column[e]) * W * C + i];
        for (int64_t k = 0; k < S.rows; ++k) {
            std::fill(pixel.begin(), pixel.end(), A(0));
            for (int32_t e = S.first[k]; e < S.first[k + 1]; ++e)
                for (int64_t c = 0; c < C; ++c) pixel[c] += S.weight[e] * R_x[S.column[e] * C + c];
            for (int64_t c = 0; c < C; ++c) y[(row * S.rows + k) * C + c] = pixel[c];
        }
    });
}

// ---- R and S

namespace {

double k(double d) {
    constexpr double a = -0.75;
    return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

// [n_new, n]; transposed, [n, n_new].
SparseLists interpolation(int64_t n, int64_t n_new, Resize method, bool transposed, DType dtype) {
    std::vector<MatrixEntry> entries;
    const double step = static_cast<double>(n) / static_cast<double>(n_new);
    for (int64_t j = 0; j < n_new; ++j) {
        const double s = (static_cast<double>(j) + 0.5) * step - 0.5, i = std::floor(s), t = s - i;
        const bool two = method == Resize::bilinear;
        const double weights[] = {two ? 0 : k(1 + t), two ? 1 - t : k(t), two ? t : k(1 - t), two ? 0 : k(2 - t)};
        for (int64_t tap = 0; tap < 4; ++tap) {
            const int64_t pixel = std::clamp<int64_t>(static_cast<int64_t>(i) - 1 + tap, 0, n - 1);
            if (weights[tap] != 0) entries.push_back({transposed ? pixel : j, transposed ? j : pixel, weights[tap]});
        }
    }
    return sparse_lists(transposed ? n : n_new, std::move(entries), dtype);
}

// Copied to a GPU when first asked for and kept, because copying waits for the device.
SparseLists interpolation_on(Device device, int64_t n, int64_t n_new, Resize method, bool transposed, DType dtype) {
    if (device != Device::cuda) return interpolation(n, n_new, method, transposed, dtype).on(device);
    static std::mutex mutex;
    static auto& kept = *new std::map<std::tuple<int64_t, int64_t, Resize, bool, DType>, SparseLists>;
    const std::lock_guard lock(mutex);
    SparseLists& lists = kept[{n, n_new, method, transposed, dtype}];
    if (!lists.first.defined()) lists = interpolation(n, n_new, method, transposed, dtype).on(device);
    return lists;
}

Tensor resized(const Tensor& x, Extent from, Extent to, Resize method, bool transposed) {
    const Shape& shape = x.shape();
    const DType dtype = acc_dtype(x.dtype());
    const SparseLists R = interpolation_on(x.device(), from.rows, to.rows, method, transposed, dtype);
    const SparseLists S = interpolation_on(x.device(), from.columns, to.columns, method, transposed, dtype);
    const Tensor y = x.empty_like(shape.with(1, R.rows()).with(2, S.rows()));
    run_forward("resize", x, [&]<class T>(T) {
        return ResizeOp<T>{
            .B = shape[0], .H = shape[1], .W = shape[2], .C = shape[3], .R = R, .S = S, .x = ptr(x), .y = ptr(y)};
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
        return {resized(dy, from, to, method, true)};
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
    return record(std::move(node), {x}, resized(x, from, size, method, false));
}

// ---- gradient checks: larger along one axis and smaller along the other, and both the other way round

const auto resize_case = [](const char* name, Extent size, Resize method) {
    const auto inputs = [](Random random) { return std::vector{random_tensor({2, 3, 5, 2}, random)}; };
    return GradientCase{name, inputs, [=](const std::vector<Tensor>& in) { return resize(in[0], size, method); }};
};
const DeclareGradientCase bilinear_case{resize_case("resize/bilinear", {7, 4}, Resize::bilinear)};
const DeclareGradientCase bilinear_wide_case{resize_case("resize/bilinear/wide", {2, 8}, Resize::bilinear)};
const DeclareGradientCase bicubic_case{resize_case("resize/bicubic", {7, 4}, Resize::bicubic)};
const DeclareGradientCase bicubic_wide_case{resize_case("resize/bicubic/wide", {2, 8}, Resize::bicubic)};

}  // namespace swingrad
