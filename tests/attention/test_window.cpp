#include "ops/window.h"

#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <limits>
#include <set>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("windows of a shifted 4 x 4 map read what the roll brings there") {
    const WindowMap table = make_window_map({4, 4}, {2, 2}, {1, 1});
    REQUIRE(table->windows == 4);
    REQUIRE(table->tokens == 4);
    // The map rolled by one: row r holds row r + 1, so the first window holds rows 1, 2 of columns 1, 2.
    REQUIRE(std::vector<int32_t>(table->source.begin(), table->source.begin() + 4) ==
            std::vector<int32_t>{5, 6, 9, 10});
    REQUIRE(std::vector<int32_t>(table->source.end() - 4, table->source.end()) == std::vector<int32_t>{15, 12, 3, 0});
}

TEST_CASE("the shift mask of a 4 x 4 map separates what only the roll brought together") {
    const Tensor mask = shift_mask(*make_window_map({4, 4}, {2, 2}, {1, 1}), DType::float32);
    // One string a window, a row of its mask a word, 1 for -100.
    const std::vector<std::string> expected{"0000000000000000", "0101101001011010", "0011001111001100",
                                            "0111101111011110"};
    const auto values = mask.values();
    for (size_t window = 0; window < 4; ++window)
        for (size_t i = 0; i < 16; ++i) REQUIRE(values[window * 16 + i] == (expected[window][i] == '1' ? -100 : 0));
    REQUIRE_FALSE(shift_mask(*make_window_map({4, 4}, {2, 2}, {0, 0}), DType::float32).defined());
}

TEST_CASE("every token of the map is in exactly one window, whatever the sizes and the order") {
    for (const PaddingOrder order : {PaddingOrder::before_shift, PaddingOrder::after_shift})
        for (const Extent map : {Extent{4, 4}, Extent{11, 7}, Extent{5, 12}, Extent{1, 3}})
            for (const Extent shift : {Extent{0, 0}, Extent{1, 2}, Extent{0, 1}}) {
                const WindowMap table = make_window_map(map, {3, 4}, shift, order);
                std::multiset<int32_t> seen(table->source.begin(), table->source.end());
                for (int32_t token = 0; token < map.rows * map.columns; ++token) REQUIRE(seen.count(token) == 1);
                REQUIRE(static_cast<int64_t>(seen.size()) == table->padded.rows * table->padded.columns);
            }
}

TEST_CASE("who sees whom is the same in both padding orders where padding equals the shift, and differs elsewhere") {
    const auto pairs = [](int64_t size, PaddingOrder order) {
        const WindowMap table = make_window_map({size, size}, {4, 4}, {2, 2}, order);
        std::set<std::pair<int32_t, int32_t>> seen;
        for (size_t window = 0; window < table->source.size(); window += 16)
            for (size_t a = window; a < window + 16; ++a)
                for (size_t b = window; b < window + 16; ++b)
                    if (table->mask[a] == table->mask[b]) seen.insert({table->source[a], table->source[b]});
        return seen;
    };
    REQUIRE(pairs(10, PaddingOrder::before_shift) == pairs(10, PaddingOrder::after_shift));
    REQUIRE(pairs(11, PaddingOrder::before_shift) != pairs(11, PaddingOrder::after_shift));
}

TEST_CASE("a block's window is clipped to the map and shifted only where the map is larger") {
    const WindowMap clipped = block_window_map({4, 16}, {8, 8}, true);
    REQUIRE(clipped->window == Extent{4, 8});
    REQUIRE(clipped->shift == Extent{0, 4});
    REQUIRE(block_window_map({16, 16}, {7, 7}, true)->shift == Extent{3, 3});
    REQUIRE(block_window_map({16, 16}, {7, 7}, false)->shift == Extent{0, 0});
    REQUIRE(block_window_map({1, 1}, {4, 4}, true)->tokens == 1);
}

TEST_CASE("a sequence is one window of one row, and causal each token sees itself and those before it") {
    const WindowMap causal = make_sequence_map(3, true), all = make_sequence_map(3, false);
    REQUIRE(causal->map == Extent{1, 3});
    REQUIRE(causal->windows == 1);
    REQUIRE(causal->tokens == 3);
    REQUIRE(causal->offsets() == 5);
    REQUIRE(causal->source == std::vector<int32_t>{0, 1, 2});
    const double no = -std::numeric_limits<double>::infinity();
    REQUIRE(causal_mask(*causal, DType::float32).values() == std::vector<double>{0, no, no, 0, 0, no, 0, 0, 0});
    REQUIRE_FALSE(causal_mask(*all, DType::float32).defined());
    REQUIRE_FALSE(shift_mask(*causal, DType::float32).defined());
}

