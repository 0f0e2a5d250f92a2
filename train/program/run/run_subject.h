// What a run trains: any model, on any samples.
#pragma once

#include "models/nn/module.h"
#include "train/data/samples.h"
#include "train/loop/evaluate.h"
#include "train/loop/loss.h"
#include "train/loop/recipe.h"
#include "train/program/phases/phases_of_run.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace swingrad {

struct RunSubject;

// Of a run in phases, the one that a subject is.
struct RunPhase {
    int64_t begin = 0, end = 0;    // epochs of the run done before its first, and after its last
    std::string text, sizes_text;  // "phase 1 of 2, epochs 1 to 5: ...", "16 x 16 in patches of 2 x 2"
    nlohmann::json sizes;          // an object, for each line of the log
    // Of the run after so many epochs, in epochs as long as this phase's.
    std::function<double(int64_t)> epochs_to_go = {};
    // The next phase, with all that it refers to; empty for the last one.
    std::function<std::shared_ptr<const RunSubject>()> next = {};
    ModelAtPlace model_at = {};
};

struct RunSubject {
    Recipe recipe;
    Module& model;
    const Samples& training;
    const Samples* validation = nullptr;  // chooses the checkpoint; null: the last one counts
    // The samples looked at once, at the very end; may be empty. Made only then.
    std::function<std::unique_ptr<Samples>()> test = {};
    // A model by which test samples are judged once more, told apart; may be empty.
    std::function<std::unique_ptr<Module>(const Module&)> second_judge = {};
    std::string second_judge_is = {};  // "with mirror images"
    Loss loss = {};                    // empty: cross entropy, with the recipe's label smoothing in training
    Loss training_loss = {};           // in training, in its place
    bool smooths_labels = false;       // whether that one does, by the recipe's label smoothing

    // For what is said, and for the report.
    std::string program = "swingrad";  // whose command `train --resume` goes on with it
    std::string model_name, data_name;
    std::string samples_are = "samples";  // "images"
    size_t classes = 0;                   // 0: none
    nlohmann::json settings, architecture = nlohmann::json::object();
    nlohmann::json fixed_settings = {};   // Trainer's
    int64_t raised_from = 0;              // epochs, where this start raises them; else 0
    std::vector<std::string> notes = {};  // said once, where a run begins
    std::optional<RunPhase> phase = {};   // of a run with --progressive
    // What the report adds about samples that were judged by these parameters, as HTML; may be empty.
    std::function<std::string(const Samples&, const Evaluation&, const Parameters&)> html_of_judged = {};
};

}  // namespace swingrad
