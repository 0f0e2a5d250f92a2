// A table of results: one structure for the console and for the page, so that the two cannot say different things.
#pragma once

#include <string>
#include <vector>

namespace swingrad {

struct ResultTable {
    std::string title;                           // "Table 7: where the norms stand"
    std::vector<std::string> columns;            // the first names the rows
    std::vector<std::vector<std::string>> rows;  // as many texts each as there are columns
    std::string note{};                          // what the numbers are, in a sentence or two
};

// With line breaks in the place of spaces, so that no line is longer than a console likes, where that can be.
std::string wrapped(const std::string& text);

// Aligned columns, the first to the left and the others to the right. Lines end in their last letter.
std::string text_of(const ResultTable& table);
std::string html_of(const ResultTable& table);

// The same measurement with several seeds.
struct Spread {
    double mean = 0;       // NaN of none
    double deviation = 0;  // of the sample (n - 1 below the fraction line); 0 of one
    size_t seeds = 0;
};

// Of the difference of two means, so that one larger than twice it is more than chance. 0 of single seeds, which do not
// tell.
double error_of_difference(const Spread& a, const Spread& b);

// The difference of two means as a sentence: "From V1 to V2: +1.20 points, more than twice the standard error of 0.30:
// a difference." Of single seeds it says that nothing is known.
std::string difference_text(const std::string& what, const Spread& before, const Spread& after,
                            const std::string& unit = "points");

// Of those that are finite.
Spread spread_of(const std::vector<double>& values);
// "68.71 +- 0.42", "68.71" of a single seed, "-" of none; so many places behind the point.
std::string text_of(const Spread& spread, int places);

}  // namespace swingrad
