#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/program/images/image_file.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

const std::filesystem::path images = fixtures() / "images";

// A sum that every pixel, channel and place counts in.
int64_t weighted_sum(const Tensor& image) {
    int64_t sum = 0;
    for (int64_t i = 0; i < image.numel(); ++i) sum += image.data<uint8_t>()[i] * (i % 251);
    return sum;
}

std::vector<double> grey(const std::vector<double>& values) {
    std::vector<double> tripled;
    for (const double value : values) tripled.insert(tripled.end(), 3, value);
    return tripled;
}

bool ends_with(const std::string& text, const std::string& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

TEST_CASE("JPEG files decode to the pixels that Pillow gives") {
    // sum over i of value[i] * (i mod 251) of numpy.asarray(PIL.Image.open(file).convert("RGB")), flat
    const std::vector<std::pair<std::string, int64_t>> expected{
        {"colour.jpg", 5585668}, {"progressive.jpg", 5585668}, {"grey.jpg", 6203561}};
    for (const auto& [name, sum] : expected) {
        INFO(name);
        const Tensor image = read_image(images / name);
        REQUIRE(image.shape() == Shape{11, 13, 3});
        REQUIRE(weighted_sum(image) == sum);
    }
}

TEST_CASE("16-bit PNG values are rounded to 8 bits and alpha is dropped") {
    const Tensor image = read_image(images / "rgba16.png");
    REQUIRE(image.shape() == Shape{2, 3, 3});
    // round(value / 257) of what the file holds; 128 and 65407 lie just below a half, 129 and 65406 beyond
    REQUIRE(image.values() == std::vector<double>{0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 255, 255, 254, 128, 127, 254, 254, 19});
}

TEST_CASE("palette, 1-bit grey and interlaced PNG files become RGB") {
    REQUIRE(read_image(images / "palette.png").values() ==
            std::vector<double>{255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 0, 255, 0});
    REQUIRE(read_image(images / "grey1.png").values() == grey({255, 0, 255}));
    std::vector<double> ramp;  // pixel (r, c) is 10 r + c; the file's gamma and transparent value change nothing
    for (int r = 0; r < 5; ++r)
        for (int c = 0; c < 5; ++c) ramp.push_back(10 * r + c);
    REQUIRE(read_image(images / "interlaced.png").values() == grey(ramp));
}

TEST_CASE("what write_png wrote, read_image reads") {
    const TemporaryDirectory directory;
    for (const Shape& shape : {Shape{1, 1, 3}, Shape{33, 257, 3}, Shape{7, 5}}) {
        Tensor image = Tensor::empty(shape, DType::uint8);
        for (int64_t i = 0; i < image.numel(); ++i)
            image.data<uint8_t>()[i] = static_cast<uint8_t>(Random{3}.below(static_cast<uint64_t>(i), 256));
        write_png(directory.path() / "image.png", image);
        const Tensor back = read_image(directory.path() / "image.png");
        REQUIRE(back.shape() == Shape{shape[0], shape[1], 3});
        REQUIRE(back.values() == (shape.rank() == 3 ? image.values() : grey(image.values())));
    }
    REQUIRE(ends_with(error_of([&] {
                          write_png("a.png", Tensor::zeros({2, 2, 4}, DType::uint8));
                      }),
                      "[png] image must be [H, W, 3] or [H, W], got [2, 2, 4]"));
    REQUIRE(ends_with(error_of([&] {
                          write_png(directory.path() / "no/a.png", Tensor::zeros({2, 2}, DType::uint8));
                      }),
                      "no/a.png: cannot write beside it: No such file or directory"));
}

TEST_CASE("an image cut off at any byte is an error with the file's name") {
    const TemporaryDirectory directory;
    const auto cut = directory.path() / "cut";
    for (const std::string name : {"colour.jpg", "progressive.jpg", "grey.jpg", "rgba16.png", "interlaced.png"}) {
        const std::string bytes = contents_of(images / name);
        REQUIRE(bytes.size() > 60);
        for (size_t length = 0; length < bytes.size(); ++length) {
            write_file_plainly(cut, bytes.substr(0, length));
            const std::string error = error_of([&] { read_image(cut); });
            INFO(name << " cut to " << length << " bytes: " << error);
            REQUIRE(error.starts_with("[image] " + cut.string() + ": "));
        }
    }
    write_file_plainly(cut, contents_of(images / "colour.jpg").substr(0, 370));
    REQUIRE(error_of([&] { read_image(cut); }) == "[image] " + cut.string() + ": Premature end of JPEG file");
}

TEST_CASE("a damaged image is decoded or refused, never more") {
    const TemporaryDirectory directory;
    const auto file = directory.path() / "damaged";
    for (const std::string name : {"colour.jpg", "progressive.jpg", "rgba16.png", "palette.png"}) {
        const std::string bytes = contents_of(images / name);
        int refused = 0;
        for (size_t at = 0; at < bytes.size(); ++at) {
            std::string damaged = bytes;
            damaged[at] = static_cast<char>(~damaged[at]);
            write_file_plainly(file, damaged);
            if (error_of([&] { read_image(file); }) != "no error") ++refused;
        }
        INFO(name);
        REQUIRE(refused > static_cast<int>(bytes.size() / 4));
        // Every chunk has a checksum. libpng 1.6.48 no longer looks at that of the last, which is empty.
        if (name == "rgba16.png") REQUIRE(refused >= static_cast<int>(bytes.size()) - 4);
    }
}

TEST_CASE("read_image refuses what it cannot show, and says why") {
    const auto error = [](const std::filesystem::path& path) { return error_of([&] { read_image(path); }); };
    REQUIRE(error(images / "cmyk.jpg") ==
            "[image] " + (images / "cmyk.jpg").string() + ": expected grey or RGB, got CMYK");
    REQUIRE(ends_with(error(images / "vast.png"), "vast.png: 70000 x 70000 pixels are more than 2^28"));
    REQUIRE(ends_with(error(source_directory() / "CMakeLists.txt"), ": expected JPEG or PNG, got neither"));
    REQUIRE(ends_with(error(images / "absent.png"), "absent.png: No such file or directory"));
}
