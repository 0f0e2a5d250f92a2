// Which micro-batches of a batch each rank computes: neighbours, as many as on any other rank, or one more. And how
// each tells the others what it knows of its own.
#pragma once

#include "train/ranks/ranks.h"

#include <cstdint>
#include <cstring>
#include <functional>
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

// `of_each`: a value of each of some things, of which each rank knows those that are `is_of` it. Then it knows all. And
// of each place of `flags`, whether it is so on any rank. One exchange.
template <class T>
void gather_known(Ranks& ranks, std::vector<T>& of_each, const std::function<bool(int rank, size_t number)>& is_of,
                  std::vector<bool>* flags = nullptr) {
    const size_t of_flags = flags ? flags->size() : 0;
    std::vector<std::vector<size_t>> numbers;  // of each rank
    std::vector<size_t> bytes;
    for (int rank = 0; rank < ranks.size(); ++rank) {
        std::vector<size_t>& of_rank = numbers.emplace_back();
        for (size_t i = 0; i < of_each.size(); ++i)
            if (is_of(rank, i)) of_rank.push_back(i);
        bytes.push_back(of_rank.size() * sizeof(T) + of_flags);
    }
    std::vector<std::byte> own(bytes[static_cast<size_t>(ranks.rank())]);
    std::byte* to = own.data();
    for (const size_t i : numbers[static_cast<size_t>(ranks.rank())]) {
        std::memcpy(to, &of_each[i], sizeof(T));
        to += sizeof(T);
    }
    for (size_t i = 0; i < of_flags; ++i) *to++ = std::byte{static_cast<bool>((*flags)[i])};
    const std::vector<std::byte> all = ranks.gather(own, bytes);
    const std::byte* next = all.data();
    for (const auto& of_rank : numbers) {
        for (const size_t i : of_rank) {
            std::memcpy(&of_each[i], next, sizeof(T));
            next += sizeof(T);
        }
        for (size_t i = 0; i < of_flags; ++i)
            if (*next++ != std::byte{0}) (*flags)[i] = true;
    }
}

// The same of one value for each micro-batch of a step, of which a rank knows those of its shares of the step's
// batches.
template <class T>
void gather_shares(Ranks& ranks, int64_t micro_batches, std::vector<T>& of_each, std::vector<bool>* flags = nullptr) {
    gather_known<T>(
        ranks, of_each,
        [&](int rank, size_t number) {
            return share_of(rank, ranks.size(), micro_batches).has(static_cast<int64_t>(number) % micro_batches);
        },
        flags);
}

}  // namespace swingrad
