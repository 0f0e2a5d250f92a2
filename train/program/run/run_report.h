// The report of a run, out of what lies in its folder.
#pragma once

#include "train/program/report/report.h"
#include "train/program/run/run_folder.h"
#include "train/program/run/run_subject.h"

namespace swingrad {

// Writes report.html and its figures from the log and the environment in the folder. `judged` may be null. Throws an
// Error where something cannot be read or written; returns what write_report does.
std::string report_on(const RunFolder& folder, const RunSubject& subject, int64_t parameters, const Judged* judged);

}  // namespace swingrad
