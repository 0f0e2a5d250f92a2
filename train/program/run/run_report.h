// The report of a run, out of what lies in its folder.
#pragma once

#include "train/program/report/curves.h"
#include "train/program/report/report.h"
#include "train/program/run/run_folder.h"
#include "train/program/run/run_subject.h"

namespace swingrad {

// Writes report.html and its figures from the log and the environment in the folder. `judged` may be null, `batch_png`
// empty. Throws an Error where something cannot be read or written; returns what write_report does.
std::string report_on(const RunFolder& folder, const RunSubject& subject, int64_t parameters, const Judged* judged,
                      const std::string& batch_png = "");

// The first batch of the first epoch as the model sees it, [B, ...].
Tensor first_batch_of(const Samples& training, const Recipe& recipe);
// Its first images as a PNG file; empty where the samples are no images.
std::string png_of_first_batch(const RunSubject& subject);

// A folder's own name; where several have the same, all of them by the whole path.
std::vector<std::string> names_of_runs(const std::vector<std::string>& runs);

// The log of a run of any program for curves, with what its config.json says of rates and targets where it can be read.
NamedLog named_log(const RunFolder& folder, const std::string& name);

}  // namespace swingrad
