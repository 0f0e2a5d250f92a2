#include "train/ranks/blocks.h"

#include "autograd/accumulate.h"
#include "train/ranks/shares.h"

#include <algorithm>
#include <bit>
#include <set>

namespace swingrad {
namespace {

Bytes bytes_of(const Tensor& tensor) {
    return {static_cast<std::byte*>(const_cast<void*>(tensor.address())), tensor.bytes()};
}

}  // namespace

BatchBlock root_of(int64_t count) {
    return {static_cast<int64_t>(std::bit_width(static_cast<uint64_t>(count - 1))), 0};
}

Tensor sum_of_blocks(std::map<BatchBlock, Tensor> blocks) {
    // By level, in which halves of one block lie side by side; their sum comes later in the map.
    for (auto left = blocks.begin(); left != blocks.end();) {
        const auto right = std::next(left);
        if (right == blocks.end() || left->first.is_right() || right->first != left->first.other_half()) {
            ++left;
            continue;
        }
        add_into(left->second, right->second);
        blocks.emplace(left->first.whole(), left->second);
        blocks.erase(right);
        left = blocks.erase(left);
    }
    Tensor sum;
    for (auto& [block, sums] : blocks) {
        if (sum.defined()) add_into(sums, sum);
        sum = sums;
    }
    return sum;
}

// As MeanGradient adds them: the two halves of the root are left, for all threads to add.
BlocksOfRanks blocks_of_ranks(int ranks, int64_t micro_batches, int64_t count) {
    const BatchBlock root = root_of(count);
    BlocksOfRanks all;
    for (int rank = 0; rank < ranks; ++rank) {
        const Share share = share_of(rank, ranks, micro_batches);
        std::set<BatchBlock> blocks;
        for (int64_t i = 0; i < count; ++i) {
            if (!share.has(i % micro_batches)) continue;
            BatchBlock block{0, i};
            for (; block.whole() != root && blocks.erase(block.other_half()) > 0; block = block.whole()) {
            }
            blocks.insert(block);
        }
        all.emplace_back(blocks.begin(), blocks.end());
    }
    return all;
}

BlocksOfRanks one_block_a_rank(int ranks, int64_t micro_batches) {
    BlocksOfRanks all;
    for (int rank = 0; rank < ranks; ++rank) {
        all.emplace_back();
        if (share_of(rank, ranks, micro_batches).count > 0) all.back().push_back({0, rank});
    }
    return all;
}

Tensor reduce_scatter(Ranks& ranks, const std::map<BatchBlock, Tensor>& own, const BlocksOfRanks& all,
                      const std::vector<RankPart>& parts, DType dtype) {
    const auto here = static_cast<size_t>(ranks.rank()), size = parts.size();
    const RankPart mine = parts[here];
    std::map<BatchBlock, Tensor> arrived;
    for (const auto& [block, sums] : own) arrived.emplace(block, mine.of(sums));
    size_t rounds = 0;
    for (const auto& blocks : all) rounds = std::max(rounds, blocks.size());
    auto next = own.begin();
    for (size_t round = 0; round < rounds; ++round) {
        std::vector<ConstBytes> to(size);
        std::vector<Bytes> from(size);
        for (size_t r = 0; r < size; ++r) {
            if (r == here) continue;
            if (next != own.end()) to[r] = bytes_of(parts[r].of(next->second));
            if (round >= all[r].size()) continue;
            const Tensor part = Tensor::empty({mine.size()}, dtype);
            from[r] = bytes_of(part);
            arrived.emplace(all[r][round], part);
        }
        ranks.exchange(to, from);
        if (next != own.end()) ++next;
    }
    return sum_of_blocks(std::move(arrived));
}

void all_gather(Ranks& ranks, const Tensor& flat, const std::vector<RankPart>& parts) {
    const auto here = static_cast<size_t>(ranks.rank());
    std::vector<ConstBytes> to(parts.size(), bytes_of(parts[here].of(flat)));
    std::vector<Bytes> from;
    for (const RankPart& part : parts) from.push_back(bytes_of(part.of(flat)));
    to[here] = {};
    from[here] = {};
    ranks.exchange(to, from);
}

Tensor sum_over_ranks(Ranks& ranks, const std::map<BatchBlock, Tensor>& own, const BlocksOfRanks& all, int64_t count,
                      DType dtype) {
    const std::vector<RankPart> parts = equal_parts(ranks.size(), count);
    const Tensor total = Tensor::empty({count}, dtype);
    parts[static_cast<size_t>(ranks.rank())].of(total).copy_from(reduce_scatter(ranks, own, all, parts, dtype));
    all_gather(ranks, total, parts);
    return total;
}

}  // namespace swingrad
