#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

Tensor vector_of(const std::vector<double>& values) {
    return Tensor::from({static_cast<int64_t>(values.size())}, values);
}

size_t recorded(const Function& f, Tensor x) {
    require_gradient(x);
    const Tape tape;
    f({x});
    return tape.size();
}

}  // namespace

TEST_CASE("operators of tensors and numbers come out as on paper") {
    const Tensor a = vector_of({1, -2, 4}), b = vector_of({2, 4, -8});
    REQUIRE((a + b).values() == std::vector<double>{3, 2, -4});
    REQUIRE((a - b).values() == std::vector<double>{-1, -6, 12});
    REQUIRE((a * b).values() == std::vector<double>{2, -8, -32});
    REQUIRE((a / b).values() == std::vector<double>{0.5, -0.5, -0.5});
    REQUIRE((-a).values() == std::vector<double>{-1, 2, -4});
    REQUIRE((a + 1).values() == std::vector<double>{2, -1, 5});
    REQUIRE((a - 1).values() == std::vector<double>{0, -3, 3});
    REQUIRE((a * 2).values() == std::vector<double>{2, -4, 8});
    REQUIRE((a / 2).values() == std::vector<double>{0.5, -1, 2});
    REQUIRE((1 + a).values() == std::vector<double>{2, -1, 5});
    REQUIRE((1 - a).values() == std::vector<double>{0, 3, -3});
    REQUIRE((2 * a).values() == std::vector<double>{2, -4, 8});
    REQUIRE((1 / a).values() == std::vector<double>{1, -0.5, 0.25});
    REQUIRE((2 / a).values() == std::vector<double>{2, -1, 0.5});
}

TEST_CASE("a formula in operators agrees with the function it spells out, gradients too") {
    const Tensor x = random_tensor({3, 5}, Random{2, 30});
    REQUIRE(largest_disagreement([](const auto& in) { return 1 / (1 + exp(-in[0])); },
                                 [](const auto& in) { return sigmoid(in[0]); }, {x}) < 1e-14);
    REQUIRE(largest_disagreement([](const auto& in) { return (in[0] - 0.5) * in[0] / 4 - 3 / (2 - in[0] * -0.1); },
                                 [](const auto& in) {
                                     return subtract(scale(multiply(affine(in[0], 1, -0.5), in[0]), 0.25),
                                                     scale(pow(affine(in[0], 0.1, 2), -1), 3));
                                 },
                                 {x}) < 1e-13);
}

TEST_CASE("an operator is one operation, but for a number over a tensor") {
    const Tensor x = vector_of({1, 2});
    for (const Function& f :
         std::vector<Function>{[](const auto& in) { return in[0] + 1; }, [](const auto& in) { return 1 - in[0]; },
                               [](const auto& in) { return in[0] / 3; }, [](const auto& in) { return -in[0]; },
                               [](const auto& in) { return 1 / in[0]; }, [](const auto& in) { return in[0] / in[0]; }})
        REQUIRE(recorded(f, x) == 1);
    REQUIRE(recorded([](const auto& in) { return 3 / in[0]; }, x) == 2);
}
