#include "cuda/emulator/language/graph.h"

#include "core/error.h"

#include <utility>

namespace swingrad::cuda::emulator {
namespace {

struct State {
    CapturedWork* work = nullptr;
    CaptureMode mode{};
    bool refused = false;  // something: then CUDA has given the capture up
};
constinit thread_local State state;

}  // namespace

Capture::Capture(CapturedWork& work, CaptureMode mode) {
    check(!capturing(), "[cuda] a graph cannot be captured while another is");
    state = {&work, mode, false};
}
Capture::~Capture() { state = {}; }
void Capture::end() { check(!state.refused, "[cuda] ending a graph failed: a call on the way was refused"); }

bool capturing() { return state.work != nullptr; }
void keep(std::function<void()> work) { state.work->push_back(std::move(work)); }
void refuse_while_capturing(const char* what) {
    state.refused |= capturing();
    check(!capturing(), "[cuda] {} must wait for the device, which cannot be part of a graph", what);
}
void refuse_in_capture(const char* what) {
    const bool refused = capturing() && state.mode != CaptureMode::relaxed;
    state.refused |= refused;
    check(!refused, "[cuda] {} is not permitted while this thread captures a graph, other than in relaxed mode", what);
}

}  // namespace swingrad::cuda::emulator
