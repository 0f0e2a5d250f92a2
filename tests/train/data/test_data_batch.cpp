#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/data/batch.h"
#include "train/data/loader.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <thread>

using namespace swingrad;
using namespace swingrad::test;

namespace {

const Normalisation plain{{0.1f, 0.2f, 0.3f}, {0.5f, 0.25f, 0.125f}};

// n images [5, 7, 3] of random values 1 .. 255, so that nothing is zero by itself; labels 0 .. 2 in turn.
Dataset random_dataset(int64_t n) {
    Dataset data{{"a", "b", "c"}, Tensor::empty({n, 5, 7, 3}, DType::uint8), {}};
    for (int64_t i = 0; i < data.images.numel(); ++i)
        data.images.data<uint8_t>()[i] = static_cast<uint8_t>(1 + Random{5}.below(static_cast<uint64_t>(i), 255));
    for (int64_t i = 0; i < n; ++i) data.labels.push_back(i % 3);
    return data;
}

float normalised(const Dataset& data, int64_t n, int64_t r, int64_t c, int64_t channel) {
    const uint8_t value = data.images.data<uint8_t>()[((n * 5 + r) * 7 + c) * 3 + channel];
    const auto i = static_cast<size_t>(channel);
    return (static_cast<float>(value) / 255.0f - plain.mean[i]) / plain.deviation[i];
}

// Whether image b of the batch is sample n cropped at (top, left) of the padded image, then perhaps flipped.
bool is_crop(const Dataset& data, int64_t n, const Batch& batch, int64_t b, int64_t top, int64_t left, bool flipped) {
    for (int64_t r = 0; r < 5; ++r)
        for (int64_t c = 0; c < 7; ++c)
            for (int64_t channel = 0; channel < 3; ++channel) {
                const int64_t row = r + top, column = c + left;
                const bool inside = row >= 0 && row < 5 && column >= 0 && column < 7;
                const float expected = inside ? normalised(data, n, row, column, channel) : 0.0f;
                const int64_t to = flipped ? 6 - c : c;
                if (batch.inputs.data<float>()[((b * 5 + r) * 7 + to) * 3 + channel] != expected) return false;
            }
    return true;
}

}  // namespace

TEST_CASE("a batch without augmentation is the samples asked for, normalised") {
    const Dataset data = random_dataset(6);
    const std::vector<int64_t> indices{4, 0, 4, 5};
    const Batch batch = make_batch(data, indices, plain, nullptr, {});
    REQUIRE(batch.inputs.shape() == Shape{4, 5, 7, 3});
    REQUIRE(batch.targets.values() == std::vector<double>{1, 0, 1, 2});
    for (int64_t b = 0; b < 4; ++b) REQUIRE(is_crop(data, indices[static_cast<size_t>(b)], batch, b, 0, 0, false));
}

TEST_CASE("a picture of any size becomes an input as the samples themselves do") {
    const Dataset data = random_dataset(4);
    const ImageSamples samples(data, plain, Augmentation{});
    const PictureInput* how = samples.picture_input();
    REQUIRE((how && how->extent == Extent{5, 7}));
    const std::array<int64_t, 1> third{2};
    const Tensor picture = data.images.slice(2, 3).view({5, 7, 3});
    REQUIRE(same_bits(input_of(*how, picture), samples.batch(third, nullptr).inputs));
    REQUIRE(input_of(*how, Tensor::zeros({20, 30, 3}, DType::uint8)).shape() == Shape{1, 5, 7, 3});
}

TEST_CASE("augmentation crops at every place and flips as often as asked") {
    const Dataset data = random_dataset(1500);
    std::vector<int64_t> all(1500);
    std::iota(all.begin(), all.end(), 0);
    const Augmentation augmentation{2, 0.25};
    const Batch batch = make_batch(data, all, plain, &augmentation, Random{7, 1});
    std::map<std::tuple<int64_t, int64_t, bool>, int> seen;
    for (int64_t b = 0; b < 1500; ++b) {
        int matches = 0;
        for (int64_t top = -2; top <= 2; ++top)
            for (int64_t left = -2; left <= 2; ++left)
                for (const bool flipped : {false, true})
                    if (is_crop(data, b, batch, b, top, left, flipped)) ++matches, ++seen[{top, left, flipped}];
        REQUIRE(matches == 1);
    }
    REQUIRE(seen.size() == 50);
    int flips = 0;
    for (const auto& [place, count] : seen) flips += std::get<2>(place) ? count : 0;
    REQUIRE(std::abs(flips - 375) < 70);  // four standard deviations
}

