// The GPU by CUDA's runtime. One GPU, the current one (CUDA_VISIBLE_DEVICES chooses).

#include "cuda/runtime/runtime.h"

#include "core/error.h"
#include "cuda/hardware/require.h"

#include <cuda_runtime.h>

namespace swingrad::cuda {
namespace {

Stream new_stream() {
    Stream stream = nullptr;
    // Not the default stream, and not ordered after it: that one waits for all others.
    require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
    return stream;
}

}  // namespace

bool emulated() { return false; }

std::string why_unavailable() {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    ignore(status);
    if (status != cudaSuccess) return fmt::format("CUDA finds no GPU ({})", cudaGetErrorString(status));
    return count > 0 ? "" : "CUDA finds no GPU";
}

std::string description() {
    int device = 0;
    cudaDeviceProp properties{};
    require(cudaGetDevice(&device), "asking for the current GPU");
    require(cudaGetDeviceProperties(&properties, device), "asking what the GPU is");
    return fmt::format("{}, {:.1f} GiB, compute capability {}.{}", properties.name,
                       static_cast<double>(properties.totalGlobalMem) / (1 << 30), properties.major, properties.minor);
}

uint32_t permute_threads(uint32_t) { return 0; }

Stream compute_stream() {
    static const Stream stream = new_stream();
    return stream;
}

Stream copy_stream() {
    static const Stream stream = new_stream();
    return stream;
}

void synchronise(Stream stream) { require(cudaStreamSynchronize(stream), "waiting for a stream"); }

// ---- events

Event::Event() { require(cudaEventCreate(&handle_), "creating an event"); }
Event::~Event() { ignore(cudaEventDestroy(handle_)); }
void Event::record(Stream stream) { require(cudaEventRecord(handle_, stream), "recording an event"); }
void Event::wait_in(Stream stream) { require(cudaStreamWaitEvent(stream, handle_), "waiting for an event"); }
void Event::synchronise() { require(cudaEventSynchronize(handle_), "waiting for an event"); }

double Event::ms_since(Event& earlier) {
    synchronise();
    earlier.synchronise();
    float ms = 0;
    require(cudaEventElapsedTime(&ms, earlier.handle_, handle_), "reading the time of an event");
    return ms;
}

// ---- copies

PinnedMemory::PinnedMemory(size_t bytes) : bytes_(bytes) {
    require(cudaMallocHost(&data_, bytes), "allocating pinned memory");
}
PinnedMemory::~PinnedMemory() { ignore(cudaFreeHost(data_)); }

void copy_to_device(void* device, const void* host, size_t bytes, Stream stream) {
    require(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream), "copying to the GPU");
}
void copy_to_host(void* host, const void* device, size_t bytes, Stream stream) {
    require(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream), "copying from the GPU");
}

// ---- graphs

Graph::Graph(const std::function<void()>& work, CaptureMode mode) {
    const MemoryPool::Use use(pool_);
    cudaGraph_t captured = nullptr;
    require(cudaStreamBeginCapture(compute_stream(), mode == CaptureMode::relaxed ? cudaStreamCaptureModeRelaxed
                                                                                  : cudaStreamCaptureModeThreadLocal),
            "beginning a graph");
    try {
        work();
    } catch (...) {
        ignore(cudaStreamEndCapture(compute_stream(), &captured));  // fails where something was refused on the way
        if (captured) ignore(cudaGraphDestroy(captured));
        throw;
    }
    require(cudaStreamEndCapture(compute_stream(), &captured), "ending a graph");
    const cudaError_t status = cudaGraphInstantiate(&handle_, captured, 0);
    ignore(cudaGraphDestroy(captured));
    require(status, "making a graph ready");
}
Graph::~Graph() { ignore(cudaGraphExecDestroy(handle_)); }
void Graph::launch() { require(cudaGraphLaunch(handle_, compute_stream()), "launching a graph"); }

}  // namespace swingrad::cuda
