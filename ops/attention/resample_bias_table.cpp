// resample_bias_table(table [(2Mh-1) (2Mw-1), h], from Mh x Mw, to Mh' x Mw') -> [(2Mh'-1) (2Mw'-1), h]
//
// V1 learns a relative position bias table: one number a head for each relative position of two tokens of a window,
// from -(Mh - 1) to Mh - 1 down and likewise across, rows outermost. A model for another window has other positions.
// The table is taken for an image with h channels and resized, which the paper compares its log-spaced bias with:
//
//   y as an image = resize(table as an image [1, 2Mh-1, 2Mw-1, h], (2Mh'-1) x (2Mw'-1), bicubic)
//
// The middle of the image, a token and itself, stays the middle. Backward is that of reshape and resize.
//
// Saved: nothing; the weights of resize do not depend on the table.
// Source: Liu et al., "Swin Transformer V2", arXiv 2111.09883, table 1.
// Test: tests/attention/test_resample_bias_table.cpp.

#include "autograd/gradcheck.h"
#include "ops/ops.h"

namespace swingrad {

// ---- public function

Tensor resample_bias_table(const Tensor& table, Extent from_window, Extent to_window) {
    for (const Extent& window : {from_window, to_window})
        check(window.rows > 0 && window.columns > 0,
              "[resample_bias_table] a window must be at least 1 x 1, got {} x {}", window.rows, window.columns);
    const Extent from{2 * from_window.rows - 1, 2 * from_window.columns - 1};
    const Extent to{2 * to_window.rows - 1, 2 * to_window.columns - 1};
    check(table.shape().rank() == 2 && table.shape()[0] == from.rows * from.columns,
          "[resample_bias_table] table must be [{}, h] for a window of {} x {}, got {}", from.rows * from.columns,
          from_window.rows, from_window.columns, table.shape());
    const int64_t heads = table.shape()[1];
    const Tensor image = reshape(table, {1, from.rows, from.columns, heads});
    return reshape(resize(image, to, Resize::bicubic), {to.rows * to.columns, heads});
}

// ---- gradient check

const DeclareGradientCase resample_bias_table_case{{
    "resample_bias_table",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({15, 2}, random)};
    },
    [](const std::vector<Tensor>& in) {
        return resample_bias_table(in[0], {2, 3}, {3, 2});
    },
}};

}  // namespace swingrad
