#include "train/ranks/ranks.h"

#include "core/error.h"

#include <algorithm>
#include <numeric>

namespace swingrad {
namespace {

class OneRank : public Ranks {
  public:
    int rank() const override { return 0; }
    int size() const override { return 1; }
    void exchange(const std::vector<ConstBytes>&, const std::vector<Bytes>&) override {}
};

Ranks*& current_world() {
    static Ranks* ranks = &one_rank();
    return ranks;
}

}  // namespace

Ranks& one_rank() {
    static OneRank alone;
    return alone;
}

Ranks& world() { return *current_world(); }
void set_world(Ranks& ranks) { current_world() = &ranks; }

std::vector<std::byte> Ranks::gather(ConstBytes own, const std::vector<size_t>& sizes) {
    const auto here = static_cast<size_t>(rank()), count = static_cast<size_t>(size());
    check(sizes.size() == count && own.size() == sizes[here], "[ranks] rank {} gathers {} bytes, expected {}", rank(),
          own.size(), sizes[here]);
    std::vector<std::byte> all(std::accumulate(sizes.begin(), sizes.end(), size_t{0}));
    std::vector<ConstBytes> to(count, own);
    std::vector<Bytes> from(count);
    size_t offset = 0;
    for (size_t r = 0; r < count; ++r) {
        from[r] = Bytes(all).subspan(offset, sizes[r]);
        offset += sizes[r];
    }
    std::copy(own.begin(), own.end(), from[here].begin());
    to[here] = {};
    from[here] = {};
    exchange(to, from);
    return all;
}

bool Ranks::any(bool here) {
    const std::byte own{here};
    const std::vector<std::byte> all = gather({&own, 1}, std::vector<size_t>(static_cast<size_t>(size()), 1));
    return std::any_of(all.begin(), all.end(), [](std::byte one) { return one != std::byte{0}; });
}

}  // namespace swingrad
