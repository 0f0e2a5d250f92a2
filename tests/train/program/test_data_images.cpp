#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "tests/train/program/image_folder.h"
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

// A TIFF directory of three entries, the second of which is the orientation.
std::string exif_of(int orientation, bool low_first) {
    const auto number = [low_first](int value, int bytes) {
        std::string text;
        for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * (low_first ? i : bytes - 1 - i) & 255);
        return text;
    };
    std::string tiff = (low_first ? "II" : "MM") + number(42, 2) + number(8, 4) + number(3, 2);
    for (const auto& [tag, value] : {std::pair{256, 3}, {274, orientation}, {282, 4}})
        tiff += number(tag, 2) + number(3, 2) + number(1, 4) + number(value, 2) + number(0, 2);
    return tiff + number(0, 4);
}

// The JPEG with such a segment behind its first two bytes.
std::string with_exif(const std::string& jpeg, const std::string& exif) {
    const std::string data = std::string("Exif\0\0", 6) + exif;
    return jpeg.substr(0, 2) + std::string("\xff\xe1\0", 3) + static_cast<char>(data.size() + 2) + data +
           jpeg.substr(2);
}

bool ends_with(const std::string& text, const std::string& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

TEST_CASE("JPEG files decode to the pixels that Pillow gives") {
    // sum over i of value[i] * (i mod 251) of numpy.asarray(PIL.Image.open(file).convert("RGB")), flat
    const std::vector<std::pair<std::string, int64_t>> expected{{"colour.jpg", 5585668},
                                                                {"progressive.jpg", 5585668},
                                                                {"grey.jpg", 6203561},
                                                                {"cmyk.jpg", 5566446},
                                                                {"ycck.jpg", 2759229}};
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
    REQUIRE(error_of([&] { read_image(cut); }) == "[image] " + cut.string() + ": a JPEG file that is cut off");
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
    REQUIRE(ends_with(error(images / "vast.png"), "vast.png: 70000 x 70000 pixels are more than 2^28"));
    REQUIRE(ends_with(error(source_directory() / "CMakeLists.txt"), ": expected JPEG or PNG, got neither"));
    REQUIRE(ends_with(error(images / "absent.png"), "absent.png: No such file or directory"));

    const TemporaryDirectory directory;
    const auto file = directory / "picture.jpg";
    const auto error_of_bytes = [&](const std::string& bytes) {
        write_file_plainly(file, bytes);
        return error(file);
    };
    REQUIRE(error_of_bytes("") == "[image] " + file.string() + ": expected JPEG or PNG, got an empty file");
    const std::string end(20, '\0');
    for (const auto& [begin, name] : std::vector<std::pair<std::string, std::string>>{{"GIF89a", "GIF"},
                                                                                      {"BM", "BMP"},
                                                                                      {"RIFF....WEBPVP8 ", "WebP"},
                                                                                      {std::string("II*\0", 4), "TIFF"},
                                                                                      {"....ftypavif", "AVIF"}})
        REQUIRE(ends_with(error_of_bytes(begin + end), "expected JPEG or PNG, got " + name +
                                                           ", which \"mogrify -format png\" of ImageMagick converts"));
}

TEST_CASE("an image of another size than the one wanted is refused before its pixels are decoded") {
    const ImageReading how{.extent = Extent{13, 11}};
    // Its pixels would be refused, too: they are too many.
    REQUIRE(ends_with(error_of([&] { read_image(images / "vast.png", how); }),
                      "vast.png: expected an image of 13 x 11 pixels, got 70000 x 70000"));
    // On its side it would be of that size, but nothing says that it lies on its side.
    REQUIRE(ends_with(error_of([&] { read_image(images / "colour.jpg", how); }),
                      "colour.jpg: expected an image of 13 x 11 pixels, got 11 x 13"));
}

TEST_CASE("a picture is turned upright as its EXIF orientation says") {
    const TemporaryDirectory directory;
    const auto file = directory / "turned.jpg";
    const std::string jpeg = contents_of(images / "colour.jpg");
    // As above, of what Pillow's ImageOps.exif_transpose makes of it.
    const std::vector<int64_t> expected{5585668, 5618852, 5419678, 5401052, 5720289, 5716205, 5195450, 5165398};
    for (const bool low_first : {true, false})
        for (int orientation = 1; orientation <= 8; ++orientation) {
            INFO("orientation " << orientation);
            const std::string bytes = with_exif(jpeg, exif_of(orientation, low_first));
            write_file_plainly(file, bytes);
            const Tensor image = read_image(file);
            REQUIRE(image.shape() == (orientation < 5 ? Shape{11, 13, 3} : Shape{13, 11, 3}));
            REQUIRE(weighted_sum(image) == expected[static_cast<size_t>(orientation - 1)]);
            REQUIRE(weighted_sum(read_image(file, {.ignore_exif = true})) == expected[0]);
            REQUIRE(read_image_header(file).extent == Extent{image.shape()[0], image.shape()[1]});
            REQUIRE(read_image_header(file, true).extent == Extent{11, 13});
            if (orientation >= 5) REQUIRE(read_image(file, {.extent = Extent{13, 11}}).shape() == image.shape());
        }
    for (const std::string& exif : {exif_of(0, true), exif_of(9, true), exif_of(6, true).substr(0, 15),
                                    std::string("II*\0\xff\xff\xff\xff", 8), std::string("XX"), std::string()}) {
        write_file_plainly(file, with_exif(jpeg, exif));
        REQUIRE(weighted_sum(read_image(file)) == expected[0]);
    }
}

TEST_CASE("an orientation in a PNG file counts too, before its pixels or behind them") {
    const TemporaryDirectory directory;
    const auto file = directory / "turned.png";
    Tensor image = Tensor::empty({2, 3, 3}, DType::uint8);
    for (int64_t i = 0; i < 18; ++i) image.data<uint8_t>()[i] = static_cast<uint8_t>(i / 3);
    const std::string png = png_of(image);
    const std::string chunk = png_chunk("eXIf" + exif_of(6, false));
    const size_t header_end = 33, end = png.size() - 12;
    for (const size_t at : {header_end, end}) {
        write_file_plainly(file, png.substr(0, at) + chunk + png.substr(at));
        REQUIRE(read_image(file).shape() == Shape{3, 2, 3});
        REQUIRE(read_image(file).values() == grey({3, 0, 4, 1, 5, 2}));
        REQUIRE(read_image(file, {.ignore_exif = true}).values() == grey({0, 1, 2, 3, 4, 5}));
    }
}

TEST_CASE("what libjpeg warns of is no error where every pixel is as it was written") {
    const TemporaryDirectory directory;
    const auto file = directory / "odd.jpg";
    const std::string jpeg = contents_of(images / "colour.jpg");
    const auto sum_of = [&](const std::string& bytes) {
        write_file_plainly(file, bytes);
        return weighted_sum(read_image(file));
    };
    const auto replaced = [&](size_t at, size_t count, const std::string& by) {
        return std::string(jpeg).replace(at, count, by);
    };
    const size_t version = jpeg.find("JFIF") + 5, tables = jpeg.find("\xff\xdb"), scan = jpeg.find("\xff\xda");
    const size_t scan_data = scan + 2 + static_cast<unsigned char>(jpeg[scan + 3]);
    REQUIRE(sum_of(replaced(version, 1, "\x07")) == 5585668);
    REQUIRE(sum_of(replaced(tables, 0, "abc")) == 5585668);
    REQUIRE(sum_of(replaced(scan_data - 3, 3, std::string(3, '\0'))) == 5585668);
    REQUIRE(sum_of(replaced(jpeg.size() - 2, 0, std::string(50, 'x'))) == 5585668);
    // Adobe's segment in the place of JFIF's, with a transform that there is not, for the one of YCbCr.
    const size_t segment_end = 4 + static_cast<unsigned char>(jpeg[5]);
    const std::string adobe("\xff\xee\0\x0e\x41\x64obe\0\x64\0\0\0\0\x09", 16);
    REQUIRE(sum_of(replaced(2, segment_end - 2, adobe)) == 5585668);
    // Bytes within the scan that belong to no pixel are a sign that some pixels are not what they were.
    REQUIRE(error_of([&] { sum_of(replaced(scan_data + 20, 0, "\xff\xd3")); }).find("a damaged JPEG file") !=
            std::string::npos);
}

TEST_CASE("a JPEG whose scans would go over too many pixels is refused before any is decoded") {
    const TemporaryDirectory directory;
    const auto file = directory / "scans.jpg";
    std::string jpeg = contents_of(images / "progressive.jpg");
    const size_t frame = jpeg.find("\xff\xc2"), scans = jpeg.find("\xff\xda"), end = jpeg.size() - 2;
    REQUIRE(frame < scans);
    jpeg.replace(frame + 5, 4, "\x3e\x80\x3e\x80");  // 16000 x 16000
    const std::string again = jpeg.substr(scans, end - scans);
    write_file_plainly(file, jpeg.substr(0, end) + again + jpeg.substr(end));
    REQUIRE(error_of([&] { read_image(file); }) ==
            "[image] " + file.string() + ": 20 scans of 16000 x 16000 pixels go over more than 2^32");
}
