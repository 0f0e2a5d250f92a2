#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {
const Function assembled = [](const std::vector<Tensor>& in) { return qkv_bias(in[0], in[1]); };
}

TEST_CASE("qkv_bias of (1, 2) and (3, 4) is (1, 2, 0, 0, 3, 4), and the keys' gradient goes nowhere") {
    const Tensor q = Tensor::from({2}, std::vector<double>{1, 2}), v = Tensor::from({2}, std::vector<double>{3, 4});
    REQUIRE(qkv_bias(q, v).values() == std::vector<double>{1, 2, 0, 0, 3, 4});
    const auto gradients = gradients_of(assembled, {q, v}, Tensor::from({6}, std::vector<double>{1, 2, 3, 4, 5, 6}));
    REQUIRE(gradients[0].values() == std::vector<double>{1, 2});
    REQUIRE(gradients[1].values() == std::vector<double>{5, 6});
}

TEST_CASE("qkv_bias puts each third in its place for any number of channels") {
    for (const int64_t C : {1, 33, 257})
        for (const DType dtype : {DType::float32, DType::float64}) {
            const Tensor q = random_tensor({C}, Random{8, 1}).to(dtype), v = random_tensor({C}, Random{8, 2}).to(dtype);
            const Tensor y = qkv_bias(q, v);
            REQUIRE(y.slice(0, C).values() == q.values());
            REQUIRE(y.slice(C, 2 * C).values() == std::vector<double>(static_cast<size_t>(C), 0.0));
            REQUIRE(y.slice(2 * C, 3 * C).values() == v.values());
        }
}

TEST_CASE("qkv_bias used twice adds up the gradients of both uses") {
    Tensor q = random_tensor({3}, Random{8, 3}), v = random_tensor({3}, Random{8, 4});
    require_gradient(q);
    require_gradient(v);
    const Tensor cotangent = random_tensor({3 * 3}, Random{8, 5});
    const auto kept = cotangent.values();
    for (int use = 0; use < 2; ++use) {
        Tape tape;
        tape.backward(qkv_bias(q, v), cotangent);
    }
    for (int64_t i = 0; i < 3; ++i) {
        REQUIRE(gradient(q).data<double>()[i] == 2 * cotangent.data<double>()[i]);
        REQUIRE(gradient(v).data<double>()[i] == 2 * cotangent.data<double>()[6 + i]);
    }
    REQUIRE(cotangent.values() == kept);  // dq and dv are ranges of it, and must not be written to
}

TEST_CASE("qkv_bias says which shape is wrong") {
    REQUIRE(error_of([] {
                qkv_bias(Tensor::zeros({2, 3}), Tensor::zeros({3}));
            }) == "[qkv_bias] q must be [C], got [2, 3]");
    REQUIRE(error_of([] { qkv_bias(Tensor::zeros({3}), Tensor::zeros({4})); }) == "[qkv_bias] v must be [3], got [4]");
}

TEST_CASE("qkv_bias is on a device what it is on the CPU, and refuses operands on two devices") {
    for (const int64_t C : {1, 33, 257}) {
        const std::vector<Tensor> in{random_tensor({C}, Random{8, 6}), random_tensor({C}, Random{8, 7})};
        REQUIRE(largest_kernel_error(assembled, in, DType::float64) == 0);
        REQUIRE(largest_kernel_error(assembled, in, DType::float32) == 0);
    }
    REQUIRE(error_of([] { qkv_bias(Tensor::zeros({3}), Tensor::zeros({3}, DType::float32, Device::cuda)); }) ==
            "[qkv_bias] q is float32 [3] on cpu, but v is float32 [3] on cuda: all must be on one device");
}
