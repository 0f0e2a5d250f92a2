#include "core/threads.h"
#include "ops/ops.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cmath>

using namespace swingrad;
using namespace swingrad::test;

namespace {

Function with_labels(double label_smoothing) {
    return [=](const std::vector<Tensor>& in) { return cross_entropy(in[0], in[1], label_smoothing); };
}

Tensor some_labels(int64_t B, int64_t K) {
    std::vector<int64_t> labels;
    for (int64_t b = 0; b < B; ++b)
        labels.push_back(Random{9, 1}.below(static_cast<uint64_t>(b), static_cast<uint32_t>(K)));
    return Tensor::from({B}, labels);
}

// t_bc = smoothing / K + (1 - smoothing) [c = label]
Tensor as_targets(const Tensor& labels, int64_t K, double smoothing) {
    const Tensor targets = Tensor::zeros({labels.numel(), K}, DType::float64);
    for (double& t : targets.span<double>()) t = smoothing / static_cast<double>(K);
    for (int64_t b = 0; b < labels.numel(); ++b)
        targets.data<double>()[b * K + labels.data<int64_t>()[b]] += 1 - smoothing;
    return targets;
}

const Tensor one = Tensor::from({}, std::vector<double>{1});

}  // namespace

TEST_CASE("cross_entropy of shares 1/4 and 3/4 is log 4 for the first class, its gradient what is missing from 1") {
    // e^0 = 1 and e^(log 3) = 3, so p = (1/4, 3/4); the gradient is p - (1, 0).
    const Tensor logits = Tensor::from({1, 2}, std::vector<double>{0, std::log(3.0)});
    const Tensor label = Tensor::from({1}, std::vector<int64_t>{0});
    REQUIRE(cross_entropy(logits, label).item() == Approx(std::log(4.0)));
    const auto d = gradients_of(with_labels(0), {logits, label}, one)[0].values();
    REQUIRE(d[0] == Approx(-0.75));
    REQUIRE(d[1] == Approx(0.75));
}

TEST_CASE("cross_entropy agrees with PyTorch on hard, smoothed and soft targets") {
    const Tensor logits = Tensor::from({2, 3}, std::vector<double>{1, 2, -0.5, 0.25, -1, 3});
    const Tensor labels = Tensor::from({2}, std::vector<int64_t>{1, 0});
    const Tensor targets = Tensor::from({2, 3}, std::vector<double>{0.5, 0.2, 0.7, 0, 1.5, 0.3});
    // torch.nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing), and with targets.
    struct {
        const char* name;
        Tensor loss, gradient;
        double expected;
        std::vector<double> expected_gradient;
    } const cases[] = {
        {"hard",
         cross_entropy(logits, labels),
         gradients_of(with_labels(0), {logits, labels}, one)[0],
         1.6002876166283913,
         {0.12685809081751262, -0.1551639569377482, 0.02830586612023564, -0.4704651212037449, 0.008461884449811405,
          0.46200323675393346}},
        {"smoothed",
         cross_entropy(logits, labels, 0.1),
         gradients_of(with_labels(0.1), {logits, labels}, one)[0],
         1.6336209499617247,
         {0.11019142415084596, -0.12183062360441488, 0.011639199453568973, -0.43713178787041157, -0.008204782216855262,
          0.4453365700872668}},
        {"soft",
         cross_entropy_soft(logits, targets),
         gradients_of([&](const std::vector<Tensor>& in) { return cross_entropy_soft(in[0], targets); }, {logits},
                      one)[0],
         4.456209903560568,
         {-0.07239867285548235, 0.3827704602871525, -0.3103717874316701, 0.05316278183325921, -0.7347686079903395,
          0.6816058261570802}},
    };
    for (const auto& each : cases) DYNAMIC_SECTION(each.name) {
            REQUIRE(each.loss.shape() == Shape{});
            REQUIRE(each.loss.item() == Approx(each.expected).epsilon(1e-14));
            REQUIRE(largest_difference(each.gradient, Tensor::from({2, 3}, each.expected_gradient)) < 1e-15);
        }
}

