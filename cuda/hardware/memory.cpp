// Device::cuda's memory on a GPU, and its installation in core.

#include "core/device.h"
#include "core/error.h"
#include "cuda/hardware/require.h"
#include "cuda/runtime/convert.h"
#include "cuda/runtime/runtime.h"

#include <cuda_runtime.h>

namespace swingrad::cuda {
namespace {

class CudaMemory final : public DeviceMemory {
  public:
    void* allocate(size_t bytes) override {
        if (!checked_) {
            const std::string why = why_unavailable();
            check(why.empty(), "[cuda] {}; --device emulated, in a build with SWINGRAD_CUDA=EMULATE, needs none", why);
            checked_ = true;
        }
        void* address = nullptr;
        const cudaError_t status = cudaMalloc(&address, bytes);
        if (status == cudaErrorMemoryAllocation) {
            ignore(status);
            return nullptr;
        }
        require(status, "allocating memory");
        return address;
    }
    // Nothing waits for it: the process is ending, or the allocator has synchronised.
    void release(void* address, size_t) override { ignore(cudaFree(address)); }

    void copy_from_host(void* to, const void* host, size_t bytes) override {
        require(cudaMemcpyAsync(to, host, bytes, cudaMemcpyHostToDevice, compute_stream()), "copying to the GPU");
        synchronise();
    }
    void copy_to_host(void* host, const void* from, size_t bytes) override {
        require(cudaMemcpyAsync(host, from, bytes, cudaMemcpyDeviceToHost, compute_stream()), "copying from the GPU");
        synchronise();
    }
    void copy_within(void* to, const void* from, size_t bytes) override {
        require(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, compute_stream()), "copying on the GPU");
    }
    void fill_zero(void* to, size_t bytes) override {
        require(cudaMemsetAsync(to, 0, bytes, compute_stream()), "filling memory with zeros");
    }
    void convert(void* to, DType to_dtype, const void* from, DType from_dtype, int64_t count) override {
        cuda::convert(to, to_dtype, from, from_dtype, count);
    }
    void synchronise() override { cuda::synchronise(compute_stream()); }

  private:
    bool checked_ = false;
};

[[maybe_unused]] const bool installed = [] {
    static CudaMemory memory;
    install(Device::cuda, memory);
    return true;
}();

}  // namespace
}  // namespace swingrad::cuda
