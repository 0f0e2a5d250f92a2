#include "train/program/tasks/sliding_window.h"

#include "autograd/tape.h"

#include <algorithm>

namespace swingrad {
namespace {

constexpr int64_t windows_at_once = 8;

struct Place {
    int64_t top, left;
};

Tensor window_of(const Tensor& picture, const Place& place, Extent window, const Colour& fill) {
    const int64_t rows = picture.shape()[0], columns = picture.shape()[1];
    const Tensor part = Tensor::empty({window.rows, window.columns, 3}, DType::uint8);
    uint8_t* to = part.data<uint8_t>();
    for (int64_t r = place.top; r < place.top + window.rows; ++r)
        for (int64_t c = place.left; c < place.left + window.columns; ++c, to += 3)
            std::copy_n(r < rows && c < columns ? picture.data<uint8_t>() + (r * columns + c) * 3 : fill.data(), 3, to);
    return part;
}

}  // namespace

std::vector<int64_t> window_starts(int64_t n, int64_t window) {
    const int64_t stride = std::max<int64_t>(1, window * 2 / 3);
    std::vector<int64_t> starts{0};
    while (starts.back() + window < n) starts.push_back(std::min(starts.back() + stride, n - window));
    return starts;
}

Tensor logits_of_pixels(Module& model, const Parameters& parameters, const PictureInput& input, const Tensor& picture) {
    check_pixels(picture, "segmentation");
    const NoGrad no_recording;
    model.eval();
    const PictureInput as_it_is{input.extent, input.normalisation, {}};
    const Colour fill = mean_colour(input.normalisation);
    const int64_t rows = picture.shape()[0], columns = picture.shape()[1];
    std::vector<Place> places;
    for (const int64_t top : window_starts(rows, input.extent.rows))
        for (const int64_t left : window_starts(columns, input.extent.columns)) places.push_back({top, left});
    Tensor sums;                                                      // [rows, columns, K]
    std::vector<float> covered(static_cast<size_t>(rows * columns));  // by so many windows
    for (size_t first = 0; first < places.size(); first += windows_at_once) {
        const auto count = static_cast<int64_t>(std::min<size_t>(windows_at_once, places.size() - first));
        const Tensor inputs = Tensor::empty({count, input.extent.rows, input.extent.columns, 3});
        for (int64_t i = 0; i < count; ++i)
            inputs.slice(i, i + 1).copy_from(
                input_of(as_it_is, window_of(picture, places[first + static_cast<size_t>(i)], input.extent, fill)));
        const Tensor logits = model.forward(parameters.as_input(inputs)).on_cpu().to(DType::float32);
        check(first_not_finite(logits) == logits.numel(), "[segmentation] a logit is not finite, which says nothing");
        const int64_t K = logits.shape()[-1];
        if (!sums.defined()) sums = Tensor::zeros({rows, columns, K});
        for (int64_t i = 0; i < count; ++i) {
            const Place& place = places[first + static_cast<size_t>(i)];
            const int64_t high = std::min(input.extent.rows, rows - place.top),
                          wide = std::min(input.extent.columns, columns - place.left);
            for (int64_t r = 0; r < high; ++r)
                for (int64_t c = 0; c < wide; ++c) {
                    const int64_t pixel = (place.top + r) * columns + place.left + c;
                    const float* from =
                        logits.data<float>() + ((i * input.extent.rows + r) * input.extent.columns + c) * K;
                    covered[static_cast<size_t>(pixel)] += 1;
                    for (int64_t k = 0; k < K; ++k) sums.data<float>()[pixel * K + k] += from[k];
                }
        }
    }
    const int64_t K = sums.shape()[-1];
    for (int64_t pixel = 0; pixel < rows * columns; ++pixel)
        for (int64_t k = 0; k < K; ++k) sums.data<float>()[pixel * K + k] /= covered[static_cast<size_t>(pixel)];
    return sums;
}

Tensor classes_of_pixels(const Tensor& logits) {
    const int64_t K = logits.shape()[-1], pixels = logits.numel() / K;
    check(K <= 255, "[segmentation] a mask has numbers below 255, and there are {} classes", K);
    std::vector<int64_t> sizes;
    for (int axis = 0; axis + 1 < logits.shape().rank(); ++axis) sizes.push_back(logits.shape()[axis]);
    const Tensor classes = Tensor::empty(Shape(std::span<const int64_t>(sizes)), DType::uint8);
    const Tensor values = logits.on_cpu().to(DType::float32);
    for (int64_t i = 0; i < pixels; ++i) {
        const float* row = values.data<float>() + i * K;
        classes.data<uint8_t>()[i] = static_cast<uint8_t>(std::max_element(row, row + K) - row);
    }
    return classes;
}

}  // namespace swingrad
