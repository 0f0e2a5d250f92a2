#include "train/program/plan/step_time.h"

#include "train/ranks/shares.h"

#include <algorithm>
#include <bit>

namespace swingrad {

int64_t blocks_of_busiest(int64_t ranks, int64_t all_parts) {
    int64_t most = 0;
    for (int64_t rank = 0; rank < ranks; ++rank) {
        Share share = share_of(static_cast<int>(rank), static_cast<int>(ranks), all_parts);
        int64_t blocks = 0;
        for (; share.count > 0; ++blocks) {  // the largest block that begins here
            auto size = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(share.count)));
            while (share.first % size != 0) size /= 2;
            share = {share.first + size, share.count - size};
        }
        most = std::max(most, blocks);
    }
    return most;
}

double seconds_of_exchange(const Machine& machine, int64_t ranks, double bytes) {
    if (ranks == 1) return 0;
    const int64_t near = std::min<int64_t>(ranks, machine.ranks_a_node) - 1, far = ranks - 1 - near;
    const auto seconds = [&](const Link& link, int64_t others) {
        const auto count = static_cast<double>(others);
        return count * link.latency + bytes * count / static_cast<double>(ranks - 1) / link.bytes_per_second;
    };
    return std::max(seconds(machine.inside, near), seconds(machine.outside, far));  // both links work at once
}

StepTime step_time(const Machine& machine, const RankWork& work, const PassMemory& pass) {
    constexpr double of_adamw = 28;  // bytes a parameter, read and written: weight, two moments, gradient, copy
    constexpr double of_sums = 8;    // the mean: a float32 read, a gradient written
    const auto numbers = static_cast<double>(pass.values) / 4, ranks = static_cast<double>(work.ranks);
    StepTime time;
    time.compute = static_cast<double>(work.parts) * pass.flops / machine.flops(work.dtype);
    const double adamw = numbers * of_adamw / (work.zero ? ranks : 1);
    time.update = (adamw + (work.sums_gradients() ? numbers * of_sums : 0)) / machine.memory_bytes_per_second;
    if (work.ranks == 1) return time;
    const double others = (ranks - 1) / ranks;
    // Reduce-scatter of float32 sums; all-gather of the mean, or of new weights where each rank has made its part.
    const double sums = 4 * numbers * static_cast<double>(blocks_of_busiest(work.ranks, work.all_parts));
    const auto weights = static_cast<double>(pass.copies > 0 ? pass.copies : pass.values);
    time.exchange = seconds_of_exchange(machine, work.ranks, others * sums) +
                    seconds_of_exchange(machine, work.ranks, others * (work.zero ? weights : 4 * numbers));
    return time;
}

}  // namespace swingrad
