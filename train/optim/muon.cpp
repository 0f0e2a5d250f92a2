// Muon: momentum, made orthogonal. For a weight matrix of a hidden layer with gradient g, momentum m and u = m, or with
// Nesterov's momentum u = g + momentum (m - g):
//
//   m <- m + (1 - momentum) (g - m)
//   x  = orthogonal(u)                           each singular value of u becomes about 1
//   w <- (1 - lr decay) w - lr scale x           scale = 0.2 sqrt(max(rows, columns)), or sqrt(max(1, rows / columns))
//
// All other parameters take AdamW's step: biases, gains, tables of embeddings, and the last layer, as the authors say.
//
// Why orthogonal: with u = U S V^T, of all x that change no vector by more than its length, U V^T is the one along
// which the loss falls fastest, <u, x> = trace S. A gradient of few large singular values moves all directions alike.
//
// Newton and Schulz' iteration finds U V^T by products alone. For odd p, p(x) = a x + b x^3 + c x^5 of a matrix,
//
//   a x + b (x x^T) x + c (x x^T)^2 x  =  U p(S) V^T,    since x x^T = U S^2 U^T
//
// does to each singular value what p does to a number. Divided by its Frobenius norm, u has them all in [0, 1]. With
// a = 3.4445, b = -4.7750, c = 2.0315 small ones grow by 3.4445 in each step, and what comes near 1 stays between 0.68
// and 1.13: p(1) = 0.701, and it need not be 1 exactly. Five steps lift all that is above about 1/500 of the norm.
// With A = x x^T, of the smaller side, a step is x <- (a I + b A + c A^2) x: three products. A tall matrix is turned
// first: the polynomial of x^T is that of x, turned.
//
// The scale: an orthogonal [rows, columns] has elements of root mean square 1 / sqrt(max(rows, columns)). 0.2 sqrt(max)
// makes it 0.2, which is about what AdamW's steps have, so that one learning rate and weight decay serve both. A kernel
// [out, in, rows, columns] of a convolution is a matrix [out, in rows columns].
// Memory: the momentum takes the place of AdamW's first moment, and has its name.
// Numerics: float32, where the published code multiplies in bfloat16; nothing but speed asks for that.
// Sources: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", kellerjordan.github.io/posts/muon,
// 2024; the scale 0.2: Liu et al., "Muon is scalable for LLM training", arXiv 2502.16982; with the numbers of
// torch.optim.Muon. The arithmetic itself is in cuda/optim/muon.h, for the GPU too. Test:
// tests/train/optim/test_muon.cpp.

#include "cuda/optim/muon.h"
#include "ops/ops.h"
#include "train/optim/clipping.h"
#include "train/optim/flat.h"
#include "train/optim/flat_table.h"
#include "train/optim/optimiser.h"

#include <cmath>
#include <numeric>

namespace swingrad {
namespace {

using Entry = Parameters::Entry;

cuda::MuonMatrix matrix_of(const Entry& entry) {
    const int64_t rows = entry.shape[0];
    return {rows, entry.shape.numel() / rows, entry.rate, entry.decay == Decay::yes};
}

// x [R, C] turned. Few elements beside the products.
Tensor turned(const Tensor& x) {
    const int64_t R = x.shape()[0], C = x.shape()[1];
    const Tensor y = x.empty_like({C, R});
    dispatch_float("muon", x.dtype(), [&]<class T>(T) {
        const T* from = x.data<T>();
        T* to = y.data<T>();
        parallel_rows(C, R, [&](int64_t c) {
            for (int64_t r = 0; r < R; ++r) to[c * R + r] = from[r * C + c];
        });
    });
    return y;
}

// sqrt(sum of squares): a row's sum on one thread, and the rows' in order.
template <class T>
double norm_of(const Tensor& x) {
    const int64_t R = x.shape()[0], C = x.shape()[1];
    std::vector<double> sums(static_cast<size_t>(R), 0.0);
    parallel_rows(R, C, [&](int64_t r) {
        const T* row = x.data<T>() + r * C;
        double sum = 0;
        for (int64_t c = 0; c < C; ++c) sum += static_cast<double>(row[c]) * row[c];
        sums[static_cast<size_t>(r)] = sum;
    });
    return std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0));
}

// u [R, C] with singular values near 1. Writes to u.
template <class T>
Tensor orthogonal(const Tensor& u) {
    using NS = cuda::NewtonSchulz;
    const T scale = static_cast<T>(1 / std::max(norm_of<T>(u), NS::smallest_norm));
    T* elements = u.data<T>();
    parallel_elements(u.numel(), [=](int64_t i) { elements[i] *= scale; });
    const bool tall = u.shape()[0] > u.shape()[1];
    Tensor x = tall ? turned(u) : u;
    const int64_t s = x.shape()[0];
    for (int step = 0; step < NS::steps; ++step) {
        const Tensor gram = linear(x, x), polynomial = matmul(gram, gram);  // x x^T, and its square
        const T* a = gram.data<T>();
        T* p = polynomial.data<T>();
        parallel_rows(s, s, [=](int64_t r) {
            for (int64_t c = 0; c < s; ++c) p[r * s + c] = cuda::muon_polynomial(a[r * s + c], p[r * s + c], r == c);
        });
        x = matmul(polynomial, x);
    }
    return tall ? turned(x) : x;
}

