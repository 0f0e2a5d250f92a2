// The house's rules that no compiler checks: which folder may include which, how many files a folder holds, and how
// long an operation's page is. Read from the sources' own #include lines, so that there is no list to keep.

#include "tests/support/catch.h"
#include "tests/support/source_directory.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

constexpr std::array<const char*, 6> rooms{"core", "cuda", "autograd", "ops", "models", "train"};  // lowest first
constexpr std::array<const char*, 7> rooms_of_train{"train/ranks",    "train/optim",   "train/data",       "train/loop",
                                                    "train/transfer", "train/program", "train/experiments"};
constexpr size_t most_files = 25;

using Sources = std::map<std::string, std::string>;  // contents by path from the top: "core/tensor.h"

Sources sources_of_the_house() {
    Sources sources;
    const fs::path top = swingrad::test::source_directory();
    for (const char* room : rooms)
        for (const auto& entry : fs::recursive_directory_iterator(top / room)) {
            const std::string extension = entry.path().extension().string();
            if (extension != ".h" && extension != ".cpp" && extension != ".cu") continue;
            std::ifstream file(entry.path());
            sources[fs::relative(entry.path(), top).generic_string()] = {std::istreambuf_iterator<char>(file), {}};
        }
    return sources;
}

struct Include {
    std::string from, to;  // files
};

// Those of files of the house.
std::vector<Include> includes_in(const Sources& sources) {
    const std::string directive = "#include \"";
    std::vector<Include> found;
    for (const auto& [path, contents] : sources) {
        std::istringstream lines(contents);
        for (std::string line; std::getline(lines, line);)
            if (line.starts_with(directive)) {
                const std::string to =
                    line.substr(directive.size(), line.find('"', directive.size()) - directive.size());
                if (sources.count(to)) found.push_back({path, to});
            }
    }
    return found;
}

std::string folder_of(const std::string& file) { return file.substr(0, file.rfind('/')); }

bool is_within(const std::string& file, const std::string& folder) { return file.starts_with(folder + "/"); }

// Which part of `folder` a file within it belongs to: a sub-folder with all below it, or the folder's own files.
std::string part_of(const std::string& file, const std::string& folder) {
    const size_t begin = folder.empty() ? 0 : folder.size() + 1, end = file.find('/', begin);
    return end == std::string::npos ? folder + "/*" : file.substr(0, end);
}

using Arrows = std::map<std::string, std::map<std::string, Include>>;  // from part to part, by an example

bool reaches(const Arrows& arrows, const std::string& from, const std::string& to, std::set<std::string>& seen) {
    if (from == to) return true;
    const auto found = arrows.find(from);
    if (found == arrows.end() || !seen.insert(from).second) return false;
    return std::any_of(found->second.begin(), found->second.end(),
                       [&](const auto& arrow) { return reaches(arrows, arrow.first, to, seen); });
}

std::string text_of(const std::string& from, const std::string& to, const Include& example) {
    return from + " -> " + to + ": " + example.from + " includes " + example.to + "\n";
}

// Every arrow that is part of a circle, a line each. A folder's parts must lie in an order; this holds at every depth,
// and a folder's own files are a part of it like any sub-folder.
std::string circles(const Sources& sources) {
    std::set<std::string> folders{""};
    for (const auto& [path, contents] : sources)
        for (std::string folder = folder_of(path);
             folders.insert(folder).second && folder.find('/') != std::string::npos;)
            folder = folder_of(folder);
    const std::vector<Include> includes = includes_in(sources);
    std::string wrong;
    for (const std::string& folder : folders) {
        Arrows arrows;
        for (const Include& include : includes) {
            if (!folder.empty() && !(is_within(include.from, folder) && is_within(include.to, folder))) continue;
            const std::string from = part_of(include.from, folder), to = part_of(include.to, folder);
            if (from != to) arrows[from].emplace(to, include);
        }
        for (const auto& [from, targets] : arrows)
            for (const auto& [to, example] : targets)
                if (std::set<std::string> seen; reaches(arrows, to, from, seen)) wrong += text_of(from, to, example);
    }
    return wrong;
}

