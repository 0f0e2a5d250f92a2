#include "train/experiments/harness/classes.h"

#include "core/error.h"

#include <algorithm>

namespace swingrad {

Dataset with_classes(const Dataset& data, int64_t first, int64_t last) {
    const auto count = static_cast<int64_t>(data.classes.size());
    check(first >= 0 && first < last && last <= count, "[finetune] classes {} to {} of {}", first, last, count);
    std::vector<int64_t> indices;
    for (int64_t i = 0; i < data.size(); ++i)
        if (const int64_t label = data.labels[static_cast<size_t>(i)]; label >= first && label < last)
            indices.push_back(i);
    Dataset part = subset(data, indices);
    part.classes = {data.classes.begin() + first, data.classes.begin() + last};
    for (int64_t& label : part.labels) label -= first;
    return part;
}

Dataset few_of_each(const Dataset& data, int64_t most, Random random) {
    std::vector<std::vector<int64_t>> by_class(data.classes.size());
    for (int64_t i = 0; i < data.size(); ++i)
        by_class[static_cast<size_t>(data.labels[static_cast<size_t>(i)])].push_back(i);
    std::vector<int64_t> chosen;
    for (size_t label = 0; label < by_class.size(); ++label) {
        std::vector<int64_t>& images = by_class[label];
        const Random of_class = random.split(label);
        // The first of a shuffle: each of those that are left is the next one alike.
        const auto taken = std::min(static_cast<size_t>(most), images.size());
        for (size_t i = 0; i < taken; ++i) {
            const auto left = static_cast<uint32_t>(images.size() - i);
            std::swap(images[i], images[i + static_cast<size_t>(of_class.below(i, left))]);
        }
        chosen.insert(chosen.end(), images.begin(), images.begin() + static_cast<std::ptrdiff_t>(taken));
    }
    std::sort(chosen.begin(), chosen.end());
    return subset(data, chosen);
}

}  // namespace swingrad
