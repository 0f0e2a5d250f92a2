// libjpeg-turbo, for train/program/images/image_file.cpp.
//
// The library is C and leaves an error by longjmp, which runs no destructors. So every call into it is made in a
// function that holds nothing but plain values between its setjmp and its end, and returns false where it was jumped
// back to; whatever owns something (the decoder, the tensor) lives in its caller.
#pragma once

#include <cstdint>
#include <cstdio>  // before jpeglib.h, which expects it
#include <string_view>
#include <vector>

#include <jpeglib.h>

#include <csetjmp>

namespace swingrad {

class JpegDecoder {
  public:
    explicit JpegDecoder(std::string_view bytes);
    ~JpegDecoder() { jpeg_destroy_decompress(&jpeg_); }
    JpegDecoder(const JpegDecoder&) = delete;
    JpegDecoder& operator=(const JpegDecoder&) = delete;

    // Both return false where they failed, and message() says how, in words of our own; it is null where memory ran
    // out.
    bool read_header();
    bool read_pixels(uint8_t* pixels);  // [H, W, 3]
    const char* message() const { return message_; }

    int64_t rows() const { return jpeg_.image_height; }
    int64_t columns() const { return jpeg_.image_width; }
    // How often a part of the file goes over the picture: once, or in a progressive file about ten times.
    int64_t scans() const;
    int orientation() const { return orientation_; }  // EXIF's

  private:
    [[noreturn]] static void leave(j_common_ptr jpeg);
    static void warn(j_common_ptr jpeg, int level);
    int orientation_in_markers() const;

    jpeg_decompress_struct jpeg_{};
    jpeg_error_mgr errors_{};
    std::jmp_buf escape_{};
    const char* message_ = nullptr;
    std::string_view bytes_;
    std::vector<uint8_t> row_;  // of CMYK
    int orientation_ = 1;
};

}  // namespace swingrad
