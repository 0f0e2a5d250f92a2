// What a model of texts writes: drawn as its logits say, from the last tokens it can see.
#include "core/factories.h"
#include "models/nn/sequence.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/program/own/own_write.h"

#include <cmath>
#include <map>

using namespace swingrad;
using namespace swingrad::test;

namespace {

constexpr int64_t context = 4;

// int64 [1, 4] -> logits [1, 4, 3]: of the token after a, the logarithms of row a of a table of shares.
struct Table : Module {
    Embedding next{3, 3};
    mutable std::vector<std::vector<double>> seen;

    Table() { declare("next", next); }
    Tensor forward(const Tensor& tokens) const override {
        seen.push_back(tokens.on_cpu().values());
        return next(tokens);
    }
};

struct Writer {
    Table model;
    Parameters parameters;

    explicit Writer(const std::vector<double>& shares)
        : parameters(model, DType::float32, Random{}, Device::cpu, Gradients::no) {
        for (size_t i = 0; i < 9; ++i) parameters.values().data<float>()[i] = static_cast<float>(std::log(shares[i]));
    }
    std::vector<int64_t> write(std::vector<int64_t> text, int64_t length, double temperature,
                               Random random = {}) const {
        std::vector<int64_t> told = text;
        write_tokens(model, parameters, context, {length, temperature, random}, text,
                     [&](int64_t token) { told.push_back(token); });
        REQUIRE(told == text);
        return text;
    }
};

const std::vector<double> shares{0.1, 0.2, 0.7, 0.6, 0.3, 0.1, 0.25, 0.5, 0.25};

}  // namespace

TEST_CASE("at temperature 0 the likeliest token follows, and the window moves on with the text") {
    const Writer writer(shares);
    REQUIRE(writer.write({0}, 6, 0) == std::vector<int64_t>{0, 2, 1, 0, 2, 1, 0});
    const auto& seen = writer.model.seen;
    REQUIRE(seen.size() == 6);
    REQUIRE(seen[0] == std::vector<double>{0, 0, 0, 0});
    REQUIRE(seen[1] == std::vector<double>{0, 2, 0, 0});
    REQUIRE(seen[3] == std::vector<double>{0, 2, 1, 0});
    REQUIRE(seen[5] == std::vector<double>{1, 0, 2, 1});
}

TEST_CASE("tokens are drawn as often as softmax of the logits over the temperature says") {
    const Writer writer(shares);
    for (const double temperature : {1.0, 0.5}) {
        const std::vector<int64_t> text = writer.write({0}, 20'000, temperature, Random{5, 1});
        std::map<int64_t, double> after, of_all;
        for (size_t i = 0; i + 1 < text.size(); ++i) {
            after[3 * text[i] + text[i + 1]] += 1;
            of_all[text[i]] += 1;
        }
        for (int64_t a = 0; a < 3; ++a) {
            double sum = 0;
            for (size_t b = 0; b < 3; ++b) sum += std::pow(shares[static_cast<size_t>(3 * a) + b], 1 / temperature);
            for (int64_t b = 0; b < 3; ++b) {
                const double share = std::pow(shares[static_cast<size_t>(3 * a + b)], 1 / temperature) / sum;
                INFO(temperature << ": " << a << " then " << b);
                // Four standard deviations.
                REQUIRE(std::abs(after[3 * a + b] / of_all[a] - share) <
                        4 * std::sqrt(share * (1 - share) / of_all[a]));
            }
        }
    }
}

TEST_CASE("a seed writes the same text whatever its length, and another seed another") {
    const Writer writer(shares);
    const auto text = writer.write({1}, 60, 1, Random{7, 1});
    auto longer = writer.write({1}, 80, 1, Random{7, 1});
    longer.resize(61);
    REQUIRE(longer == text);
    REQUIRE(writer.write({1}, 60, 1, Random{8, 1}) != text);
}

TEST_CASE("a model that cannot write is told of in one line") {
    struct Flat : Module {
        Parameter unused;
        Flat() { declare("unused", unused, {1}, Init::constant(0)); }
        Tensor forward(const Tensor& tokens) const override { return Tensor::zeros({tokens.shape()[1], 3}); }
    };
    Flat flat;
    const Parameters parameters(flat, DType::float32, Random{}, Device::cpu, Gradients::no);
    const auto error_from = [&](std::vector<int64_t> text) {
        return error_of([&] { write_tokens(flat, parameters, context, {1, 1, {}}, text, [](int64_t) {}); });
    };
    REQUIRE(error_from({}) == "[write] expected a token to begin with, got none");
    REQUIRE(error_from({1}) == "[write] a model of texts must give logits [1, 4, K], got float32 [4, 3] on cpu");
    const Writer writer({0.1, NAN, 0.7, 1, 1, 1, 1, 1, 1});
    REQUIRE(error_of([&] { writer.write({0}, 1, 1); }) == "[write] the logit of token 1 is nan, which says nothing");
}
