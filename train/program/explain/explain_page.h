// The page of `swingrad explain`: one file that needs no other and no network, on a desk or a phone, light or dark.
#pragma once

#include "train/program/explain/explanation.h"

#include <cstddef>
#include <string>
#include <vector>

namespace swingrad {

inline constexpr size_t most_page_bytes = 2'000'000;

// How many heads of each block to keep, where one head of block i takes bytes[i]: as many as `budget` bytes hold. The
// block that takes most gives up its last head first, until every block has one; then whole blocks, the largest first.
std::vector<int64_t> heads_within(std::vector<int64_t> heads, const std::vector<size_t>& bytes, size_t budget);

// What of `seen` a page of `most` bytes has room for. In this order is left out what has none: heads but the first of
// each block; channels; pictures of gradients; blocks' attention. Throws an Error where even then there is none.
Room room_within(const Explained& seen, size_t most = most_page_bytes);

// The page's HTML, with its data, as explanation_of makes it, in <script id="data">.
std::string explain_page(const nlohmann::json& explanation);

}  // namespace swingrad
