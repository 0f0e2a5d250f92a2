// How the fast path of conv2d cuts its work: along an axis, what a number of the result is a sum over, and bands of
// rows.
#pragma once

#include "cuda/conv/sliding_axis.h"

#include <algorithm>

namespace swingrad {

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
    IndexRange sources_of(IndexRange of) const {
        IndexRange all{start(of.begin), start(of.begin)};
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
    IndexRange rows(int64_t number) const {
        const int64_t of_image = number % an_image_;
        return {rows_ * of_image / an_image_, rows_ * (of_image + 1) / an_image_};
    }
    int64_t most_rows() const { return (rows_ + an_image_ - 1) / an_image_; }

  private:
    int64_t images_, rows_, an_image_;
};

}  // namespace swingrad
