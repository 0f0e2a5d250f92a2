#include "core/gemm/gemm.h"

#include "autograd/gradcheck.h"
#include "core/gemm/packed_operand.h"
#include "core/gemm/product_log.h"
#include "core/threads.h"
#include "cuda/runtime/gemm.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cblas.h>  // which has a bfloat16 of its own

#include <cmath>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// One product's factors and result as they lie in memory, with `gap` elements after each row that belong to no row.
struct Case {
    Layout layout_a, layout_b;
    int64_t m, n, k, gap;
    Tensor a, b, c;

    Case(Layout la, Layout lb, int64_t m_, int64_t n_, int64_t k_, int64_t gap_, DType dtype)
        : layout_a(la), layout_b(lb), m(m_), n(n_), k(k_), gap(gap_) {
        a = random_tensor({la == Layout::plain ? m : k, lda()}, Random{3, 1}).to(dtype);
        b = random_tensor({lb == Layout::plain ? k : n, ldb()}, Random{3, 2}).to(dtype);
        c = random_tensor({m, ldc()}, Random{3, 3}).to(dtype);
    }
    int64_t lda() const { return (layout_a == Layout::plain ? k : m) + gap; }
    int64_t ldb() const { return (layout_b == Layout::plain ? n : k) + gap; }
    int64_t ldc() const { return n + gap; }

    void run(bool accumulate) const {
        dispatch_float("test", a.dtype(), [&]<class T>(T) {
            gemm(layout_a, layout_b, m, n, k, a.data<T>(), lda(), b.data<T>(), ldb(), c.data<T>(), ldc(), accumulate);
        });
    }
    // What c should hold afterwards; the gaps as they were.
    std::vector<double> expected(bool accumulate) const {
        const auto A = a.values(), B = b.values();
        auto C = c.values();
        const auto at = [](const std::vector<double>& values, Layout layout, int64_t row, int64_t column, int64_t ld) {
            return values[static_cast<size_t>(layout == Layout::plain ? row * ld + column : column * ld + row)];
        };
        for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < n; ++j) {
                double sum = 0;
                for (int64_t l = 0; l < k; ++l) sum += at(A, layout_a, i, l, lda()) * at(B, layout_b, l, j, ldb());
                double& out = C[static_cast<size_t>(i * ldc() + j)];
                out = accumulate ? out + sum : sum;
            }
        return C;
    }
};

double worst(const std::vector<double>& expected, const Tensor& c) {
    const auto got = c.values();
    double largest = 0;
    for (size_t i = 0; i < got.size(); ++i) largest = std::max(largest, std::abs(got[i] - expected[i]));
    return largest;
}

constexpr Layout layouts[] = {Layout::plain, Layout::transposed};

}  // namespace

TEST_CASE("gemm agrees with three loops in all layouts, added or not, with and without gaps between rows") {
    const int64_t sizes[][3] = {{1, 1, 1},     {1, 33, 7},   {33, 1, 257},  {5, 3, 1},
                                {257, 33, 65}, {600, 9, 31}, {17, 19, 1500}};
    for (const auto& [m, n, k] : sizes)
        for (const Layout layout_a : layouts)
            for (const Layout layout_b : layouts)
                for (const int64_t gap : {0, 5})
                    for (const bool accumulate : {false, true})
                        for (const DType dtype : {DType::float32, DType::float64}) {
                            const Case product(layout_a, layout_b, m, n, k, gap, dtype);
                            const auto expected = product.expected(accumulate);
                            product.run(accumulate);
                            INFO(fmt::format("m {} n {} k {} a {} b {} gap {} accumulate {} {}", m, n, k, int(layout_a),
                                             int(layout_b), gap, accumulate, name_of(dtype)));
                            const double allowed = (dtype == DType::float32 ? 1e-5 : 1e-13) * std::sqrt(double(k)) * 4;
                            REQUIRE(worst(expected, product.c) < allowed);
                        }
}

