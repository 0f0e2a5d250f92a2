// Events as bytes, by protobuf's library. Where the program is built without it, event_messages_missing.cpp stands in
// the place of event_messages.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace swingrad {

// Whether there are any: the functions below throw an Error where there are none.
bool has_event_messages();

using Scalars = std::vector<std::pair<std::string, double>>;  // by tag, "loss/train"

std::string version_event(double wall_time);              // seconds since 1970
std::string start_event(double wall_time, int64_t step);  // what other files say of this step and later ones is void
std::string scalars_event(double wall_time, int64_t step, const Scalars& scalars);

}  // namespace swingrad