TEST_CASE("a sample's augmentation depends on its index and the stream, not on its batch") {
    const Dataset data = random_dataset(40);
    const Augmentation augmentation{3, 0.5};
    const std::vector<int64_t> many{9, 30, 31, 2}, one{31};
    const Batch in_many = make_batch(data, many, plain, &augmentation, Random{1, 1});
    const Batch alone = make_batch(data, one, plain, &augmentation, Random{1, 1});
    REQUIRE(in_many.inputs.slice(2, 3).values() == alone.inputs.values());
    REQUIRE(make_batch(data, many, plain, &augmentation, Random{1, 2}).inputs.values() != in_many.inputs.values());
}

TEST_CASE("padding wider than the image gives crops of nothing but border, too") {
    const Dataset data = random_dataset(200);
    const Augmentation augmentation{50, 0.5};
    std::vector<int64_t> all(200);
    std::iota(all.begin(), all.end(), 0);
    const auto values = make_batch(data, all, plain, &augmentation, {}).inputs.values();
    REQUIRE(std::count(values.begin(), values.end(), 0.0) > static_cast<int64_t>(values.size() / 2));
}

TEST_CASE("make_batch says which sample does not exist") {
    const Dataset data = random_dataset(3);
    const std::vector<int64_t> wrong{0, 3};
    REQUIRE(error_of([&] { make_batch(data, wrong, plain, nullptr, {}); }) ==
            "[make_batch] sample must be 0 to 2, got 3");
}

TEST_CASE("means and deviations that cannot be those of pixels are refused, and a scale of 255 is recognised") {
    const auto error = [](Normalisation one) { return error_of([&] { check_normalisation(one, "--mean", "--std"); }); };
    const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
    REQUIRE(error({{0, 0.5f, 1}, {1.0f / 255, 0.5f, 1}}) == "no error");
    REQUIRE(error({{0, nan, 0}, {1, 1, 1}}) == "--mean must be 0 to 1 of each channel, got nan");
    REQUIRE(error({{0, 0, -inf}, {1, 1, 1}}) == "--mean must be 0 to 1 of each channel, got -inf");
    REQUIRE(error({{0, 0, 0}, {1, inf, 1}}) == "--std must be 0.001 to 1 of each channel, got inf");
    REQUIRE(error({{0, 0, 0}, {1, 0, 1}}) == "--std must be 0.001 to 1 of each channel, got 0");
    REQUIRE(error({{123.675f, 116.28f, 103.53f}, {1, 1, 1}}) ==
            "--mean must be 0 to 1 of each channel, got 123.675; pixels count from 0 to 1: did you mean "
            "0.485,0.456,0.406?");
    REQUIRE(error({{0, 0, 0}, {58.395f, 57.12f, 57.375f}}).ends_with("did you mean 0.229,0.224,0.225?"));
}

TEST_CASE("shuffled gives each order of three about equally often") {
    std::map<std::vector<int64_t>, int> seen;
    for (uint64_t i = 0; i < 6000; ++i) ++seen[shuffled(3, Random{11, i})];
    REQUIRE(seen.size() == 6);
    for (const auto& [order, count] : seen) REQUIRE(std::abs(count - 1000) < 120);  // four standard deviations
    auto order = shuffled(257, {});
    REQUIRE_FALSE(std::is_sorted(order.begin(), order.end()));
    std::sort(order.begin(), order.end());
    for (int64_t i = 0; i < 257; ++i) REQUIRE(order[static_cast<size_t>(i)] == i);
    REQUIRE(shuffled(0, {}).empty());
}