TEST_CASE("gemm has the same bits on 1, 2 and 3 threads") {
    const int before = thread_count();
    const int64_t sizes[][3] = {{96, 70, 5000}, {600, 33, 48}, {600, 64, 2100}, {1, 1, 20000}};
    for (const auto& [m, n, k] : sizes)
        for (const Layout layout_a : layouts)
            for (const Layout layout_b : layouts) {
                Case product(layout_a, layout_b, m, n, k, 3, DType::float32);
                const Tensor start = product.c;
                std::vector<double> first;
                for (const int threads : {1, 2, 3}) {
                    set_thread_count(threads);
                    product.c = start.clone();
                    product.run(true);
                    INFO(fmt::format("m {} n {} k {}, {} threads", m, n, k, threads));
                    if (threads == 1) first = product.c.values();
                    REQUIRE(product.c.values() == first);
                }
            }
    set_thread_count(before);
}

TEST_CASE("gemm does not read what it overwrites") {
    for (const int64_t k : {8, 5000}) {
        const Case product(Layout::plain, Layout::plain, 33, 17, k, 0, DType::float32);
        const auto expected = product.expected(false);
        for (float& value : product.c.span<float>()) value = std::numeric_limits<float>::quiet_NaN();
        product.run(false);
        REQUIRE(worst(expected, product.c) < 1e-2);
        REQUIRE(std::isfinite(product.c.values()[0]));
    }
}

TEST_CASE("a product over no terms is zero, or nothing added") {
    for (const Layout layout_a : layouts)
        for (const Layout layout_b : layouts) {
            const Case product(layout_a, layout_b, 3, 2, 0, 0, DType::float64);
            const auto before = product.c.values();
            product.run(true);
            REQUIRE(product.c.values() == before);
            product.run(false);
            REQUIRE(product.c.values() == std::vector<double>(6, 0.0));
        }
    Case(Layout::plain, Layout::plain, 0, 5, 4, 0, DType::float32).run(false);
    Case(Layout::plain, Layout::plain, 5, 0, 4, 0, DType::float32).run(false);
}

TEST_CASE("products of the sizes that models have agree with OpenBLAS") {
    openblas_set_num_threads(1);
    const int64_t sizes[][3] = {{256, 288, 96}, {200, 384, 1536}, {391, 49, 257}, {128, 10, 384}, {7, 1536, 384}};
    for (const auto& [m, n, k] : sizes)
        for (const Layout layout_a : layouts)
            for (const Layout layout_b : layouts) {
                const Case product(layout_a, layout_b, m, n, k, 0, DType::float32);
                const Tensor expected = product.c.clone();
                const auto transpose = [](Layout layout) {
                    return layout == Layout::plain ? CblasNoTrans : CblasTrans;
                };
                cblas_sgemm(CblasRowMajor, transpose(layout_a), transpose(layout_b), static_cast<int>(m),
                            static_cast<int>(n), static_cast<int>(k), 1, product.a.data<float>(),
                            static_cast<int>(product.lda()), product.b.data<float>(), static_cast<int>(product.ldb()),
                            1, expected.data<float>(), static_cast<int>(n));
                product.run(true);
                INFO(fmt::format("m {} n {} k {} a {} b {}", m, n, k, int(layout_a), int(layout_b)));
                REQUIRE(worst(expected.values(), product.c) < 1e-5 * std::sqrt(double(k)));
            }
}

TEST_CASE("an element of a product has the same bits whatever is computed beside it") {
    const Case whole(Layout::plain, Layout::transposed, 391, 70, 600, 0, DType::float32);
    whole.run(false);
    const PackedOperand<float> row(Layout::transposed, 1, 600, whole.b.data<float>() + 37 * 600, 600);
    for (const int64_t i : {0, 5, 191, 192, 390}) {
        float alone = 0;
        multiply(Layout::plain, 1, whole.a.data<float>() + i * 600, 600, row, &alone, 1);
        REQUIRE(alone == whole.c.data<float>()[i * 70 + 37]);
    }
}

