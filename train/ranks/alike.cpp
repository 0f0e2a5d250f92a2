#include "train/ranks/alike.h"

#include "core/error.h"

#include <cstring>

namespace swingrad {
namespace {

// What each rank says of itself.
std::vector<std::string> texts_of_all(Ranks& ranks, const std::string& own) {
    const auto count = static_cast<size_t>(ranks.size());
    const uint64_t size = own.size();
    const auto gathered = ranks.gather(std::as_bytes(std::span(&size, 1)), std::vector<size_t>(count, sizeof size));
    std::vector<size_t> sizes(count);
    std::memcpy(sizes.data(), gathered.data(), gathered.size());
    const auto bytes = ranks.gather(std::as_bytes(std::span(own)), sizes);
    std::vector<std::string> all;
    const char* next = reinterpret_cast<const char*>(bytes.data());
    for (const size_t each : sizes) {
        all.emplace_back(next, each);
        next += each;
    }
    return all;
}

}  // namespace

void require_alike(Ranks& ranks, const std::vector<Fact>& facts) {
    if (ranks.size() == 1) return;
    for (const Fact& fact : facts) {
        const std::vector<std::string> all = texts_of_all(ranks, fact.value);
        for (size_t rank = 1; rank < all.size(); ++rank)
            check(all[rank] == all[0], "[ranks] rank {} has another {} than rank 0: {}, not {}", rank, fact.name,
                  all[rank], all[0]);
    }
}

}  // namespace swingrad
