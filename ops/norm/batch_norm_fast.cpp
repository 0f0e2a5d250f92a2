// batch_norm in vector registers, by blocks of rows that stay in the first cache. Mathematics and names:
// ops/norm/batch_norm.cpp.
//
// The statistics take one pass over memory. A block's are taken in two, the second of which finds it in the cache, and
// then joined to those of the blocks before it: of n and m numbers with means a and b, the joint mean is
// a + (b - a) m / (n + m), and the sums of squared differences add up, plus (b - a)^2 n m / (n + m) for the distance of
// the means. Nothing cancels in that. Blocks are joined within groups of rows, groups in order (ops/sum_by_groups.h).
// Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.

#include "core/simd.h"
#include "core/threads.h"
#include "cuda/norm/batch_norm.h"
#include "ops/operation.h"
#include "ops/sum_by_groups.h"

namespace swingrad {
namespace {

// Some 16 KB of floats; enough rows that what is done once a block does not count, and few enough to be summed in
// float.
int64_t rows_a_block(int64_t C) { return std::clamp<int64_t>(4096 / std::max<int64_t>(1, C), 16, 256); }

// sums [N, C] += the terms of each row, which term(terms, row, c) fills: memory is read from end to end, and what four
// rows have in common is fetched once.
template <class W, int N, class Term>
void add_rows(int64_t begin, int64_t end, int64_t C, W* sums, const Term& term) {
    const auto add = [&]<int R>(std::integral_constant<int, R>) {
        for (; begin + R <= end; begin += R)
            along_row<W>(C, [&](auto& before, int64_t c) {
                std::remove_reference_t<decltype(before)> total[N], terms[N];
                term(total, begin, c);
#pragma GCC unroll 4
                for (int r = 1; r < R; ++r) {
                    term(terms, begin + r, c);
                    for (int n = 0; n < N; ++n) total[n] += terms[n];
                }
                for (int n = 0; n < N; ++n) {
                    load_vector(before, sums + n * C + c);
                    store_vector(before + total[n], sums + n * C + c);
                }
            });
    };
    add(std::integral_constant<int, 4>{});
    add(std::integral_constant<int, 1>{});
}

// ---- forward

// The mean of each of C channels, and its sum of squared differences from it.
template <class L>
struct Moments {
    int64_t count = 0;
    std::vector<L> mean, squares;

    explicit Moments(int64_t C) : mean(static_cast<size_t>(C)), squares(static_cast<size_t>(C)) {}

