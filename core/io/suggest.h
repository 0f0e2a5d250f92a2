// What to say of a word that is none of those known: the nearest one, as far as one is near.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace swingrad {

// How many letters must be put in, taken out, replaced, or exchanged with their neighbour to turn a into b.
size_t edit_distance(std::string_view a, std::string_view b);

// The known word nearest to `word`; empty where none is near: one edit away for every three letters (at least one), or
// the only one to begin with it. Case, and hyphens in front, do not count; a hyphen is as good as an underscore.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

// "did you mean epochs?", or "expected one of a, b, c" where none is near or there is but one.
std::string suggestion(std::string_view word, const std::vector<std::string>& known);

}  // namespace swingrad
