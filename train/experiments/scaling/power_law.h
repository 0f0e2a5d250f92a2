// A power law through points, y = a x^-b: a straight line through their logarithms, by least squares.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace swingrad {

struct PowerLaw {
    double exponent = 0;   // b; NaN where there are fewer than two different x
    double error = 0;      // standard error of b; NaN of fewer than three points
    double factor = 0;     // a
    double deviation = 0;  // of ln y from the line, per degree of freedom; NaN of fewer than three points
    size_t points = 0;

    double at(double x) const;
};

// Of the points whose x and y are finite and above 0.
PowerLaw power_law_of(const std::vector<double>& x, const std::vector<double>& y);

// "0.123 +- 0.011"
std::string text_of(const PowerLaw& law);

}  // namespace swingrad
