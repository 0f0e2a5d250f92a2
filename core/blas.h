// OpenBLAS, loaded when the first product is asked for.
//
// OpenBLAS chooses its kernels while it is being loaded, and a release older than the processor may not know it: it
// then falls back to kernels from 2004 that are ten times slower. A program that links the library cannot get in before
// that choice. So it is loaded by name here, after its settings are made: the kernel set that the processor's
// instructions allow, and one thread (the pool is ours, core/threads.h).
#pragma once

#include <cblas.h>

#include <string>

namespace swingrad {

struct Blas {
    decltype(&cblas_sgemm) sgemm;
    decltype(&cblas_dgemm) dgemm;
    std::string kernels;  // the kernel set in use, e.g. "SkylakeX"
    std::string best;     // the one this processor could use; empty if OpenBLAS was left to choose
};

// Loads the library on first use; throws an Error where it cannot be loaded. OPENBLAS_CORETYPE, where set, is obeyed.
const Blas& blas();

}  // namespace swingrad
