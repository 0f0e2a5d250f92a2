// How the emulator captures a cuda::Graph: launches, copies on the device and products are kept instead of done.
#pragma once

#include "cuda/runtime/runtime.h"

#include <functional>
#include <vector>

namespace swingrad::cuda::emulator {

using CapturedWork = std::vector<std::function<void()>>;

// While one lives, what this thread asks of the compute stream goes into `work`.
class Capture {
  public:
    Capture(CapturedWork& work, CaptureMode mode);
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

    // Throws an Error where something was refused on the way, whether or not that was caught.
    void end();
};

bool capturing();
void keep(std::function<void()> work);
// For what waits for the stream, which a graph cannot do: throws an Error where this thread captures.
void refuse_while_capturing(const char* what);
// For what CUDA forbids a thread that captures, other than in relaxed mode.
void refuse_in_capture(const char* what);

// Does `work` now, or keeps it for the graph. A copy of it is kept, and with it the arguments as they are.
template <class Work>
void ask(const Work& work) {
    if (capturing()) keep(work);
    else work();
}

}  // namespace swingrad::cuda::emulator
