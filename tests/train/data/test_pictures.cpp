// Pictures of any size, and what is done to images in training, in batches.

#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/data/batch.h"
#include "train/data/loader.h"
#include "train/data/workers.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <set>
#include <thread>

using namespace swingrad;
using namespace swingrad::test;

namespace {

const Normalisation plain{{0.1f, 0.2f, 0.3f}, {0.5f, 0.25f, 0.125f}};

// Pictures 7 + i rows high and 12 columns wide, of random bytes; counts how many are in use at once, and read at all.
struct Numbered final : Pictures {
    int64_t count;
    mutable std::atomic<int> reads{0};
    explicit Numbered(int64_t n) : count(n) {}
    int64_t size() const override { return count; }
    Extent extent(int64_t i) const override { return {7 + i, 12}; }
    Tensor read(int64_t i) const override {
        ++reads;
        check(i != 13, "[test] picture 13 cannot be read");
        const Tensor image = Tensor::empty({7 + i, 12, 3}, DType::uint8);
        for (int64_t p = 0; p < image.numel(); ++p)
            image.data<uint8_t>()[p] =
                static_cast<uint8_t>(Random{9, static_cast<uint64_t>(i)}.below(static_cast<uint64_t>(p), 256));
        return image;
    }
    std::string identity(int64_t i) const override { return std::to_string(i); }
};

Dataset numbered(int64_t count, const std::shared_ptr<Numbered>& pictures) {
    Dataset data{{"a", "b", "c"}, {}, {}, pictures, {6, 8}};
    for (int64_t i = 0; i < count; ++i) data.labels.push_back(i % 3);
    return data;
}

// Everything at once.
Augmentation strong() {
    Augmentation augmentation;
    augmentation.resized_crop = ResizedCrop{};
    augmentation.policy = policy_named("rand-m9-mstd0.5-inc1");
    augmentation.erasing = {.probability = 0.5};
    augmentation.mixing = {.mixup = 0.8, .cutmix = 1, .mode = MixMode::elem};
    augmentation.repeats = 3;
    augmentation.alternate_flip = Random{1, 1};
    return augmentation;
}

}  // namespace

TEST_CASE("pictures of any size are judged scaled and cut in the middle, whatever the number of workers") {
    const auto pictures = std::make_shared<Numbered>(5);
    const Dataset data = numbered(5, pictures);
    REQUIRE(data.extent() == Extent{6, 8});
    REQUIRE(data.has_other_sizes());
    const std::vector<int64_t> order{3, 0, 4};
    const Fitting fitting{.crop_share = 0.9, .interpolation = Interpolation::bilinear};
    const Batch batch = make_batch(data, order, plain, nullptr, {}, {fitting, 1});
    REQUIRE(batch.inputs.shape() == Shape{3, 6, 8, 3});
    REQUIRE(batch.targets.values() == std::vector<double>{0, 0, 1});
    for (int64_t b = 0; b < 3; ++b) {
        const Tensor expected = fitted(pictures->read(order[static_cast<size_t>(b)]), {6, 8}, fitting);
        for (int64_t p = 0; p < expected.numel(); ++p) {
            const auto k = static_cast<size_t>(p % 3);
            REQUIRE(batch.inputs.data<float>()[b * expected.numel() + p] ==
                    (static_cast<float>(expected.data<uint8_t>()[p]) / 255.0f - plain.mean[k]) / plain.deviation[k]);
        }
    }
    REQUIRE(same_bits(make_batch(data, order, plain, nullptr, {}, {fitting, 4}).inputs, batch.inputs));
}