TEST_CASE("cross_entropy leaves out the samples with the label to be ignored, as PyTorch does") {
    const Tensor logits = Tensor::from({4, 3}, std::vector<double>{1, 2, -0.5, 0.25, -1, 3, 0.5, 0.5, -2, 4, 0, 1});
    const Tensor labels = Tensor::from({4}, std::vector<int64_t>{1, 255, 2, 255});
    // torch.nn.functional.cross_entropy(logits, labels, ignore_index=255, label_smoothing=smoothing)
    struct {
        double smoothing, loss;
        std::vector<double> gradient;
    } const cases[] = {
        {0,
         1.8024544133399472,
         {0.12685809081751262, -0.1551639569377482, 0.02830586612023564, 0, 0, 0, 0.24014389438013448,
          0.24014389438013448, -0.48028778876026895, 0, 0, 0}},
        {0.1,
         1.7774544133399472,
         {0.11019142415084596, -0.12183062360441488, 0.011639199453568973, 0, 0, 0, 0.2234772277134678,
          0.2234772277134678, -0.4469544554269356, 0, 0, 0}},
    };
    for (const auto& [smoothing, expected, gradient] : cases) {
        const auto loss = [s = smoothing](const std::vector<Tensor>& in) {
            return cross_entropy(in[0], in[1], s, 255);
        };
        REQUIRE(loss({logits, labels}).item() == Approx(expected).epsilon(1e-14));
        REQUIRE(largest_difference(gradients_of(loss, {logits, labels}, one)[0], Tensor::from({4, 3}, gradient)) <
                1e-15);
        REQUIRE(largest_kernel_error(loss, {logits, labels}, DType::float64) < 1e-13);
        REQUIRE(largest_kernel_error(loss, {logits, labels}, DType::float32) < 2e-6);
        REQUIRE(largest_bfloat16_error(loss, {logits, labels}, {0}) < 0.005);
        // PyTorch has NaN here.
        const Tensor none = Tensor::from({4}, std::vector<int64_t>{255, 255, 255, 255});
        for (const Device device : {Device::cpu, Device::cuda}) {
            const auto in = on(device, {logits, none});
            REQUIRE(loss(in).item() == 0);
            for (const double each : gradients_of(loss, in, one)[0].values()) REQUIRE(each == 0);
        }
    }
    REQUIRE(error_of([&] { cross_entropy(logits, labels, 0, 254); }) ==
            "[cross_entropy] label 255 of sample 1 is not in 0..2");
}

TEST_CASE("cross_entropy of equal logits is log K, whatever the labels") {
    for (const int64_t K : {1, 10, 257})
        for (const double smoothing : {0.0, 0.1, 1.0})
            REQUIRE(cross_entropy(Tensor::zeros({33, K}, DType::float64), some_labels(33, K), smoothing).item() ==
                    Approx(std::log(static_cast<double>(K))));
}

TEST_CASE("cross_entropy of labels is the soft one of their targets, for awkward sizes") {
    for (const int64_t B : {1, 33, 257})
        for (const double smoothing : {0.0, 0.1}) DYNAMIC_SECTION(B << " samples, label_smoothing " << smoothing) {
                const int64_t K = 11;
                const Tensor logits = random_tensor({B, K}, Random{9, 2}, 3.0), labels = some_labels(B, K);
                const Tensor targets = as_targets(labels, K, smoothing);
                REQUIRE(largest_disagreement(
                            with_labels(smoothing),
                            [&](const std::vector<Tensor>& in) { return cross_entropy_soft(in[0], targets); },
                            {logits, labels}) == 0);
                // The definition, as naive as it stands.
                double loss = 0;
                for (int64_t b = 0; b < B; ++b) {
                    const double* z = logits.data<double>() + b * K;
                    double s = 0;
                    for (int64_t c = 0; c < K; ++c) s += std::exp(z[c]);
                    for (int64_t c = 0; c < K; ++c)
                        loss -=
                            targets.data<double>()[b * K + c] * std::log(std::exp(z[c]) / s) / static_cast<double>(B);
                }
                REQUIRE(cross_entropy(logits, labels, smoothing).item() == Approx(loss).epsilon(1e-12));
            }
}

