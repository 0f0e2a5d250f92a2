// cuda/runtime/runtime.h without a GPU: whatever is asked of a stream has been done when the call returns.

#include "cuda/runtime/runtime.h"

#include "core/error.h"
#include "core/threads.h"
#include "cuda/emulator/engine/checker.h"
#include "cuda/emulator/engine/memory.h"
#include "cuda/emulator/engine/options.h"
#include "cuda/emulator/engine/streams.h"
#include "cuda/emulator/language/graph.h"

#include <chrono>
#include <cstdlib>
#include <utility>

// What an event is here: how far the streams were, and the host's clock.
struct CUevent_st {
    swingrad::cuda::emulator::streams::Point point{};
    double time_ms = 0;
};

namespace swingrad::cuda {
namespace {

// Streams need names of their own; what they point to is never read.
char compute_name, copy_name;

double now_ms() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

bool emulated() { return true; }
std::string why_unavailable() { return ""; }
std::string description() {
    return fmt::format("emulated on {} core{}{}", thread_count(), thread_count() == 1 ? "" : "s",
                       emulator::access_checked() ? ", every access checked" : "");
}
bool emulator::access_checked() { return checker::on; }

uint32_t permute_threads(uint32_t seed) { return std::exchange(emulator::options().seed, seed); }

Stream compute_stream() { return reinterpret_cast<Stream>(&compute_name); }
Stream copy_stream() { return reinterpret_cast<Stream>(&copy_name); }
void synchronise(Stream stream) {
    emulator::refuse_while_capturing("synchronise");
    emulator::streams::host_waits(stream);
}

// ---- events

Event::Event() : handle_(new CUevent_st) {}
Event::~Event() { delete handle_; }
void Event::record(Stream stream) { *handle_ = {emulator::streams::here(stream), now_ms()}; }
void Event::wait_in(Stream stream) { emulator::streams::wait(stream, handle_->point); }
void Event::synchronise() {
    emulator::refuse_while_capturing("an event's synchronise");
    emulator::streams::host_waits(handle_->point);
}
double Event::ms_since(Event& earlier) {
    synchronise();
    return handle_->time_ms - earlier.handle_->time_ms;
}

// ---- copies

PinnedMemory::PinnedMemory(size_t bytes) : data_(std::aligned_alloc(64, (bytes + 63) / 64 * 64)), bytes_(bytes) {
    check(data_ || bytes == 0, "[cuda] the host has no {} bytes of memory left", bytes);
}
PinnedMemory::~PinnedMemory() { std::free(data_); }

void copy_to_device(void* device, const void* host, size_t bytes, Stream stream) {
    emulator::ask([=] { emulator::copy_in(device, host, bytes, stream); });
}
void copy_to_host(void* host, const void* device, size_t bytes, Stream stream) {
    emulator::ask([=] { emulator::copy_out(host, device, bytes, stream); });
}

// ---- graphs

Graph::Graph(const std::function<void()>& work, CaptureMode mode) {
    const MemoryPool::Use use(pool_);
    emulator::Capture capture(captured_, mode);
    work();
    capture.end();
}
Graph::~Graph() = default;
void Graph::launch() {
    emulator::refuse_while_capturing("launching a graph");
    for (const auto& work : captured_) work();
}

}  // namespace swingrad::cuda
