// Both libraries are C and leave an error by longjmp, which runs no destructors. So every call into them is made
// in a function that holds nothing but plain values between its setjmp and its end, and returns false where it was
// jumped back to; whatever owns something (the decoder, the tensor) lives in its caller.

#include "train/program/images/image_file.h"

#include "core/error.h"
#include "core/io/file.h"

#include <cstdio>  // before jpeglib.h, which expects it

#include <jpeglib.h>
#include <png.h>

#include <csetjmp>
#include <cstring>

namespace swingrad {
namespace {

constexpr int64_t most_pixels = int64_t{1} << 28;

// [H, W, 3], to be filled.
Tensor empty_image(int64_t rows, int64_t columns) {
    check(rows <= most_pixels / columns, "{} x {} pixels are more than 2^28", rows, columns);
    return Tensor::empty({rows, columns, 3}, DType::uint8);
}

// ---- JPEG

class JpegDecoder {
  public:
    JpegDecoder() {
        jpeg_.err = jpeg_std_error(&errors_);
        jpeg_.client_data = this;
        errors_.error_exit = [](j_common_ptr jpeg) { leave(jpeg); };
        errors_.emit_message = [](j_common_ptr jpeg, int level) {
            if (level < 0) leave(jpeg);  // a warning: data was lost or made up; other levels are for tracing
        };
    }
    ~JpegDecoder() { jpeg_destroy_decompress(&jpeg_); }
    JpegDecoder(const JpegDecoder&) = delete;
    JpegDecoder& operator=(const JpegDecoder&) = delete;

    bool read_header(std::string_view bytes) {
        if (setjmp(escape_)) return false;
        jpeg_create_decompress(&jpeg_);
        jpeg_mem_src(&jpeg_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
        jpeg_read_header(&jpeg_, TRUE);
        return true;
    }

    bool read_pixels(uint8_t* pixels) {
        if (setjmp(escape_)) return false;
        jpeg_.out_color_space = JCS_RGB;
        jpeg_.dct_method = JDCT_ISLOW;
        jpeg_.do_fancy_upsampling = TRUE;
        jpeg_start_decompress(&jpeg_);
        while (jpeg_.output_scanline < jpeg_.output_height) {
            JSAMPROW row = pixels + size_t{jpeg_.output_scanline} * jpeg_.output_width * 3;
            jpeg_read_scanlines(&jpeg_, &row, 1);
        }
        jpeg_finish_decompress(&jpeg_);  // reads up to the end marker
        return true;
    }

    int64_t rows() const { return jpeg_.image_height; }
    int64_t columns() const { return jpeg_.image_width; }
    bool is_cmyk() const { return jpeg_.jpeg_color_space == JCS_CMYK || jpeg_.jpeg_color_space == JCS_YCCK; }
    const char* message() const { return message_; }

  private:
    [[noreturn]] static void leave(j_common_ptr jpeg) {
        auto* decoder = static_cast<JpegDecoder*>(jpeg->client_data);
        jpeg->err->format_message(jpeg, decoder->message_);
        std::longjmp(decoder->escape_, 1);
    }

    jpeg_decompress_struct jpeg_{};
    jpeg_error_mgr errors_{};
    std::jmp_buf escape_{};
    char message_[JMSG_LENGTH_MAX] = "";
};

Tensor decode_jpeg(const std::string& bytes) {
    JpegDecoder decoder;
    if (!decoder.read_header(bytes)) fail("{}", decoder.message());
    check(!decoder.is_cmyk(), "expected grey or RGB, got CMYK");
    const Tensor image = empty_image(decoder.rows(), decoder.columns());
    if (!decoder.read_pixels(image.data<uint8_t>())) fail("{}", decoder.message());
    return image;
}

// ---- PNG

class PngDecoder {
  public:
    explicit PngDecoder(std::string_view bytes) : next_(bytes.data()), left_(bytes.size()) {}
    ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
    PngDecoder(const PngDecoder&) = delete;
    PngDecoder& operator=(const PngDecoder&) = delete;

    // Warnings are not errors here: they are about ancillary chunks, such as a colour profile that is not quite right.
    bool read_header() {
        if (setjmp(escape_)) return false;
        png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, leave, [](png_structp, png_const_charp) {});
        info_ = png_ ? png_create_info_struct(png_) : nullptr;
        if (!info_) {
            std::strcpy(message_, "libpng could not begin");
            return false;
        }
        png_set_read_fn(png_, this, read);
        png_read_info(png_, info_);
        return true;
    }

    bool read_pixels(uint8_t* pixels) {
        if (setjmp(escape_)) return false;
        const int colour = png_get_color_type(png_, info_);
        if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
        if (colour == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png_);
        if (!(colour & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png_);
        png_set_scale_16(png_);
        png_set_strip_alpha(png_);
        const int passes = png_set_interlace_handling(png_);
        png_read_update_info(png_, info_);
        const size_t row_bytes = png_get_rowbytes(png_, info_);
        if (row_bytes != size_t{png_get_image_width(png_, info_)} * 3) png_error(png_, "not 3 bytes a pixel");
        for (int pass = 0; pass < passes; ++pass)
            for (size_t row = 0; row < png_get_image_height(png_, info_); ++row)
                png_read_row(png_, pixels + row * row_bytes, nullptr);
        png_read_end(png_, nullptr);
        return true;
    }

    int64_t rows() const { return png_get_image_height(png_, info_); }
    int64_t columns() const { return png_get_image_width(png_, info_); }
    const char* message() const { return message_; }

  private:
    [[noreturn]] static void leave(png_structp png, png_const_charp message) {
        auto* decoder = static_cast<PngDecoder*>(png_get_error_ptr(png));
        std::snprintf(decoder->message_, sizeof decoder->message_, "%s", message);
        std::longjmp(decoder->escape_, 1);
    }
    static void read(png_structp png, png_bytep to, size_t count) {
        auto* decoder = static_cast<PngDecoder*>(png_get_io_ptr(png));
        if (count > decoder->left_) png_error(png, "Premature end of PNG file");
        std::memcpy(to, decoder->next_, count);
        decoder->next_ += count;
        decoder->left_ -= count;
    }

    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
    const char* next_;
    size_t left_;
    std::jmp_buf escape_{};
    char message_[256] = "";
};

Tensor decode_png(const std::string& bytes) {
    PngDecoder decoder(bytes);
    if (!decoder.read_header()) fail("{}", decoder.message());
    const Tensor image = empty_image(decoder.rows(), decoder.columns());
    if (!decoder.read_pixels(image.data<uint8_t>())) fail("{}", decoder.message());
    return image;
}

}  // namespace

Tensor read_image(const std::filesystem::path& path) {
    const std::string bytes = read_file(path);
    try {
        if (bytes.starts_with("\xff\xd8\xff")) return decode_jpeg(bytes);
        if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return decode_png(bytes);
        fail("expected JPEG or PNG, got neither");
    } catch (const Error& error) {
        fail("[image] {}: {}", path.string(), error.what());
    }
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
    check(written, "[png] {}", png.message);
    bytes.resize(size);
    return bytes;
}

void write_png(const std::filesystem::path& path, const Tensor& image) { write_file_atomically(path, png_of(image)); }

}  // namespace swingrad
