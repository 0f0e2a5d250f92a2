// All that a kernel file needs when an ordinary C++ compiler reads it. cuda/toolkit/kernel.h includes this.
#pragma once

#include "cuda/emulator/language/arithmetic.h"
#include "cuda/emulator/language/async_copy.h"
#include "cuda/emulator/language/atomics.h"
#include "cuda/emulator/language/bfloat16.h"
#include "cuda/emulator/language/keywords.h"
#include "cuda/emulator/language/launch.h"
#include "cuda/emulator/language/synchronise.h"
#include "cuda/emulator/language/warp.h"
#include "cuda/emulator/language/wmma.h"
