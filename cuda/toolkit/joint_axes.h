// Where the elements of several tensors lie that are repeated to one shape, by one index over that shape. Passed to
// kernels by value, as Axes are.
#pragma once

#include "cuda/toolkit/axes.h"

#include <algorithm>
#include <array>

namespace swingrad::cuda {

template <int n>
struct JointAxes {
    using Offsets = std::array<int64_t, n>;  // an element's, one a tensor

    int count = 0;  // none where each tensor holds its elements in the order of the indices: where no shape is repeated
    int64_t sizes[Axes::most] = {};  // the last axis runs fastest
    Offsets strides[Axes::most] = {};

    // Of tensors whose axes have one shape (Axes::repeated): without those of size 1, and with neighbours that step
    // alike in every tensor as one. Along the last, a tensor steps by 1 or, repeated, by 0.
    static JointAxes of(const std::array<Axes, n>& tensors) {
        JointAxes joint;
        for (int axis = 0; axis < tensors[0].count; ++axis) {
            Offsets stride;
            for (int k = 0; k < n; ++k) stride[k] = tensors[k].strides[axis];
            joint.add(tensors[0].sizes[axis], stride);
        }
        const bool in_order = joint.count == 0 || (joint.count == 1 && joint.strides[0] == ones());
        return in_order ? JointAxes{} : joint;
    }

    SWINGRAD_HOST_DEVICE int64_t row_size() const { return sizes[count - 1]; }
    SWINGRAD_HOST_DEVICE const Offsets& row_strides() const { return strides[count - 1]; }

    SWINGRAD_HOST_DEVICE Offsets offsets_of(int64_t index) const {
        Offsets offsets = {};
        for (int axis = count; axis-- > 0;) {
            const int64_t i = index % sizes[axis];
            for (int k = 0; k < n; ++k) offsets[k] += i * strides[axis][k];
            index /= sizes[axis];
        }
        return offsets;
    }

    // The indices from `begin` to `end`, row by row: calls body(first, length, offsets) with the offsets of a row's
    // first element. A row at either end may be a part of one. Divides once, then counts on.
    template <class Body>
    void along_rows(int64_t begin, int64_t end, const Body& body) const {
        int64_t indices[Axes::most];
        for (int64_t axis = count, rest = begin; axis-- > 0; rest /= sizes[axis]) indices[axis] = rest % sizes[axis];
        Offsets offsets = offsets_of(begin);
        for (int64_t first = begin, length = 0; first < end; first += length) {
            length = std::min(end - first, row_size() - indices[count - 1]);
            body(first, length, offsets);
            advance(count - 1, length, indices, offsets);
            for (int axis = count - 1; axis > 0 && indices[axis] == sizes[axis]; --axis) {
                advance(axis, -sizes[axis], indices, offsets);
                advance(axis - 1, 1, indices, offsets);
            }
        }
    }

  private:
    static constexpr Offsets ones() {
        Offsets all = {};
        for (int64_t& one : all) one = 1;
        return all;
    }
    void add(int64_t size, const Offsets& stride) {
        if (size == 1) return;
        bool continues = count > 0;
        for (int k = 0; continues && k < n; ++k) continues = strides[count - 1][k] == stride[k] * size;
        if (!continues) sizes[count++] = 1;
        sizes[count - 1] *= size;
        strides[count - 1] = stride;
    }
    void advance(int axis, int64_t steps, int64_t* indices, Offsets& offsets) const {
        indices[axis] += steps;
        for (int k = 0; k < n; ++k) offsets[k] += steps * strides[axis][k];
    }
};

}  // namespace swingrad::cuda
