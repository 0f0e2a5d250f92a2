// Graphs: work captured once and done again.
#include "cuda/runtime/runtime.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <optional>

using namespace swingrad;
using namespace swingrad::test;

namespace {

Tensor row(double first, double second) {
    return Tensor::from({1, 2}, std::vector<double>{first, second}).on(Device::cuda);
}

}  // namespace

TEST_CASE("a graph does its work when launched, with what then lies in memory") {
    const Tensor x = row(1, 2), weight = Tensor::from({2, 2}, std::vector<double>{1, 1, 1, -1}).on(Device::cuda);
    const Tensor y = x.empty_like({1, 2});
    const auto work = [&] { y.copy_from(add(matmul(x, weight), scale(x, 10))); };
    work();  // once before it is captured, so that nothing is left to be made on first use
    REQUIRE(y.values() == std::vector<double>{13, 19});
    y.fill_zero();
    cuda::Graph graph(work);
    REQUIRE(y.values() == std::vector<double>{0, 0});
    graph.launch();
    REQUIRE(y.values() == std::vector<double>{13, 19});
    x.copy_from(row(5, 3));
    graph.launch();
    REQUIRE(y.values() == std::vector<double>{58, 32});
}

TEST_CASE("a graph's memory is its own, and what was captured is gone with it") {
    const Tensor x = row(1, 2), y = x.empty_like({1, 2});
    std::optional<cuda::Graph> graph;
    graph.emplace([&] { y.copy_from(scale(scale(x, 3), 5)); });
    const Tensor bystander = row(7, 8);  // of the same size as what is made on the way
    graph->launch();
    REQUIRE(bystander.values() == std::vector<double>{7, 8});
    REQUIRE(y.values() == std::vector<double>{15, 30});
    graph.reset();
    REQUIRE(scale(x, 2).values() == std::vector<double>{2, 4});
}

TEST_CASE("a graph refuses what waits for the device, and leaves no capture open") {
    const Tensor x = row(1, 2);
    REQUIRE(error_of([&] { cuda::Graph([&] { x.values(); }); }) != "no error");
    REQUIRE(scale(x, 2).values() == std::vector<double>{2, 4});
}

TEST_CASE("forward and backward can be captured") {
    Tensor x = row(1, 2);
    require_gradient(x);
    const Tensor dx = x.zeros_like({1, 2});
    const auto work = [&] {
        zero_grad(x);
        Tape tape;
        tape.backward(sum(multiply(x, x)));
        dx.copy_from(gradient(x));
    };
    work();
    cuda::Graph graph(work);
    x.copy_from(row(3, -4));
    graph.launch();
    REQUIRE(dx.values() == std::vector<double>{6, -8});
}
