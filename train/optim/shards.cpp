#include "train/optim/shards.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace swingrad {
namespace {

// Where parts may be cut: at entries' beginnings, in order.
std::vector<int64_t> beginnings_of(const Parameters& parameters) {
    std::vector<int64_t> all;
    for (const auto& entry : parameters.entries()) all.push_back(entry.offset);
    std::sort(all.begin(), all.end());
    all.push_back(parameters.values().numel());
    return all;
}

Bytes bytes_of(const Tensor& tensor) {
    return {static_cast<std::byte*>(const_cast<void*>(tensor.address())), tensor.bytes()};
}

}  // namespace

Shards::Shards(const Parameters& parameters, Ranks& ranks)
    : parameters_(parameters),
      ranks_(ranks),
      parts_(parts_cut_at(beginnings_of(parameters), ranks.size(), parameters.values().numel())),
      without_copies_(parameters.copies().defined() ? parameters.gradients().numel() : parameters.values().numel()) {
    check(parameters.device() == Device::cpu, "[shards] parameters are divided among ranks on the CPU only");
    for (const auto& entry : parameters.entries()) {
        const auto has = [&](const RankPart& part) { return entry.offset >= part.begin && entry.offset < part.end; };
        const auto found = std::find_if(parts_.begin(), parts_.end(), has);
        owners_.push_back(static_cast<int>(found - parts_.begin()));
        own_entries_.push_back(owners_.back() == ranks.rank());
    }
}

// A part's entries without a copy are sent as values, then those with one as copies.
void Shards::gather_weights() const {
    const auto value_of = [&](const RankPart& part) {
        return RankPart{std::min(part.begin, without_copies_), std::min(part.end, without_copies_)};
    };
    const auto copied_of = [&](const RankPart& part) {
        return RankPart{std::max(part.begin, without_copies_), std::max(part.end, without_copies_)};
    };
    const bool copied = parameters_.copies().defined();
    const auto each_of = [&](const RankPart& part, const auto& body) {
        body(bytes_of(value_of(part).of(parameters_.values())));
        if (copied) body(bytes_of(copied_of(part).of(parameters_.copies())));
    };
    const auto packed = [&](const RankPart& part) {
        std::vector<std::byte> all;
        each_of(part, [&](Bytes bytes) { all.insert(all.end(), bytes.begin(), bytes.end()); });
        return all;
    };
    const auto here = static_cast<size_t>(ranks_.rank());
    std::vector<std::vector<std::byte>> arriving(parts_.size());
    std::vector<std::byte> own;
    if (copied) own = packed(parts_[here]);
    std::vector<ConstBytes> to(parts_.size());
    std::vector<Bytes> from(parts_.size());
    for (size_t r = 0; r < parts_.size(); ++r) {
        if (r == here) continue;
        if (!copied) {
            to[r] = bytes_of(parts_[here].of(parameters_.values()));
            from[r] = bytes_of(parts_[r].of(parameters_.values()));
            continue;
        }
        to[r] = own;
        size_t size = 0;
        each_of(parts_[r], [&](Bytes bytes) { size += bytes.size(); });
        arriving[r].resize(size);
        from[r] = arriving[r];
    }
    ranks_.exchange(to, from);
    for (size_t r = 0; r < parts_.size(); ++r) {
        if (arriving[r].empty()) continue;
        const std::byte* next = arriving[r].data();
        each_of(parts_[r], [&](Bytes bytes) {
            std::copy_n(next, bytes.size(), bytes.begin());
            next += bytes.size();
        });
    }
}

Tensor Shards::to_first(size_t entry, const Tensor& here) const {
    const int from = owner(entry);
    if (from == 0) return here;
    std::vector<ConstBytes> to(parts_.size());
    std::vector<Bytes> arriving(parts_.size());
    Tensor whole = here;
    if (ranks_.rank() == from) to[0] = bytes_of(here);
    if (is_first()) {
        whole = here.empty_like(here.shape());
        arriving[static_cast<size_t>(from)] = bytes_of(whole);
    }
    ranks_.exchange(to, arriving);
    return whole;
}

void Shards::forget_others(const Tensor& flat) const {
    forget(flat, {0, own().begin});
    forget(flat, {own().end, flat.numel()});
}

void Shards::forget_others_masters() const {
    if (!parameters_.copies().defined()) return;
    forget(parameters_.values(), {without_copies_, own().begin});
    forget(parameters_.values(), {std::max(own().end, without_copies_), parameters_.values().numel()});
}

// Whole pages; what lies on a page with something that is kept, stays.
void Shards::forget(const Tensor& flat, RankPart part) const {
    if (part.begin >= part.end) return;
    const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const Bytes bytes = bytes_of(part.of(flat));
    const auto begin = reinterpret_cast<uintptr_t>(bytes.data());
    const uintptr_t first = (begin + page - 1) / page * page, end = (begin + bytes.size()) / page * page;
    // Where the system keeps them, memory is not saved, and nothing else is wrong.
    if (first < end) (void)madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

}  // namespace swingrad
