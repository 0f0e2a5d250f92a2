// Fast paths that are there declare themselves. Without one an operation still computes the same, so that no other test
// would miss it.

#include "cuda/attention/continuous_position_bias.h"
#include "cuda/attention/window_attention.h"
#include "cuda/conv/conv2d.h"
#include "cuda/image/patch_embedding.h"
#include "cuda/linear/linear.h"
#include "cuda/linear/matmul.h"
#include "cuda/linear/mlp.h"
#include "cuda/norm/batch_norm.h"
#include "cuda/norm/layer_norm.h"
#include "cuda/norm/residual_norm.h"
#include "ops/attention/multi_head_attention.h"
#include "ops/operation.h"
#include "tests/support/catch.h"

using namespace swingrad;

namespace {

template <template <class> class Op>
bool has_fast_path() {
    return FastPath<Op<float>>::forward() && FastPath<Op<float>>::backward() && FastPath<Op<bfloat16>>::forward() &&
           FastPath<Op<bfloat16>>::backward();
}

}  // namespace

TEST_CASE("operations that were measured to pay for one have a fast path, forward and backward") {
    REQUIRE(has_fast_path<Conv2dOp>());
    REQUIRE(has_fast_path<BatchNormOp>());
    REQUIRE(has_fast_path<LayerNormOp>());
    REQUIRE(has_fast_path<ResidualNormOp>());
    REQUIRE(has_fast_path<LinearOp>());
    REQUIRE(has_fast_path<MatmulOp>());
    REQUIRE(has_fast_path<MlpOp>());
    REQUIRE(has_fast_path<PatchEmbeddingOp>());
    REQUIRE(has_fast_path<WindowAttentionOp>());
    REQUIRE(has_fast_path<MultiHeadAttentionOp>());
    REQUIRE(FastPath<ContinuousPositionBiasOp<float>>::forward() != nullptr);
}
