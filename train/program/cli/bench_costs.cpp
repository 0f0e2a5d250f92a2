#include "train/program/cli/bench_costs.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace swingrad {

StepCosts watched_steps(const std::function<void(StepProfile&)>& step) {
    constexpr int steps = 3;
    StepCosts costs;
    std::map<Product, int64_t> products;
    {
        StepProfile profile;
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < steps; ++i) step(profile);
        costs.rest_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        costs.operations = profile.operations();
        costs.flops = profile.products().flops() / steps;
        products = profile.products().products();
    }
    for (OperationCost& cost : costs.operations) {
        costs.rest_s -= cost.seconds();
        cost.calls /= steps;
        for (double* sum : {&cost.forward_s, &cost.backward_s, &cost.forward_flops, &cost.backward_flops})
            *sum /= steps;
    }
    costs.rest_s /= steps;
    costs.products_s = seconds_of_products(products) / steps;
    return costs;
}

void print_costs(const StepCosts& costs, double step_s, double images) {
    double sum_s = costs.rest_s;
    for (const OperationCost& cost : costs.operations) sum_s += cost.seconds();
    fmt::print("\n{:<24} {:>8} {:>8} {:>9} {:>7} {:>9}\n", "ms a step, by operation", "calls", "forward", "backward",
               "share", "GFLOP/s");
    for (const OperationCost& cost : costs.operations)
        fmt::print("{:<24} {:>8} {:>8.1f} {:>9.1f} {:>6.1f}% {:>9}\n", cost.name, cost.calls, 1e3 * cost.forward_s,
                   1e3 * cost.backward_s, 100 * cost.seconds() / sum_s,
                   cost.flops() > 0 ? fmt::format("{:.0f}", cost.flops() / cost.seconds() / 1e9) : "");
    fmt::print("{:<24} {:>8} {:>8} {:>9.1f} {:>6.1f}%\n", "optimiser and the rest", "", "", 1e3 * costs.rest_s,
               100 * costs.rest_s / sum_s);
    if (costs.flops == 0 || costs.products_s == 0) return;  // plain loops note no products
    fmt::print(
        "\nmatrix products: {:.1f} GFLOP a step, {:.0f} GFLOP/s over the whole step; by themselves, with factors\n"
        "packed and in the cache, {:.0f} GFLOP/s and {:.1f} ms, so at most {:.1f} images/s: this is {:.0f} % of it\n",
        costs.flops / 1e9, costs.flops / step_s / 1e9, costs.flops / costs.products_s / 1e9, 1e3 * costs.products_s,
        images / costs.products_s, 100 * costs.products_s / step_s);
}

void add_costs(nlohmann::json& line, const StepCosts& costs, double step_s, double images) {
    for (const OperationCost& cost : costs.operations)
        line["operations"].push_back({{"name", cost.name},
                                      {"calls", cost.calls},
                                      {"forward_ms", rounded(1e3 * cost.forward_s)},
                                      {"backward_ms", rounded(1e3 * cost.backward_s)},
                                      {"products_gflop", rounded(cost.flops() / 1e9)}});
    line["rest_ms"] = rounded(1e3 * costs.rest_s);
    if (costs.flops == 0 || costs.products_s == 0) return;
    line["products_gflop"] = rounded(costs.flops / 1e9);
    line["gflop_per_s"] = rounded(costs.flops / step_s / 1e9);
    line["products_ms"] = rounded(1e3 * costs.products_s);
    line["products_images_per_s"] = rounded(images / costs.products_s);
}

double rounded(double value) { return std::round(value * 10) / 10; }

}  // namespace swingrad
