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

// Calls body(begin, end) for the blocks of rows [begin, end).
template <class Body>
void for_each_block(int64_t begin, int64_t end, int64_t C, const Body& body) {
    for (const int64_t step = rows_a_block(C); begin < end; begin += step) body(begin, std::min(begin + step, end));
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

template <class T>
void block_moments(int64_t rows, int64_t C, const T* x, acc_type<T>* means, acc_type<T>* squares) {
    using W = acc_type<T>;
    along_row<W>(C, [&](auto& numbers, int64_t c) {
        std::remove_reference_t<decltype(numbers)> sum = {}, squares_sum = {};
        for (int64_t row = 0; row < rows; ++row) {
            load_vector(numbers, x + row * C + c);
            sum += numbers;
        }
        const auto mean = sum / static_cast<W>(rows);
        store_vector(mean, means + c);
        for (int64_t row = 0; row < rows; ++row) {
            load_vector(numbers, x + row * C + c);
            squares_sum += (numbers - mean) * (numbers - mean);
        }
        store_vector(squares_sum, squares + c);
    });
}

template <class T>
void take_batch_statistics(const BatchNormOp<T>& op) {
    using Sums = Moments<long_sum_type<T>>;
    const int64_t C = op.C, groups = sum_groups(op.rows);
    std::vector<Sums> sums(static_cast<size_t>(groups), Sums(C));
    parallel_for(groups, [&](int64_t group) {
        const Tensor of_block = Tensor::empty({2, C}, dtype_of<acc_type<T>>());
        acc_type<T>*means = of_block.data<acc_type<T>>(), *squares = means + C;
        for_each_block(op.rows * group / groups, op.rows * (group + 1) / groups, C, [&](int64_t begin, int64_t end) {
            block_moments(end - begin, C, op.x + begin * C, means, squares);
            sums[static_cast<size_t>(group)].join(end - begin, means, squares);
        });
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
    parallel_chunks(op.rows, rows_a_block(op.C), [=](int64_t begin, int64_t end) {
        along_row<W>(op.C, [&](auto& numbers, int64_t c) {
            std::remove_reference_t<decltype(numbers)> mean, rstd, weight, bias;
            load_vector(mean, op.mean + c);
            load_vector(rstd, op.rstd + c);
            load_vector(weight, op.weight + c);
            load_vector(bias, op.bias + c);
            for (int64_t at = begin * op.C + c; at < end * op.C; at += op.C) {
                load_vector(numbers, op.x + at);
                store_vector(weight * ((numbers - mean) * rstd) + bias, op.y + at);
            }
        });
    });
}

// ---- backward

// What a block adds to dweight and dbias.
template <class T>
void add_block(const BatchNormOp<T>& op, int64_t begin, int64_t end, acc_type<T>* dweight, acc_type<T>* dbias) {
    along_row<acc_type<T>>(op.C, [&](auto& numbers, int64_t c) {
        std::remove_reference_t<decltype(numbers)> mean, rstd, d, before, d_sum = {}, product_sum = {};
        load_vector(mean, op.mean + c);
        load_vector(rstd, op.rstd + c);
        // forward: y = weight x_hat + bias, so:
        for (int64_t at = begin * op.C + c; at < end * op.C; at += op.C) {
            load_vector(numbers, op.x + at);
            load_vector(d, op.dy + at);
            product_sum += d * (numbers - mean);
            d_sum += d;
        }
        load_vector(before, dweight + c);
        store_vector(before + product_sum * rstd, dweight + c);
        load_vector(before, dbias + c);
        store_vector(before + d_sum, dbias + c);
    });
}

template <class T>
void backward(const BatchNormOp<T>& op) {
    using W = acc_type<T>;
    const int64_t C = op.C;
    sum_by_groups<W>(sum_groups(op.rows), op.rows, 2 * C,
                     [=](int64_t begin, int64_t end, W* sums) {
                         for_each_block(begin, end, C, [&](int64_t block_begin, int64_t block_end) {
                             add_block(op, block_begin, block_end, sums, sums + C);
                         });
                     },
                     {{op.dweight, C}, {op.dbias, C}});
    parallel_chunks(op.rows, rows_a_block(C), [=](int64_t begin, int64_t end) {
        along_row<W>(C, [&](auto& numbers, int64_t c) {
            std::remove_reference_t<decltype(numbers)> mean, rstd, weight, d, d_mean = {}, product_mean = {};
            load_vector(mean, op.mean + c);
            load_vector(rstd, op.rstd + c);
            load_vector(weight, op.weight + c);
            if (op.training) {
                load_vector(d_mean, op.dbias + c);
                load_vector(product_mean, op.dweight + c);
                d_mean = d_mean / static_cast<W>(op.rows);
                product_mean = product_mean / static_cast<W>(op.rows);
            }
            // forward: x_hat = (x - mean(x)) rstd(x), or with constants in their place, so:
            for (int64_t at = begin * C + c; at < end * C; at += C) {
                load_vector(numbers, op.x + at);
                load_vector(d, op.dy + at);
                store_vector(weight * rstd * (d - d_mean - (numbers - mean) * rstd * product_mean), op.dx + at);
            }
        });
    });
}

const DeclareFastPath<BatchNormOp> fast{[](const auto& op) { forward(op); }, [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad
