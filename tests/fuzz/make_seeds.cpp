// usage: make_seeds FOLDER      writes FOLDER/<target>/<number> for every target
#include "tests/fuzz/targets.h"

#include <fstream>

int main(int count, char** arguments) {
    using namespace swingrad::fuzz;
    if (count != 2) return 2;
    for (const Target& target : targets) {
        const auto folder = std::filesystem::path(arguments[1]) / target.name;
        std::filesystem::create_directories(folder);
        int number = 0;
        for (const std::string& seed : seeds(target.name))
            std::ofstream(folder / fmt::format("seed-{}", number++), std::ios::binary) << seed;
    }
}
