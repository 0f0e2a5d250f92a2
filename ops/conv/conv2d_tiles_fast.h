// The two products that a convolution is made of, in tiles of sums that stay in vector registers (core/gemm/README.md),
// of maps as they lie: im2col, which writes every element of a map once for each place of the kernel, is not needed.
//
// In a map, what lies under one row of a kernel is a run of numbers, columns x channels; the next row's run is one row
// of the map further. So the im2col matrix's row for a pixel is `rows` runs at a distance, of any two neighbours the
// most part the same memory, which the first cache holds. Borders are the caller's care (padded_map_fast.h).
#pragma once

#include "core/gemm/packing.h"
#include "core/simd.h"
#include "core/tensor.h"
#include "core/threads.h"

#include <span>

namespace swingrad {

// Channels out are computed by panels of up to panel_vectors vectors, about equally wide: calls body(V, first channel)
// with each panel's vectors, V being a std::integral_constant.
template <class A, class Body>
void for_each_panel(int64_t channels, const Body& body) {
    const int64_t vectors = padded_to_lanes<A>(channels) / lanes<A>;
    const int64_t panels = (vectors + panel_vectors - 1) / panel_vectors;
    for (int64_t panel = 0; panel < panels; ++panel) {
        const int64_t first = vectors * panel / panels, count = vectors * (panel + 1) / panels - first;
        if (count == 1) body(std::integral_constant<int, 1>{}, first * lanes<A>);
        if (count == 2) body(std::integral_constant<int, 2>{}, first * lanes<A>);
        if constexpr (panel_vectors > 2)
            if (count == 3) body(std::integral_constant<int, 3>{}, first * lanes<A>);
    }
}

// A kernel [rows, columns, channels in, channels out], by panels of channels out, padded with zeros to whole vectors.
template <class A>
class PackedKernel {
  public:
    // Of at(row, column, channel in, channel out).
    template <class At>
    PackedKernel(int64_t rows, int64_t columns, int64_t channels_in, int64_t channels_out, const At& at)
        : rows_(rows),
          run_(columns * channels_in),
          channels_out_(channels_out),
          memory_(Tensor::empty({rows * run_, padded_to_lanes<A>(channels_out)}, dtype_of<A>())) {
        const int64_t numbers = std::max<int64_t>(1, channels_in * padded_to_lanes<A>(channels_out));
        parallel_chunks(rows * columns, std::max<int64_t>(1, 4096 / numbers), [&](int64_t begin, int64_t end) {
            for_each_panel<A>(channels_out, [&](auto vectors, int64_t first) {
                constexpr int64_t width = vectors * lanes<A>;
                A* to = memory_.data<A>() + first * rows * run_ + begin * channels_in * width;
                for (int64_t place = begin; place < end; ++place)
                    for (int64_t i = 0; i < channels_in; ++i)
                        for (int64_t o = first; o < first + width; ++o)
                            *to++ = o < channels_out ? at(place / columns, place % columns, i, o) : A(0);
            });
        });
    }

    int64_t rows() const { return rows_; }
    int64_t run() const { return run_; }
    int64_t channels_out() const { return channels_out_; }
    // [rows, run, numbers of the panel]
    const A* panel(int64_t first) const { return memory_.data<A>() + first * rows_ * run_; }

  private:
    int64_t rows_, run_, channels_out_;
    Tensor memory_;
};

// Pixels of the result that are neighbours: the first one's run and channels, and how far apart the pixels' are.
template <class A, class Out>
struct PixelRow {
    const A* from;
    int64_t from_step;
    Out* to;
    int64_t to_step;
    int64_t count;
};

namespace detail {

// R pixels by V vectors of channels out, of which `channels` are there. A pixel's address is a multiple of a step, and
// not one of R pointers: with so many, registers for vectors would have to hold some, and wait for the products there.
template <int R, int V, class A, class Out>
void correlate_tile(int64_t rows, int64_t run, int64_t map_row, const A* kernel, const A* bias, const A* from,
                    int64_t from_step, Out* to, int64_t to_step, int64_t channels) {
    Vector<A> sum[R][V] = {};
    for (int64_t row = 0; row < rows; ++row) {
        for (int64_t k = 0; k < run; ++k) {
            Vector<A> kernel_k[V];
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) load_vector(kernel_k[v], kernel + v * lanes<A>);
            kernel += V * lanes<A>;
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) {
                const A number = from[r * from_step + k];
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v) sum[r][v] += number * kernel_k[v];
            }
        }
        from += map_row;
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r, to += to_step) {
        A narrow_panel[V * lanes<A>] = {};  // GCC does not see that it is written before it is read
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            Vector<A> before;
            load_vector(before, bias + v * lanes<A>);
            if (channels == V * lanes<A>) store_vector(before + sum[r][v], to + v * lanes<A>);
            else store_vector(before + sum[r][v], narrow_panel + v * lanes<A>);
        }
        for (int64_t c = 0; channels < V * lanes<A> && c < channels; ++c) to[c] = narrow<Out>(narrow_panel[c]);
    }
}

