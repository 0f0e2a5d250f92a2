// Which micro-batches of a batch each rank computes: neighbours, as many as on any other rank, or one more.
#pragma once

#include "train/ranks/ranks.h"

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace swingrad {

struct Share {
    int64_t first = 0, count = 0;  // of a batch's micro-batches

    bool has(int64_t number) const { return number >= first && number < first + count; }
};

// Where there are fewer micro-batches than ranks, some have none.
inline Share share_of(int rank, int ranks, int64_t micro_batches) {
    const int64_t first = micro_batches * rank / ranks;
    return {first, micro_batches * (rank + 1) / ranks - first};
}

// Of an epoch's `order`: of each whole batch of `batch` samples, `size` from its `first` on.
std::vector<int64_t> of_each_batch(const std::vector<int64_t>& order, int64_t batch, int64_t first, int64_t size);

// `of_each`: one for each micro-batch of a step, of which each rank knows those of its shares of the step's batches.
// Then it knows all.
template <class T>
void gather_shares(Ranks& ranks, int64_t micro_batches, std::vector<T>& of_each) {
    std::vector<std::vector<size_t>> numbers;  // of each rank
    std::vector<size_t> bytes;
    for (int rank = 0; rank < ranks.size(); ++rank) {
        const Share share = share_of(rank, ranks.size(), micro_batches);
        std::vector<size_t>& of_rank = numbers.emplace_back();
        for (size_t i = 0; i < of_each.size(); ++i)
            if (share.has(static_cast<int64_t>(i) % micro_batches)) of_rank.push_back(i);
        bytes.push_back(of_rank.size() * sizeof(T));
    }
    std::vector<T> own;
    for (const size_t i : numbers[static_cast<size_t>(ranks.rank())]) own.push_back(of_each[i]);
    const std::vector<std::byte> all = ranks.gather(std::as_bytes(std::span(own)), bytes);
    const std::byte* next = all.data();
    for (const auto& of_rank : numbers)
        for (const size_t i : of_rank) {
            std::memcpy(&of_each[i], next, sizeof(T));
            next += sizeof(T);
        }
}

}  // namespace swingrad
