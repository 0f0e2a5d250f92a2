// train/experiments/results/summary.md: each sentence of the summary that this project was begun from has a command, a
// verdict and a figure. Each command's quick version: test_experiments.sh, which runs all of the list.

#include "core/io/file.h"
#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"
#include "train/experiments/experiments.h"
#include "train/experiments/window_transfer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <sstream>

using namespace swingrad;
using namespace swingrad::test;
namespace fs = std::filesystem;

namespace {

std::vector<std::vector<std::string>> rows_of(const fs::path& file) {
    std::vector<std::vector<std::string>> rows;
    std::istringstream lines(read_file(file));
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("| ")) continue;
        std::vector<std::string> cells;
        for (size_t at = 1; at < line.size();) {
            const size_t end = std::min(line.find('|', at), line.size());
            std::string cell = line.substr(at, end - at);
            cell.erase(0, cell.find_first_not_of(' '));
            cell.erase(cell.find_last_not_of(' ') + 1);
            cells.push_back(cell);
            at = end + 1;
        }
        rows.push_back(cells);
    }
    return rows;
}

}  // namespace

TEST_CASE("each sentence of the summary has a command, a verdict and a figure") {
    const fs::path folder = fs::path(source_directory()) / "train/experiments/results";
    auto rows = rows_of(folder / "summary.md");
    REQUIRE(rows.size() > 10);
    rows.erase(rows.begin());  // the columns' names
    const std::set<std::string> verdicts{"shown", "not shown at this size", "the summary's own reading"};
    for (const auto& row : rows) {
        INFO(row.front());
        REQUIRE(row.size() == 4);
        REQUIRE(!row[0].empty());
        const std::string begin = "`experiment ", &command = row[1];
        REQUIRE(command.starts_with(begin));
        const std::string name = command.substr(begin.size(), command.size() - begin.size() - 1);
        REQUIRE(experiment_named(name).name == name);
        REQUIRE(verdicts.count(row[2]) == 1);
        const size_t open = row[3].find('('), close = row[3].find(')');
        REQUIRE(open < close);
        REQUIRE(row[3].substr(open + 1).starts_with(name + "/"));
        REQUIRE(fs::exists(folder / row[3].substr(open + 1, close - open - 1)));
    }
}

TEST_CASE("the summary's plus in the place of the product would give other ranges than it states itself") {
    const auto with_plus = [](double offset) { return std::copysign(1, offset) + std::log1p(std::abs(offset)); };
    REQUIRE(with_plus(7) == Approx(3.08).margin(0.005));
    REQUIRE(with_plus(-7) == Approx(1.08).margin(0.005));
    REQUIRE((with_plus(15) - with_plus(7)) / with_plus(7) == Approx(0.23).margin(0.005));
    REQUIRE(extrapolation(OffsetScale::log_of_tokens, 8, 16) == Approx(0.33).margin(0.005));
}
