// Results that are computed once. A cell is one measurement: a configuration, which says everything that the result
// depends on, and the function that measures it. What was measured is kept in one file, looked up by the configuration
// itself, so an experiment that was killed goes on with the cell it was in, one that is asked for again computes
// nothing, and one with other settings computes only what differs.
#pragma once

#include "train/program/console/progress.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace swingrad {

struct Cell {
    std::string label;             // "pre, 24 blocks, seed 1": shown while it runs
    nlohmann::json configuration;  // everything that the result depends on
    std::function<nlohmann::json()> measure;
};

// Thrown where the user has asked to stop: what is finished is kept.
struct ExperimentStopped {};
void stop_if_interrupted();

class CellCache {
  public:
    // Reads the file where there is one. Throws an Error naming it where it is no file of results.
    explicit CellCache(std::filesystem::path file);

    // A result for each cell, in order: the one that is kept, or what the cell measures, which is kept (the file is
    // replaced in one move) before the next begins. Says on `progress` which cell is begun. NaN and infinity become
    // null, as JSON has neither.
    std::vector<nlohmann::json> results_of(const std::vector<Cell>& cells, Progress& progress);

    size_t measured() const { return measured_; }  // cells, by this object

  private:
    const nlohmann::json* find(const nlohmann::json& configuration) const;

    std::filesystem::path file_;
    nlohmann::json kept_ = nlohmann::json::array();  // of {"configuration", "result", "seconds"}
    size_t measured_ = 0;
};

// A name for what belongs to a cell: its label in letters, digits and hyphens, and eight letters that differ where the
// configuration does: "v1-seed-0-175cbd9f".
std::string file_name_of(const std::string& label, const nlohmann::json& configuration);

// A number of a result; NaN where it is null.
double number_of(const nlohmann::json& result, const char* name);

}  // namespace swingrad
