#include "train/program/report/examples.h"

#include "train/program/console/text.h"
#include "train/program/images/image_file.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace swingrad {
namespace {

constexpr int64_t longest_side = 128;

std::vector<int64_t> first_by(std::vector<int64_t> images, size_t most, auto&& value) {
    const auto larger = [&](int64_t a, int64_t b) { return value(a) != value(b) ? value(a) > value(b) : a < b; };
    const auto end = images.begin() + static_cast<std::ptrdiff_t>(std::min(most, images.size()));
    std::partial_sort(images.begin(), end, images.end(), larger);
    images.erase(end, images.end());
    return images;
}

}  // namespace

std::vector<int64_t> worst(const std::vector<Prediction>& predictions, size_t most) {
    std::vector<int64_t> all(predictions.size());
    std::iota(all.begin(), all.end(), 0);
    return first_by(std::move(all), most, [&](int64_t i) {
        const double loss = predictions[static_cast<size_t>(i)].loss;
        return std::isnan(loss) ? -1 : loss;
    });
}

std::vector<int64_t> surest(const std::vector<Prediction>& predictions, const std::vector<int64_t>& labels,
                            size_t most) {
    std::vector<int64_t> right;
    for (size_t i = 0; i < predictions.size(); ++i)
        if (predictions[i].predicted == labels[i] && predictions[i].probability > 0)
            right.push_back(static_cast<int64_t>(i));
    right = first_by(std::move(right), predictions.size(),
                     [&](int64_t i) { return predictions[static_cast<size_t>(i)].probability; });
    std::map<int64_t, size_t> chosen;  // by class
    for (const int64_t i : right) chosen[labels[static_cast<size_t>(i)]] = 0;
    const size_t part = chosen.empty() ? 0 : (most + chosen.size() - 1) / chosen.size();
    std::erase_if(right, [&](int64_t i) { return ++chosen[labels[static_cast<size_t>(i)]] > part; });
    right.resize(std::min(right.size(), most));
    return right;
}

Tensor shrunk(const Tensor& image, int64_t most) {
    const int64_t rows = image.shape()[0], columns = image.shape()[1];
    const int64_t factor = (std::max(rows, columns) + most - 1) / most;
    if (factor <= 1) return image;
    const int64_t R = std::max<int64_t>(1, rows / factor), C = std::max<int64_t>(1, columns / factor);
    const Tensor small = Tensor::empty({R, C, 3}, DType::uint8);
    const uint8_t* from = image.data<uint8_t>();
    for (int64_t r = 0; r < R; ++r)
        for (int64_t c = 0; c < C; ++c)
            for (int64_t channel = 0; channel < 3; ++channel) {
                const int64_t bottom = std::min(rows, (r + 1) * factor), right = std::min(columns, (c + 1) * factor);
                int64_t sum = 0, count = 0;
                for (int64_t y = r * factor; y < bottom; ++y)
                    for (int64_t x = c * factor; x < right; ++x, ++count) sum += from[(y * columns + x) * 3 + channel];
                small.data<uint8_t>()[(r * C + c) * 3 + channel] = static_cast<uint8_t>((sum + count / 2) / count);
            }
    return small;
}

std::string html_of_images(const Dataset& data, const std::vector<Prediction>& predictions,
                           const std::vector<int64_t>& images) {
    std::string html = "<div class=\"images\">\n";
    for (const int64_t i : images) {
        const auto index = static_cast<size_t>(i);
        const Prediction& said = predictions.at(index);
        const std::string truth = escaped(data.classes.at(static_cast<size_t>(data.labels.at(index))));
        const std::string predicted = escaped(data.classes.at(static_cast<size_t>(said.predicted)));
        const Tensor image = data.image(i);
        html += fmt::format(
            "<figure><img alt=\"image {} of the set: {}\" src=\"data:image/png;base64,{}\">"
            "<figcaption><b>{}</b> predicted {}, {:.1f}&nbsp;%<br>loss {:.2f}</figcaption></figure>\n",
            i, truth, base64(png_of(shrunk(image, longest_side))), truth, predicted, 100 * said.probability, said.loss);
    }
    return html + "</div>\n";
}

}  // namespace swingrad
