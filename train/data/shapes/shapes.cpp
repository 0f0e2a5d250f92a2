#include "train/data/shapes/shapes.h"

#include "core/error.h"
#include "core/threads.h"
#include "train/data/sources.h"

namespace swingrad {
namespace {

constexpr uint64_t shapes_seed = 20211118;

// The further kinds draw from streams of their own: no picture is one of the others with another shape in it.
Random random_of(Split split, int64_t index, ShapeKinds kinds = ShapeKinds::ten) {
    const uint64_t number = (split == Split::train ? 0 : 1) + (kinds == ShapeKinds::ten ? 0 : 2);
    return Random{shapes_seed}.split(number).split(static_cast<uint64_t>(index));
}

int64_t label_of(int64_t index, ShapeKinds kinds = ShapeKinds::ten) {
    return index % static_cast<int64_t>(shape_names(kinds).size());
}

Tensor picture(Split split, int64_t index, Extent extent, int64_t version, ShapeKinds kinds) {
    const Random noise = random_of(split, index, kinds).split(0);
    return version == 1 ? draw_image(plain_scene(split, index, extent), extent, noise)
                        : draw_image(crowded_scene(split, index, extent, kinds), extent, noise);
}

// Each pixel's class, 0 the background and 1 the first of these kinds.
Tensor mask(Split split, int64_t index, Extent extent, int64_t version, ShapeKinds kinds) {
    if (version == 1) return draw_classes(plain_scene(split, index, extent), extent);
    const Tensor classes = draw_classes(crowded_scene(split, index, extent, kinds), extent);
    for (uint8_t& pixel : classes.span<uint8_t>())
        if (pixel > 0) pixel = static_cast<uint8_t>(pixel - first_kind(kinds));
    return classes;
}

}  // namespace

PlainScene plain_scene(Split split, int64_t index, Extent extent) {
    return random_plain_scene(label_of(index), extent, random_of(split, index));
}

CrowdedScene crowded_scene(Split split, int64_t index, Extent extent, ShapeKinds kinds) {
    return random_crowded_scene(first_kind(kinds) + label_of(index, kinds), extent, random_of(split, index, kinds));
}

Dataset load_shapes(Split split, Extent extent, int64_t version, ShapeKinds kinds) {
    check(version >= 1 && version <= newest_shapes, "[shapes] version must be 1 to {}, got {}", newest_shapes, version);
    check(version > 1 || kinds == ShapeKinds::ten, "[shapes] version {} has no further kinds", version);
    const int64_t count = split == Split::train ? shapes_train_size : shapes_test_size;
    Dataset data;
    data.classes = shape_names(kinds);
    data.images = Tensor::empty({count, extent.rows, extent.columns, 3}, DType::uint8);
    data.labels.resize(static_cast<size_t>(count));
    parallel_for(count, [&](int64_t i) {
        const Tensor image = picture(split, i, extent, version, kinds);
        data.images.slice(i, i + 1).view(image.shape()).copy_from(image);
        data.labels[static_cast<size_t>(i)] = label_of(i, kinds);
    });
    return data;
}

Dataset load_shapes_with_masks(Split split, Extent extent, int64_t version, ShapeKinds kinds) {
    Dataset data = load_shapes(split, extent, version, kinds);
    std::vector<Tensor> masks(data.labels.size());
    parallel_for(data.size(),
                 [&](int64_t i) { masks[static_cast<size_t>(i)] = mask(split, i, extent, version, kinds); });
    data.masks = pictures_in_memory(std::move(masks));
    data.classes.insert(data.classes.begin(), "background");
    data.labels.assign(data.labels.size(), 0);
    return data;
}

}  // namespace swingrad
