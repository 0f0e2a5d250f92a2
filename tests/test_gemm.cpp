#include "core/gemm.h"

#include "autograd/gradcheck.h"
#include "core/threads.h"
#include "cuda/gemm.h"
#include "tests/catch.h"
#include "tests/support.h"

#include <cmath>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// One product's factors and result as they lie in memory, with `gap` elements after each row that belong to nobody.
struct Product {
    Layout layout_a, layout_b;
    int64_t m, n, k, gap;
    Tensor a, b, c;

    Product(Layout la, Layout lb, int64_t m_, int64_t n_, int64_t k_, int64_t gap_, DType dtype)
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
                            const Product product(layout_a, layout_b, m, n, k, gap, dtype);
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
                Product product(layout_a, layout_b, m, n, k, 3, DType::float32);
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
        const Product product(Layout::plain, Layout::plain, 33, 17, k, 0, DType::float32);
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
            const Product product(layout_a, layout_b, 3, 2, 0, 0, DType::float64);
            const auto before = product.c.values();
            product.run(true);
            REQUIRE(product.c.values() == before);
            product.run(false);
            REQUIRE(product.c.values() == std::vector<double>(6, 0.0));
        }
    Product(Layout::plain, Layout::plain, 0, 5, 4, 0, DType::float32).run(false);
    Product(Layout::plain, Layout::plain, 5, 0, 4, 0, DType::float32).run(false);
}

TEST_CASE("gemm refuses sizes that the BLAS cannot count") {
    float value = 0;
    const int64_t large = int64_t{1} << 31;
    REQUIRE(error_of([&] {
                gemm(Layout::plain, Layout::plain, 1, 1, 1, &value, large, &value, 1, &value, 1, false);
            }) == "[gemm] sizes must fit into 31 bits, got m 1, n 1, k 1, leading dimensions 2147483648, 1, 1");
}

TEST_CASE("sums are cut into 1 to 16 groups by their length alone") {
    REQUIRE(sum_groups(0) == 1);
    REQUIRE(sum_groups(1023) == 1);
    REQUIRE(sum_groups(1024) == 2);
    REQUIRE(sum_groups(5000) == 9);
    REQUIRE(sum_groups(1 << 20) == 16);
}

// ---- the device's

namespace {

// c of the same product by the device, computed in `a`'s and `b`'s dtype, written in c's.
Tensor on_device(const Product& product, DType factors, DType result, bool accumulate) {
    const Tensor a = product.a.to(factors).on(Device::cuda), b = product.b.to(factors).on(Device::cuda),
                 c = product.c.to(result).on(Device::cuda);
    const auto run = [&]<class T, class Out>(T, Out) {
        cuda::gemm(product.layout_a, product.layout_b, product.m, product.n, product.k, a.device_data<T>(),
                   product.lda(), b.device_data<T>(), product.ldb(), c.device_data<Out>(), product.ldc(), accumulate);
    };
    dispatch_kernel("test", factors, [&]<class T>(T) {
        if (factors == result) run(T{}, T{});
        else if constexpr (std::is_same_v<T, bfloat16>) run(T{}, float{});
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
                            Product product(layout_a, layout_b, m, n, k, gap, DType::float64);
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
    cuda::gemm_bias(m, n, k, factors[0].device_data<bfloat16>(), factors[1].device_data<bfloat16>(),
                    factors[2].device_data<float>(), c.device_data<bfloat16>());
    const auto a = factors[0].values(), b = factors[1].values(), bias = factors[2].to(DType::bfloat16).values(),
               got = c.values();
    for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < n; ++j) {
            double sum = bias[j];
            for (size_t l = 0; l < k; ++l) sum += a[i * k + l] * b[j * k + l];
            REQUIRE(got[i * n + j] == Approx(sum).epsilon(1.0 / 256).margin(1e-6));
        }
}