TEST_CASE("a product's sums begin as zero, a row or a matrix") {
    const std::vector<float> a = {1, 2, 3, 4}, b = {5, 6, 7, 8, 9, 10}, bias = {100, 200, 300};
    std::vector<float> c(6, -1);
    const PackedOperand<float> packed(Layout::plain, 3, 2, b.data(), 3);
    multiply(Layout::plain, 2, a.data(), 2, packed, c.data(), 3);
    REQUIRE(c == std::vector<float>{21, 24, 27, 47, 54, 61});
    multiply(Layout::plain, 2, a.data(), 2, packed, c.data(), 3, InitialValue<float>::row(bias.data()));
    REQUIRE(c == std::vector<float>{121, 224, 327, 147, 254, 361});
    multiply(Layout::plain, 2, a.data(), 2, packed, c.data(), 3, InitialValue<float>::matrix(c.data(), 3));
    REQUIRE(c == std::vector<float>{142, 248, 354, 194, 308, 422});
}

TEST_CASE("a log counts the products of all threads, and there is one log at a time") {
    {
        const ProductLog log;
        Case(Layout::plain, Layout::plain, 100, 8, 4, 0, DType::float32).run(false);
        REQUIRE(log.flops() == 2.0 * 100 * 8 * 4);
        REQUIRE(log.products() == std::map<Product, int64_t>{{{DType::float32, Layout::plain, 32, 8, 4, false}, 3},
                                                             {{DType::float32, Layout::plain, 4, 8, 4, false}, 1}});
        REQUIRE(error_of([] { const ProductLog second; }) == "[gemm] products are being noted already");
    }
    const ProductLog log;
    REQUIRE(log.flops() == 0);
}

TEST_CASE("sums are cut into 1, 2, 4, 8 or 16 groups by their length alone") {
    REQUIRE(sum_groups(0) == 1);
    REQUIRE(sum_groups(767) == 1);
    REQUIRE(sum_groups(768) == 2);
    REQUIRE(sum_groups(2048) == 4);
    REQUIRE(sum_groups(5000) == 8);
    REQUIRE(sum_groups(6144) == 16);
    REQUIRE(sum_groups(1 << 20) == 16);
}

// ---- pairs: what a processor that multiplies two bfloat16 at a time is given, by what any processor can do

TEST_CASE("products of pairs of bfloat16 are those of the same numbers as floats, in both layouts") {
    const int64_t sizes[][3] = {{1, 1, 1}, {33, 1, 257}, {5, 3, 0}, {257, 33, 65}, {17, 19, 1500}, {7, 100, 34}};
    const int64_t gaps[] = {2, 3};  // rows of an even length, a gap of 2 between them, are read in place
    for (const auto& size : sizes)
        for (const Layout layout_a : layouts)
            for (const Layout layout_b : layouts)
                for (const int64_t gap : gaps) {
                    const int64_t m = size[0], n = size[1], k = size[2];  // names that Clang 14's lambdas can capture
                    INFO(fmt::format("m {} n {} k {} a {} b {} gap {}", m, n, k, int(layout_a), int(layout_b), gap));
                    Case product(layout_a, layout_b, m, n, k, gap, DType::bfloat16);
                    const auto multiplied = [&]<class F, class Out>(F, Out) {
                        const PackedOperand<swingrad::bfloat16, F> b(
                            layout_b, n, k, product.b.data<swingrad::bfloat16>(), product.ldb());
                        const Tensor c = Tensor::zeros({m, product.ldc()}, dtype_of<Out>());
                        const std::vector<float> bias(static_cast<size_t>(n), 0.25f);
                        multiply(layout_a, m, product.a.data<swingrad::bfloat16>(), product.lda(), b, c.data<Out>(),
                                 product.ldc(), InitialValue<float>::row(bias.data()));
                        return c;
                    };
                    const Tensor expected = multiplied(float{}, float{});
                    REQUIRE(largest_difference(multiplied(Bfloat16Pair{}, float{}), expected) <
                            1e-5 * std::sqrt(double(k + 1)) * 4);
                    const Tensor rounded = multiplied(Bfloat16Pair{}, swingrad::bfloat16{});
                    for (size_t i = 0; i < rounded.values().size(); ++i)
                        REQUIRE(rounded.values()[i] == Approx(expected.values()[i]).epsilon(1.0 / 128).margin(1e-4));
                }
}

