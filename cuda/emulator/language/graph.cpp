#include "cuda/emulator/language/graph.h"

#include "core/error.h"

#include <utility>

namespace swingrad::cuda::emulator {
namespace {

constinit thread_local RecordedWork* recorded_work = nullptr;

}  // namespace

Recording::Recording(RecordedWork& work) {
    check(!recording(), "[cuda] a graph cannot be recorded while another is");
    recorded_work = &work;
}
Recording::~Recording() { recorded_work = nullptr; }

bool recording() { return recorded_work != nullptr; }
void keep(std::function<void()> work) { recorded_work->push_back(std::move(work)); }
void refuse_while_recording(const char* what) {
    check(!recording(), "[cuda] {} must wait for the device, which cannot be part of a graph", what);
}

}  // namespace swingrad::cuda::emulator
