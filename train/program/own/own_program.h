// A program that trains a model of your own: one call gives a model and its data the commands that swingrad has for
// Swin. Link swingrad::program.
//
//   int main(int argc, char** argv) {
//       return run_program({.name = "two_layers",
//                           .model = [] { return std::make_unique<TwoLayers>(); },
//                           .data = [](const std::string&) { return ProgramData{std::make_unique<Spirals>()}; }},
//                          argc, argv);
//   }
//
//   two_layers train --epochs 5 --output runs/a     flags: --data, --limit, and every setting of train/loop/recipe.h
//   two_layers train --resume runs/a                after Ctrl-C, a crash or a power cut: the same bits
//   two_layers evaluate --checkpoint runs/a
//   two_layers predict --checkpoint runs/a photo.jpg     where the samples are images
//   two_layers write --checkpoint runs/a "Once upon"     where the program has a TextModel
//   two_layers verify runs/a                        whether all files of a run are whole and agree
//   two_layers summary                              layers, shapes, parameters
//   two_layers tape                                 what a training step records
//   two_layers gradcheck                            the whole model's gradient, and the loss's, against differences
//   two_layers bench                                speed and memory of training steps
//   two_layers trace --checkpoint runs/a --output t.safetensors    every activation and gradient, by name
#pragma once

#include "core/shape.h"
#include "models/nn/module.h"
#include "train/data/samples.h"
#include "train/loop/loss.h"
#include "train/loop/recipe.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace swingrad {

struct ProgramData {
    std::unique_ptr<Samples> training;
    std::unique_ptr<Samples> validation = {};             // chooses the checkpoint; null: the last one counts
    std::function<std::unique_ptr<Samples>()> test = {};  // looked at once, at the end of a run; may be empty
    // What a run records that it learns from, where the source may mean something else some day; empty: the source.
    std::string lasting_source = {};
};

// What a model of texts is to write by: from token numbers int64 [1, context] it gives logits [1, context, K] of the
// token that follows each, and none of these depends on what comes after.
struct TextModel {
    int64_t context = 0;                                                       // 0: the model is none
    std::function<std::vector<int64_t>(const std::string& text)> encode = {};  // empty: a token is a byte
    std::function<std::string(int64_t token)> decode = {};                     // likewise
};

struct Program {
    std::string name;
    std::function<std::unique_ptr<Module>()> model;
    std::function<ProgramData(const std::string& source)> data;
    std::string source = {};  // what --data begins with; it is handed to `data` as it is
    // Empty: cross entropy of logits [..., K] and int64 targets [...]. A loss of your own takes no label smoothing.
    Loss loss = {};
    Recipe recipe = {};  // what the flags begin with
    TextModel text = {};
};

// Images for Program::data, as `swingrad train --data` names them ("shapes", "cifar10:DIR", "folder:DIR"), at this
// extent: augmented in training, and for validation a folder's `val`, or else a tenth of them kept back.
ProgramData image_data(const std::string& source, Extent extent);

// Returns the exit code.
int run_program(const Program& program, int argc, char** argv);

}  // namespace swingrad
