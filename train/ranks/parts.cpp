#include "train/ranks/parts.h"

#include <algorithm>

namespace swingrad {

std::vector<RankPart> equal_parts(int ranks, int64_t count) {
    constexpr int64_t line = 16;
    const int64_t lines = (count + line - 1) / line;
    std::vector<RankPart> parts;
    for (int r = 0; r < ranks; ++r)
        parts.push_back({std::min(count, lines * r / ranks * line), std::min(count, lines * (r + 1) / ranks * line)});
    return parts;
}

std::vector<RankPart> parts_cut_at(const std::vector<int64_t>& cuts, int ranks, int64_t count) {
    std::vector<RankPart> parts;
    int64_t begin = 0;
    for (int r = 1; r <= ranks; ++r) {
        const int64_t wanted = count * r / ranks;
        int64_t end = count;
        if (r < ranks && !cuts.empty()) {
            const auto above = std::lower_bound(cuts.begin(), cuts.end(), wanted);
            end = above == cuts.end() ? cuts.back() : *above;
            if (above != cuts.begin() && wanted - *std::prev(above) < end - wanted) end = *std::prev(above);
        }
        parts.push_back({begin, end});
        begin = end;
    }
    return parts;
}

}  // namespace swingrad
