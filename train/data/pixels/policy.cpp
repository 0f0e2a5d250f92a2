#include "train/data/pixels/policy.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

namespace swingrad {
namespace {

// ---- AutoAugment's pairs: operation, probability, magnitude; "*" is the policy's kind of posterize

struct Step {
    const char* operation;
    double probability, magnitude;
};
using Pair = std::array<Step, 2>;

// arXiv 1805.09501, table 9.
constexpr Pair paper[25] = {
    {{{"*", 0.4, 8}, {"Rotate", 0.6, 9}}},          {{{"Solarize", 0.6, 5}, {"AutoContrast", 0.6, 5}}},
    {{{"Equalize", 0.8, 8}, {"Equalize", 0.6, 3}}}, {{{"*", 0.6, 7}, {"*", 0.6, 6}}},
    {{{"Equalize", 0.4, 7}, {"Solarize", 0.2, 4}}}, {{{"Equalize", 0.4, 4}, {"Rotate", 0.8, 8}}},
    {{{"Solarize", 0.6, 3}, {"Equalize", 0.6, 7}}}, {{{"*", 0.8, 5}, {"Equalize", 1.0, 2}}},
    {{{"Rotate", 0.2, 3}, {"Solarize", 0.6, 8}}},   {{{"Equalize", 0.6, 8}, {"*", 0.4, 6}}},
    {{{"Rotate", 0.8, 8}, {"Color", 0.4, 0}}},      {{{"Rotate", 0.4, 9}, {"Equalize", 0.6, 2}}},
    {{{"Equalize", 0.0, 7}, {"Equalize", 0.8, 8}}}, {{{"Invert", 0.6, 4}, {"Equalize", 1.0, 8}}},
    {{{"Color", 0.6, 4}, {"Contrast", 1.0, 8}}},    {{{"Rotate", 0.8, 8}, {"Color", 1.0, 2}}},
    {{{"Color", 0.8, 8}, {"Solarize", 0.8, 7}}},    {{{"Sharpness", 0.4, 7}, {"Invert", 0.6, 8}}},
    {{{"ShearX", 0.6, 5}, {"Equalize", 1.0, 9}}},   {{{"Color", 0.4, 0}, {"Equalize", 0.6, 3}}},
    {{{"Equalize", 0.4, 7}, {"Solarize", 0.2, 4}}}, {{{"Solarize", 0.6, 5}, {"AutoContrast", 0.6, 5}}},
    {{{"Invert", 0.6, 4}, {"Equalize", 1.0, 8}}},   {{{"Color", 0.6, 4}, {"Contrast", 1.0, 8}}},
    {{{"Equalize", 0.8, 8}, {"Equalize", 0.6, 3}}},
};

// "v0" of the TPU's EfficientNet, in no paper.
constexpr Pair of_efficientnet[25] = {
    {{{"Equalize", 0.8, 1}, {"ShearY", 0.8, 4}}},       {{{"Color", 0.4, 9}, {"Equalize", 0.6, 3}}},
    {{{"Color", 0.4, 1}, {"Rotate", 0.6, 8}}},          {{{"Solarize", 0.8, 3}, {"Equalize", 0.4, 7}}},
    {{{"Solarize", 0.4, 2}, {"Solarize", 0.6, 2}}},     {{{"Color", 0.2, 0}, {"Equalize", 0.8, 8}}},
    {{{"Equalize", 0.4, 8}, {"SolarizeAdd", 0.8, 3}}},  {{{"ShearX", 0.2, 9}, {"Rotate", 0.6, 8}}},
    {{{"Color", 0.6, 1}, {"Equalize", 1.0, 2}}},        {{{"Invert", 0.4, 9}, {"Rotate", 0.6, 0}}},
    {{{"Equalize", 1.0, 9}, {"ShearY", 0.6, 3}}},       {{{"Color", 0.4, 7}, {"Equalize", 0.6, 0}}},
    {{{"*", 0.4, 6}, {"AutoContrast", 0.4, 7}}},        {{{"Solarize", 0.6, 8}, {"Color", 0.6, 9}}},
    {{{"Solarize", 0.2, 4}, {"Rotate", 0.8, 9}}},       {{{"Rotate", 1.0, 7}, {"TranslateYRel", 0.8, 9}}},
    {{{"ShearX", 0.0, 0}, {"Solarize", 0.8, 4}}},       {{{"ShearY", 0.8, 0}, {"Color", 0.6, 4}}},
    {{{"Color", 1.0, 0}, {"Rotate", 0.6, 2}}},          {{{"Equalize", 0.8, 4}, {"Equalize", 0.0, 8}}},
    {{{"Equalize", 1.0, 4}, {"AutoContrast", 0.6, 2}}}, {{{"ShearY", 0.4, 7}, {"SolarizeAdd", 0.6, 7}}},
    {{{"*", 0.8, 2}, {"Solarize", 0.6, 10}}},           {{{"Solarize", 0.6, 8}, {"Equalize", 0.6, 1}}},
    {{{"Color", 0.8, 6}, {"Rotate", 0.4, 5}}},
};

constexpr struct {
    const char* name;
    const Pair (&pairs)[25];
    const char* posterize;
} auto_augment[] = {
    {"original", paper, "PosterizeOriginal"},
    {"originalr", paper, "PosterizeIncreasing"},
    {"v0", of_efficientnet, "Posterize"},
    {"v0r", of_efficientnet, "PosterizeIncreasing"},
};

// ---- RandAugment's operations; those with an asterisk have an "Increasing" kind

constexpr const char* rand_augment[] = {"AutoContrast", "Equalize",    "Invert", "Rotate",        "Posterize*",
                                        "Solarize*",    "SolarizeAdd", "Color*", "Contrast*",     "Brightness*",
                                        "Sharpness*",   "ShearX",      "ShearY", "TranslateXRel", "TranslateYRel"};

// ---- the text

// "-m9" and so on, each at most once.
class Options {
  public:
    explicit Options(const std::string& text) : text_(text) {
        for (size_t begin = text.find('-'); begin != std::string::npos;) {
            const size_t end = text.find('-', begin + 1);
            const std::string one = text.substr(begin + 1, end - begin - 1);
            const size_t digits = one.find_first_of("0123456789.");
            const std::string key = one.substr(0, digits);
            if (digits == std::string::npos || !seen_.insert(key).second) wrong();
            values_.emplace_back(key, one.substr(digits));
            begin = end;
        }
    }