    template <class Number>
    void join(int64_t more, const Number* more_mean, const Number* more_squares) {
        const L of_all = static_cast<L>(more) / static_cast<L>(count + more), weight = of_all * static_cast<L>(count);
        for (size_t c = 0; c < mean.size(); ++c) {
            const L distance = static_cast<L>(more_mean[c]) - mean[c];
            mean[c] += distance * of_all;
            squares[c] += static_cast<L>(more_squares[c]) + distance * distance * weight;
        }
        count += more;
    }
};

// Those of rows [begin, end): means [C], and then squares [C].
template <class T>
void block_moments(int64_t begin, int64_t end, int64_t C, const T* x, acc_type<T>* means) {
    using W = acc_type<T>;
    W* const squares = means + C;
    std::fill(means, means + 2 * C, W(0));
    add_rows<W, 1>(begin, end, C, means,
                   [=](auto& terms, int64_t row, int64_t c) { load_vector(terms[0], x + row * C + c); });
    for (int64_t c = 0; c < C; ++c) means[c] /= static_cast<W>(end - begin);
    add_rows<W, 1>(begin, end, C, squares, [=](auto& terms, int64_t row, int64_t c) {
        std::remove_reference_t<decltype(terms[0])> mean;
        load_vector(mean, means + c);
        load_vector(terms[0], x + row * C + c);
        terms[0] = (terms[0] - mean) * (terms[0] - mean);
    });
}

template <class T>
void take_batch_statistics(const BatchNormOp<T>& op) {
    using Sums = Moments<long_sum_type<T>>;
    const int64_t C = op.C, groups = sum_groups(op.rows);
    std::vector<Sums> sums(static_cast<size_t>(groups), Sums(C));
    parallel_for(groups, [&](int64_t group) {
        const Tensor memory = Tensor::empty({2, C}, dtype_of<acc_type<T>>());
        acc_type<T>* const of_block = memory.data<acc_type<T>>();
        const int64_t last = op.rows * (group + 1) / groups, step = rows_a_block(C);
        for (int64_t begin = op.rows * group / groups; begin < last; begin += step) {
            const int64_t end = std::min(begin + step, last);
            block_moments(begin, end, C, op.x, of_block);
            sums[static_cast<size_t>(group)].join(end - begin, of_block, of_block + C);
        }
    });
    for (size_t group = 1; group < sums.size(); ++group)
        sums[0].join(sums[group].count, sums[group].mean.data(), sums[group].squares.data());
    for (int64_t c = 0; c < C; ++c) {
        const auto at = static_cast<size_t>(c);
        op.take_statistics(c, sums[0].mean[at], sums[0].squares[at]);
    }
}

template <class T>
void forward(const BatchNormOp<T>& op) {
    using W = acc_type<T>;
    if (op.training) take_batch_statistics(op);
    else
        for (int64_t c = 0; c < op.C; ++c) op.take_running_statistics(c);
    parallel_rows(op.rows, op.C, [=](int64_t row) {
        along_row<W>(op.C, [&](auto& numbers, int64_t c) {
            std::remove_reference_t<decltype(numbers)> mean, rstd, weight, bias;
            load_vector(numbers, op.x + row * op.C + c);
            load_vector(mean, op.mean + c);
            load_vector(rstd, op.rstd + c);
            load_vector(weight, op.weight + c);
            load_vector(bias, op.bias + c);
            store_vector(weight * ((numbers - mean) * rstd) + bias, op.y + row * op.C + c);
        });
    });
}

// ---- backward

template <class T>
void backward(const BatchNormOp<T>& op) {
    using W = acc_type<T>;
    const int64_t C = op.C;
    // forward: y = weight x_hat + bias, so:
    const auto term = [=](auto& terms, int64_t row, int64_t c) {
        std::remove_reference_t<decltype(terms[0])> mean, rstd;
        load_vector(mean, op.mean + c);
        load_vector(rstd, op.rstd + c);
        load_vector(terms[0], op.x + row * C + c);
        load_vector(terms[1], op.dy + row * C + c);
        terms[0] = terms[1] * ((terms[0] - mean) * rstd);
    };
    sum_by_groups<W>(sum_groups(op.rows), op.rows, 2 * C,
                     [=](int64_t begin, int64_t end, W* sums) { add_rows<W, 2>(begin, end, C, sums, term); },
                     {{op.dweight, C}, {op.dbias, C}});
    // forward: x_hat = (x - mean(x)) rstd(x), or with constants in their place, so:
    const Tensor shares = Tensor::empty({2, C}, dtype_of<W>());
    W *const dweight_share = shares.data<W>(), *const dbias_share = dweight_share + C;
    for (int64_t c = 0; c < C; ++c) {
        dweight_share[c] = op.share(op.dweight, c);
        dbias_share[c] = op.share(op.dbias, c);
    }
    parallel_rows(op.rows, C, [=](int64_t row) {
        along_row<W>(C, [&](auto& x_hat, int64_t c) {
            std::remove_reference_t<decltype(x_hat)> mean, rstd, weight, d, of_dweight, of_dbias;
            load_vector(x_hat, op.x + row * C + c);
            load_vector(d, op.dy + row * C + c);
            load_vector(mean, op.mean + c);
            load_vector(rstd, op.rstd + c);
            load_vector(weight, op.weight + c);
            load_vector(of_dweight, dweight_share + c);
            load_vector(of_dbias, dbias_share + c);
            x_hat = (x_hat - mean) * rstd;
            store_vector(weight * rstd * (d - of_dbias - x_hat * of_dweight), op.dx + row * C + c);
        });
    });
}

const DeclareFastPath<BatchNormOp> fast{[](const auto& op) { forward(op); }, [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad
