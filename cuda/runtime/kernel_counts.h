// What is asked of a device, counted: launches, copies, products, and how kernels go about memory. Only the emulator
// can tell. Accesses are seen where the access checker's library takes the other's place (cuda/emulator/README.md);
// without it they are 0.
//
// A GPU moves memory in sectors of 32 bytes, and a warp's 32 threads ask for theirs at once: one request, which costs
// as many sectors as it touches. So two numbers tell of a kernel what a clock would tell later: the sectors that its
// requests touch, one by one, and the distinct ones of a whole launch, which are the least that memory must move.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace swingrad::cuda {

constexpr int64_t sector_bytes = 32;

// Of one kernel, summed over its launches.
struct KernelCount {
    std::string name;  // "softmax_forward<bfloat16>"
    int64_t launches = 0, blocks = 0, threads = 0;
    int64_t block_threads = 0, shared_bytes = 0;  // of a block, the most of any launch; shared: static and dynamic

    int64_t read_sectors = 0, written_sectors = 0;  // of device memory: distinct ones of each launch
    // Of warps, for device memory: loads and stores, the sectors that each touches, and the threads that took part. Of
    // launches with many blocks 64 are looked at, evenly spread, and stand for the rest.
    int64_t requests = 0, request_sectors = 0, request_threads = 0;
    // Of warps, for shared memory: the passes that bank conflicts make of requests, and the fewest possible.
    int64_t shared_passes = 0, least_shared_passes = 0;

    int64_t memory_bytes() const { return (read_sectors + written_sectors) * sector_bytes; }
    // How often a sector is asked for; 1: everything once.
    double rereads() const;
};

// Of the products of one shape that the library for them computes: C[m, n] = A[m, k] B[k, n], `batch` of them a call.
struct ProductCount {
    int64_t m = 0, n = 0, k = 0, batch = 1;
    int64_t factor_bytes = 0, result_bytes = 0;  // of an element
    int64_t calls = 0;

    double flops() const;          // of all calls
    int64_t memory_bytes() const;  // of all calls: each factor read once, the result written once
};

struct DeviceCounts {
    std::vector<KernelCount> kernels;  // those that move the most first
    std::vector<ProductCount> products;
    int64_t copies = 0, copied_bytes = 0;  // on the device, and between it and the host
    int64_t fills = 0, filled_bytes = 0;   // with zeros

    int64_t launches() const;
    int64_t nodes() const;  // what a graph of all that would hold: launches, products, copies, fills
};

bool counts_accesses();  // whether this is the access checker's library

// While one of these lives, everything is counted. One at a time. Throws an Error on a GPU, which does not tell.
class CountDevice {
  public:
    CountDevice();
    ~CountDevice();
    CountDevice(const CountDevice&) = delete;
    CountDevice& operator=(const CountDevice&) = delete;

    DeviceCounts counts() const;  // so far
};

}  // namespace swingrad::cuda
