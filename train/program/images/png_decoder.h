// libpng, for train/program/images/image_file.cpp; with its errors it is as with those of JPEG
// (train/program/images/jpeg_decoder.h).
#pragma once

#include <png.h>

#include <csetjmp>
#include <cstdint>
#include <string_view>

namespace swingrad {

class PngDecoder {
  public:
    explicit PngDecoder(std::string_view bytes) : next_(bytes.data()), left_(bytes.size()) {}
    ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
    PngDecoder(const PngDecoder&) = delete;
    PngDecoder& operator=(const PngDecoder&) = delete;

    // Both return false where they failed, and message() says how, in words of our own; it is null where memory ran
    // out. Warnings are not errors here: they are about ancillary chunks.
    bool read_header();
    bool read_pixels(uint8_t* pixels);    // [H, W, 3]
    bool read_numbers(uint8_t* numbers);  // [H, W]: grey or places in the palette, as they are
    bool has_numbers() const;             // one of at most 8 bits a pixel
    const char* message() const { return message_; }

    int64_t rows() const { return png_get_image_height(png_, info_); }
    int64_t columns() const { return png_get_image_width(png_, info_); }
    int64_t scans() const { return 1; }  // an interlaced file has seven, which share the pixels
    int orientation() const;             // EXIF's, which may stand behind the pixels

  private:
    void read_rows(uint8_t* to, size_t row_bytes);  // after what transforms pixels is set
    [[noreturn]] static void leave(png_structp png, png_const_charp message);
    static void read(png_structp png, png_bytep to, size_t count);

    png_structp png_ = nullptr;
    png_infop info_ = nullptr;
    const char* next_;
    size_t left_;
    std::jmp_buf escape_{};
    bool cut_off_ = false;
    const char* message_ = nullptr;
};

}  // namespace swingrad
