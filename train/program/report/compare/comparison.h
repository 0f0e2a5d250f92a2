// Several runs on one page: their curves over each other, what their settings differ in, and what they came to.
#pragma once

#include "train/program/report/curves.h"
#include "train/program/report/page.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace swingrad {

struct ComparedRun {
    std::string name;
    NamedLog log;  // without an epoch, it has none yet
    // Objects of names and values, of which only those are shown that are not the same in all runs: the recipe's
    // settings, and of the last start what it ran on.
    nlohmann::json settings = nlohmann::json::object(), environment = nlohmann::json::object();
};

// A line of a table: what, and a value of each run.
struct ComparedRow {
    std::string what;
    std::vector<std::string> values;
};

// Settings and environment in which the runs differ, by name; "-" where a run has none.
std::vector<ComparedRow> differences_of(const std::vector<ComparedRun>& runs);
// How far each is, its best validation, its test, its time; only what one of them has.
std::vector<ComparedRow> results_of(const std::vector<ComparedRun>& runs);

// Curves over epochs, then loss, accuracy and rate over the time that training and validation took.
std::vector<NamedFigure> figures_of(const std::vector<ComparedRun>& runs);

// A table for a terminal, the runs as columns, each line with its end. Long values are cut off.
std::string text_of_rows(const std::vector<ComparedRun>& runs, const std::vector<ComparedRow>& rows);

// The page, which needs nothing but itself.
std::string comparison_page(const std::vector<ComparedRun>& runs, const DrawnFigures& figures);

}  // namespace swingrad
