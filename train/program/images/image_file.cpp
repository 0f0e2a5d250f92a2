#include "train/program/images/image_file.h"

#include "core/allocator.h"
#include "core/io/file.h"
#include "train/program/images/jpeg_decoder.h"
#include "train/program/images/orientation.h"
#include "train/program/images/png_decoder.h"

#include <algorithm>
#include <new>
#include <string_view>

namespace swingrad {
namespace {

using namespace std::string_view_literals;

constexpr int64_t most_pixels = int64_t{1} << 28, most_work = int64_t{1} << 32;

// A format that is known by its first bytes, or by those from the fifth on.
struct Format {
    std::string_view begin, from_fifth;
    const char* name;
};
constexpr Format others[] = {
    {"GIF8", "", "GIF"},      {"BM", "", "BMP"},           {"II*\0"sv, "", "TIFF"},
    {"MM\0*"sv, "", "TIFF"},  {"", "ftypavif", "AVIF"},    {"", "ftypavis", "AVIF"},
    {"", "ftyphei", "HEIC"},  {"", "ftyphev", "HEIC"},     {"", "ftypmif1", "HEIC"},
    {"", "ftypmsf1", "HEIC"}, {"", "jP  ", "JPEG 2000"},   {"\xff\x4f\xff\x51", "", "JPEG 2000"},
    {"", "JXL ", "JPEG XL"},  {"\xff\x0a", "", "JPEG XL"}, {"8BPS", "", "PSD"},
    {"%PDF", "", "PDF"},
};

constexpr size_t bytes_to_know = 16;

std::string name_of_format(std::string_view bytes) {
    if (bytes.starts_with("RIFF") && bytes.substr(std::min<size_t>(8, bytes.size())).starts_with("WEBP")) return "WebP";
    const std::string_view from_fifth = bytes.substr(std::min<size_t>(4, bytes.size()));
    for (const Format& one : others)
        if (bytes.starts_with(one.begin) && from_fifth.starts_with(one.from_fifth)) return one.name;
    return "";
}

bool is_jpeg(std::string_view bytes) { return bytes.starts_with("\xff\xd8\xff"); }

// Few bytes, so that a film among the pictures is not read to its end.
std::string first_bytes(const std::filesystem::path& path) {
    const InputFile file(path);
    std::string bytes(std::min<uint64_t>(bytes_to_know, file.size()), '\0');
    file.read(0, bytes.data(), bytes.size());
    return bytes;
}

void check_format(std::string_view bytes) {
    check(!bytes.empty(), "expected JPEG or PNG, got an empty file");
    if (is_jpeg(bytes) || bytes.starts_with("\x89PNG\r\n\x1a\n")) return;
    const std::string other = name_of_format(bytes);
    check(!other.empty(), "expected JPEG or PNG, got neither");
    fail("expected JPEG or PNG, got {}, which \"mogrify -format png\" of ImageMagick converts", other);
}

void check_extent(const ImageReading& how, Extent found) {
    if (how.extent && found != *how.extent)
        throw WrongExtent(fmt::format("expected an image of {} x {} pixels, got {} x {}", how.extent->rows,
                                      how.extent->columns, found.rows, found.columns));
}

// What the header tells is enough to refuse a picture that would take its time.
template <class Decoder>
void check_header(const Decoder& decoder, const ImageReading& how) {
    const int64_t rows = decoder.rows(), columns = decoder.columns();
    // A picture on its side may be of this extent once it is upright.
    if (how.ignore_exif || !how.extent || Extent{columns, rows} != *how.extent) check_extent(how, {rows, columns});
    check(rows <= most_pixels / columns, "{} x {} pixels are more than 2^28", rows, columns);
    const auto whole = [](int64_t side) { return (side + 31) / 32 * 32; };  // the largest block of JPEG
    check(decoder.scans() <= std::max<int64_t>(1, most_work / (whole(rows) * whole(columns))),
          "{} scans of {} x {} pixels go over more than 2^32", decoder.scans(), rows, columns);
}

// Want of memory says nothing of the picture.
template <class Decoder>
[[noreturn]] void fail_of(const Decoder& decoder) {
    if (!decoder.message()) throw std::bad_alloc();
    fail("{}", decoder.message());
}

template <class Decoder>
Tensor decode(std::string_view bytes, const ImageReading& how) {
    Decoder decoder(bytes);
    if (!decoder.read_header()) fail_of(decoder);
    check_header(decoder, how);
    const Tensor image = Tensor::empty({decoder.rows(), decoder.columns(), 3}, DType::uint8);
    if (!decoder.read_pixels(image.data<uint8_t>())) fail_of(decoder);
    return how.ignore_exif ? image : upright(image, decoder.orientation());
}

template <class Decoder>
Extent extent_in(std::string_view bytes, bool ignore_exif) {
    Decoder decoder(bytes);
    if (!decoder.read_header()) fail("{}", decoder.message());
    check_header(decoder, {ignore_exif, {}});
    const bool on_side = !ignore_exif && decoder.orientation() >= 5;
    return on_side ? Extent{decoder.columns(), decoder.rows()} : Extent{decoder.rows(), decoder.columns()};
}

Extent extent_in(std::string_view bytes, bool ignore_exif) {
    return is_jpeg(bytes) ? extent_in<JpegDecoder>(bytes, ignore_exif) : extent_in<PngDecoder>(bytes, ignore_exif);
}

// What `call` returns; its errors begin with the file's name.
auto naming_file(const std::filesystem::path& path, auto&& call) {
    const auto named = [&](const Error& error) { return fmt::format("[image] {}: {}", path.string(), error.what()); };
    try {
        return call();
    } catch (const WrongExtent& error) {
        throw WrongExtent(named(error));
    } catch (const Error& error) {
        if (is_out_of_memory(error)) throw;  // is no fault of the file, and must be known as what it is
        throw Error(named(error));
    }
}

}  // namespace

ImageHeader read_image_header(const std::filesystem::path& path, bool ignore_exif) {
    const InputFile file(path);
    std::string begin;
    const auto read_on = [&](uint64_t most) {
        begin.resize(std::min(most, file.size()));
        file.read(0, begin.data(), begin.size());
    };
    read_on(bytes_to_know);
    naming_file(path, [&] { check_format(begin); });
    // As a rule a header is short; one with a small picture of the picture in it is not.
    for (const uint64_t most : {uint64_t{1} << 12, uint64_t{1} << 16, file.size()}) {
        read_on(most);
        try {
            return naming_file(path, [&] { return ImageHeader{extent_in(begin, ignore_exif), file.size()}; });
        } catch (const Error&) {
            if (begin.size() == file.size()) throw;
        }
    }
    fail("[image] {}: no header", path.string());
}

Tensor read_image(const std::filesystem::path& path, const ImageReading& how) {
    naming_file(path, [begin = first_bytes(path)] { check_format(begin); });
    const std::string bytes = read_file(path);
    return naming_file(path, [&] {
        const Tensor image = is_jpeg(bytes) ? decode<JpegDecoder>(bytes, how) : decode<PngDecoder>(bytes, how);
        check_extent(how, {image.shape()[0], image.shape()[1]});
        return image;
    });
}

Tensor read_mask(const std::filesystem::path& path) {
    const std::string bytes = read_file(path);
    return naming_file(path, [&] {
        check_format(bytes);
        check(!is_jpeg(bytes), "a mask must be a PNG file, as JPEG changes numbers");
        PngDecoder decoder(bytes);
        if (!decoder.read_header()) fail_of(decoder);
        check_header(decoder, {});
        check(decoder.has_numbers(), "a mask must be 8-bit grey or palette");
        const Tensor mask = Tensor::empty({decoder.rows(), decoder.columns()}, DType::uint8);
        if (!decoder.read_numbers(mask.data<uint8_t>())) fail_of(decoder);
        return mask;
    });
}

std::string png_of(const Tensor& image) {
    const Shape& shape = image.shape();
    const bool grey = shape.rank() == 2;
    check((grey || (shape.rank() == 3 && shape[-1] == 3)) && image.numel() > 0 && image.numel() <= 3 * most_pixels,
          "[png] image must be [H, W, 3] or [H, W], got {}", shape);
    png_image png{};
    png.version = PNG_IMAGE_VERSION;
    png.height = static_cast<uint32_t>(shape[0]);
    png.width = static_cast<uint32_t>(shape[1]);
    png.format = grey ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    const uint8_t* pixels = image.data<uint8_t>();
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);  // and no less than it will be
    std::string bytes(size, '\0');
    const bool written = png_image_write_to_memory(&png, bytes.data(), &size, 0, pixels, 0, nullptr);
    if (!written) throw std::bad_alloc();  // what else can be wrong was looked at
    bytes.resize(size);
    return bytes;
}

void write_png(const std::filesystem::path& path, const Tensor& image) { write_file_atomically(path, png_of(image)); }

}  // namespace swingrad
