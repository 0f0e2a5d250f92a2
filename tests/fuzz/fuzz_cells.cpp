// An experiment's cells.json: read, or refused in a line.
#include "tests/fuzz/targets.h"
#include "train/experiments/harness/cells.h"

namespace swingrad::fuzz {

void cells(Bytes bytes) {
    static const MemoryFile file;
    file.write(bytes);
    reads([&] { CellCache cache(file.path()); });
}

}  // namespace swingrad::fuzz