TEST_CASE("augmented batches do not depend on workers, and a sample not on its batch") {
    const auto pictures = std::make_shared<Numbered>(12);
    const Dataset data = numbered(12, pictures);
    Augmentation augmentation = strong();
    const std::vector<int64_t> order = order_of_epoch(12, 1, augmentation, Random{3, 3});
    const Batch one = make_batch(data, order, plain, &augmentation, Random{2, 2}, {{}, 1});
    for (const int64_t workers : {2, 5, 40}) {
        const Batch many = make_batch(data, order, plain, &augmentation, Random{2, 2}, {{}, workers});
        REQUIRE(same_bits(one.inputs, many.inputs));
        REQUIRE(same_bits(one.targets, many.targets));
    }
    REQUIRE_FALSE(same_bits(one.inputs, make_batch(data, order, plain, &augmentation, Random{2, 3}, {{}, 1}).inputs));
    REQUIRE(one.targets.shape() == Shape{12, 3});
    augmentation.mixing = {};
    const Batch unmixed = make_batch(data, order, plain, &augmentation, Random{2, 2});
    REQUIRE(unmixed.targets.dtype() == DType::int64);
    for (int64_t b = 0; b < 12; ++b) {
        const std::vector<int64_t> alone{order[static_cast<size_t>(b)]};
        REQUIRE(same_bits(make_batch(data, alone, plain, &augmentation, Random{2, 2}).inputs,
                          unmixed.inputs.slice(b, b + 1)));
    }
}

TEST_CASE("what cannot be read is named, and of several the first of the batch") {
    const Dataset data = numbered(20, std::make_shared<Numbered>(20));
    std::vector<int64_t> all(20);
    std::iota(all.begin(), all.end(), 0);
    for (const int64_t workers : {1, 4})
        REQUIRE(error_of([&] {
                    make_batch(data, all, plain, nullptr, {}, {{}, workers});
                }) == "[test] picture 13 cannot be read");
    for (int attempt = 0; attempt < 20; ++attempt)
        REQUIRE(error_of([] { by_workers(50, 8, [](int64_t i) { check(i < 10, "[test] {}", i); }); }) == "[test] 10");
}

TEST_CASE("workers do each part once, and none where there is nothing to do") {
    std::vector<std::atomic<int>> done(37);
    by_workers(37, 6, [&](int64_t i) { ++done[static_cast<size_t>(i)]; });
    for (const auto& count : done) REQUIRE(count == 1);
    by_workers(0, 6, [](int64_t) { FAIL(); });
}

TEST_CASE("pictures are decoded when a batch needs them, held back by class, or kept") {
    const auto pictures = std::make_shared<Numbered>(12);
    const Dataset data = numbered(12, pictures);
    const auto [rest, held] = hold_out(data, 0.25, Random{1, 9});
    REQUIRE(rest.size() == 9);
    REQUIRE(held.size() == 3);
    REQUIRE(held.extent() == Extent{6, 8});
    std::set<std::string> all;
    for (const Dataset* part : {&rest, &held})
        for (int64_t i = 0; i < part->size(); ++i) {
            all.insert(part->pictures->identity(i));
            REQUIRE(std::stoi(part->pictures->identity(i)) % 3 == part->labels[static_cast<size_t>(i)]);
            REQUIRE(part->image(i).shape()[0] == part->pictures->extent(i).rows);
        }
    REQUIRE(all.size() == 12);

    pictures->reads = 0;
    const Augmentation augmentation = strong();
    const ImageSamples samples(data, plain, augmentation, {{}, 3});
    Loader loader = batches_of(samples, samples.order_of_epoch(0, Random{4, 4}), 4, true, Random{4, 5});
    while (loader.next()) {
    }
    REQUIRE(pictures->reads == 12);

    std::vector<Tensor> decoded;
    for (int64_t i = 0; i < 12; ++i) decoded.push_back(pictures->read(i));
    Dataset kept = data;
    kept.pictures = kept_in_memory(data.pictures, decoded);
    REQUIRE(kept.pictures->in_memory());
    pictures->reads = 0;
    const std::vector<int64_t> order{1, 5, 2};
    const Tensor from_memory = make_batch(kept, order, plain, &augmentation, Random{1, 2}).inputs;
    REQUIRE(pictures->reads == 0);
    REQUIRE(same_bits(from_memory, make_batch(data, order, plain, &augmentation, Random{1, 2}).inputs));
    REQUIRE(bytes_decoded(*kept.pictures) == 12 * 3 * (7 * 12 + 66));
    REQUIRE(extents_of(*kept.pictures).first == Extent{7, 12});
    REQUIRE(extents_of(*kept.pictures).second == Extent{18, 12});
    REQUIRE(extents_of(*subset(kept.pictures, {5, 2, 9})).first == Extent{9, 12});
    REQUIRE(extents_of(*subset(kept.pictures, {5, 9, 2})).second == Extent{16, 12});
    REQUIRE(subset(kept.pictures, {5, 2, 9})->size() == 3);
}

