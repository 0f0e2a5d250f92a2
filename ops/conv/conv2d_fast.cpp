// conv2d by tiles of products (ops/conv/conv2d_tiles_fast.h). Mathematics and names: ops/conv/conv2d.cpp.
//
// Forward and dx are one sweep. A channel of y at a position is a sum over the kernel's places of what lies under them;
// and of dx, a sum over the positions that have a place over it, which are neighbours in dy, s places apart in the
// kernel, in falling order. Which places those are depends on (m + p) mod s, the element's phase: each phase has a
// kernel of its own, packed in the order in which dy is read. So nothing is added up in memory, and nothing is computed
// for the zeros between the positions of a stride.
//
// The work is cut into bands of rows; a band's source is copied with its borders, a few rows of one image at a time.
// The weight's gradient goes by groups of bands (ops/sum_by_groups.h) or, where the weight is too large for many sums
// of its size, by parts of its channels out.

#include "cuda/conv/conv2d.h"

#include "ops/conv/conv2d_tiles_fast.h"
#include "ops/conv/padded_map_fast.h"
#include "ops/operation.h"
#include "ops/sum_by_groups.h"

namespace swingrad {
namespace {

// Along one axis: which elements of its source a number of the target is a sum over.
struct Reach {
    SlidingAxis axis;
    bool back;  // from y to x; else from x to y

    int64_t targets() const { return back ? axis.size : axis.positions(); }
    int64_t sources() const { return back ? axis.positions() : axis.size; }
    int64_t phases() const { return back ? axis.stride : 1; }
    int64_t phase(int64_t target) const { return back ? (target + axis.padding) % axis.stride : 0; }
    // How far apart the starts of a phase's neighbours are.
    int64_t step() const { return back ? 1 : axis.stride; }
    // So many, from `start` on; the tap's place in the kernel.
    int64_t taps(int64_t phase) const {
        return back ? (axis.kernel - phase + axis.stride - 1) / axis.stride : axis.kernel;
    }
    int64_t start(int64_t target) const {
        return back ? (target + axis.padding) / axis.stride - taps(phase(target)) + 1 : axis.element(target, 0);
    }
    int64_t place(int64_t phase, int64_t tap) const {
        return back ? phase + axis.stride * (taps(phase) - 1 - tap) : tap;
    }
    // All that the targets of a range are sums over.
    Range sources_of(Range of) const {
        Range all{start(of.begin), start(of.begin)};
        for (int64_t target = of.begin; target < of.end; ++target) {
            all.begin = std::min(all.begin, start(target));
            all.end = std::max(all.end, start(target) + taps(phase(target)));
        }
        return all;
    }
};

// Rows of all images, cut into bands of one image's rows.
class Bands {
  public:
    // Of about `most_rows` rows at most, but 16 bands or more where there are as many rows.
    Bands(int64_t images, int64_t rows, int64_t most_rows) : images_(images), rows_(rows) {
        const int64_t band = std::clamp<int64_t>(std::min(most_rows, images * rows / 16), 1, rows);
        an_image_ = (rows + band - 1) / band;
    }

    int64_t count() const { return images_ * an_image_; }
    int64_t image(int64_t number) const { return number / an_image_; }
    Range rows(int64_t number) const {
        const int64_t of_image = number % an_image_;
        return {rows_ * of_image / an_image_, rows_ * (of_image + 1) / an_image_};
    }
    int64_t most_rows() const { return (rows_ + an_image_ - 1) / an_image_; }

  private:
    int64_t images_, rows_, an_image_;
};

// Of a band, more or less: 128 KB as floats for a sweep, and half of that where sums are in the cache too.
constexpr int64_t most_numbers = 1 << 15, weight_numbers = 1 << 14;

// ---- forward, and dx

template <class T>
struct Sweep {
    using A = acc_type<T>;

    int64_t B, C, O, groups;  // C and O: of one group's source and target
    Reach rows, columns;
    const T* source;
    T* target;
    std::vector<PackedKernel<A>> kernels;  // [groups, phases of rows, phases of columns]
    std::vector<A> bias;                   // [groups, padded O]

