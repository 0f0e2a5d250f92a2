// What a run ran on, so that one can find out later why two runs differ. It says nothing of whose machine it was.
#pragma once

#include "train/program/run/run_folder.h"

namespace swingrad {

// Version, compiler, processor, cores, threads, processes that train together, instruction set, --gemm, kernel of
// products in its precision, system, start (UTC), command line with absolute paths cut down to their last name, and
// what computes on the recipe's device.
nlohmann::json current_environment(const Recipe& recipe);

// The entries of environment.json; none where it is missing or no JSON array that parse_json takes.
nlohmann::json environments_of(const RunFolder& folder);

// What to say where the last entry names another instruction set or --gemm than is used now; else empty.
std::string change_of_instruction_set(const RunFolder& folder);

// Appends an entry to environment.json, an array with one for each time the run was started or resumed. What stands
// there and is no such array is replaced.
void append_environment(const RunFolder& folder, const Recipe& recipe);

}  // namespace swingrad
