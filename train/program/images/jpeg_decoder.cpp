#include "train/program/images/jpeg_decoder.h"

#include "train/program/images/orientation.h"

#include <jerror.h>

#include <cstring>

namespace swingrad {
namespace {

constexpr int app1 = JPEG_APP0 + 1;
constexpr std::string_view exif_mark("Exif\0\0", 6);

// Whether a warning is about bytes outside the pixels' own: they are all there, and as they were written.
bool loses_nothing(const jpeg_error_mgr& warning) {
    switch (warning.msg_code) {
        case JWRN_ADOBE_XFORM:     // an unknown number for YCbCr
        case JWRN_JFIF_MAJOR:      // an unknown version
        case JWRN_NOT_SEQUENTIAL:  // a scan's limits, which a sequential file has no use for
            return true;
        case JWRN_EXTRANEOUS_DATA: {  // bytes before a marker; before a restart marker they lie within the pixels'
            const int marker = warning.msg_parm.i[1];
            return marker < JPEG_RST0 || marker > JPEG_RST0 + 7;
        }
        default: return false;
    }
}

// Null where memory ran out. What is damaged may look like another kind of file, or like a part of it.
const char* words_for(int code) {
    switch (code) {
        case JERR_OUT_OF_MEMORY: return nullptr;
        case JERR_INPUT_EOF:
        case JERR_INPUT_EMPTY:
        case JWRN_JPEG_EOF: return "a JPEG file that is cut off";
        case JWRN_HIT_MARKER: return "a damaged JPEG file: less data than its pixels take";
        case JERR_ARITH_NOTIMPL:
        case JERR_BAD_J_COLORSPACE:
        case JERR_BAD_PRECISION:
        case JERR_CCIR601_NOTIMPL:
        case JERR_COMPONENT_COUNT:
        case JERR_CONVERSION_NOTIMPL:
        case JERR_FRACT_SAMPLE_NOTIMPL:
        case JERR_NOT_COMPILED:
        case JERR_SOF_UNSUPPORTED: return "a damaged JPEG file, or one of a kind that is not read";
        case JERR_IMAGE_TOO_BIG:
        case JERR_WIDTH_OVERFLOW: return "a JPEG file of more rows or columns than any has";
        default: return "a damaged JPEG file";
    }
}

// a b / 255, rounded, as Pillow has it.
int product(int a, int b) {
    const int t = a * b + 128;
    return (t + (t >> 8)) >> 8;
}

// Inverted CMYK, so what is stored is how much light each ink lets through.
void to_rgb(const uint8_t* cmyk, int64_t columns, uint8_t* rgb) {
    for (int64_t c = 0; c < columns; ++c, cmyk += 4)
        for (int channel = 0; channel < 3; ++channel) *rgb++ = static_cast<uint8_t>(product(cmyk[channel], cmyk[3]));
}

}  // namespace

JpegDecoder::JpegDecoder(std::string_view bytes) : bytes_(bytes) {
    jpeg_.err = jpeg_std_error(&errors_);
    jpeg_.client_data = this;
    errors_.error_exit = leave;
    errors_.emit_message = warn;
}

void JpegDecoder::leave(j_common_ptr jpeg) {
    auto* decoder = static_cast<JpegDecoder*>(jpeg->client_data);
    decoder->message_ = words_for(jpeg->err->msg_code);
    std::longjmp(decoder->escape_, 1);
}

// Levels of 0 and more are for tracing.
void JpegDecoder::warn(j_common_ptr jpeg, int level) {
    if (level < 0 && !loses_nothing(*jpeg->err)) leave(jpeg);
}

bool JpegDecoder::read_header() {
    if (setjmp(escape_)) return false;
    jpeg_create_decompress(&jpeg_);
    jpeg_save_markers(&jpeg_, app1, 0xffff);
    jpeg_mem_src(&jpeg_, reinterpret_cast<const uint8_t*>(bytes_.data()), bytes_.size());
    jpeg_read_header(&jpeg_, TRUE);
    orientation_ = orientation_in_markers();
    if (jpeg_.num_components == 4) row_.resize(size_t{jpeg_.image_width} * 4);
    return true;
}

bool JpegDecoder::read_pixels(uint8_t* pixels) {
    if (setjmp(escape_)) return false;
    const bool inks = jpeg_.num_components == 4;
    jpeg_.out_color_space = inks ? JCS_CMYK : JCS_RGB;
    jpeg_.dct_method = JDCT_ISLOW;
    jpeg_.do_fancy_upsampling = TRUE;
    jpeg_start_decompress(&jpeg_);
    while (jpeg_.output_scanline < jpeg_.output_height) {
        uint8_t* to = pixels + size_t{jpeg_.output_scanline} * jpeg_.output_width * 3;
        JSAMPROW row = inks ? row_.data() : to;
        jpeg_read_scanlines(&jpeg_, &row, 1);
        if (inks) to_rgb(row, columns(), to);
    }
    jpeg_finish_decompress(&jpeg_);  // reads up to the end marker
    return true;
}

// From marker to marker. Within a scan's data 0xff stands before a zero or a restart marker, and nothing else.
int64_t JpegDecoder::scans() const {
    constexpr unsigned char start_of_scan = 0xda;
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes_[i]); };
    int64_t scans = 0;
    for (size_t at = 2; (at = bytes_.find('\xff', at)) != std::string_view::npos && at + 3 < bytes_.size();) {
        const unsigned char marker = byte(at + 1);
        if (marker == JPEG_EOI) break;
        if (marker == 0xff) ++at;
        else if (marker <= 1 || (marker >= JPEG_RST0 && marker < JPEG_EOI)) at += 2;  // what has no length
        else at += 2u + (byte(at + 2) << 8 | byte(at + 3));
        scans += marker == start_of_scan;
    }
    return scans;
}

// Within read_pixels the library forgets its markers.
int JpegDecoder::orientation_in_markers() const {
    for (const jpeg_marker_struct* one = jpeg_.marker_list; one; one = one->next) {
        const std::string_view data(reinterpret_cast<const char*>(one->data), one->data_length);
        if (one->marker == app1 && data.starts_with(exif_mark)) return exif_orientation(data.substr(exif_mark.size()));
    }
    return 1;
}

}  // namespace swingrad
