#include "train/program/tensorboard/run_events.h"

#include "train/loop/recipe.h"
#include "train/program/console/error_text.h"
#include "train/program/tensorboard/event_messages.h"

namespace swingrad {

void RunEvents::require_possible() {
    if (!has_event_messages())
        fail_usage(
            "--tensorboard: this program was built without protobuf's library: install libprotobuf-dev and "
            "protobuf-compiler, and build anew");
}

void RunEvents::begin(const std::filesystem::path& folder, int64_t steps_done, Warn warn) {
    warn_ = std::move(warn);
    try {
        file_.emplace(folder, steps_done);
    } catch (const std::exception& error) {
        warn_(fmt::format("No events for TensorBoard: {}; training goes on", text_of(error)));
    }
}

void RunEvents::add(const nlohmann::json& line, int64_t steps_done) {
    if (!file_) return;
    try {
        file_->add(line, steps_done);
    } catch (const std::exception& error) {
        file_.reset();  // what came after half a record could not be read
        warn_(fmt::format("No more events for TensorBoard: {}; training goes on", text_of(error)));
    }
}

}  // namespace swingrad
