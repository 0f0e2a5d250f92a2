// The masks of attention as matrices to be added to scores, for attention composed of plain operations
// (plain_attention.cpp). The fused operations read the table itself. Test: tests/attention/test_window.cpp.

#include "ops/window.h"

#include <limits>

namespace swingrad {

Tensor shift_mask(const WindowTable& table, DType dtype) {
    if (table.mask.empty()) return {};
    const int64_t N = table.tokens;
    const Tensor mask = Tensor::empty({table.windows, N, N});
    float* out = mask.data<float>();
    for (int64_t window = 0; window < table.windows; ++window) {
        const int32_t* mask_of = table.mask.data() + window * N;
        for (int64_t a = 0; a < N; ++a)
            for (int64_t b = 0; b < N; ++b) *out++ = mask_of[a] == mask_of[b] ? 0.0f : -100.0f;
    }
    return mask.to(dtype);
}

Tensor causal_mask(const WindowTable& table, DType dtype) {
    if (!table.causal) return {};
    const int64_t N = table.tokens;
    const Tensor mask = Tensor::empty({N, N});
    for (int64_t i = 0; i < N; ++i)
        for (int64_t j = 0; j < N; ++j)
            mask.data<float>()[i * N + j] = j <= i ? 0 : -std::numeric_limits<float>::infinity();
    return mask.to(dtype);
}

}  // namespace swingrad
