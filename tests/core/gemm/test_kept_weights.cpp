#include "core/gemm/engine.h"
#include "core/gemm/kept_weights.h"
#include "core/threads.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <optional>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// linear and mlp of `rows` rows, whose weights are parts of one memory, at odd places in it.
struct Layers {
    static constexpr int64_t I = 70, O = 130;
    Tensor memory, x, bias, bias2, weight, weight1, weight2;

    Layers(int64_t rows, DType dtype)
        : memory(random_tensor({3 * O * I + 64}, Random{1, 0}).to(dtype)),
          x(random_tensor({rows, I}, Random{2, 0}).to(dtype)),
          bias(random_tensor({O}, Random{3, 0}).to(acc_dtype(dtype))),
          bias2(random_tensor({I}, Random{4, 0}).to(acc_dtype(dtype))),
          weight(memory.subrange(16, {O, I})),
          weight1(memory.subrange(32 + O * I, {O, I})),
          weight2(memory.subrange(48 + 2 * O * I, {I, O})) {}

    std::vector<double> results() const {
        const NoGrad no_recording;
        std::vector<double> all = linear(x, weight, bias).values();
        for (const double one : mlp(x, weight1, bias, weight2, bias2).values()) all.push_back(one);
        return all;
    }
};

}  // namespace

TEST_CASE("weights that are kept give the same bits, for few rows and many, whoever multiplies") {
    const int threads = thread_count();
    for (const DType dtype : {DType::float32, DType::float64, DType::bfloat16})
        for (const int64_t rows : {1, 37, 513})
            for (const int those : {1, 2}) {
                INFO(name_of(dtype) << ", " << rows << " rows, " << those << " threads");
                set_thread_count(those);
                const Layers layers(rows, dtype);
                const std::vector<double> expected = layers.results();
                const KeptWeights kept({layers.memory});
                REQUIRE(layers.results() == expected);  // packs
                REQUIRE(layers.results() == expected);  // finds packed
            }
    set_thread_count(threads);
}

TEST_CASE("a weight is packed once while it is kept, and anew afterwards") {
    const Layers layers(5, DType::float32);
    const std::vector<double> first = layers.results();
    {
        const KeptWeights kept({layers.memory, Tensor()});
        layers.results();
        layers.memory.fill_zero();  // which nobody may do
        REQUIRE(layers.results() == first);
        {
            const KeptWeights again({layers.memory});
            REQUIRE(layers.results() == first);
        }
        REQUIRE(layers.results() == first);  // the first one keeps them still
    }
    REQUIRE(layers.results() != first);
}

TEST_CASE("only what lies in the memory that is kept is taken from there") {
    const Layers layers(5, DType::float32);
    const KeptWeights kept({layers.weight1});
    const std::vector<double> first = layers.results();
    layers.weight.fill_zero();
    const std::vector<double> then = layers.results();
    REQUIRE(then != first);
    for (int64_t i = 5 * Layers::O; i < 5 * (Layers::O + Layers::I); ++i)
        REQUIRE(then[static_cast<size_t>(i)] == first[static_cast<size_t>(i)]);
}

TEST_CASE("kept weights know which engine they were packed for") {
    const Layers layers(5, DType::float32);
    const auto by = [&](GemmEngine engine) {
        use_gemm_engine(engine);
        std::vector<double> results = layers.results();
        use_gemm_engine(GemmEngine::own);
        return results;
    };
    try {
        use_gemm_engine(GemmEngine::openblas);
        use_gemm_engine(GemmEngine::own);
    } catch (const Error&) {
        SUCCEED("built without OpenBLAS");
        return;
    }
    const std::vector<double> own = by(GemmEngine::own), blas = by(GemmEngine::openblas);
    const KeptWeights kept({layers.memory});
    for (int time = 0; time < 2; ++time) {
        REQUIRE(by(GemmEngine::own) == own);
        REQUIRE(by(GemmEngine::openblas) == blas);
    }
}
