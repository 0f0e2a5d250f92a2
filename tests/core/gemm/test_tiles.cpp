// Products by tiles, here by tiles in plain C++ (EmulatedTiles); by the processor's where a build has these: all other
// tests of products of bfloat16. For sets whose panels are as wide as three tiles, AVX-512 and on.
#include "core/factories.h"
#include "core/gemm/tile_product.h"
#include "core/random.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Half = swingrad::bfloat16;
using Operand = PackedOperand<Half, Bfloat16Pair>;
constexpr bool wide_panels = panel_columns<Bfloat16Pair> == detail::tile_panel;

// Rows of numbers with NaN between them.
Tensor with_gaps(int64_t rows, int64_t columns, int64_t gap, uint64_t stream) {
    Tensor all = random_tensor({rows, columns + gap}, Random{7, stream}).to(DType::bfloat16);
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = columns; j < columns + gap; ++j)
            all.data<Half>()[i * (columns + gap) + j] = Half(std::numeric_limits<float>::quiet_NaN());
    return all;
}

struct Factors {
    Layout layout_a, layout_b;
    int64_t m, n, k, gap;
    Tensor a, b, bias, before;

    Factors(Layout la, Layout lb, int64_t m_, int64_t n_, int64_t k_, int64_t gap_)
        : layout_a(la), layout_b(lb), m(m_), n(n_), k(k_), gap(gap_) {
        a = la == Layout::plain ? with_gaps(m, k, gap, 1) : with_gaps(k, m, gap, 1);
        b = lb == Layout::plain ? with_gaps(k, n, gap, 2) : with_gaps(n, k, gap, 2);
        bias = random_tensor({n}, Random{7, 3}).to(DType::float32);
        before = random_tensor({m, n + gap}, Random{7, 4}).to(DType::float32);
    }
    int64_t lda() const { return (layout_a == Layout::plain ? k : m) + gap; }
    int64_t ldb() const { return (layout_b == Layout::plain ? n : k) + gap; }
    double a_of(int64_t i, int64_t l) const {
        return float(a.data<Half>()[layout_a == Layout::plain ? i * lda() + l : l * lda() + i]);
    }
    double b_of(int64_t l, int64_t j) const {
        return float(b.data<Half>()[layout_b == Layout::plain ? l * ldb() + j : j * ldb() + l]);
    }
};

enum class Begin { zero, row, matrix };

// By tiles, m x (n + gap), rounded to Out; what no element of C is, is -1.
template <class Out, class Tiles = EmulatedTiles, class B = Operand>
Tensor by_tiles(const Factors& f, Begin begin) {
    Tensor c = Tensor::empty({f.m, f.n + f.gap}, dtype_of<Out>());
    for (Out& number : c.span<Out>()) number = Out(-1.0f);
    if constexpr (wide_panels) {
        const B b(f.layout_b, f.n, f.k, f.b.data<Half>(), f.ldb());
        const auto initial = begin == Begin::zero  ? InitialValue<float>::zero()
                             : begin == Begin::row ? InitialValue<float>::row(f.bias.data<float>())
                                                   : InitialValue<float>::matrix(f.before.data<float>(), f.n + f.gap);
        detail::multiply_by_tiles<Tiles>(f.layout_a, f.m, f.a.data<Half>(), f.lda(), b, c.data<Out>(), f.n + f.gap,
                                         initial);
    }
    return c;
}

// The largest error over sqrt(k), and that nothing was written between the rows.
template <class Out>
double worst_error(const Factors& f, Begin begin) {
    const std::vector<double> found = by_tiles<Out>(f, begin).values();
    double worst = 0;
    for (int64_t i = 0; i < f.m; ++i) {
        for (int64_t j = 0; j < f.n; ++j) {
            double expected = begin == Begin::zero  ? 0
                              : begin == Begin::row ? f.bias.data<float>()[j]
                                                    : f.before.data<float>()[i * (f.n + f.gap) + j];
            for (int64_t l = 0; l < f.k; ++l) expected += f.a_of(i, l) * f.b_of(l, j);
            const double error = std::abs(found[size_t(i * (f.n + f.gap) + j)] - expected);
            // bfloat16 has eight bits, of which rounding takes half the last
            const double rounding = std::is_same_v<Out, float> ? 0 : std::abs(expected) / 256;
            worst = std::max(worst, (std::isfinite(error) ? error - rounding : 1e9) / std::sqrt(double(f.k + 1)));
        }
        for (int64_t j = f.n; j < f.n + f.gap; ++j) REQUIRE(found[size_t(i * (f.n + f.gap) + j)] == -1);
    }
    return worst;
}

}  // namespace

TEST_CASE("products by tiles are those of three loops, in both layouts, from any beginning, beside gaps of NaN") {
    if (!wide_panels) return;
    const int64_t sizes[][3] = {{1, 1, 1},      {16, 48, 32},   {33, 1, 257}, {5, 3, 0},       {257, 33, 65},
                                {17, 49, 1500}, {300, 96, 512}, {7, 100, 34}, {48, 144, 1024}, {31, 47, 96}};
    int turn = 0;  // beginnings by turns, each with every layout and gap over the sizes
    for (const auto& size : sizes) {
        for (const Layout layout_a : {Layout::plain, Layout::transposed})
            for (const Layout layout_b : {Layout::plain, Layout::transposed})
                for (const int64_t gap : {0, 2, 3}) {
                    const Begin begin{turn++ % 3};
                    const Factors f(layout_a, layout_b, size[0], size[1], size[2], gap);
                    INFO(fmt::format("m {} n {} k {} a {} b {} gap {} begin {}", f.m, f.n, f.k, int(layout_a),
                                     int(layout_b), gap, int(begin)));
                    REQUIRE(worst_error<float>(f, begin) < 2e-6);
                    REQUIRE(worst_error<Half>(f, begin) < 2e-6);
                }
        ++turn;
    }
}

TEST_CASE("an element of a product by tiles has the same bits whatever is computed beside it") {
    if (!wide_panels) return;
    const Factors whole(Layout::plain, Layout::transposed, 295, 70, 600, 0);
    const Tensor expected = by_tiles<float>(whole, Begin::matrix);
    for (const int64_t row : {0, 15, 31, 255, 256, 290, 294}) {
        Factors alone(Layout::plain, Layout::transposed, 1, 1, 600, 0);
        alone.a = whole.a.slice(row, row + 1);
        alone.b = whole.b.slice(37, 38);
        alone.before = full({1, 1}, whole.before.data<float>()[row * 70 + 37]);
        REQUIRE(by_tiles<float>(alone, Begin::matrix).data<float>()[0] == expected.data<float>()[row * 70 + 37]);
    }
}

#ifdef __AMX_BF16__
TEST_CASE("the processor's tiles multiply as the emulated ones do") {
    for (const int64_t k : {32, 96, 1500}) {
        const Factors f(Layout::plain, Layout::plain, 291, 144, k, 2);
        REQUIRE(largest_difference(by_tiles<float, TileRegisters>(f, Begin::row), by_tiles<float>(f, Begin::row)) <
                1e-5 * std::sqrt(double(k)));
    }
}
#endif
