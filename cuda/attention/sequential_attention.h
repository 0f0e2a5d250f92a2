// The arguments of sequential_attention: those of attention within windows, whose kernels it shares, with plain loops
// of its own. Mathematics and names: ops/attention/sequential_attention.cpp.
#pragma once

#include "cuda/attention/window_attention.h"

namespace swingrad {

template <class T>
struct SequentialAttentionOp : WindowAttentionOp<T> {
    using A = acc_type<T>;
    using Base = WindowAttentionOp<T>;
    using Base::bias_table, Base::logit_scale, Base::y, Base::logsumexp;  // forward always writes logsumexp
    using Base::dy, Base::dlogit_scale, Base::dbias_table;
    using Base::images, Base::windows, Base::N, Base::C, Base::heads, Base::D;
    using Base::load, Base::score, Base::store, Base::row_of, Base::relative_index, Base::masked, Base::keys_of;

    void forward() const;  // ops/attention/sequential_attention.cpp
    void backward() const;
};

}  // namespace swingrad
