// The entry that libFuzzer calls. One program a target; the build says which.
#include "core/allocator.h"
#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    swingrad::fuzz::SWINGRAD_FUZZ_TARGET({data, size});
    swingrad::release_cached(swingrad::Device::cpu);  // so that an overrun is seen, and memory does not pile up
    return 0;
}
