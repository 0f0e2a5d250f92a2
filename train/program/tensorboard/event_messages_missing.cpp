#include "core/error.h"
#include "train/program/tensorboard/event_messages.h"

namespace swingrad {
namespace {

[[noreturn]] void fail_without_library() { fail("[tensorboard] this program was built without protobuf's library"); }

}  // namespace

bool has_event_messages() { return false; }

std::string version_event(double) { fail_without_library(); }
std::string start_event(double, int64_t) { fail_without_library(); }
std::string scalars_event(double, int64_t, const Scalars&) { fail_without_library(); }

}  // namespace swingrad