// ---- the device's

namespace {

// c of the same product by the device, computed in `a`'s and `b`'s dtype, written in c's.
Tensor on_device(const Case& product, DType factors, DType result, bool accumulate) {
    const Tensor a = product.a.to(factors).on(Device::cuda), b = product.b.to(factors).on(Device::cuda),
                 c = product.c.to(result).on(Device::cuda);
    const auto run = [&]<class T, class Out>(T, Out) {
        cuda::gemm(product.layout_a, product.layout_b, product.m, product.n, product.k, a.device_data<T>(),
                   product.lda(), b.device_data<T>(), product.ldb(), c.device_data<Out>(), product.ldc(), accumulate);
    };
    dispatch_any_float("test", factors, [&]<class T>(T) {
        if (factors == result) run(T{}, T{});
        else if constexpr (std::is_same_v<T, swingrad::bfloat16>) run(T{}, float{});
    });
    return c.on_cpu();
}

}  // namespace

TEST_CASE("the device's gemm agrees with three loops in all layouts and types, and leaves gaps alone") {
    const int64_t sizes[][3] = {{1, 1, 1}, {33, 1, 257}, {5, 3, 0}, {257, 33, 65}, {0, 3, 2}, {17, 19, 1500}};
    struct {
        DType factors, result;
        double accuracy;
    } const types[] = {{DType::float64, DType::float64, 1e-13},
                       {DType::float32, DType::float32, 1e-5},
                       {DType::bfloat16, DType::float32, 1e-5},
                       {DType::bfloat16, DType::bfloat16, 1.0 / 64}};
    for (const auto& [m, n, k] : sizes)
        for (const Layout layout_a : layouts)
            for (const Layout layout_b : layouts)
                for (const int64_t gap : {0, 5})
                    for (const bool accumulate : {false, true})
                        for (const auto& [factors, result, accuracy] : types) {
                            Case product(layout_a, layout_b, m, n, k, gap, DType::float64);
                            // Rounded first, so that what is compared is the product alone.
                            product.a = product.a.to(factors).to(DType::float64);
                            product.b = product.b.to(factors).to(DType::float64);
                            product.c = product.c.to(result).to(DType::float64);
                            const Tensor c = on_device(product, factors, result, accumulate);
                            INFO(fmt::format("m {} n {} k {} a {} b {} gap {} accumulate {} {} {}", m, n, k,
                                             int(layout_a), int(layout_b), gap, accumulate, name_of(factors),
                                             name_of(result)));
                            REQUIRE(worst(product.expected(accumulate), c) < accuracy * std::sqrt(double(k + 1)) * 4);
                        }
}

TEST_CASE("a product whose rows begin as the bias is the product plus the bias, in bfloat16 rounded once") {
    const int64_t m = 33, n = 7, k = 5;
    const auto factors = on(Device::cuda, {random_tensor({m, k}, Random{3, 4}).to(DType::bfloat16),
                                           random_tensor({n, k}, Random{3, 5}).to(DType::bfloat16),
                                           random_tensor({n}, Random{3, 6}).to(DType::float32)});
    const Tensor c = Tensor::empty({m, n}, DType::bfloat16, Device::cuda);
    cuda::gemm_bias(m, n, k, factors[0].device_data<swingrad::bfloat16>(), factors[1].device_data<swingrad::bfloat16>(),
                    factors[2].device_data<float>(), c.device_data<swingrad::bfloat16>());
    const auto a = factors[0].values(), b = factors[1].values(), bias = factors[2].to(DType::bfloat16).values(),
               got = c.values();
    for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j) {
            double sum = bias[j];
            for (size_t l = 0; l < k; ++l) sum += a[i * k + l] * b[j * k + l];
            REQUIRE(got[i * n + j] == Approx(sum).epsilon(1.0 / 256).margin(1e-6));
        }
}
