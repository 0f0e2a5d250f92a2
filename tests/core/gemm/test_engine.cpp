#include "core/gemm/engine.h"

#include "core/gemm/product_kernels.h"
#include "core/threads.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

// While one of these lives, OpenBLAS multiplies.
struct ByOpenBlas {
    ByOpenBlas() { use_gemm_engine(GemmEngine::openblas); }
    ~ByOpenBlas() { use_gemm_engine(GemmEngine::own); }
    ByOpenBlas(const ByOpenBlas&) = delete;
    ByOpenBlas& operator=(const ByOpenBlas&) = delete;
};

Tensor layers(const std::vector<Tensor>& in) { return matmul(linear(in[0], in[1], in[2]), in[3]); }

// Inputs of more rows than one piece of work has, and sums of more terms than a panel is deep.
std::vector<Tensor> inputs(DType dtype) {
    std::vector<Tensor> all = {random_tensor({1500, 700}, Random{9, 1}), random_tensor({50, 700}, Random{9, 2}),
                               random_tensor({50}, Random{9, 3}), random_tensor({50, 33}, Random{9, 4})};
    for (Tensor& one : all) one = one.to(dtype);
    return all;
}

}  // namespace

TEST_CASE("products by OpenBLAS are those of our own kernels, values and gradients, within rounding") {
    for (const auto& [dtype, accuracy] : {std::pair{DType::float32, 2e-5}, {DType::float64, 1e-12}}) {
        const auto in = inputs(dtype);
        const Tensor own = layers(in), cotangent = random_tensor(own.shape(), Random{9, 5}).to(dtype);
        const auto gradients = gradients_of(layers, in, cotangent);
        const ByOpenBlas engine;
        REQUIRE(contains(product_kernel(dtype), "OpenBLAS, "));
        const Tensor by_blas = layers(in);
        REQUIRE(largest_difference(by_blas, own) < accuracy * 50);
        REQUIRE(by_blas.values() != own.values());  // longer sums are cut elsewhere: it is OpenBLAS that multiplied
        const auto others = gradients_of(layers, in, cotangent);
        for (size_t i = 0; i < others.size(); ++i)
            REQUIRE(largest_difference(others[i], gradients[i]) < accuracy * 1500);
    }
}

TEST_CASE("products by OpenBLAS have the same bits on any number of threads") {
    const auto in = inputs(DType::float32);
    const ByOpenBlas engine;
    const int before = thread_count();
    std::vector<std::vector<double>> found;
    for (const int threads : {1, 2, 5}) {
        set_thread_count(threads);
        const Tensor y = layers(in);
        auto all = y.values();
        for (const Tensor& gradient : gradients_of(layers, in, y)) {
            const auto values = gradient.values();
            all.insert(all.end(), values.begin(), values.end());
        }
        found.push_back(all);
    }
    set_thread_count(before);
    REQUIRE(found[1] == found[0]);
    REQUIRE(found[2] == found[0]);
}

TEST_CASE("products of bfloat16 stay our own, and an engine that there is not is refused") {
    const auto in = inputs(DType::bfloat16);
    const Tensor own = matmul(in[1], in[0].slice(0, 700));
    const ByOpenBlas engine;
    REQUIRE(matmul(in[1], in[0].slice(0, 700)).values() == own.values());
    REQUIRE(error_of([] { gemm_engine_named("mkl"); }) == "--gemm must be own or openblas, got 'mkl'");
    REQUIRE(name_of(gemm_engine()) == "openblas");
}
