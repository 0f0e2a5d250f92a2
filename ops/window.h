// Cyclic shift, padding and cutting into windows as one table of indices.
//
// A map of H x W tokens is padded with zero tokens to whole windows, rolled by the shift and cut into windows of
// Mh x Mw tokens. All three only say which token goes where, so together they are one table, computed once:
//   token t = (window, row in it, column in it) of an image is the map's token source[t], or a zero token where -1.
// Source: Liu et al., "Swin Transformer", arXiv 2103.14030, section 3.2. Test: tests/attention/test_window.cpp.
#pragma once

#include "core/shape.h"
#include "core/tensor.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace swingrad {

// Which comes first decides what the rolled border holds on a map that needs padding. Before the shift is right
// (torchvision, Hugging Face); after it, the mask lets tokens from opposite borders see each other (timm).
enum class PaddingOrder : uint8_t { before_shift, after_shift };

struct WindowTable {
    Extent map, window, shift, padded;  // padded: whole windows
    int64_t windows = 0, tokens = 0;    // nW in an image, N in a window
    std::vector<int32_t> source;        // [nW * N]: index into the map's H W tokens, or -1 for padding
    bool has_padding = false;
    int64_t padded_tokens() const { return windows * tokens - map.rows * map.columns; }  // of an image

    // The attention's mask, as one number a token: two tokens of a window see each other only where theirs are equal.
    std::vector<int32_t> mask;  // [nW * N]; empty without a shift: all see each other

    // The mask of a sequence: token i of a window, in the window's order, sees the tokens j <= i alone.
    bool causal = false;

    // A relative position bias table has one row for each relative position (query less key) of two tokens of a window,
    // (2 Mh - 1)(2 Mw - 1) in all, the rows of the window outermost. The row of a query and a key is their relative
    // position index, position[query] - position[key] + centre.
    std::vector<int32_t> position;  // [N]
    int32_t centre = 0;             // the relative position index of a token and itself
    int64_t offsets() const { return (2 * window.rows - 1) * (2 * window.columns - 1); }
    int64_t relative_index(int64_t query, int64_t key) const {
        return position[static_cast<size_t>(query)] - position[static_cast<size_t>(key)] + centre;
    }

    // The three lists as kernels read them: copied to the device when first asked for, and kept there.
    struct OnDevice {
        const int32_t *source, *mask, *position;  // source: -1 - k for the k-th padding; mask: null without a shift
    };
    OnDevice on_device() const;

  private:
    mutable Tensor on_device_;
};

// Shared and constant: blocks that cut alike, and the nodes that save it, hold the same table.
using WindowMap = std::shared_ptr<const WindowTable>;

WindowMap make_window_map(Extent map, Extent window, Extent shift, PaddingOrder order = PaddingOrder::before_shift);

// A sequence of tokens: a map of 1 x tokens that is one window. Causal: each token sees itself and those before it.
WindowMap make_sequence_map(int64_t tokens, bool causal);

// timm's rule for one block: a window is clipped to the map, and a map no larger than the window is not shifted.
// `shifted` is true for every other block; the shift is then half the window, rounded down.
WindowMap block_window_map(Extent map, Extent window, bool shifted, PaddingOrder order = PaddingOrder::before_shift);

// The mask as it is added to the attention's scores: 0 where two tokens of a window see each other, else -100, which is
// the published code's: e^-100 of a share is nothing, unless the scores themselves differ by as much. [nW, N, N];
// undefined where the table has no shift.
Tensor shift_mask(const WindowTable& table, DType dtype);

// The same for a causal table: 0 where the key (last axis) is not after the query, else -infinity. [N, N]; undefined
// where the table is not causal.
Tensor causal_mask(const WindowTable& table, DType dtype);

// How a relative position is told to the network that makes a relative position bias table. Along an axis it is d
// tokens, and E is its largest: pretrained - 1 where the axis has a pretrained window, else window - 1, and at least 1:
enum class OffsetScale : uint8_t {
    log_of_window,  // sign(z) log2(1 + |z|) / 3 with z = 8 d / E: log-spaced, as published in code
    window,         // d / E: its linear counterpart
    log_of_tokens,  // sign(d) ln(1 + |d|): log-spaced, equation 4 of the paper
    tokens,         // d
};

// Coordinates of all relative positions of two tokens of a window, (down, across), in the order of their indices,
// computed in float32 and widened, as every reference does. [(2 Mh - 1)(2 Mw - 1), 2].
// The paper's equation has a product of sign and logarithm. Some summaries have a sum, which would give +7 and -7
// tokens the values 3.1 and 1.1, where the paper's own range is -2.1 to 2.1.
Tensor relative_coordinates(Extent window, Extent pretrained, OffsetScale scale, DType dtype);

}  // namespace swingrad
