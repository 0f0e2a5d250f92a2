// The one header that every kernel file (*.cu) includes: CUDA's language, from whichever compiler reads it.
//
//   nvcc   real hardware
//   g++    cuda/emulator: the same files run on the processor, one launch at a time and checked
#pragma once

#ifdef __CUDACC__
#include "cuda/hardware/device.h"
#else
#include "cuda/emulator/device.h"
#endif
