// The GPU as the host sees it: whether there is one, streams, events, pinned memory, graphs. The same header for both
// builds. With nvcc and a GPU, cuda/hardware implements it; otherwise cuda/emulator does, where everything asked of a
// stream is done at once, on the CPU.
//
// Every function throws an Error naming the CUDA call that failed and why. Tensors on Device::cuda use the memory that
// this library installs in core/device.h.
#pragma once

#include "core/allocator.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

struct CUstream_st;  // CUDA's own names, so that this header needs none of CUDA's
struct CUevent_st;
struct CUgraphExec_st;

namespace swingrad::cuda {

// Whether this build runs its kernels in the emulator.
bool emulated();
// Why kernels cannot run in this process, in one line without a full stop; empty where they can.
std::string why_unavailable();
// "NVIDIA H100 80GB HBM3, 79.6 GiB, compute capability 9.0"; "emulated on 2 cores".
std::string description();

// The order in which the emulator runs a block's threads, drawn from `seed`; 0: by their numbers. A GPU has its own
// order, and this does nothing. Returns the seed so far.
uint32_t permute_threads(uint32_t seed);

// Work asked of a stream is done in order; of two streams, at the same time. All kernels go to the compute stream, so
// that memory given back to the allocator may be handed out again at once: its next use comes later in the stream.
using Stream = CUstream_st*;
Stream compute_stream();
Stream copy_stream();  // for copies that are to overlap with computing

void synchronise(Stream stream);  // the host waits until the stream has done everything asked of it

// A point in a stream's work.
class Event {
  public:
    Event();
    ~Event();
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    void record(Stream stream);       // the point is here
    void wait_in(Stream stream);      // what is asked of the stream from now on begins after the point
    void synchronise();               // the host waits for it
    double ms_since(Event& earlier);  // waits for both

  private:
    CUevent_st* handle_ = nullptr;
};

// Host memory that the device can copy while it computes. Aligned to 64 bytes, contents undefined.
class PinnedMemory {
  public:
    explicit PinnedMemory(size_t bytes);
    ~PinnedMemory();
    PinnedMemory(const PinnedMemory&) = delete;
    PinnedMemory& operator=(const PinnedMemory&) = delete;

    void* data() const { return data_; }
    size_t bytes() const { return bytes_; }

  private:
    void* data_ = nullptr;
    size_t bytes_ = 0;
};

// Asked of the stream, not waited for. `host` must stay as it is until then, and be PinnedMemory to overlap.
void copy_to_device(void* device, const void* host, size_t bytes, Stream stream);
void copy_to_host(void* host, const void* device, size_t bytes, Stream stream);

// What CUDA forbids a thread while it captures a graph. Waiting for the compute stream is an error in every mode. In
// `thread_local_only` so is allocating memory (cudaMalloc). `relaxed` allows it: the memory is there at once and no
// part of the graph.
enum class CaptureMode { relaxed, thread_local_only };

// What `work` asks of the compute stream, captured instead of done, so that it can be asked for again in one call: a
// training step is some hundred launches, each of which costs the host microseconds. Kernels are replayed with the
// arguments they had, so what changes from step to step must lie in device memory, and every address must stay valid:
// `work` allocates from a pool of its own, which lives as long as the graph. It must not wait for the device. The pool
// is empty at first and asks the device for memory while the work is captured: hence the relaxed mode. (Filling it
// first would take a step of exactly the same allocations.) Where `work` throws, nothing is captured and the error is
// passed on: the streams are as before, and the pool's memory has been given back.
class Graph {
  public:
    explicit Graph(const std::function<void()>& work, CaptureMode mode = CaptureMode::relaxed);
    ~Graph();
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;

    void launch();

  private:
    MemoryPool pool_{Device::cuda};
    CUgraphExec_st* handle_ = nullptr;
    std::vector<std::function<void()>> captured_;  // emulated
};

}  // namespace swingrad::cuda
