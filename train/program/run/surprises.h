// What a run may be asked for and hardly meant: said before it begins, and no reason not to.
#pragma once

#include "train/program/run/run_subject.h"
#include "train/transfer/hub_folder.h"

#include <string>
#include <vector>

namespace swingrad {

// A line each: a warm-up longer than the run, a single class, classes none of whose images is trained or validated on,
// a setting that another one overrides.
std::vector<std::string> surprises_of(const RunSubject& subject);

// What about the model that a run begins from is not as it is in that run, of these classes, though its weights fit.
std::vector<std::string> notes_of_origin(const ModelCard& origin, const SwinConfig& here,
                                         const std::vector<std::string>& classes);

}  // namespace swingrad
