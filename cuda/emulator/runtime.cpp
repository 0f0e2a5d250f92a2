// The runtime without a GPU: whatever is asked of a stream is done before the call returns. So a missing wait between
// streams, or between a stream and the host, is not seen here.

#include "cuda/runtime.h"

#include "core/error.h"
#include "core/threads.h"
#include "cuda/emulator/memory.h"
#include "cuda/emulator/options.h"

#include <chrono>
#include <cstdlib>
#include <utility>

namespace swingrad::cuda {
namespace {

double now_ms() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

[[maybe_unused]] const bool installed = (install(Device::cuda, emulator::emulated_memory()), true);

}  // namespace

bool emulated() { return true; }
std::string why_unavailable() { return ""; }
std::string description() {
    return fmt::format("emulated on {} core{}", thread_count(), thread_count() == 1 ? "" : "s");
}

uint32_t permute_threads(uint32_t seed) { return std::exchange(emulator::options().seed, seed); }

Stream compute_stream() { return nullptr; }
Stream copy_stream() { return nullptr; }
void synchronise(Stream) {}

Event::Event() = default;
Event::~Event() = default;
void Event::record(Stream) { time_ = now_ms(); }
void Event::wait_in(Stream) {}
void Event::synchronise() {}
double Event::ms_since(Event& earlier) { return time_ - earlier.time_; }

PinnedMemory::PinnedMemory(size_t bytes)
    : data_(std::aligned_alloc(64, (bytes + 63) / 64 * 64)), bytes_(bytes) {
    check(data_ != nullptr, "[cuda] no {} bytes of host memory left", bytes);
}
PinnedMemory::~PinnedMemory() { std::free(data_); }

void copy_to_device(void* device, const void* host, size_t bytes, Stream) {
    emulator::emulated_memory().copy_from_host(device, host, bytes);
}
void copy_to_host(void* host, const void* device, size_t bytes, Stream) {
    emulator::emulated_memory().copy_to_host(host, device, bytes);
}

Graph::Graph(const std::function<void()>&) { fail("[cuda] the emulator records no graphs yet"); }
Graph::~Graph() = default;
void Graph::launch() { replay_(); }

}  // namespace swingrad::cuda