class Muon final : public DeviceOptimiser {
  public:
    Muon(const Parameters& parameters, const MuonOptions& options, const OfEntries& matrices, const OfEntries& others)
        : parameters_(parameters),
          numbers_{options.momentum, options.weight_decay, options.nesterov,
                   options.scale == MuonScale::match_rms_adamw},
          matrices_(matrices) {
        others_ = make_adamw(parameters, {.weight_decay = options.weight_decay}, others);
        momentum_ = others_->state()[0].second;  // where AdamW has nothing of these parameters
    }

    void step(double learning_rate) override {
        check(std::isfinite(learning_rate) && learning_rate >= 0,
              "[muon] learning rate must be finite and not negative, got {}", learning_rate);
        if (parameters_.device() == Device::cuda) {
            step_by(control_of(learning_rate).data());
        } else {
            dispatch_float("muon", parameters_.values().dtype(), [&]<class T>(T) { step_on_cpu<T>(learning_rate); });
            others_->step(learning_rate);
        }
        ++steps_;
    }

    void step_by(const cuda::StepControl* control) override {
        check(parameters_.device() == Device::cuda, "[muon] parameters on the CPU know no control in device memory");
        const std::vector<bool> received = with_gradient(parameters_);
        dispatch_float("muon", parameters_.values().dtype(), [&]<class T>(T) {
            const T* g = parameters_.gradients().device_data<T>();
            const auto* g_copies = device_data_or_null<bfloat16>(parameters_.copies_gradients());
            auto* w_copies = device_data_or_null<bfloat16>(parameters_.copies());
            for (size_t i = 0; i < matrices_.size(); ++i) {
                const Entry& entry = parameters_.entries()[i];
                if (!matrices_[i] || !received[i]) continue;
                const bool copied = entry.has_copy();
                cuda::muon_step<T>(
                    matrix_of(entry), numbers_, control, copied ? nullptr : g + entry.offset,
                    copied ? g_copies + entry.offset : nullptr, parameters_.values().device_data<T>() + entry.offset,
                    momentum_.device_data<T>() + entry.offset, copied ? w_copies + entry.offset : nullptr);
            }
        });
        others_->step_by(control);
    }

    std::vector<std::pair<std::string, Tensor>> state() const override { return others_->state(); }

  private:
    template <class T>
    void step_on_cpu(double learning_rate) {
        const NoGrad no_recording;
        const std::vector<bool> received = with_gradient(parameters_);
        for (size_t i = 0; i < matrices_.size(); ++i)
            if (matrices_[i] && received[i]) step_of<T>(i, learning_rate);
    }

    template <class T>
    void step_of(size_t number, double learning_rate) {
        const Entry& entry = parameters_.entries()[number];
        const cuda::MuonMatrix matrix = matrix_of(entry);
        const Stretch whole{number, entry.offset, entry.offset + matrix.count()};
        const Tensor u = parameters_.values().empty_like({matrix.rows, matrix.columns});
        T *w = parameters_.values().data<T>() + entry.offset, *m = momentum_.data<T>() + entry.offset,
          *to = u.data<T>();
        with_gradients<T>(parameters_, whole, [&](const auto* g) {
            parallel_elements(matrix.count(), [=, this](int64_t i) {
                to[i] = cuda::muon_momentum(numbers_, static_cast<T>(widen(g[i])), m[i]);
            });
        });
        const Tensor orthogonal_u = orthogonal<T>(u);
        const T* x = orthogonal_u.data<T>();
        const auto f = cuda::muon_factors<T>(numbers_, matrix, learning_rate);
        parallel_elements(matrix.count(), [=](int64_t i) { w[i] = f.keep * w[i] - f.step * x[i]; });
        renew_copy<T>(parameters_, whole);
    }

    Parameters parameters_;  // handles on the same memory
    const cuda::MuonNumbers numbers_;
    const std::vector<bool> matrices_;         // of the entries, which are Muon's
    std::unique_ptr<DeviceOptimiser> others_;  // AdamW, of the rest
    Tensor momentum_;                          // [total], of the matrices
};

}  // namespace

std::vector<bool> hidden_matrices(const Parameters& parameters) {
    const std::vector<bool> last = of_last_layer(parameters);
    std::vector<bool> hidden;
    for (size_t i = 0; i < last.size(); ++i) {
        const Entry& entry = parameters.entries()[i];
        const bool is_matrix = entry.shape.rank() >= 2 && entry.shape[0] > 1 && entry.shape.numel() > entry.shape[0];
        hidden.push_back(is_matrix && entry.decay == Decay::yes && !entry.is_table && !last[i]);
    }
    return hidden;
}

std::unique_ptr<DeviceOptimiser> make_muon(const Parameters& parameters, const MuonOptions& options,
                                           const OfEntries& entries) {
    check(options.momentum >= 0 && options.momentum < 1, "[muon] momentum must be in [0, 1), got {}", options.momentum);
    check(options.weight_decay >= 0, "[muon] weight_decay must not be negative, got {}", options.weight_decay);
    OfEntries matrices = hidden_matrices(parameters), others = matrices;
    others.flip();
    for (size_t i = 0; i < entries.size(); ++i)
        if (!entries[i]) matrices[i] = others[i] = false;
    return std::make_unique<Muon>(parameters, options, matrices, others);
}

}  // namespace swingrad
