// What the tests of `swingrad explain` share: a model to explain, and the page's pictures as numbers.
#pragma once

#include "tests/models/small_swin.h"
#include "tests/support/support.h"
#include "train/program/explain/explanation.h"

#include <cmath>
#include <string>
#include <vector>

namespace swingrad::test {

// A model with every parameter away from where it starts, so that nothing is the identity, and a picture for it.
struct ExplainedSwin {
    SwinConfig config;
    SwinV2 model;
    Parameters parameters;
    Tensor input;

    explicit ExplainedSwin(const SwinConfig& of)
        : config(of),
          model(config),
          parameters(model, DType::float32, Random{}),
          input(Tensor::empty({1, config.img_size.rows, config.img_size.columns, 3})) {
        for (size_t i = 0; i < parameters.entries().size(); ++i) {
            const auto& entry = parameters.entries()[i];
            const auto values = random_tensor(entry.shape, Random{3, i}).values();
            for (size_t k = 0; k < values.size(); ++k)
                entry.value.data<float>()[k] =
                    static_cast<float>(0.4 * values[k] + (entry.shape.rank() == 1 ? 0.5 : 0));
        }
        for (int64_t i = 0; i < input.numel(); ++i)
            input.data<float>()[i] =
                static_cast<float>(Random{4, 0}.below(static_cast<uint64_t>(i), 256)) / 255 * 4 - 2;
    }

    Explained seen() const {
        const Normalisation to_two{{0.5f, 0.5f, 0.5f}, {0.25f, 0.25f, 0.25f}};
        return explained({"a run", "small", "a </script> picture.png", config, to_two, {"one", "<two>", "three"}},
                         parameters, input);
    }
};

inline std::string bytes_of(const nlohmann::json& base64) {
    const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    uint32_t group = 0, bits = 0;
    for (const char c : base64.get<std::string>()) {
        if (c == '=') break;
        group = group << 6 | static_cast<uint32_t>(digits.find(c));
        if ((bits += 6) >= 8) bytes += static_cast<char>(group >> (bits -= 8) & 255);
    }
    return bytes;
}

inline std::vector<double> values_of(const nlohmann::json& picture) {
    std::vector<double> values;
    const double least = picture.at("least"), most = picture.at("most");
    for (const char byte : bytes_of(picture.at("bytes")))
        values.push_back(least + static_cast<uint8_t>(byte) / 255.0 * (most - least));
    return values;
}

// Whether a picture holds these numbers, as closely as it says.
inline bool holds(const nlohmann::json& picture, const std::vector<double>& expected) {
    const std::vector<double> values = values_of(picture);
    const double range = picture.at("most").get<double>() - picture.at("least").get<double>();
    if (values.size() != expected.size()) return false;
    for (size_t i = 0; i < values.size(); ++i)
        if (!(std::abs(values[i] - expected[i]) <= range / 510 + 1e-5 * (1 + std::abs(expected[i])))) return false;
    return true;
}

}  // namespace swingrad::test
