// What a run may be asked for and hardly meant: said before it begins, and no reason not to.
#pragma once

#include "train/program/run/run_subject.h"

#include <string>
#include <vector>

namespace swingrad {

// A line each: a warm-up longer than the run, a single class, classes none of whose images is trained or validated on,
// a setting that another one overrides.
std::vector<std::string> surprises_of(const RunSubject& subject);

}  // namespace swingrad
