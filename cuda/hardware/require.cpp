#include "cuda/hardware/require.h"

#include "core/error.h"

#include <cuda_runtime.h>

#include <cstdlib>
#include <string_view>

namespace swingrad::cuda {
namespace {

std::string_view file_of(const std::source_location& where) {
    const std::string_view path = where.file_name();
    const size_t folder = path.rfind("cuda/");
    return folder == std::string_view::npos ? path : path.substr(folder);
}

}  // namespace

void ignore(cudaError_t status) {
    if (status != cudaSuccess) cudaGetLastError();
}

void require(cudaError_t status, const char* what, const std::source_location& where) {
    ignore(status);
    check(status == cudaSuccess, "[cuda] {} failed: {} ({}:{})", what, cudaGetErrorString(status), file_of(where),
          where.line());
}

void require_launched(cudaError_t status, const void* kernel, dim3 grid, dim3 block, size_t shared_bytes, Stream stream,
                      const std::source_location& where) {
    static const bool wait = std::getenv("SWINGRAD_CUDA_SYNCHRONOUS") != nullptr;
    if (status == cudaSuccess && wait) status = cudaStreamSynchronize(stream);
    if (status == cudaSuccess) return;
    const char* name = nullptr;
    if (cudaFuncGetName(&name, kernel) != cudaSuccess) name = "a kernel";
    cudaGetLastError();
    fail("[cuda] {} with grid {} x {} x {}, block {} x {} x {}, {} bytes of shared memory failed: {} ({}:{})", name,
         grid.x, grid.y, grid.z, block.x, block.y, block.z, shared_bytes, cudaGetErrorString(status), file_of(where),
         where.line());
}

}  // namespace swingrad::cuda
