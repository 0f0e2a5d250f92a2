#include "core/io/print.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <vector>

namespace swingrad {
namespace {

constexpr int64_t most_elements = 1000, at_each_end = 3, line_length = 80;
constexpr int most_decimals = 4;
constexpr int64_t gap = -1;  // in a list of indices: "..."

// The indices along an axis that are shown.
std::vector<int64_t> shown(int64_t size, bool summarised) {
    std::vector<int64_t> indices;
    for (int64_t i = 0; i < size; ++i) {
        const bool left_out = summarised && i >= at_each_end && i < size - at_each_end;
        if (left_out) indices.push_back(gap), i = size - at_each_end - 1;
        else indices.push_back(i);
    }
    return indices;
}

// Whether `decimals` decimals show all of a value, but for the rounding of a float.
bool is_shown_by(int decimals, double value) {
    const double scaled = value * std::pow(10, decimals);  // in units of the last decimal
    return std::abs(scaled - std::round(scaled)) <= std::min(1e-6 * std::abs(scaled), 1e-3);
}

int decimals_of(double value) {
    int decimals = 0;
    while (decimals < most_decimals && !is_shown_by(decimals, value)) ++decimals;
    return decimals;
}

// Whether it is too long, or most_decimals would leave less than two of its digits.
bool needs_exponent(double value) {
    return std::abs(value) >= 1e8 || (std::abs(value) < 1e-3 && !is_shown_by(most_decimals, value));
}

std::vector<std::string> texts_of_numbers(const std::vector<double>& values) {
    bool scientific = false;
    int decimals = 0;
    for (const double value : values) {
        if (!std::isfinite(value)) continue;
        scientific = scientific || needs_exponent(value);
        decimals = std::max(decimals, decimals_of(value));
    }
    std::vector<std::string> texts;
    for (const double value : values)
        texts.push_back(scientific ? fmt::format("{:.3e}", value) : fmt::format("{:#.{}f}", value, decimals));
    return texts;
}

// "1.5 - 2.25 eps"
std::vector<std::string> texts_of_duals(const std::vector<Tensor>& elements) {
    std::vector<double> values, slopes;
    for (const Tensor& element : elements) {
        values.push_back(element.data<Dual>()->value);
        slopes.push_back(element.data<Dual>()->tangent);
    }
    std::vector<std::string> texts = texts_of_numbers(values), of_slopes = texts_of_numbers(slopes);
    for (size_t i = 0; i < texts.size(); ++i)
        if (std::signbit(slopes[i])) texts[i] += " - " + of_slopes[i].substr(1) + " eps";
        else texts[i] += " + " + of_slopes[i] + " eps";
    return texts;
}

std::vector<std::string> texts_of(DType dtype, const std::vector<Tensor>& elements) {
    if (is_float(dtype)) {
        std::vector<double> values;
        for (const Tensor& element : elements) values.push_back(element.item());
        return texts_of_numbers(values);
    }
    if (dtype == DType::dual) return texts_of_duals(elements);
    std::vector<std::string> texts;  // by way of int64, which a double does not hold
    for (const Tensor& element : elements)
        texts.push_back(fmt::format("{}", *element.to(DType::int64).data<int64_t>()));
    return texts;
}

// Texts of one width, in brackets.
class Printer {
  public:
    explicit Printer(const Tensor& tensor) : tensor_(tensor), rank_(tensor.shape().rank()) {
        for (const int64_t size : tensor.shape()) indices_.push_back(shown(size, tensor.numel() > most_elements));
        std::vector<Tensor> elements;
        collect(0, 0, elements);
        texts_ = texts_of(tensor.dtype(), elements);
        for (const std::string& text : texts_) width_ = std::max(width_, text.size());
        write(0);
    }
    const std::string& text() const { return text_; }

  private:
    // The elements that are shown, in order.
    void collect(int axis, int64_t flat, std::vector<Tensor>& elements) {
        if (axis == rank_) return elements.push_back(tensor_.subrange(flat, {}));
        for (const int64_t i : indices_[axis])
            if (i != gap) collect(axis + 1, flat * tensor_.shape()[axis] + i, elements);
    }

    void write(int axis) {
        if (axis == rank_) {
            text_ += fmt::format("{:>{}}", texts_[next_++], width_);
            return;
        }
        const auto a_line = std::max<int64_t>(1, (line_length - rank_) / static_cast<int64_t>(width_ + 2));
        text_ += '[';
        for (int64_t k = 0; k < std::ssize(indices_[axis]); ++k) {
            if (k > 0) separate(axis, k % a_line == 0);
            if (indices_[axis][k] == gap) text_ += "...";
            else write(axis + 1);
        }
        text_ += ']';
    }

    // Numbers by a space, rows by a new line, matrices by an empty line more.
    void separate(int axis, bool line_is_full) {
        const int further = rank_ - 1 - axis;
        text_ += ',';
        if (further == 0 && !line_is_full) text_ += ' ';
        else text_ += std::string(std::max(1, further), '\n') + std::string(axis + 1, ' ');
    }

    const Tensor& tensor_;
    const int rank_;
    std::vector<std::vector<int64_t>> indices_;  // that are shown, by axis
    std::vector<std::string> texts_;
    size_t width_ = 0, next_ = 0;
    std::string text_;
};

}  // namespace

std::string to_string(const Tensor& tensor) {
    if (!tensor.defined()) return "undefined";
    const std::string place = tensor.device() == Device::cpu ? "" : fmt::format(" on {}", name_of(tensor.device()));
    return fmt::format("{} ({} {}{})", Printer(tensor.on_cpu()).text(), name_of(tensor.dtype()), tensor.shape(), place);
}

std::ostream& operator<<(std::ostream& stream, const Tensor& tensor) { return stream << to_string(tensor); }

}  // namespace swingrad
