#include "tests/fuzz/targets.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace swingrad::fuzz {

MemoryFile::MemoryFile()
    : descriptor_(::memfd_create("swingrad-fuzz", MFD_CLOEXEC)), path_(fmt::format("/proc/self/fd/{}", descriptor_)) {
    promise(descriptor_ >= 0, "no file in memory can be made");
}

MemoryFile::~MemoryFile() { ::close(descriptor_); }

void MemoryFile::write(Bytes contents) const {
    const bool emptied = ::ftruncate(descriptor_, 0) == 0;
    const ssize_t written = ::pwrite(descriptor_, contents.data(), contents.size(), 0);
    promise(emptied && written == static_cast<ssize_t>(contents.size()), "cannot write to a file in memory");
}

void with_length_mended_too(Bytes file, void (*read)(Bytes)) {
    read(file);
    const auto last = std::find(file.rbegin(), file.rend(), '}');
    const auto end = static_cast<uint64_t>(file.rend() - last);  // behind the brace; 0 if there is none
    if (end <= 8) return;
    std::vector<uint8_t> mended(file.begin(), file.end());
    const uint64_t length = end - 8;
    std::memcpy(mended.data(), &length, sizeof length);
    if (!std::equal(mended.begin(), mended.end(), file.begin())) read(mended);
}

}  // namespace swingrad::fuzz
