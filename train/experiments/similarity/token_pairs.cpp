#include "train/experiments/similarity/token_pairs.h"

#include "core/error.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace swingrad {
namespace {

using Vector = std::vector<double>;

// Tokens of length 1, [B, H, W, C] row by row.
Vector unit_tokens(Vector values, size_t C, bool centred) {
    const size_t tokens = values.size() / C;
    if (centred) {
        Vector mean(C);
        for (size_t i = 0; i < values.size(); ++i) mean[i % C] += values[i] / static_cast<double>(tokens);
        for (size_t i = 0; i < values.size(); ++i) values[i] -= mean[i % C];
    }
    for (size_t token = 0; token < tokens; ++token) {
        double square = 0;
        for (size_t c = 0; c < C; ++c) square += values[token * C + c] * values[token * C + c];
        const double scale = square > 0 ? 1 / std::sqrt(square) : 0;
        for (size_t c = 0; c < C; ++c) values[token * C + c] *= scale;
    }
    return values;
}

struct Mean {
    double sum = 0, count = 0;
    double value() const { return count > 0 ? sum / count : NAN; }
};

class Pairs {
  public:
    Pairs(const Tensor& x, bool centred)
        : B_(x.shape()[0]),
          H_(x.shape()[1]),
          W_(x.shape()[2]),
          C_(x.shape()[3]),
          unit_(unit_tokens(x.on_cpu().values(), static_cast<size_t>(C_), centred)) {}

    // Of all tokens and those `down` and `across` from them.
    void add_apart(Mean& mean, int64_t down, int64_t across) const {
        for (int64_t b = 0; b < B_; ++b)
            for (int64_t r = 0; r + down < H_; ++r)
                for (int64_t c = 0; c + across < W_; ++c) {
                    const double *one = token(b, r, c), *other = token(b, r + down, c + across);
                    for (int64_t k = 0; k < C_; ++k) mean.sum += one[k] * other[k];
                    mean.count += 1;
                }
    }

    // The sum of the cosines of all pairs of n vectors is (|their sum|^2 - the sum of their squares) / 2.
    void add_by_class(Mean& same, Mean& other, const std::vector<int64_t>& labels) const {
        for (int64_t r = 0; r < H_; ++r)
            for (int64_t c = 0; c < W_; ++c) {
                std::map<int64_t, Sum> classes;
                Sum all;
                for (int64_t b = 0; b < B_; ++b)
                    for (Sum* sum : {&classes[labels[static_cast<size_t>(b)]], &all}) sum->add(token(b, r, c), C_);
                Mean within;
                for (const auto& [label, sum] : classes)
                    within.sum += sum.pairs(), within.count += sum.count_of_pairs();
                same.sum += within.sum, same.count += within.count;
                other.sum += all.pairs() - within.sum, other.count += all.count_of_pairs() - within.count;
            }
    }

    int64_t rows() const { return H_; }
    int64_t columns() const { return W_; }

  private:
    struct Sum {
        Vector vector;
        double squares = 0, count = 0;
        void add(const double* token, int64_t C) {
            vector.resize(static_cast<size_t>(C));
            for (int64_t k = 0; k < C; ++k) {
                vector[static_cast<size_t>(k)] += token[k];
                squares += token[k] * token[k];
            }
            count += 1;
        }
        double pairs() const {
            double square = 0;
            for (const double one : vector) square += one * one;
            return (square - squares) / 2;
        }
        double count_of_pairs() const { return count * (count - 1) / 2; }
    };

    const double* token(int64_t b, int64_t r, int64_t c) const { return unit_.data() + ((b * H_ + r) * W_ + c) * C_; }

    const int64_t B_, H_, W_, C_;
    const Vector unit_;
};

}  // namespace

TokenSimilarity similarity_of(const Tensor& x, const std::vector<int64_t>& labels, bool centred) {
    check(x.shape().rank() == 4 && static_cast<int64_t>(labels.size()) == x.shape()[0],
          "[similarity] expected [B, H, W, C] and B labels, got {} and {}", x.shape(), labels.size());
    const Pairs pairs(x, centred);
    Mean near, far, same, other;
    pairs.add_apart(near, 1, 0);
    pairs.add_apart(near, 0, 1);
    pairs.add_apart(far, std::max<int64_t>(2, (pairs.rows() + 1) / 2), 0);
    pairs.add_apart(far, 0, std::max<int64_t>(2, (pairs.columns() + 1) / 2));
    pairs.add_by_class(same, other, labels);
    return {near.value(), far.value(), same.value(), other.value()};
}

}  // namespace swingrad
