// A recorded tape to look at: how much memory it holds, as a table, and as a graph.
//
// Bytes are counted once, at the first node that saves them: most of what one node saves is what another one has saved
// already, or memory that exists without any tape, as that of parameters does (`existing`).
#pragma once

#include "autograd/tape.h"

namespace swingrad {

struct TapeMemory {
    std::vector<size_t> added;              // by each entry, in bytes: memory that nothing before it holds
    std::vector<std::vector<bool>> is_new;  // by entry and saved tensor: whether it added any
    size_t total = 0;
};
TapeMemory memory_of(const std::vector<TapeEntry>& entries, const std::vector<Tensor>& existing = {});

// Where in the model an entry belongs, by the names of its leaves: "layers.0.blocks.1" for
// layers.0.blocks.1.attn.qkv.weight, "head" for head.fc.weight; where it has none, as the entry after it, but for a
// checkpoint: "checkpointed".
std::vector<std::string> groups_of(const std::vector<TapeEntry>& entries);

// A line an entry under a line a group, and a line with the totals.
std::string tape_table(const std::vector<TapeEntry>& entries, const std::vector<Tensor>& existing = {});

// A graph in Graphviz' language: boxes for operations (number, name, shape, bytes added), grey ones for their leaves, a
// frame around each group, edges with the shapes that flow.
std::string tape_dot(const std::vector<TapeEntry>& entries, const std::vector<Tensor>& existing = {});

}  // namespace swingrad
