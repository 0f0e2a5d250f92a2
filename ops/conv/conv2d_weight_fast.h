// dweight and dbias of conv2d, by groups of bands (ops/sum_by_groups.h) or, where the weight is too large for many sums
// of its size, by parts of its channels out. Mathematics and names: ops/conv/conv2d.cpp.
#pragma once

#include "cuda/conv/conv2d.h"
#include "ops/conv/conv2d_bands_fast.h"
#include "ops/conv/conv2d_tiles_fast.h"
#include "ops/conv/padded_map_fast.h"
#include "ops/sum_by_groups.h"

namespace swingrad {

// Channels [first, first + count) of each group, and the sums of a group of bands for them: of dweight [groups, J,
// width], by panels, and of dbias [groups, width].
template <class T>
struct WeightPart {
    using A = acc_type<T>;

    const Conv2dOp<T>& op;
    int64_t first, count;
    int64_t C = op.group_in(), O = op.group_out(), J = op.dweight ? op.taps() : 0, across = op.across();
    int64_t width = padded_to_lanes<A>(count), run = op.columns.kernel * C;
    IndexRange columns = Reach{op.columns, false}.sources_of({0, across});
    int64_t map_row = (columns.end - columns.begin) * C;

    // dy of rows [hs.begin, hs.end), and how far its pixels are apart: where it lies, or padded and converted.
    struct Dy {
        const A* first;
        int64_t pixel;
    };
    Dy dy_of(int64_t b, IndexRange hs, int64_t group, Tensor& memory) const {
        const T* from = op.dy + op.y_at(b, hs.begin, 0) + group * O + first;
        if constexpr (std::is_same_v<T, A>)
            if (width == count) return {from, op.O};
        const int64_t pixels = (hs.end - hs.begin) * across;
        if (!memory.defined() || memory.numel() < pixels * width)
            memory = Tensor::zeros({pixels, width}, dtype_of<A>());
        A* to = memory.template data<A>();
        if (count == op.O && width == count) widen_row(pixels * count, from, to);
        else
            for (int64_t pixel = 0; pixel < pixels; ++pixel) widen_row(count, from + pixel * op.O, to + pixel * width);
        return {to, width};
    }

    void add_band(int64_t b, IndexRange hs, int64_t group, A* sums, Tensor& map, Tensor& dy_memory) const {
        const Dy dy = dy_of(b, hs, group, dy_memory);
        A* const dbias = sums + (op.groups * J + group) * width;
        if (op.dbias)
            for (int64_t pixel = 0; pixel < (hs.end - hs.begin) * across; ++pixel)
                for (int64_t o = 0; o < width; ++o) dbias[o] += dy.first[pixel * dy.pixel + o];
        if (J == 0) return;
        const IndexRange sources = Reach{op.rows, false}.sources_of(hs);
        if (!map.defined() || map.numel() < (sources.end - sources.begin) * map_row)
            map = Tensor::empty({sources.end - sources.begin, map_row}, dtype_of<A>());
        copy_padded<T>({op.x + op.x_at(b, 0, 0, group * O), op.rows.size, op.columns.size, op.I, C}, sources, columns,
                       map.data<A>());
        for_each_panel<A>(count, [&](auto vectors, int64_t panel) {
            constexpr int V = vectors;
            for (int64_t k = 0; k < op.rows.kernel; ++k)
                add_weight_panel<V>(run, hs.end - hs.begin, across, map.data<A>() + k * map_row,
                                    op.rows.stride * map_row, op.columns.stride * C, dy.first + panel, dy.pixel,
                                    sums + group * J * width + panel * J + k * run * V * lanes<A>);
        });
    }

    // From the sums to the weight's own order.
    void write(const A* dweight, const A* dbias) const {
        for (int64_t group = 0; group < op.groups; ++group) {
            const int64_t o_first = group * O + first;
            for (int64_t o = 0; op.dbias && o < count; ++o) op.dbias[o_first + o] = dbias[group * width + o];
            if (J == 0) continue;
            for_each_panel<A>(count, [&](auto vectors, int64_t panel) {
                const A* from = dweight + group * J * width + panel * J;
                for (int64_t k = 0; k < op.rows.kernel; ++k)
                    for (int64_t l = 0; l < op.columns.kernel; ++l)
                        for (int64_t i = 0; i < C; ++i, from += vectors * lanes<A>)
                            for (int64_t o = panel; o < std::min(panel + vectors * lanes<A>, count); ++o)
                                op.dweight[op.weight_at(o_first + o, i, k, l)] = narrow<T>(from[o - panel]);
            });
        }
    }

    void compute(const Bands& bands, int64_t sum_groups) const {
        const Tensor dweight = Tensor::empty({op.groups, J, width}, dtype_of<A>()),
                     dbias = Tensor::empty({op.groups, width}, dtype_of<A>());
        sum_by_groups<A>(sum_groups, bands.count(), op.groups * (J + 1) * width,
                         [&](int64_t begin, int64_t end, A* sums) {
                             Tensor map, dy;
                             for (int64_t number = begin; number < end; ++number)
                                 for (int64_t group = 0; group < op.groups; ++group)
                                     add_band(bands.image(number), bands.rows(number), group, sums, map, dy);
                         },
                         {{dweight.data<A>(), dweight.numel()}, {dbias.data<A>(), dbias.numel()}});
        write(dweight.data<A>(), dbias.data<A>());
    }
};

template <class T>
void backward_weight(const Conv2dOp<T>& op) {
    constexpr int64_t L = lanes<acc_type<T>>, most_numbers = 1 << 14;  // of a band: 64 KB as floats
    const int64_t O = op.group_out(), vectors = padded_to_lanes<acc_type<T>>(O) / L;
    const int64_t groups = groups_of_weights(op.pixels(), op.taps());
    const int64_t parts = std::min(std::max<int64_t>(1, 8 / groups), vectors);
    const int64_t numbers_a_row =
        op.rows.stride * op.columns.size * op.group_in() + op.across() * op.group_out() / parts;
    const Bands bands(op.B, op.down(), most_numbers / numbers_a_row);
    parallel_for(parts, [&](int64_t part) {
        const int64_t first = vectors * part / parts * L, end = std::min(O, vectors * (part + 1) / parts * L);
        WeightPart<T>{op, first, end - first}.compute(bands, groups);
    });
}

}  // namespace swingrad
