// conv2d by tiles of products (ops/conv/conv2d_tiles_fast.h). Mathematics and names: ops/conv/conv2d.cpp.
//
// Forward and dx are one sweep. A channel of y at a position is a sum over the kernel's places of what lies under them;
// and of dx, a sum over the positions that have a place over it, which are neighbours in dy, s places apart in the
// kernel, in falling order. Which places those are depends on (m + p) mod s, the element's phase: each phase has a
// kernel of its own, packed in the order in which dy is read. So nothing is added up in memory, and nothing is computed
// for the zeros between the positions of a stride.
//
// The work is cut into bands of rows; a band's source is copied with its borders, a few rows of one image at a time, so
// that hardly any memory is taken beside the operands.

#include "cuda/conv/conv2d.h"

#include "core/threads.h"
#include "ops/conv/conv2d_bands_fast.h"
#include "ops/conv/conv2d_tiles_fast.h"
#include "ops/conv/conv2d_weight_fast.h"
#include "ops/conv/padded_map_fast.h"
#include "ops/operation.h"

namespace swingrad {
namespace {

constexpr int64_t most_numbers = 1 << 15;  // of a band's source: 128 KB as floats

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
    IndexRange columns;                  // of the source
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
void band_of_sweep(const Sweep<T>& s, int64_t b, IndexRange targets, SweepMap<T>& m) {
    using A = acc_type<T>;
    const IndexRange sources = s.rows.sources_of(targets);
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
    const Bands bands(B, rows.targets(), most_numbers / std::max<int64_t>(1, map.row(*this)));  // 0: under no kernel
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

template <class T>
void backward(const Conv2dOp<T>& op) {
    if (op.dx) backward_x(op);
    if (op.dweight || op.dbias) backward_weight(op);
}

const DeclareFastPath<Conv2dOp> fast{[](const auto& op) { forward(op); }, [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad
