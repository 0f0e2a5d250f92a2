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

// A line an entry under a line a scope, and a line with the totals.
std::string tape_table(const std::vector<TapeEntry>& entries, const std::vector<Tensor>& existing = {});

// A graph in Graphviz' language: boxes for operations (number, name, shape, bytes added), grey ones for their leaves, a
// frame around each scope, edges with the shapes that flow.
std::string tape_dot(const std::vector<TapeEntry>& entries, const std::vector<Tensor>& existing = {});

}  // namespace swingrad
