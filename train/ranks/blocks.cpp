#include "train/ranks/blocks.h"

#include "autograd/accumulate.h"

#include <algorithm>

namespace swingrad {
namespace {

Bytes bytes_of(const Tensor& tensor) {
    return {static_cast<std::byte*>(const_cast<void*>(tensor.address())), tensor.bytes()};
}

// Which of `count` elements rank r adds up: whole cache lines but for the last part.
struct Part {
    int64_t begin, end;
};
Part part_of(int r, int ranks, int64_t count) {
    constexpr int64_t line = 16;
    const int64_t lines = (count + line - 1) / line;
    return {std::min(count, lines * r / ranks * line), std::min(count, lines * (r + 1) / ranks * line)};
}

Tensor within(const Tensor& flat, Part part) { return flat.slice(part.begin, part.end); }

// The blocks that each rank has.
std::vector<std::vector<BatchBlock>> blocks_of_all(Ranks& ranks, const std::map<BatchBlock, Tensor>& own) {
    const auto count = static_cast<size_t>(ranks.size());
    std::vector<BatchBlock> here;
    for (const auto& [block, sums] : own) here.push_back(block);
    const size_t mine = here.size();
    const auto sizes = ranks.gather(std::as_bytes(std::span(&mine, 1)), std::vector<size_t>(count, sizeof mine));
    std::vector<size_t> bytes;
    for (size_t r = 0; r < count; ++r)
        bytes.push_back(reinterpret_cast<const size_t*>(sizes.data())[r] * sizeof(BatchBlock));
    const auto gathered = ranks.gather(std::as_bytes(std::span(here)), bytes);
    std::vector<std::vector<BatchBlock>> all;
    const auto* next = reinterpret_cast<const BatchBlock*>(gathered.data());
    for (size_t r = 0; r < count; ++r) {
        all.emplace_back(next, next + bytes[r] / sizeof(BatchBlock));
        next += bytes[r] / sizeof(BatchBlock);
    }
    return all;
}

}  // namespace

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

Tensor sum_over_ranks(Ranks& ranks, const std::map<BatchBlock, Tensor>& own, int64_t count, DType dtype) {
    const int here = ranks.rank(), size = ranks.size();
    const std::vector<std::vector<BatchBlock>> all = blocks_of_all(ranks, own);
    const Part mine = part_of(here, size, count);
    std::map<BatchBlock, Tensor> parts;
    for (const auto& [block, sums] : own) parts.emplace(block, within(sums, mine));
    size_t rounds = 0;
    for (const auto& blocks : all) rounds = std::max(rounds, blocks.size());
    auto next = own.begin();
    for (size_t round = 0; round < rounds; ++round) {
        std::vector<ConstBytes> to(static_cast<size_t>(size));
        std::vector<Bytes> from(static_cast<size_t>(size));
        for (int r = 0; r < size; ++r) {
            const auto& theirs = all[static_cast<size_t>(r)];
            if (r == here) continue;
            if (next != own.end()) to[static_cast<size_t>(r)] = bytes_of(within(next->second, part_of(r, size, count)));
            if (round >= theirs.size()) continue;
            const Tensor part = Tensor::empty({mine.end - mine.begin}, dtype);
            from[static_cast<size_t>(r)] = bytes_of(part);
            parts.emplace(theirs[round], part);
        }
        ranks.exchange(to, from);
        if (next != own.end()) ++next;
    }
    const Tensor total = Tensor::empty({count}, dtype);
    within(total, mine).copy_from(sum_of_blocks(std::move(parts)));
    std::vector<ConstBytes> to(static_cast<size_t>(size), bytes_of(within(total, mine)));
    std::vector<Bytes> from;
    for (int r = 0; r < size; ++r) from.push_back(bytes_of(within(total, part_of(r, size, count))));
    to[static_cast<size_t>(here)] = {};
    from[static_cast<size_t>(here)] = {};
    ranks.exchange(to, from);
    return total;
}

std::vector<bool> any_over_ranks(Ranks& ranks, const std::vector<bool>& here) {
    std::vector<std::byte> own;
    for (const bool one : here) own.push_back(std::byte{one});
    const auto all = ranks.gather(own, std::vector<size_t>(static_cast<size_t>(ranks.size()), own.size()));
    std::vector<bool> any(here.size(), false);
    for (size_t i = 0; i < all.size(); ++i)
        if (all[i] != std::byte{0}) any[i % here.size()] = true;
    return any;
}

}  // namespace swingrad