TEST_CASE("pictures of the model's size are cropped out of a border like any images of that size") {
    Dataset images{{"a"}, Tensor::empty({4, 6, 8, 3}, DType::uint8), {0, 0, 0, 0}};
    for (int64_t p = 0; p < images.images.numel(); ++p)
        images.images.data<uint8_t>()[p] = static_cast<uint8_t>(Random{5}.below(static_cast<uint64_t>(p), 256));
    struct OfOneSize final : Pictures {
        const Dataset& data;
        explicit OfOneSize(const Dataset& all) : data(all) {}
        int64_t size() const override { return 4; }
        Extent extent(int64_t) const override { return {6, 8}; }
        Tensor read(int64_t i) const override { return data.image(i); }
        std::string identity(int64_t i) const override { return std::to_string(i); }
    };
    const Dataset pictures{{"a"}, {}, {0, 0, 0, 0}, std::make_shared<OfOneSize>(images), {6, 8}};
    REQUIRE_FALSE(pictures.has_other_sizes());
    const std::vector<int64_t> order{2, 0, 3, 1};
    // A mean in whole bytes is exactly zero after normalisation, as the border is.
    const Normalisation in_bytes{{51 / 255.0f, 102 / 255.0f, 0}, {0.5f, 0.5f, 0.5f}};
    const Augmentation augmentation{2, 0.5};
    for (const Augmentation* how : {static_cast<const Augmentation*>(nullptr), &augmentation})
        REQUIRE(same_bits(make_batch(images, order, in_bytes, how, Random{3, 1}).inputs,
                          make_batch(pictures, order, in_bytes, how, Random{3, 1}).inputs));
    // Judged by a share of themselves, images in memory are scaled and cut too.
    const Fitting fitting{.crop_share = 0.8};
    REQUIRE(same_bits(make_batch(images, order, in_bytes, nullptr, {}, {fitting, 1}).inputs,
                      make_batch(pictures, order, in_bytes, nullptr, {}, {fitting, 1}).inputs));
    REQUIRE_FALSE(same_bits(make_batch(images, order, in_bytes, nullptr, {}, {fitting, 1}).inputs,
                            make_batch(images, order, in_bytes, nullptr, {}).inputs));
}

TEST_CASE("an epoch sees each image once, or one in three three times, and differently") {
    Augmentation augmentation;
    REQUIRE(order_of_epoch(10, 5, augmentation, Random{1, 1}) == shuffled(10, Random{1, 1}));
    augmentation.repeats = 3;
    const std::vector<int64_t> order = order_of_epoch(10, 5, augmentation, Random{1, 1}),
                               images = shuffled(10, Random{1, 1});
    REQUIRE(order.size() == 10);
    std::set<int64_t> draws;
    for (size_t i = 0; i < 10; ++i) {
        const Sample sample = sample_of(order[i], 10, augmentation);
        REQUIRE(sample.image == images[i / 3]);
        REQUIRE_FALSE(sample.odd_epoch);
        draws.insert(sample.draw);
    }
    REQUIRE(draws.size() == 10);
}

TEST_CASE("alternating flips turn each image every other epoch, and half of them in each") {
    Augmentation augmentation;
    augmentation.alternate_flip = Random{7, 7};
    for (const int64_t repeats : {1, 2}) {
        augmentation.repeats = repeats;
        std::vector<int> flipped(400, 0);
        for (int64_t epoch = 0; epoch < 4; ++epoch) {
            int flips = 0, seen = 0;
            for (const int64_t number :
                 order_of_epoch(400, epoch, augmentation, Random{1, static_cast<uint64_t>(repeats)})) {
                const Sample sample = sample_of(number, 400, augmentation);
                REQUIRE(sample.odd_epoch == (epoch % 2 == 1));
                const bool flip = random_crop(sample, augmentation, Random{2, static_cast<uint64_t>(epoch)}).flipped;
                flips += flip, ++seen;
                flipped[static_cast<size_t>(sample.image)] += flip ? 1 : -1;
            }
            REQUIRE(seen == 400);
            REQUIRE(std::abs(flips - 200) < 60);
        }
        REQUIRE(std::count(flipped.begin(), flipped.end(), 0) == 400);  // as often flipped as not
    }
}