    // weight(group, k, l, channel of source, channel of target)
    template <class Weight>
    void pack(const Weight& weight) {
        for (int64_t group = 0; group < groups; ++group)
            for (int64_t phase_r = 0; phase_r < rows.phases(); ++phase_r)
                for (int64_t phase_c = 0; phase_c < columns.phases(); ++phase_c)
                    kernels.emplace_back(rows.taps(phase_r), columns.taps(phase_c), C, O,
                                         [&](int64_t row, int64_t column, int64_t from, int64_t to) {
                                             return weight(group, rows.place(phase_r, row),
                                                           columns.place(phase_c, column), from, to);
                                         });
    }
    void run() const;
};

// The columns of the target in one phase: where the first of them reads and writes, and how many there are. The others
// follow at equal steps.
struct ColumnsOfPhase {
    int64_t from = 0, to = 0, count = 0;
};

// What a band of the sweep needs besides the band.
template <class T>
struct SweepMap {
    Range columns;                       // of the source
    std::vector<ColumnsOfPhase> phases;  // of columns
    std::vector<PixelRow<acc_type<T>, T>> pixel_rows;
    Tensor memory;

    explicit SweepMap(const Sweep<T>& s) : columns(s.columns.sources_of({0, s.columns.targets()})) {
        phases.resize(static_cast<size_t>(s.columns.phases()));
        for (int64_t column = 0; column < s.columns.targets(); ++column) {
            ColumnsOfPhase& phase = phases[static_cast<size_t>(s.columns.phase(column))];
            if (phase.count++ == 0)
                phase = {(s.columns.start(column) - columns.begin) * s.C, column * s.O * s.groups, 1};
        }
    }
    int64_t row(const Sweep<T>& s) const { return (columns.end - columns.begin) * s.C; }
};

template <class T>
void band_of_sweep(const Sweep<T>& s, int64_t b, Range targets, SweepMap<T>& m) {
    using A = acc_type<T>;
    const Range sources = s.rows.sources_of(targets);
    const int64_t map_row = m.row(s), source_pixel = s.C * s.groups, target_pixel = s.O * s.groups;
    if (!m.memory.defined() || m.memory.numel() < (sources.end - sources.begin) * map_row)
        m.memory = Tensor::empty({sources.end - sources.begin, map_row}, dtype_of<A>());
    A* const map = m.memory.template data<A>();
    const PackedKernel<A>* kernel = s.kernels.data();
    for (int64_t group = 0; group < s.groups; ++group) {
        const T* image = s.source + b * s.rows.sources() * s.columns.sources() * source_pixel + group * s.C;
        T* target = s.target + b * s.rows.targets() * s.columns.targets() * target_pixel + group * s.O;
        copy_padded<T>({image, s.rows.sources(), s.columns.sources(), source_pixel, s.C}, sources, m.columns, map);
        for (int64_t phase = 0; phase < s.rows.phases(); ++phase)
            for (const ColumnsOfPhase& of : m.phases) {
                m.pixel_rows.clear();
                for (int64_t row = targets.begin; row < targets.end; ++row)
                    if (s.rows.phase(row) == phase)
                        m.pixel_rows.push_back({map + (s.rows.start(row) - sources.begin) * map_row + of.from,
                                                s.columns.step() * s.C,
                                                target + row * s.columns.targets() * target_pixel + of.to,
                                                s.columns.phases() * target_pixel, of.count});
                correlate<A, T>(*kernel++, map_row, s.bias.data() + group * padded_to_lanes<A>(s.O), m.pixel_rows);
            }
    }
}

template <class T>
void Sweep<T>::run() const {
    const SweepMap<T> map(*this);
    const Bands bands(B, rows.targets(), most_numbers / map.row(*this));
    const int64_t cost = bands.most_rows() * columns.targets() * C * O * rows.axis.kernel * columns.axis.kernel;
    parallel_chunks(bands.count(), std::max<int64_t>(1, (1 << 20) / cost), [&](int64_t begin, int64_t end) {
        SweepMap<T> own = map;
        for (int64_t number = begin; number < end; ++number)
            band_of_sweep(*this, bands.image(number), bands.rows(number), own);
    });
}

template <class T>
void forward(const Conv2dOp<T>& op) {
    using A = acc_type<T>;
    const int64_t C = op.group_in(), O = op.group_out(), padded = padded_to_lanes<A>(O);
    Sweep<T> sweep{op.B, C, O, op.groups, {op.rows, false}, {op.columns, false}, op.x, op.y, {}, {}};
    sweep.pack([&](int64_t group, int64_t k, int64_t l, int64_t i, int64_t o) {
        return widen(op.weight[op.weight_at(group * O + o, i, k, l)]);
    });
    sweep.bias.assign(static_cast<size_t>(op.groups * padded), A(0));
    for (int64_t o = 0; op.bias && o < op.O; ++o) sweep.bias[static_cast<size_t>(o / O * padded + o % O)] = op.bias[o];
    sweep.run();
}

template <class T>
void backward_x(const Conv2dOp<T>& op) {
    const int64_t C = op.group_out(), O = op.group_in();
    Sweep<T> sweep{op.B, C, O, op.groups, {op.rows, true}, {op.columns, true}, op.dy, op.dx, {}, {}};
    sweep.pack([&](int64_t group, int64_t k, int64_t l, int64_t o, int64_t i) {
        return widen(op.weight[op.weight_at(group * C + o, i, k, l)]);
    });
    sweep.bias.assign(static_cast<size_t>(op.groups * padded_to_lanes<acc_type<T>>(O)), 0);
    sweep.run();
}

// ---- dweight and dbias

// Channels [first, first + count) of each group, and the sums of a group of bands for them: of dweight [groups, J,
// width], by panels, and of dbias [groups, width].
template <class T>
struct WeightPart {
    using A = acc_type<T>;

