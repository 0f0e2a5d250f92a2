#include "cuda/emulator/language/graph.h"

#include "core/error.h"

#include <utility>

namespace swingrad::cuda::emulator {
namespace {

constinit thread_local CapturedWork* captured_work = nullptr;

}  // namespace

Capture::Capture(CapturedWork& work) {
    check(!capturing(), "[cuda] a graph cannot be captured while another is");
    captured_work = &work;
}
Capture::~Capture() { captured_work = nullptr; }

bool capturing() { return captured_work != nullptr; }
void keep(std::function<void()> work) { captured_work->push_back(std::move(work)); }
void refuse_while_capturing(const char* what) {
    check(!capturing(), "[cuda] {} must wait for the device, which cannot be part of a graph", what);
}

}  // namespace swingrad::cuda::emulator
