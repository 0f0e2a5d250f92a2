// Where the sources lie that this program was built of: fixtures, and what tests read of the code itself.
#pragma once

#include <filesystem>

namespace swingrad::test {

std::filesystem::path source_directory();  // the top
std::filesystem::path fixtures();          // tests/fixtures in it

}  // namespace swingrad::test
