#include "train/program/images/png_decoder.h"

#include "train/program/images/orientation.h"

#include <cstring>

namespace swingrad {

bool PngDecoder::read_header() {
    if (setjmp(escape_)) return false;
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, leave, [](png_structp, png_const_charp) {});
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    if (!info_) return false;                                     // for want of memory
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // there is a limit of pixels
    // Of what is beside the pixels the orientation alone: texts and profiles may unpack to a thousand times their size.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_AS_DEFAULT, reinterpret_cast<png_const_bytep>("eXIf"), 1);
    png_set_read_fn(png_, this, read);
    png_read_info(png_, info_);
    return true;
}

bool PngDecoder::read_pixels(uint8_t* pixels) {
    if (setjmp(escape_)) return false;
    const int colour = png_get_color_type(png_, info_);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
    if (colour == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png_);
    if (!(colour & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png_);
    png_set_scale_16(png_);
    png_set_strip_alpha(png_);
    read_rows(pixels, size_t{png_get_image_width(png_, info_)} * 3);
    return true;
}

bool PngDecoder::has_numbers() const {
    const int colour = png_get_color_type(png_, info_);
    return (colour == PNG_COLOR_TYPE_PALETTE || colour == PNG_COLOR_TYPE_GRAY) && png_get_bit_depth(png_, info_) <= 8;
}

bool PngDecoder::read_numbers(uint8_t* numbers) {
    if (setjmp(escape_)) return false;
    png_set_packing(png_);  // fewer bits than a byte has, each in a byte of its own
    read_rows(numbers, png_get_image_width(png_, info_));
    return true;
}

void PngDecoder::read_rows(uint8_t* to, size_t row_bytes) {
    const int passes = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    if (png_get_rowbytes(png_, info_) != row_bytes) png_error(png_, "not the bytes a pixel that were asked for");
    for (int pass = 0; pass < passes; ++pass)
        for (size_t row = 0; row < png_get_image_height(png_, info_); ++row)
            png_read_row(png_, to + row * row_bytes, nullptr);
    png_read_end(png_, info_);
}

int PngDecoder::orientation() const {
    png_uint_32 size = 0;
    png_bytep exif = nullptr;
    if (png_get_eXIf_1(png_, info_, &size, &exif) == 0 || !exif) return 1;
    return exif_orientation({reinterpret_cast<const char*>(exif), size});
}

void PngDecoder::leave(png_structp png, png_const_charp message) {
    auto* decoder = static_cast<PngDecoder*>(png_get_error_ptr(png));
    const auto speaks_of = [&](const char* what) { return std::strstr(message, what) != nullptr; };
    // The library has no numbers for its errors.
    if (decoder->cut_off_) decoder->message_ = "a PNG file that is cut off";
    else if (speaks_of("emory")) decoder->message_ = nullptr;
    else if (speaks_of("CRC") || speaks_of("data check")) decoder->message_ = "a damaged PNG file: a checksum is wrong";
    else if (speaks_of("ot enough")) decoder->message_ = "a damaged PNG file: less data than its pixels take";
    else decoder->message_ = "a damaged PNG file";
    std::longjmp(decoder->escape_, 1);
}

void PngDecoder::read(png_structp png, png_bytep to, size_t count) {
    auto* decoder = static_cast<PngDecoder*>(png_get_io_ptr(png));
    decoder->cut_off_ = count > decoder->left_;
    if (decoder->cut_off_) png_error(png, "cut off");
    std::memcpy(to, decoder->next_, count);
    decoder->next_ += count;
    decoder->left_ -= count;
}

}  // namespace swingrad
