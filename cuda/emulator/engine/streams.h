// Which work of one stream comes after which of another. The emulator does all work at once, in the order in which the
// host asks for it; a GPU does what two streams are asked for at the same time, unless an event or the host waits. So
// each allocation remembers what last used it in each stream, and work that uses it in another stream, with nothing
// that orders the two, is an error where one of them writes.
//
// Of a copy or a product it is known what it reads and writes. Of a kernel's launch: `const T*` is read, `T*` is
// written, and what a struct points to is read; the access checker knows better. Allocations are looked at as a whole.
#pragma once

#include "cuda/emulator/language/keywords.h"
#include "cuda/runtime/runtime.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace swingrad::cuda::emulator::streams {

constexpr size_t count = 3;  // the compute stream, the copy stream, all others as one

// How much of each stream's work has been done at some point.
using Point = std::array<uint64_t, count>;

Point here(Stream stream);                     // all that the stream has been asked for so far is done
void wait(Stream stream, const Point& point);  // what the stream is asked for from now on comes after it
void host_waits(const Point& point);           // and what any stream is asked for from now on
inline void host_waits(Stream stream) { host_waits(here(stream)); }

// A piece of work that a stream is asked for, as it is made. Its uses throw an Error where they race with another's.
class Work {
  public:
    Work(Stream stream, std::string_view name, Site site = {});
    void reads(const void* address) const { uses(address, false); }
    void writes(const void* address) const { uses(address, true); }

  private:
    void uses(const void* address, bool writes) const;

    size_t stream_;
    std::string_view name_;  // lives as long as the program
    Site site_;
    Point seen_;
    uint64_t number_;
};

void forget(const void* allocation);  // it has been released

}  // namespace swingrad::cuda::emulator::streams
