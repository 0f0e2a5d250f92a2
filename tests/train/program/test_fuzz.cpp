// What the fuzz targets begin with, and what they once found, in every build. tests/fuzz has the targets.
#include "core/io/file.h"
#include "tests/fuzz/targets.h"
#include "tests/support/catch.h"
#include "tests/support/source_directory.h"

using namespace swingrad;
using namespace swingrad::fuzz;
namespace fs = std::filesystem;

namespace {

void run(const Target& target, const std::string& contents) {
    REQUIRE_NOTHROW(target.run({reinterpret_cast<const uint8_t*>(contents.data()), contents.size()}));
}

}  // namespace

TEST_CASE("every reader takes the seeds of its fuzz target, and any beginning of them") {
    for (const Target& target : targets)
        for (const std::string& seed : seeds(target.name)) {
            INFO(target.name << ", a seed of " << seed.size() << " bytes");
            run(target, seed);
            for (size_t size : {size_t{0}, size_t{1}, size_t{8}, seed.size() / 2, seed.size() - 1})
                run(target, seed.substr(0, size));
        }
}

TEST_CASE("what fuzzing once found stays found") {
    const fs::path folder = test::source_directory() / "tests/fuzz/regressions";
    for (const auto& of_target : fs::directory_iterator(folder)) {
        const std::string name = of_target.path().filename().string();
        INFO(name);
        const auto target = std::find_if(targets.begin(), targets.end(), [&](auto& one) { return one.name == name; });
        REQUIRE(target != targets.end());
        for (const auto& file : fs::directory_iterator(of_target)) {
            INFO(file.path().string());
            run(*target, read_file(file.path()));
        }
    }
}
