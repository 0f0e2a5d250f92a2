// All that a kernel file needs when an ordinary C++ compiler reads it. cuda/kernel.h includes this.
#pragma once

#include "cuda/emulator/arithmetic.h"
#include "cuda/emulator/async_copy.h"
#include "cuda/emulator/atomics.h"
#include "cuda/emulator/bfloat16.h"
#include "cuda/emulator/language.h"
#include "cuda/emulator/launch.h"
#include "cuda/emulator/synchronise.h"
#include "cuda/emulator/warp.h"
#include "cuda/emulator/wmma.h"