// Every include of a later folder by an earlier one, a line each.
template <size_t count>
std::string upward(const Sources& sources, const std::array<const char*, count>& order) {
    const auto place_of = [&](const std::string& file) {
        return std::find_if(order.begin(), order.end(), [&](const char* folder) { return is_within(file, folder); });
    };
    std::string wrong;
    for (const Include& include : includes_in(sources)) {
        const auto from = place_of(include.from), to = place_of(include.to);
        if (from != order.end() && to != order.end() && from < to) wrong += text_of(*from, *to, include);
    }
    return wrong;
}

std::string crowded(const Sources& sources) {
    std::map<std::string, size_t> files;
    for (const auto& [path, contents] : sources) ++files[folder_of(path)];
    std::string wrong;
    for (const auto& [folder, count] : files)
        if (count > most_files) wrong += folder + " has " + std::to_string(count) + " files\n";
    return wrong;
}

// An operation's page is known by its gradient case.
std::string long_pages(const Sources& sources) {
    std::string wrong;
    for (const auto& [path, contents] : sources) {
        if (!path.starts_with("ops/") || contents.find("\nconst DeclareGradientCase ") == std::string::npos) continue;
        const bool is_long = path.starts_with("ops/attention/") || path == "ops/image/patch_embedding.cpp";
        const auto lines = std::count(contents.begin(), contents.end(), '\n'),
                   most = std::ptrdiff_t{is_long ? 250 : 150};
        if (lines > most) wrong += path + " has " + std::to_string(lines) + " lines\n";
    }
    return wrong;
}

}  // namespace

TEST_CASE("arrows between folders point one way, at any depth", "[house]") {
    CHECK(circles(sources_of_the_house()) == "");
}

TEST_CASE("the libraries lie in one line, and so do the folders of train", "[house]") {
    const Sources sources = sources_of_the_house();
    CHECK(upward(sources, rooms) == "");
    CHECK(upward(sources, rooms_of_train) == "");
}

TEST_CASE("no folder holds more files than one can look over", "[house]") {
    CHECK(crowded(sources_of_the_house()) == "");
}

TEST_CASE("an operation is a page", "[house]") {
    CHECK(long_pages(sources_of_the_house()) == "");
    const std::string page = "\nconst DeclareGradientCase one{};" + std::string(150, '\n');
    CHECK(long_pages({{"ops/norm/x.cpp", page}, {"ops/attention/y.cpp", page}, {"ops/norm/z.cpp", page.substr(2)}}) ==
          "ops/norm/x.cpp has 151 lines\n");
}

TEST_CASE("what reads the arrows finds circles of neighbours, of parent and child, and over others", "[house]") {
    CHECK(circles({{"core/a/x.h", "#include \"core/b/y.h\"\n"}, {"core/b/y.h", ""}}) == "");
    CHECK(circles({{"core/a/x.h", "#include \"core/b/y.h\"\n"},
                   {"core/b/y.h", ""},
                   {"core/b/z.cpp", "#include <vector>\n#include \"core/a/x.h\"\n"}}) ==
          "core/a -> core/b: core/a/x.h includes core/b/y.h\ncore/b -> core/a: core/b/z.cpp includes core/a/x.h\n");
    CHECK(circles({{"core/x.h", "#include \"core/a/y.h\"\n"},
                   {"core/a/y.h", ""},
                   {"core/z.h", ""},
                   {"core/a/z.h", "#include \"core/z.h\"\n"}}) ==
          "core/* -> core/a: core/x.h includes core/a/y.h\ncore/a -> core/*: core/a/z.h includes core/z.h\n");
    CHECK(circles({{"ops/a/x.h", "#include \"ops/b/x.h\"\n"},
                   {"ops/b/x.h", "#include \"ops/c/d/x.h\"\n"},
                   {"ops/c/d/x.h", "#include \"ops/a/x.h\"\n"}}) ==
          "ops/a -> ops/b: ops/a/x.h includes ops/b/x.h\nops/b -> ops/c: ops/b/x.h includes ops/c/d/x.h\n"
          "ops/c -> ops/a: ops/c/d/x.h includes ops/a/x.h\n");
    CHECK(upward(Sources{{"core/x.h", "#include \"ops/x.h\"\n"}, {"ops/x.h", "#include \"core/x.h\"\n"}}, rooms) ==
          "core -> ops: core/x.h includes ops/x.h\n");
}
