// resample_patch_weight(weight [C, I, p, q], patch p' x q') -> [C, I, p', q']
//
// The weight of a patch embedding for another patch size, such that a patch resized to that size is embedded as the
// patch itself was. To resize the weight as if it were an image would not do: its response grows with the patch's area.
//
// Let B [p'q', pq] be bilinear resizing, a matrix (of one channel; others alike). For a patch x and its resized B x,
// the embeddings are sums of products with the weights w and w', both written as columns:
//
//   w'^T (B x) = w^T x  for every x          <=>          B^T w' = w
//
//   larger     B has as many independent columns as x has pixels, so the equation has solutions. The smallest is
//              w' = B (B^T B)^-1 w: embeddings are the same, exactly.
//   smaller    there are more equations than unknowns. w' = (B B^T)^-1 B w solves them best, in that it makes
//              |B^T w' - w|^2 smallest: the mean squared error over patches x of independent pixels. What resizing has
//              thrown away cannot come back, so embeddings are the same only for what the smaller patch can show.
//
// Both are w' = (B^T)^+ w, the pseudo-inverse. Rows and columns separate: B resizes rows by R [p', p] and columns by
// S [q', q], the pseudo-inverse of the product is the product of the pseudo-inverses, and each axis may grow or shrink:
//
//   w'[c, i] = P w[c, i] Q^T              P = (R^T)^+ [p', p], Q = (S^T)^+ [q', q]
//
// Linear in w with constant matrices, so it is two calls of linear, and backward is theirs.
//
// Saved: what linear saves, twice: its input (weight, then weight Q^T) and the matrix.
// Numerics: the matrix to invert, R^T R or R R^T, is symmetric, positive definite, and has as many rows as the smaller
// patch: Cholesky's factors in double. Bilinear resizing has at most two entries a row and is well conditioned.
// Source: Beyer et al., "FlexiViT: one model for all patch sizes", arXiv 2212.08013, section 3.4. Test:
// tests/image/test_resample_patch_weight.cpp.

#include "autograd/gradcheck.h"
#include "ops/ops.h"

#include <cmath>

namespace swingrad {
namespace {

// A small matrix of double, row by row.
struct Matrix {
    int64_t rows, columns;
    std::vector<double> values = std::vector<double>(static_cast<size_t>(rows * columns));

    double& operator()(int64_t i, int64_t j) { return values[static_cast<size_t>(i * columns + j)]; }
    double operator()(int64_t i, int64_t j) const { return values[static_cast<size_t>(i * columns + j)]; }
};

Matrix transposed(const Matrix& a) {
    Matrix result{a.columns, a.rows};
    for (int64_t i = 0; i < a.rows; ++i)
        for (int64_t j = 0; j < a.columns; ++j) result(j, i) = a(i, j);
    return result;
}

// R [to, from]: what resizing makes of each column of the unit matrix.
Matrix bilinear(int64_t from, int64_t to) {
    Tensor unit = Tensor::zeros({1, from, 1, from}, DType::float64);
    for (int64_t i = 0; i < from; ++i) unit.data<double>()[i * from + i] = 1;
    return {to, from, resize(unit, {to, 1}, Resize::bilinear).values()};
}

// The lower triangular L with L L^T = a, for a symmetric and positive definite:
//   a_ij = sum_k L_ik L_jk, so for i >= j:   L_ij L_jj = a_ij - sum_{k < j} L_ik L_jk
Matrix cholesky(const Matrix& a) {
    Matrix L{a.rows, a.rows};
    for (int64_t i = 0; i < a.rows; ++i)
        for (int64_t j = 0; j <= i; ++j) {
            double rest = a(i, j);
            for (int64_t k = 0; k < j; ++k) rest -= L(i, k) * L(j, k);
            L(i, j) = i == j ? std::sqrt(rest) : rest / L(j, j);
        }
    return L;
}

// x with L L^T x = b, for every column of b: L y = b from the top down, then L^T x = y from the bottom up.
Matrix solved(const Matrix& L, Matrix b) {
    for (int64_t column = 0; column < b.columns; ++column) {
        for (int64_t i = 0; i < L.rows; ++i) {
            for (int64_t k = 0; k < i; ++k) b(i, column) -= L(i, k) * b(k, column);
            b(i, column) /= L(i, i);
        }
        for (int64_t i = L.rows; i-- > 0;) {
            for (int64_t k = i + 1; k < L.rows; ++k) b(i, column) -= L(k, i) * b(k, column);
            b(i, column) /= L(i, i);
        }
    }
    return b;
}

// (A A^T)^-1 A, for A with independent rows.
Matrix normal_solution(const Matrix& A) {
    Matrix gram{A.rows, A.rows};
    for (int64_t i = 0; i < A.rows; ++i)
        for (int64_t j = 0; j < A.rows; ++j)
            for (int64_t k = 0; k < A.columns; ++k) gram(i, j) += A(i, k) * A(j, k);
    return solved(cholesky(gram), A);
}

// P = (R^T)^+ [to, from], of the dtype and on the device of `like`.
Tensor pseudo_inverse(int64_t from, int64_t to, const Tensor& like) {
    const Matrix R = bilinear(from, to);
    // Larger: R (R^T R)^-1 is the transpose of (R^T R)^-1 R^T. Smaller: (R R^T)^-1 R.
    const Matrix P = to >= from ? transposed(normal_solution(transposed(R))) : normal_solution(R);
    return Tensor::from({to, from}, P.values).to(like.dtype()).on(like.device());
}

}  // namespace

// ---- public function

Tensor resample_patch_weight(const Tensor& weight, Extent patch) {
    check(weight.shape().rank() == 4 && weight.numel() > 0,
          "[resample_patch_weight] weight must be [C, I, p, q], got {}", weight.shape());
    check(patch.rows > 0 && patch.columns > 0, "[resample_patch_weight] patch must be at least 1 x 1, got {} x {}",
          patch.rows, patch.columns);
    const int64_t p = weight.shape()[2], q = weight.shape()[3];
    if (patch == Extent{p, q}) return weight;
    const Tensor P = pseudo_inverse(p, patch.rows, weight);
    const Tensor Q = pseudo_inverse(q, patch.columns, weight);
    const std::vector<int> rows_and_columns_swapped{0, 1, 3, 2};
    const Tensor wide = permute(linear(weight, Q), rows_and_columns_swapped);  // [C, I, q', p]
    return permute(linear(wide, P), rows_and_columns_swapped);
}

// ---- gradient check: more rows, fewer columns

const DeclareGradientCase resample_patch_weight_case{{
    "resample_patch_weight",
    [](Random random) -> std::vector<Tensor> {
        return {random_tensor({2, 3, 2, 5}, random)};
    },
    [](const std::vector<Tensor>& in) {
        return resample_patch_weight(in[0], {4, 3});
    },
}};

}  // namespace swingrad
