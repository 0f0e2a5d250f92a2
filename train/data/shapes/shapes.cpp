#include "train/data/shapes/shapes.h"

#include "core/error.h"
#include "core/threads.h"
#include "train/data/sources.h"

namespace swingrad {
namespace {

constexpr uint64_t shapes_seed = 20211118;

Random random_of(Split split, int64_t index) {
    const uint64_t number = split == Split::train ? 0 : 1;
    return Random{shapes_seed}.split(number).split(static_cast<uint64_t>(index));
}

int64_t label_of(int64_t index) { return index % static_cast<int64_t>(shape_names().size()); }

Tensor picture(Split split, int64_t index, Extent extent, int64_t version) {
    const Random noise = random_of(split, index).split(0);
    return version == 1 ? draw_image(plain_scene(split, index, extent), extent, noise)
                        : draw_image(crowded_scene(split, index, extent), extent, noise);
}

// The further kinds take turns, at places of their own.
CrowdedScene further_scene(Split split, int64_t index, Extent extent) {
    const auto first = static_cast<int64_t>(shape_names().size()),
               kinds = static_cast<int64_t>(more_shape_names().size());
    return random_crowded_scene(first + index % kinds, extent, random_of(split, index).split(1));
}

}  // namespace

PlainScene plain_scene(Split split, int64_t index, Extent extent) {
    return random_plain_scene(label_of(index), extent, random_of(split, index));
}

CrowdedScene crowded_scene(Split split, int64_t index, Extent extent) {
    return random_crowded_scene(label_of(index), extent, random_of(split, index));
}

Dataset load_shapes(Split split, Extent extent, int64_t version) {
    check(version >= 1 && version <= newest_shapes, "[shapes] version must be 1 to {}, got {}", newest_shapes, version);
    const int64_t count = split == Split::train ? shapes_train_size : shapes_test_size;
    Dataset data;
    data.classes = shape_names();
    data.images = Tensor::empty({count, extent.rows, extent.columns, 3}, DType::uint8);
    data.labels.resize(static_cast<size_t>(count));
    parallel_for(count, [&](int64_t i) {
        const Tensor image = picture(split, i, extent, version);
        data.images.slice(i, i + 1).view(image.shape()).copy_from(image);
        data.labels[static_cast<size_t>(i)] = label_of(i);
    });
    return data;
}

Dataset load_more_shapes(Split split, Extent extent) {
    const int64_t count = split == Split::train ? shapes_train_size : shapes_test_size;
    Dataset data;
    data.classes = more_shape_names();
    data.images = Tensor::empty({count, extent.rows, extent.columns, 3}, DType::uint8);
    data.labels.resize(static_cast<size_t>(count));
    parallel_for(count, [&](int64_t i) {
        const Tensor image = draw_image(further_scene(split, i, extent), extent, random_of(split, i).split(2));
        data.images.slice(i, i + 1).view(image.shape()).copy_from(image);
        data.labels[static_cast<size_t>(i)] = i % static_cast<int64_t>(data.classes.size());
    });
    return data;
}

Dataset load_shapes_with_masks(Split split, Extent extent, int64_t version) {
    Dataset data = load_shapes(split, extent, version);
    std::vector<Tensor> masks(data.labels.size());
    parallel_for(data.size(), [&](int64_t i) {
        masks[static_cast<size_t>(i)] = version == 1 ? draw_classes(plain_scene(split, i, extent), extent)
                                                     : draw_classes(crowded_scene(split, i, extent), extent);
    });
    data.masks = pictures_in_memory(std::move(masks));
    data.classes.insert(data.classes.begin(), "background");
    data.labels.assign(data.labels.size(), 0);
    return data;
}

}  // namespace swingrad