// sums [R, V vectors] += over rows x columns pixels: the R numbers of the map at x, times the V vectors at dy.
template <int R, int V, class A>
void add_weight_tile(int64_t rows, int64_t columns, const A* x, int64_t x_row, int64_t x_column, const A* dy,
                     int64_t dy_column, A* sums) {
    Vector<A> sum[R][V] = {};
    for (int64_t h = 0; h < rows; ++h) {
        const A* x_hw = x + h * x_row;
        for (int64_t w = 0; w < columns; ++w) {
            Vector<A> dy_hw[V];
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) load_vector(dy_hw[v], dy + v * lanes<A>);
            dy += dy_column;
#pragma GCC unroll 8
            for (int r = 0; r < R; ++r) {
                const A number = x_hw[r];
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v) sum[r][v] += number * dy_hw[v];
            }
            x_hw += x_column;
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) {
            Vector<A> before;
            load_vector(before, sums + (r * V + v) * lanes<A>);
            store_vector(before + sum[r][v], sums + (r * V + v) * lanes<A>);
        }
}

}  // namespace detail

// Calls tile(R, first) for tiles of R pixels that cover `count`: large ones, and where the rest is not as many, smaller
// ones or one that begins earlier and computes some pixels again. R is a std::integral_constant.
template <class Tile>
void for_each_tile(int64_t count, const Tile& tile) {
    constexpr int64_t R = tile_rows;
    int64_t p = 0;
    for (; p + R <= count; p += R) tile(std::integral_constant<int, tile_rows>{}, p);
    if (count >= R && count - p > 4) return tile(std::integral_constant<int, tile_rows>{}, count - R);
    for (; count >= 4 && p < count; p += 4) tile(std::integral_constant<int, 4>{}, std::min(p, count - 4));
    for (; p < count; ++p) tile(std::integral_constant<int, 1>{}, p);
}

// Each pixel's channels out: bias + the sum over kernel rows and their runs of map times kernel. `bias` is padded as
// the kernel is; map_row: numbers from one row of the map to the next. The bits do not depend on what else is computed.
template <class A, class Out>
void correlate(const PackedKernel<A>& kernel, int64_t map_row, const A* bias,
               std::span<const PixelRow<A, Out>> pixel_rows) {
    for_each_panel<A>(kernel.channels_out(), [&](auto vectors, int64_t first) {
        constexpr int V = vectors;
        const int64_t channels = std::min(V * lanes<A>, kernel.channels_out() - first);
        const A* const panel = kernel.panel(first);
        for (const PixelRow<A, Out>& pixels : pixel_rows)
            for_each_tile(pixels.count, [&]<int R>(std::integral_constant<int, R>, int64_t p) {
                detail::correlate_tile<R, V>(kernel.rows(), kernel.run(), map_row, panel, bias + first,
                                             pixels.from + p * pixels.from_step, pixels.from_step,
                                             pixels.to + p * pixels.to_step + first, pixels.to_step, channels);
            });
    });
}

// A panel of the weight's gradient: sums [run, V vectors] of one row of the kernel.
template <int V, class A>
void add_weight_panel(int64_t run, int64_t rows, int64_t columns, const A* x, int64_t x_row, int64_t x_column,
                      const A* dy, int64_t dy_column, A* sums) {
    const auto tiles = [&]<int R>(std::integral_constant<int, R>) {
        for (; run >= R; run -= R, x += R, sums += R * V * lanes<A>)
            detail::add_weight_tile<R, V>(rows, columns, x, x_row, x_column, dy, dy_column, sums);
    };
    tiles(std::integral_constant<int, tile_rows>{});
    tiles(std::integral_constant<int, 4>{});
    tiles(std::integral_constant<int, 1>{});
}

}  // namespace swingrad
