// Starting and resuming a run of anything that can be trained. Of a Swin on images: train/program/run/run.h; of a model
// of one's own: train/program/own/own_program.h.
#pragma once

#include "train/program/run/run_folder.h"
#include "train/program/run/run_lock.h"
#include "train/program/run/run_subject.h"

#include <string>

namespace swingrad {

// Throws an Error unless the folder is missing, or holds nothing but what a start leaves that was killed before it had
// a config.json: a lock that no process holds, and temporaries.
void require_unused(const RunFolder& folder);

// Makes the folder, writes `config` into it as config.json, and trains.
// `samples` says more of the samples, as RunLoop::announce has it. Returns the exit code: 0, or exit_interrupted()
// where the user stopped it, with all that is needed to go on saved.
int start(const RunFolder& folder, const RunSubject& subject, const nlohmann::json& config, const std::string& samples);

// Goes on as if it had never stopped. `config`, unless it is null, becomes config.json once the last checkpoint is
// read: a run that cannot go on stays as it was.
int go_on(const RunLock& lock, const RunSubject& subject, const nlohmann::json& config, const std::string& samples);

}  // namespace swingrad