TEST_CASE("hold_out keeps a part of each class back and loses nothing") {
    Dataset data = random_dataset(33);
    data.labels[0] = 1;  // classes of 10, 12 and 11
    const auto [rest, held] = hold_out(data, 0.25, Random{1, 9});
    const auto count = [](const Dataset& part, int64_t label) {
        return std::count(part.labels.begin(), part.labels.end(), label);
    };
    REQUIRE(count(held, 0) == 3);  // 2.5 rounded
    REQUIRE(count(held, 1) == 3);
    REQUIRE(count(held, 2) == 3);  // 2.75
    REQUIRE(rest.size() == 24);
    REQUIRE(rest.classes == data.classes);

    std::multiset<std::pair<int64_t, std::vector<double>>> before, after;
    const auto collect = [](const Dataset& part, auto& into) {
        for (int64_t i = 0; i < part.size(); ++i)
            into.emplace(part.labels[static_cast<size_t>(i)], part.images.slice(i, i + 1).values());
    };
    collect(data, before), collect(rest, after), collect(held, after);
    REQUIRE(before == after);
    REQUIRE(hold_out(data, 0.25, Random{1, 10}).second.images.values() != held.images.values());

    // Of small classes at least one stays on either side, and an only one is not taken from those to train on.
    Dataset small = random_dataset(6);
    small.labels = {0, 1, 1, 2, 2, 2};
    for (const double fraction : {0.01, 0.99}) {
        const auto [most, few] = hold_out(small, fraction, Random{1, 9});
        REQUIRE(count(few, 0) == 0);
        REQUIRE(count(few, 1) == 1);
        REQUIRE(count(few, 2) == (fraction < 0.5 ? 1 : 2));
        REQUIRE(most.size() + few.size() == 6);
    }

    const auto [all, none] = hold_out(data, 0, {});
    REQUIRE(all.images.address() == data.images.address());
    REQUIRE(none.size() == 0);
    REQUIRE(none.extent() == Extent{5, 7});
    REQUIRE(error_of([&] { hold_out(data, 1, {}); }) == "[hold_out] fraction must be in [0, 1), got 1");
}

TEST_CASE("a loader gives what make_batch gives, in order, made on another thread") {
    const Dataset data = random_dataset(10);
    const std::vector<int64_t> order = shuffled(10, Random{2, 2});
    const Augmentation augmentation;
    const ImageSamples samples(data, plain, augmentation);
    for (const bool whole_only : {false, true}) {
        Loader loader = batches_of(samples, order, 4, whole_only, Random{2, 3});
        for (size_t begin = 0; begin < (whole_only ? 8u : 10u); begin += 4) {
            const auto indices = std::span(order).subspan(begin, std::min<size_t>(4, 10 - begin));
            const auto batch = loader.next();
            REQUIRE(batch);
            const Batch expected = make_batch(data, indices, plain, &augmentation, Random{2, 3});
            REQUIRE(batch->inputs.values() == expected.inputs.values());
            REQUIRE(batch->targets.values() == expected.targets.values());
        }
        REQUIRE_FALSE(loader.next());
        REQUIRE_FALSE(loader.next());
    }
    std::thread::id maker;
    Loader loader(1, [&](int64_t) { return maker = std::this_thread::get_id(), Batch{}; });
    REQUIRE(loader.next());
    REQUIRE(maker != std::thread::id{});
    REQUIRE(maker != std::this_thread::get_id());
}

TEST_CASE("what goes wrong in a loader's thread surfaces at its place, and a loader may be left early") {
    Loader loader(5, [](int64_t i) {
        check(i != 2, "[test] batch {} is broken", i);
        return Batch{};
    });
    REQUIRE(loader.next());
    REQUIRE(loader.next());
    REQUIRE(error_of([&] { loader.next(); }) == "[test] batch 2 is broken");
    REQUIRE_FALSE(loader.next());

    std::atomic<int> made{0};
    {
        Loader left(5, [&](int64_t) { return ++made, Batch{}; });
    }
    REQUIRE(made == 1);
    Loader empty(0, [](int64_t) { return Batch{}; });
    REQUIRE_FALSE(empty.next());
}
