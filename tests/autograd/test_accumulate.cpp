#include "autograd/accumulate.h"

#include "ops/ops.h"
#include "tests/autograd/tape_nodes.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

const std::vector<DType> floats{DType::float32, DType::float64, DType::bfloat16};

// "no error", or what require_finite says.
std::string complaint(const Tensor& tensor) {
    return error_of([&] { require_finite(tensor, "output", "op", "node 1"); });
}

}  // namespace

TEST_CASE("gradients add up on a device as they do on the CPU, in new memory and in place") {
    for (const int64_t length : {0, 1, 33, 4099})
        for (const DType dtype : floats) {
            const Tensor a = random_tensor({length}, Random{1, 1}).to(dtype),
                         b = random_tensor({length}, Random{1, 2}).to(dtype);
            const Tensor sum =
                (dtype == DType::bfloat16 ? added(a.to(DType::float32), b.to(DType::float32)).to(dtype) : added(a, b));
            INFO(a.describe());
            const Tensor there = a.on(Device::cuda), term = b.on(Device::cuda);
            REQUIRE(same_bits(added(there, term), sum));
            REQUIRE(same_bits(there, a));
            add_into(there, term);
            REQUIRE(same_bits(there, sum));
        }
    const Tensor here = Tensor::zeros({2}), there = Tensor::zeros({2}, DType::float32, Device::cuda);
    REQUIRE(error_of([&] { add_into(there, here); }) ==
            "[accumulate] cannot add float32 [2] on cpu to float32 [2] on cuda");
}

TEST_CASE("a tensor is filled where it is") {
    for (const Device device : {Device::cpu, Device::cuda})
        for (const DType dtype : floats)
            for (const Shape& shape : {Shape{}, Shape{0, 3}, Shape{3, 257}}) {
                const Tensor tensor = filled(shape, -1.5, dtype, device);
                REQUIRE(tensor.device() == device);
                REQUIRE(tensor.dtype() == dtype);
                REQUIRE(tensor.values() == Values(static_cast<size_t>(shape.numel()), -1.5));
            }
}

TEST_CASE("the first value that is not finite is found on either device") {
    for (const Device device : {Device::cpu, Device::cuda})
        for (const DType dtype : floats) {
            Tensor x = random_tensor({7, 150}, Random{1, 3});
            REQUIRE(complaint(x.to(dtype).on(device)) == "no error");
            x.data<double>()[1049] = -INFINITY;
            REQUIRE(complaint(x.to(dtype).on(device)) ==
                    "[op] node 1: output [7, 150] holds -inf at element 1049, the first value that is not finite");
            x.data<double>()[300] = NAN;
            REQUIRE(complaint(x.to(dtype).on(device)) ==
                    "[op] node 1: output [7, 150] holds nan at element 300, the first value that is not finite");
            REQUIRE(complaint(Tensor::zeros({0}, dtype, device)) == "no error");
        }
}

TEST_CASE("backward of one number begins with a one on its device") {
    for (const Device device : {Device::cpu, Device::cuda}) {
        Tensor x = Tensor::from({1}, std::vector<double>{3}).on(device).detached();
        require_gradient(x);
        Tape tape;
        tape.backward(swingrad::multiply(x, x));
        REQUIRE(gradient(x).device() == device);
        REQUIRE(gradient(x).item() == 6);
    }
    Tensor x = Tensor::zeros({2}, DType::float64, Device::cuda);
    require_gradient(x);
    Tape tape;
    const Tensor y = swingrad::add(x, x);
    REQUIRE(error_of([&] {
                tape.backward(y, vector({1, 1}));
            }) == "[backward] the cotangent must be float64 [2] on cuda, got float64 [2] on cpu");
}

TEST_CASE("leaves on a device collect gradients, over several uses, tapes and a replay, in a bound buffer too") {
    const Function f = [](const std::vector<Tensor>& in) {
        return swingrad::add(in[0], swingrad::multiply(in[0], in[1]));
    };
    const Function replayed = [&](const std::vector<Tensor>& in) {
        return swingrad::add(checkpoint(f, in), checkpoint(f, {in[1], in[0]}));
    };
    const std::vector<Tensor> in{random_tensor({33}, Random{1, 4}), random_tensor({33}, Random{1, 5})};
    REQUIRE(largest_kernel_error(replayed, in, DType::float64) < 1e-14);
    Tensor x = in[0].on(Device::cuda);
    require_gradient(x);
    const Tensor all = filled({99}, 7, DType::float64, Device::cuda), cotangent = in[1].on(Device::cuda);
    bind_gradient(x, all.slice(33, 66));
    for (int pass = 0; pass < 2; ++pass) {
        Tape tape;
        tape.backward(swingrad::scale(x, 2), cotangent);
    }
    const Values expected = swingrad::scale(in[1], 4).values();
    REQUIRE(gradient(x).values() == expected);
    REQUIRE(all.slice(33, 66).values() == expected);
    REQUIRE(all.slice(0, 33).values() == Values(33, 7));
    REQUIRE(all.slice(66, 99).values() == Values(33, 7));
}
