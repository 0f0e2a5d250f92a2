#include "train/program/tensorboard/event_messages.h"

#include <events.pb.h>

namespace swingrad {
namespace {

tensorboard::Event event_at(double wall_time, int64_t step) {
    tensorboard::Event event;
    event.set_wall_time(wall_time);
    event.set_step(step);
    return event;
}

}  // namespace

bool has_event_messages() { return true; }

std::string version_event(double wall_time) {
    tensorboard::Event event = event_at(wall_time, 0);
    event.set_file_version("brain.Event:2");
    return event.SerializeAsString();
}

std::string start_event(double wall_time, int64_t step) {
    tensorboard::Event event = event_at(wall_time, step);
    event.mutable_session_log()->set_status(tensorboard::SessionLog::START);
    return event.SerializeAsString();
}

std::string scalars_event(double wall_time, int64_t step, const Scalars& scalars) {
    tensorboard::Event event = event_at(wall_time, step);
    for (const auto& [tag, value] : scalars) {
        tensorboard::Value* one = event.mutable_summary()->add_value();
        one->set_tag(tag);
        one->set_simple_value(static_cast<float>(value));
    }
    return event.SerializeAsString();
}

}  // namespace swingrad