    // The number that follows `key`, or else what it is without.
    double take(const std::string& key, double otherwise, double least, double most, bool is_whole) {
        const auto found =
            std::find_if(values_.begin(), values_.end(), [&](const auto& value) { return value.first == key; });
        if (found == values_.end()) return otherwise;
        const std::string digits = found->second;
        values_.erase(found);
        double value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        const bool is_number = error == std::errc() && end == digits.data() + digits.size();
        check(is_number && value >= least && value <= most && (!is_whole || value == std::floor(value)),
              "policy \"{}\": {} must be {}{} to {}, got {}", text_, key, is_whole ? "a whole number, " : "", least,
              most, digits);
        return value;
    }

    void nothing_left() const {
        if (!values_.empty()) wrong();
    }

    [[noreturn]] void wrong() const {
        fail(
            "unknown policy \"{}\": expected one such as rand-m9-n2-p0.5-mstd0.5-mmax10-inc1, or original, originalr, "
            "v0 or v0r, with -mstd0.5 or without",
            text_);
    }

  private:
    const std::string text_;
    std::set<std::string> seen_;
    std::vector<std::pair<std::string, std::string>> values_;
};

double deviation_in(Options& options) {
    constexpr double uniform_from = 100;
    const double value = options.take("mstd", 0, 0, 1e6, false);
    return value > uniform_from ? std::numeric_limits<double>::infinity() : value;
}

Policy rand_augment_policy(Options& options) {
    const double magnitude = options.take("m", 10, 0, 1000, true);
    const double probability = options.take("p", 0.5, 0, 1, false);
    Policy policy;
    policy.layers = static_cast<int64_t>(options.take("n", 2, 1, 1000, true));
    policy.deviation = deviation_in(options);
    policy.most_magnitude = options.take("mmax", 10, 1, 1000, true);
    const bool increasing = options.take("inc", 0, 1, 1, true) == 1;
    for (std::string name : rand_augment) {
        if (name.ends_with('*')) name.replace(name.size() - 1, 1, increasing ? "Increasing" : "");
        policy.sequences.push_back({{policy_operation(name), probability, magnitude}});
    }
    return policy;
}

double magnitude_of(const PolicyStep& step, const Policy& policy, Draws& draws) {
    double magnitude = step.magnitude;
    if (std::isinf(policy.deviation)) magnitude = draws.between(0, magnitude);
    else if (policy.deviation > 0) magnitude += policy.deviation * draws.normal();
    return std::clamp(magnitude, 0.0, policy.most_magnitude);
}

}  // namespace

Policy policy_named(const std::string& text) {
    if (text.empty()) return {};
    const std::string name = text.substr(0, text.find('-'));
    Options options(text);
    Policy policy;
    if (name == "rand") policy = rand_augment_policy(options);
    for (const auto& [known, pairs, posterize] : auto_augment) {
        if (name != known) continue;
        policy.deviation = deviation_in(options);
        for (const Pair& pair : pairs) {
            policy.sequences.emplace_back();
            for (const auto& [operation, probability, magnitude] : pair)
                policy.sequences.back().push_back(
                    {policy_operation(operation == std::string("*") ? posterize : operation), probability, magnitude});
        }
    }
    if (policy.sequences.empty()) options.wrong();
    options.nothing_left();
    return policy;
}

Tensor augmented(const Tensor& image, const Policy& policy, const Ground& ground, Draws& draws) {
    if (policy.sequences.empty()) return image;
    Tensor result = image;
    for (int64_t layer = 0; layer < policy.layers; ++layer) {
        const auto choice = static_cast<size_t>(draws.below(static_cast<int64_t>(policy.sequences.size())));
        for (const PolicyStep& step : policy.sequences[choice]) {
            if (!draws.chance(step.probability)) continue;
            const double magnitude = magnitude_of(step, policy, draws);
            result = step.operation(result, magnitude, ground, draws);
        }
    }
    return result;
}

}  // namespace swingrad