TEST_CASE("log-spaced coordinates are those of the reference") {
    const auto positive = [](Extent window, Extent pretrained) {  // the last row of offsets: 0 .. M - 1 across
        const auto values =
            relative_coordinates(window, pretrained, OffsetScale::log_of_window, DType::float64).values();
        std::vector<double> result;
        const auto columns = static_cast<size_t>(2 * window.columns - 1);
        const size_t last_row = values.size() / 2 - columns;
        for (size_t d = static_cast<size_t>(window.columns) - 1; d < columns; ++d)
            result.push_back(values[2 * (last_row + d) + 1]);
        return result;
    };
    const auto four = positive({4, 4}, {0, 0});
    const std::vector<double> expected{0, .624823, .887655, 1.056642};
    for (size_t d = 0; d < 4; ++d) REQUIRE(four[d] == Approx(expected[d]).margin(1e-6));
    REQUIRE(positive({16, 16}, {8, 8})[15] == Approx(1.393777).margin(1e-6));
    REQUIRE(positive({24, 24}, {12, 12})[23] == Approx(1.382633).margin(1e-6));
    REQUIRE(positive({1, 1}, {0, 0}) == std::vector<double>{0});  // no division by zero
    const auto all = relative_coordinates({3, 2}, {0, 0}, OffsetScale::log_of_window, DType::float32).values();
    for (size_t i = 0; i < all.size(); i += 2) {  // odd in the offset
        REQUIRE(all[i] == -all[all.size() - 2 - i]);
        REQUIRE(all[i + 1] == -all[all.size() - 1 - i]);
    }
}

TEST_CASE("the other scales of offsets are what their formulas say") {
    const auto down = [](OffsetScale scale, Extent pretrained) {  // of offsets -2 .. 2
        const auto values = relative_coordinates({3, 1}, pretrained, scale, DType::float64).values();
        std::vector<double> result;
        for (size_t i = 0; i < values.size(); i += 2) result.push_back(values[i]);
        return result;
    };
    REQUIRE(down(OffsetScale::window, {0, 0}) == std::vector<double>{-1, -0.5, 0, 0.5, 1});
    REQUIRE(down(OffsetScale::window, {5, 0}) == std::vector<double>{-0.5, -0.25, 0, 0.25, 0.5});
    REQUIRE(down(OffsetScale::tokens, {5, 0}) == std::vector<double>{-2, -1, 0, 1, 2});
    const auto logs = down(OffsetScale::log_of_tokens, {0, 0});
    REQUIRE(logs[0] == Approx(-1.0986123));  // -ln 3
    REQUIRE(logs[3] == Approx(0.6931472));   // ln 2
    REQUIRE(logs[2] == 0);
    // From a window of 8 to one of 16 the range grows by 8/7 on a linear scale, by a third on the logarithmic one.
    const auto range = [](int64_t window) {
        return relative_coordinates({window, 1}, {0, 0}, OffsetScale::log_of_tokens, DType::float64).values()[0];
    };
    REQUIRE(range(16) / range(8) - 1 == Approx(1.0 / 3).margin(1e-6));
}

TEST_CASE("the relative position index of a 2 x 3 window is the reference's") {
    const std::vector<int32_t> expected{7,  6,  5,  2, 1, 0, 8,  7,  6,  3, 2, 1, 9,  8,  7,  4, 3, 2,
                                        12, 11, 10, 7, 6, 5, 13, 12, 11, 8, 7, 6, 14, 13, 12, 9, 8, 7};
    const WindowMap map = make_window_map({2, 3}, {2, 3}, {0, 0});
    std::vector<int32_t> found;
    for (int64_t a = 0; a < 6; ++a)
        for (int64_t b = 0; b < 6; ++b) found.push_back(static_cast<int32_t>(map->relative_index(a, b)));
    REQUIRE(found == expected);
    REQUIRE(map->offsets() == 15);
}

TEST_CASE("a window table says which size cannot be") {
    REQUIRE(error_of([] {
                make_window_map({4, 4}, {0, 2}, {0, 0});
            }) == "[window] the window must not be empty, got 0 x 2");
    REQUIRE(error_of([] {
                make_window_map({4, 4}, {2, 2}, {2, 0});
            }) == "[window] the shift must be less than the window 2 x 2, got 2 x 0");
    REQUIRE(error_of([] { make_sequence_map(0, true); }) == "[window] a sequence must not be empty, got 0 tokens");
}
