// Accesses by sector and by request.
//
// The threads of a warp run one after another here, and not always the same way. What hardware would ask for at once is
// found afterwards: the i-th time that a thread comes by an instruction belongs with the i-th time of the others.

#include "cuda/emulator/counts/counts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <unordered_map>
#include <vector>

namespace swingrad::cuda::emulator::counts {
namespace {

constexpr uintptr_t sector_shift = 5;      // 32 bytes
constexpr size_t banks = 32, word = 4;     // of shared memory
constexpr uint64_t blocks_looked_at = 64;  // of a launch, for requests

// The launch that last read a sector of an allocation, and that last wrote it.
struct Sectors {
    uintptr_t begin = 0, end = 0;  // of the allocation, which begins a sector: on a GPU it does
    std::vector<uint32_t> read, written;
};

struct Request {
    std::array<uintptr_t, 32> addresses;
    uint32_t threads = 0;  // a bit each
};

// An instruction, for one warp of the running block.
struct Instruction {
    size_t bytes = 0;
    std::array<uint32_t, 32> times{};  // that each thread came by
    std::vector<Request> requests;
};
using Instructions = std::unordered_map<uintptr_t, Instruction>;

std::map<uintptr_t, Sectors> allocations;  // by their begin
Sectors* recent = nullptr;
uint32_t launch = 0;
uint64_t blocks_between = 1, blocks_of_launch = 0, blocks_seen = 0;
bool looks_at_requests = false;
Instructions to_device, to_shared;
AccessCounts of_launch;

Sectors& sectors_of_allocation(uintptr_t begin, uintptr_t end) {
    if (recent && recent->begin == begin && recent->end == end) return *recent;
    Sectors& sectors = allocations[begin];
    if (sectors.end != end) {
        const size_t count = ((end - begin - 1) >> sector_shift) + 1;
        sectors = {begin, end, std::vector<uint32_t>(count), std::vector<uint32_t>(count)};
    }
    recent = &sectors;
    return sectors;
}

void note(Instructions& instructions, uintptr_t address, size_t bytes, unsigned thread, const void* from) {
    Instruction& instruction = instructions[reinterpret_cast<uintptr_t>(from) * 32 + thread / 32];
    instruction.bytes = bytes;
    const unsigned lane = thread % 32;
    const uint32_t time = instruction.times[lane]++;
    if (time >= instruction.requests.size()) instruction.requests.emplace_back();
    Request& request = instruction.requests[time];
    request.addresses[lane] = address;
    request.threads |= 1u << lane;
}

int64_t sectors_of(const Request& request, size_t bytes) {
    std::vector<uintptr_t> touched;
    for (unsigned lane = 0; lane < 32; ++lane) {
        if (!(request.threads >> lane & 1)) continue;
        const uintptr_t first = request.addresses[lane] >> sector_shift;
        const uintptr_t last = (request.addresses[lane] + bytes - 1) >> sector_shift;
        for (uintptr_t sector = first; sector <= last; ++sector) touched.push_back(sector);
    }
    std::sort(touched.begin(), touched.end());
    return std::unique(touched.begin(), touched.end()) - touched.begin();
}

// A pass serves one word of each bank, of a warp's 128 bytes: 32 threads of 4 bytes, 16 of 8, 8 of 16.
void add_passes(const Request& request, size_t bytes) {
    const unsigned together =
        static_cast<unsigned>(std::clamp<size_t>(banks * word / std::max<size_t>(bytes, 1), 1, 32));
    for (unsigned begin = 0; begin < 32; begin += together) {
        std::array<std::vector<uintptr_t>, banks> words;
        size_t most = 0;
        for (unsigned lane = begin; lane < begin + together; ++lane) {
            if (!(request.threads >> lane & 1)) continue;
            for (uintptr_t at = request.addresses[lane] / word; at * word < request.addresses[lane] + bytes; ++at) {
                std::vector<uintptr_t>& of_bank = words[at % banks];
                if (std::find(of_bank.begin(), of_bank.end(), at) == of_bank.end()) of_bank.push_back(at);
                most = std::max(most, of_bank.size());
            }
        }
        if (most == 0) continue;
        of_launch.shared_passes += static_cast<int64_t>(most);
        ++of_launch.least_shared_passes;
    }
}

void end_block() {
    for (const auto& [key, instruction] : to_device)
        for (const Request& request : instruction.requests) {
            ++of_launch.requests;
            of_launch.request_threads += std::popcount(request.threads);
            of_launch.request_sectors += sectors_of(request, instruction.bytes);
        }
    for (const auto& [key, instruction] : to_shared)
        for (const Request& request : instruction.requests) add_passes(request, instruction.bytes);
    to_device.clear();
    to_shared.clear();
}

}  // namespace

void begin_launch(uint64_t blocks) {
    if (!on()) return;
    ++launch;
    of_launch = {};
    blocks_of_launch = blocks;
    blocks_between = std::max<uint64_t>(1, blocks / blocks_looked_at);
    blocks_seen = 0;
    looks_at_requests = false;
    to_device.clear();
    to_shared.clear();
}

void begin_block(uint64_t number) {
    if (!on()) return;
    if (looks_at_requests) end_block();
    looks_at_requests = number % blocks_between == 0;
    if (looks_at_requests) ++blocks_seen;
}

void device_access(uintptr_t begin, uintptr_t end, uintptr_t address, size_t bytes, bool write, unsigned thread,
                   const void* from) {
    Sectors& sectors = sectors_of_allocation(begin, end);
    const uintptr_t offset = address - begin;
    for (uintptr_t sector = offset >> sector_shift; sector <= (offset + bytes - 1) >> sector_shift; ++sector) {
        uint32_t& last = (write ? sectors.written : sectors.read)[sector];
        if (last == launch) continue;
        last = launch;
        ++(write ? of_launch.written_sectors : of_launch.read_sectors);
    }
    constexpr uintptr_t aligned = 256;  // to which a GPU's allocations are
    if (looks_at_requests) note(to_device, begin / aligned * aligned + offset, bytes, thread, from);
}

void shared_access(uintptr_t address, size_t bytes, unsigned thread, const void* from) {
    if (looks_at_requests) note(to_shared, address, bytes, thread, from);
}

void forget(uintptr_t begin) {
    recent = nullptr;
    allocations.erase(begin);
}

AccessCounts end_launch() {
    if (looks_at_requests) end_block();
    looks_at_requests = false;
    const double rest = blocks_seen == 0 ? 0 : static_cast<double>(blocks_of_launch) / static_cast<double>(blocks_seen);
    AccessCounts all = of_launch;
    for (int64_t* count :
         {&all.requests, &all.request_sectors, &all.request_threads, &all.shared_passes, &all.least_shared_passes})
        *count = std::llround(static_cast<double>(*count) * rest);
    of_launch = {};
    return all;
}

}  // namespace swingrad::cuda::emulator::counts