    const Conv2dOp<T>& op;
    int64_t first, count;
    int64_t C = op.group_in(), O = op.group_out(), J = op.dweight ? op.taps() : 0, across = op.across();
    int64_t width = padded_to_lanes<A>(count), run = op.columns.kernel * C;
    Range columns = Reach{op.columns, false}.sources_of({0, across});
    int64_t map_row = (columns.end - columns.begin) * C;

    // dy of rows [hs.begin, hs.end), and how far its pixels are apart: where it lies, or padded and converted.
    struct Dy {
        const A* first;
        int64_t pixel;
    };
    Dy dy_of(int64_t b, Range hs, int64_t group, Tensor& memory) const {
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

    void add_band(int64_t b, Range hs, int64_t group, A* sums, Tensor& map, Tensor& dy_memory) const {
        const Dy dy = dy_of(b, hs, group, dy_memory);
        A* const dbias = sums + (op.groups * J + group) * width;
        if (op.dbias)
            for (int64_t pixel = 0; pixel < (hs.end - hs.begin) * across; ++pixel)
                for (int64_t o = 0; o < width; ++o) dbias[o] += dy.first[pixel * dy.pixel + o];
        if (J == 0) return;
        const Range sources = Reach{op.rows, false}.sources_of(hs);
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
void backward(const Conv2dOp<T>& op) {
    if (op.dx) backward_x(op);
    if (!op.dweight && !op.dbias) return;
    constexpr int64_t L = lanes<acc_type<T>>;
    const int64_t O = op.group_out(), vectors = padded_to_lanes<acc_type<T>>(O) / L;
    const int64_t groups = groups_of_weights(op.pixels(), op.taps());
    const int64_t parts = std::min(std::max<int64_t>(1, 8 / groups), vectors);
    const int64_t numbers_a_row =
        op.rows.stride * op.columns.size * op.group_in() + op.across() * op.group_out() / parts;
    const Bands bands(op.B, op.down(), weight_numbers / numbers_a_row);
    parallel_for(parts, [&](int64_t part) {
        const int64_t first = vectors * part / parts * L, end = std::min(O, vectors * (part + 1) / parts * L);
        WeightPart<T>{op, first, end - first}.compute(bands, groups);
    });
}

const DeclareFastPath<Conv2dOp> fast{[](const auto& op) { forward(op); }, [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad
