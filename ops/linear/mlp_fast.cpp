// mlp by packed products (core/gemm), piece by piece of the rows: g, four times as wide as x, is made for gemm_rows
// rows at a time, in scratch memory that stays in the cache between the two products, and made again in backward.
// Mathematics and names: ops/linear/mlp.cpp.

#include "core/gemm/gemm.h"
#include "core/gemm/packed_operand.h"
#include "core/scalar.h"
#include "core/simd.h"
#include "core/threads.h"
#include "cuda/linear/mlp.h"
#include "ops/operation.h"
#include "ops/sum_by_groups.h"

#include <algorithm>
#include <type_traits>

namespace swingrad {
namespace {

constexpr Layout plain = Layout::plain, transposed = Layout::transposed;

// Where g is bfloat16, gelu is computed to that.
template <class T>
using CpuGelu = std::conditional_t<std::is_same_v<T, bfloat16>, GeluForBfloat16, Gelu>;

template <class T>
void forward(const MlpOp<T>& op) {
    using W = acc_type<T>;
    const int64_t rows = op.rows, C = op.C, U = op.U, O = op.O;
    const auto gelu = [](int64_t count, const T* from, T* to) {
        along_row<W>(count, [&](auto& number, int64_t i) {
            load_vector(number, from + i);
            store_vector(CpuGelu<T>::value(number), to + i);
        });
    };
    if (few_rows(rows)) {  // all rows at once: g is small, and the weights are what must not leave the cache
        const Tensor scratch = Tensor::empty({rows, U}, dtype_of<T>());
        T* const g = scratch.data<T>();
        T* const a = op.a ? op.a : g;
        multiply_by_weight(rows, C, U, op.x, op.weight1, op.bias1, a);
        parallel_chunks(rows * U, 1 << 14,
                        [&](int64_t begin, int64_t end) { gelu(end - begin, a + begin, g + begin); });
        multiply_by_weight(rows, U, O, g, op.weight2, op.bias2, op.y);
        return;
    }
    const PackedOperand<T> weight1_t(transposed, U, C, op.weight1, C), weight2_t(transposed, O, U, op.weight2, U);
    parallel_chunks(rows, rows_a_piece(rows), [&](int64_t begin, int64_t end) {
        const int64_t count = end - begin;
        const Tensor scratch = Tensor::empty({count, U}, dtype_of<T>());
        T *g = scratch.data<T>(), *a_piece = op.a ? op.a + begin * U : g, *y_piece = op.y + begin * O;
        multiply(plain, count, op.x + begin * C, C, weight1_t, a_piece, U, InitialValue<W>::row(op.bias1));
        gelu(count * U, a_piece, g);
        multiply(plain, count, g, U, weight2_t, y_piece, O, InitialValue<W>::row(op.bias2));
    });
}

template <class T>
void backward(const MlpOp<T>& op) {
    using W = acc_type<T>;
    const int64_t rows = op.rows, C = op.C, U = op.U, O = op.O, width = U * C + U + O * U + O;
    const PackedOperand<T> packed1(plain, C, U, op.weight1, C), packed2(plain, U, O, op.weight2, U);
    // One group is no piece of parallel work: each of its steps goes to all threads.
    const int64_t groups = groups_of_weights(rows, C);
    const auto product_of_rows = [&](int64_t count, const T* a, int64_t lda, const PackedOperand<T>& b, T* c,
                                     int64_t ldc) {
        if (groups == 1) multiply_rows(count, a, lda, b, c, ldc);
        else multiply(plain, count, a, lda, b, c, ldc);
    };
    const auto weight_gradient = [&](int64_t outputs, int64_t inputs, int64_t count, const T* from, const T* x, W* sum,
                                     bool adds) {
        if (groups == 1) gemm(transposed, plain, outputs, inputs, count, from, outputs, x, inputs, sum, inputs, adds);
        else gemm_block(transposed, plain, outputs, inputs, count, from, outputs, x, inputs, sum, inputs, adds);
    };
    sum_by_groups<W>(
        groups, rows, width,
        [&](int64_t group_begin, int64_t group_end, W* sums) {
            W *dweight1_sum = sums, *dweight2_sum = dweight1_sum + U * C, *dbias1_sum = dweight2_sum + O * U,
              *dbias2_sum = dbias1_sum + U;
            const Tensor scratch = Tensor::empty({2, gemm_rows, U}, dtype_of<T>());
            T *g = scratch.data<T>(), *da = g + gemm_rows * U;
            for (int64_t begin = group_begin; begin < group_end; begin += gemm_rows) {
                const int64_t count = std::min(gemm_rows, group_end - begin);
                const bool adds = begin > group_begin;
                const T *x_piece = op.x + begin * C, *a_piece = op.a + begin * U, *dy_piece = op.dy + begin * O;
                // forward: y = g weight2^T + bias2, so (da holds dg until gelu's slope is known):
                product_of_rows(count, dy_piece, O, packed2, da, U);
                // forward: g = gelu(a), so:
                along_row<W>(count * U, [&](auto& number, int64_t i) {
                    std::remove_reference_t<decltype(number)> value, slope, arrived;
                    load_vector(number, a_piece + i);
                    load_vector(arrived, da + i);
                    CpuGelu<T>::value_and_slope(number, value, slope);
                    store_vector(value, g + i);
                    store_vector(arrived * slope, da + i);
                });
                weight_gradient(O, U, count, dy_piece, g, dweight2_sum, adds);
                add_column_sums(count, O, dy_piece, dbias2_sum);
                // forward: a = x weight1^T + bias1, so:
                product_of_rows(count, da, U, packed1, op.dx + begin * C, C);
                weight_gradient(U, C, count, da, x_piece, dweight1_sum, adds);
                add_column_sums(count, U, da, dbias1_sum);
            }
        },
        {{op.dweight1, U * C}, {op.dweight2, O * U}, {op.dbias1, U}, {op.dbias2, O}}, U * C + O * U);
}

const DeclareFastPath<MlpOp> fast{[](const auto& op) { forward(op); }, [](const auto& op) { backward(op); }};

}  // namespace
}  // namespace swingrad