TEST_CASE("cross_entropy does not overflow, underflow or mind a shift of all logits") {
    const Tensor label = Tensor::from({1}, std::vector<int64_t>{0});
    const auto loss = [&](const std::vector<float>& z) { return cross_entropy(Tensor::from({1, 3}, z), label).item(); };
    REQUIRE(loss({1000, 0, -1000}) == 0);
    REQUIRE(loss({-1000, 0, 1000}) == Approx(2000));
    REQUIRE(loss({10001, 10002, 10003}) == Approx(loss({1, 2, 3})));
    // A class ruled out: 0 log 0 = 0, in the loss and in the gradient.
    const Tensor ruled_out = Tensor::from({1, 3}, std::vector<double>{1, 1, -INFINITY});
    REQUIRE(cross_entropy(ruled_out, label).item() == Approx(std::log(2)));
    REQUIRE(gradients_of(with_labels(0), {ruled_out, label}, one)[0].values() == std::vector<double>{-0.5, 0.5, 0});
}

TEST_CASE("cross_entropy in float agrees with double") {
    const Tensor logits = random_tensor({257, 100}, Random{9, 3}, 3.0), labels = some_labels(257, 100);
    const Tensor narrow = logits.to(DType::float32);
    REQUIRE(std::abs(cross_entropy(logits, labels, 0.1).item() - cross_entropy(narrow, labels, 0.1).item()) < 5e-6);
    REQUIRE(largest_difference(gradients_of(with_labels(0.1), {logits, labels}, one)[0],
                               gradients_of(with_labels(0.1), {narrow, labels}, one.to(DType::float32))[0]) < 1e-8);
}

TEST_CASE("cross_entropy gives the same bits on any number of threads") {
    const Tensor logits = random_tensor({1000, 33}, Random{9, 4}, 3.0).to(DType::float32),
                 labels = some_labels(1000, 33);
    const Tensor cotangent = one.to(DType::float32);
    const int before = thread_count();
    set_thread_count(1);
    const double loss = cross_entropy(logits, labels, 0.1).item();
    const auto alone = gradients_of(with_labels(0.1), {logits, labels}, cotangent)[0].values();
    set_thread_count(3);
    REQUIRE(cross_entropy(logits, labels, 0.1).item() == loss);
    REQUIRE(gradients_of(with_labels(0.1), {logits, labels}, cotangent)[0].values() == alone);
    set_thread_count(before);
}

TEST_CASE("cross_entropy says which label, size or value is wrong, and that targets are constants") {
    const Tensor logits = Tensor::zeros({4, 10});
    const auto labelled = [&](std::vector<int64_t> labels) {
        return error_of([&] { cross_entropy(logits, Tensor::from({static_cast<int64_t>(labels.size())}, labels)); });
    };
    REQUIRE(labelled({0, 9, 3, 12}) == "[cross_entropy] label 12 of sample 3 is not in 0..9");
    REQUIRE(labelled({0, -1, 3, 4}) == "[cross_entropy] label -1 of sample 1 is not in 0..9");
    REQUIRE(labelled({0, 1}) == "[cross_entropy] labels must be int64 [4], got int64 [2]");
    REQUIRE(error_of([&] { cross_entropy(logits, Tensor::zeros({4})); }) ==
            "[cross_entropy] labels must be int64 [4], got float32 [4]");
    REQUIRE(error_of([&] { cross_entropy(logits, Tensor::zeros({4}, DType::int64), 1.5); }) ==
            "[cross_entropy] label_smoothing must be in 0 to 1, got 1.5");
    REQUIRE(error_of([&] {
                cross_entropy(Tensor::zeros({0, 10}), Tensor::zeros({0}, DType::int64));
            }) == "[cross_entropy] logits must be [B, K], neither 0, got [0, 10]");
    REQUIRE(error_of([&] { cross_entropy_soft(logits, Tensor::zeros({4})); }) ==
            "[cross_entropy] targets must be [4, 10] as the logits, got [4]");
    Tensor learnt = Tensor::zeros({4, 10});
    require_gradient(learnt);
    Tape tape;
    REQUIRE(error_of([&] { cross_entropy_soft(logits, learnt); }) ==
            "[cross_entropy: targets] has no gradient; take its inputs detached() or use NoGrad");
}

