// Cyclic shift, padding and cutting into windows as one table of indices.
//
// A map of H x W tokens is padded with zero tokens to whole windows, rolled by the shift and cut into windows of
// Mh x Mw tokens. All three only say which token goes where, so together they are one table, computed once:
//   token t = (window, row in it, column in it) of an image is the map's token source[t], or a zero token where -1.
#pragma once

#include "core/extent.h"
#include "core/tensor.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace swingrad {

// Which comes first decides what the rolled border holds on a map that needs padding. Before the shift is right
// (torchvision, Hugging Face); after it, tokens from opposite borders share a region of the mask (timm).
enum class PaddingOrder : uint8_t { before_shift, after_shift };

struct WindowTable {
    Extent map, window, shift, padded;  // padded: whole windows
    int64_t windows = 0, tokens = 0;    // nW in an image, N in a window
    std::vector<int32_t> source;        // [nW * N]: index into the map's H W tokens, or -1 for padding
    bool has_padding = false;
    std::vector<int32_t> region;  // [nW * N]: tokens of a window see each other only where equal; empty if no shift
    std::vector<int32_t> offset_index;  // [N * N]: for query a and key b, the row of log_coordinates with their offset
};

// Shared and constant: blocks that cut alike, and the nodes that save it, hold the same table.
using WindowMap = std::shared_ptr<const WindowTable>;

WindowMap make_window_map(Extent map, Extent window, Extent shift, PaddingOrder order = PaddingOrder::before_shift);

// timm's rule for one block: a window is clipped to the map, and a map no larger than the window is not shifted.
// `shifted` is true for every other block; the shift is then half the window, rounded down.
WindowMap block_window_map(Extent map, Extent window, bool shifted, PaddingOrder order = PaddingOrder::before_shift);

// What is added to the attention's logits: 0 where two tokens of a window belong to one region, else -100.
// [nW, N, N]; undefined where the table has no shift.
Tensor shift_mask(const WindowTable& table, DType dtype);

// Log-spaced coordinates of all offsets between two tokens of a window (sign(z) log2(|z| + 1) / 3 with
// z = 8 d / D). D is pretrained - 1 where the axis has a pretrained window, else window - 1. Computed in float32 and
// widened, as every reference does. [(2 Mh - 1) (2 Mw - 1), 2], rows outermost.
Tensor log_coordinates(Extent window, Extent pretrained, DType dtype);

}  // namespace swingrad
