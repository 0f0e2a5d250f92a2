#include "train/experiments/scaling/power_law.h"

#include <fmt/format.h>

#include <cmath>

namespace swingrad {

double PowerLaw::at(double x) const { return factor * std::pow(x, -exponent); }

PowerLaw power_law_of(const std::vector<double>& x, const std::vector<double>& y) {
    std::vector<double> u, v;
    for (size_t i = 0; i < x.size(); ++i)
        if (std::isfinite(x[i]) && std::isfinite(y[i]) && x[i] > 0 && y[i] > 0) {
            u.push_back(std::log(x[i]));
            v.push_back(std::log(y[i]));
        }
    const auto n = static_cast<double>(u.size());
    double mean_u = 0, mean_v = 0, uu = 0, uv = 0, squares = 0;
    for (size_t i = 0; i < u.size(); ++i) mean_u += u[i] / n, mean_v += v[i] / n;
    for (size_t i = 0; i < u.size(); ++i) {
        uu += (u[i] - mean_u) * (u[i] - mean_u);
        uv += (u[i] - mean_u) * (v[i] - mean_v);
    }
    PowerLaw law;
    law.points = u.size();
    const bool different = u.size() >= 2 && uu > 1e-20;
    const double slope = different ? uv / uu : NAN, start = mean_v - slope * mean_u;
    for (size_t i = 0; i < u.size(); ++i) {
        const double off = v[i] - start - slope * u[i];
        squares += off * off;
    }
    law.exponent = -slope;
    law.factor = std::exp(start);
    law.deviation = u.size() >= 3 && different ? std::sqrt(squares / (n - 2)) : NAN;
    law.error = law.deviation / std::sqrt(uu);
    return law;
}

std::string text_of(const PowerLaw& law) {
    if (!std::isfinite(law.exponent)) return "-";
    return std::isfinite(law.error) ? fmt::format("{:.3f} +- {:.3f}", law.exponent, law.error)
                                    : fmt::format("{:.3f}", law.exponent);
}

}  // namespace swingrad
