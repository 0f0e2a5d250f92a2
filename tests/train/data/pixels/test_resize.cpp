#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/data/pixels/resize.h"

#include <cstdlib>

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Pixels = std::vector<uint8_t>;

// Neighbours far apart, so that a wrong weight shows.
Tensor picture(int64_t rows, int64_t columns) {
    Pixels pixels;
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < columns; ++c)
            for (int64_t k = 0; k < 3; ++k)
                pixels.push_back(static_cast<uint8_t>((r * 37 + c * 91 + k * 53 + r * c * 7) % 256));
    return Tensor::from({rows, columns, 3}, pixels);
}

Pixels pixels_of(const Tensor& image) {
    const auto span = image.span<uint8_t>();
    return {span.begin(), span.end()};
}

// The largest difference in grey levels.
int largest_step(const Pixels& a, const Pixels& b) {
    int largest = a.size() == b.size() ? 0 : 255;
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
    return largest;
}

}  // namespace

// The numbers are Pillow 13's: Image.fromarray(picture).resize((columns, rows), Image.BICUBIC).

TEST_CASE("images are made smaller and larger as Pillow makes them") {
    REQUIRE(pixels_of(resized(picture(9, 7), {3, 4})) ==
            Pixels{90,  129, 152, 132, 131, 126, 127, 144, 124, 101, 154, 124, 127, 137, 146, 133, 136, 136,
                   150, 133, 123, 131, 132, 112, 108, 125, 133, 131, 127, 126, 134, 130, 127, 133, 148, 109});
    REQUIRE(pixels_of(resized(picture(3, 2), {5, 4})) ==
            Pixels{0,   42,  95,  16,  69,  122, 69,  122, 175, 96,  149, 202, 8,   56,  108, 31,  84, 139, 85,  138,
                   200, 113, 166, 231, 28,  81,  134, 57,  110, 163, 115, 168, 221, 144, 197, 250, 53, 107, 174, 84,
                   137, 156, 144, 197, 118, 175, 228, 100, 68,  121, 197, 99,  152, 148, 160, 213, 48, 191, 244, 0});
    REQUIRE(pixels_of(resized(picture(6, 5), {6, 3})) ==  // one axis alone
            Pixels{40,  93,  146, 128, 181, 86,  68,  121, 174, 80,  133, 186, 179, 84,  146, 130, 183, 87,
                   119, 172, 111, 82,  144, 134, 193, 96,  157, 159, 97,  158, 142, 132, 122, 106, 167, 105,
                   84,  145, 198, 130, 120, 173, 176, 115, 168, 131, 184, 87,  118, 171, 94,  125, 178, 81});
}

TEST_CASE("an image is fitted by its short side and cut in the middle") {
    // 10 x 23 to 4 x 9, columns 2 to 5; 13 x 5 to 10 x 4, rows 4 to 6: of an odd rest, half a pixel is
    // rounded to even, as in torchvision.
    REQUIRE(pixels_of(fitted(picture(10, 23), {4, 4})) ==
            Pixels{113, 138, 135, 146, 105, 132, 152, 118, 126, 129, 131, 120, 121, 125, 120, 151,
                   123, 136, 123, 130, 91,  100, 142, 123, 146, 128, 126, 108, 130, 134, 89,  145,
                   139, 96,  151, 82,  123, 129, 115, 137, 138, 128, 125, 109, 162, 103, 162, 104});
    // Pillow takes this one columns first, so that it rounds elsewhere.
    REQUIRE(largest_step(
                pixels_of(fitted(picture(13, 5), {3, 4})),
                Pixels{177, 147, 74, 128, 137, 121, 126, 136, 131, 178, 149, 80,  95,  65, 130, 117, 127, 198,
                       131, 141, 92, 131, 101, 127, 65,  119, 124, 141, 190, 124, 143, 75, 114, 126, 150, 164}) <= 1);
}

TEST_CASE("an image of the right size passes untouched, and one that is only too long is cut and not scaled") {
    const Tensor image = picture(6, 8);
    REQUIRE(same_bits(fitted(image, {6, 8}), image));
    const Tensor high = picture(8, 6), middle = high.subrange(2 * 6 * 3, {4, 6, 3});
    REQUIRE(same_bits(fitted(high, {4, 6}), middle));
    const Tensor cut = fitted(image, {6, 4});
    for (int64_t r = 0; r < 6; ++r)
        for (int64_t i = 0; i < 12; ++i)
            REQUIRE(cut.data<uint8_t>()[r * 12 + i] == image.data<uint8_t>()[r * 24 + 6 + i]);
}

TEST_CASE("extreme sizes are fitted without an image of extreme size between") {
    const Tensor line = fitted(picture(1, 100000), {224, 224});  // whole, it would be 224 x 22,400,000
    REQUIRE(line.shape() == Shape{224, 224, 3});
    REQUIRE(fitted(picture(1, 1), {2, 3}).shape() == Shape{2, 3, 3});
}

TEST_CASE("what is no image is refused") {
    REQUIRE(error_of([] {
                fitted(Tensor::zeros({2, 2, 3}), {4, 4});
            }) == "[resize] expected an image, uint8 [H, W, 3], got float32 [2, 2, 3] on cpu");
    REQUIRE(error_of([] { resized(picture(2, 2), {0, 4}); }) == "[resize] the size must be positive, got 0 x 4");
}
