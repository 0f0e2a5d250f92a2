#include "tests/support/source_directory.h"

namespace swingrad::test {

// Defined for this file alone: a compiler's cache can then serve all others in any checkout.
std::filesystem::path source_directory() { return SWINGRAD_SOURCE_DIR; }

std::filesystem::path fixtures() { return source_directory() / "tests/fixtures"; }

}  // namespace swingrad::test
