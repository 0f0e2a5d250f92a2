// What the page of `swingrad explain` shows, as JSON: the page's scripts draw this and nothing else.
#pragma once

#include "train/data/batch.h"
#include "train/program/explain/attention_maps.h"
#include "train/program/explain/pass.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace swingrad {

struct ExplainSubject {
    std::string run, model, picture;  // their names
    SwinConfig config;
    Normalisation normalisation;
    std::vector<std::string> classes;
};

// Everything that was seen of one picture, whole.
struct Explained {
    ExplainSubject subject;
    Tensor pixels;  // uint8 [H, W, 3], as the model is shown them
    SeenPass pass;
    std::vector<BlockAttention> attention;
};

// `input` [1, H, W, 3] is the picture as input_of makes it. Throws what seen_pass throws.
Explained explained(const ExplainSubject& subject, const Parameters& parameters, const Tensor& input);

// How much of it goes onto a page.
struct Room {
    int64_t channels = 16;       // of each layer's map, those that vary most
    bool gradient_maps = true;   // of the tape's operations
    std::vector<int64_t> heads;  // of each block, the first so many
};
Room whole_room(const Explained& seen);

// The page's data:
//   model, run, picture: {"name", "rows", "columns", "png"}, answer: [{"class", "label", "probability"}], loss
//   patch: [rows, columns] in pixels; a token of stage s covers 2^s patches a side
//   texts: [{"title", "formula", "code"}]; layers: [{"name", "text", "output", "parameters", "flops"}]
//   maps: [{"layer", "rows", "columns", "channels", "amplitude", "largest", "drawn": [rows, columns],
//           "pictures": [{"channel", "least", "most", "bytes"}]}]; channel -1: the root mean square over all
//   cuts: how blocks cut their maps into windows, see json_of_cut in explanation.cpp
//   blocks: [{"name", "stage", "cut", "heads", "tau": [of each head],
//             "bias": {"rows", "columns", "pictures": [of each head]}, "shares": [{"largest", "parts"} of each head
//             that is kept (train/program/explain/bytes.h)]}]
//   tape: [{"number", "name", "scope", "shape", "inputs": [{"node" | "leaf" | "constant", "passed"}], "gradient",
//           "map": {"rows", "columns", ...}}]; image_gradient likewise
//   left_out: [a sentence each]
nlohmann::json explanation_of(const Explained& seen, const Room& room);

}  // namespace swingrad