TEST_CASE("cross_entropy's kernels agree with its loops, for labels and for shares, on awkward sizes too") {
    for (const int64_t B : {1, 33, 257})
        for (const int64_t K : {1, 10, 33, 257})
            for (const double smoothing : {0.0, 0.1}) {
                const Tensor logits = random_tensor({B, K}, Random{9, 5}, 3.0), labels = some_labels(B, K);
                const Function soft = [&](const std::vector<Tensor>& in) {
                    const Tensor targets = as_targets(labels, K, smoothing).to(acc_dtype(in[0].dtype()));
                    return cross_entropy_soft(in[0], targets.on(in[0].device()));
                };
                INFO(B << " samples, " << K << " classes, smoothing " << smoothing);
                for (const Function& f : {with_labels(smoothing), soft}) {
                    REQUIRE(largest_kernel_error(f, {logits, labels}, DType::float64) < 1e-13);
                    REQUIRE(largest_kernel_error(f, {logits, labels}, DType::float32) < 2e-6);
                    REQUIRE(largest_bfloat16_error(f, {logits, labels}, {0}) < 0.005);
                }
            }
    REQUIRE(same_in_any_order(with_labels(0.1), {random_tensor({100, 40}, Random{9, 6}), some_labels(100, 40)}, one));
}

TEST_CASE("cross_entropy's kernels keep the loss and the shares of bfloat16 logits in float32") {
    const auto in = on(Device::cuda, {random_tensor({4, 5}, Random{9, 7}).to(DType::bfloat16), some_labels(4, 5)});
    REQUIRE(cross_entropy(in[0], in[1]).dtype() == DType::float32);
    REQUIRE(gradients_of(with_labels(0), in, one.to(DType::float32))[0].dtype() == DType::bfloat16);
}

TEST_CASE("cross_entropy's kernels mind neither large logits nor a class ruled out") {
    const Tensor logits =
        Tensor::from({4, 3}, std::vector<double>{1000, 0, -1000, -1000, 0, 1000, 1, 1, -INFINITY, -2001, -2000, -2002});
    const Tensor labels = Tensor::from({4}, std::vector<int64_t>{0, 0, 0, 0});
    REQUIRE(largest_kernel_error(with_labels(0), {logits, labels}, DType::float64) < 1e-13);
    REQUIRE(largest_kernel_error(with_labels(0), {logits, labels}, DType::float32) < 1e-6);
}

TEST_CASE("a label out of range makes the kernels' loss NaN, and the gradient of its row alone") {
    for (const int64_t wrong : {-1, 3}) {
        const auto in = on(Device::cuda,
                           {Tensor::zeros({2, 3}, DType::float64), Tensor::from({2}, std::vector<int64_t>{wrong, 2})});
        REQUIRE(std::isnan(cross_entropy(in[0], in[1], 0.1).item()));
        const auto gradient = gradients_of(with_labels(0.1), in, one)[0].values();
        for (size_t i = 0; i < 6; ++i) REQUIRE(std::isnan(gradient[i]) == (i < 3));
    }
}

TEST_CASE("cross_entropy refuses logits and labels on two devices") {
    const Tensor logits = Tensor::zeros({4, 10}, DType::float32, Device::cuda);
    REQUIRE(
        error_of([&] { cross_entropy(logits, Tensor::zeros({4}, DType::int64)); }) ==
        "[cross_entropy] logits is float32 [4, 10] on cuda, but labels is int64 [4] on cpu: all must be on one device");
    REQUIRE(
        error_of([&] {
            cross_entropy_soft(logits, Tensor::zeros({4, 10}));
        }) ==
        "[cross_entropy] logits is float32 [4, 10] on cuda, but targets is float32 [4, 10] on cpu: all must be on one "
        "device");
}
