// Several runs on one page.

#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/program/report/compare/comparison.h"

#include <algorithm>

using namespace swingrad;
using namespace swingrad::test;

namespace {

ComparedRun run_of(const std::string& name, std::vector<nlohmann::json> epochs, nlohmann::json settings,
                   nlohmann::json test = {}) {
    ComparedRun run{name, {.name = name, .log = {}}, std::move(settings)};
    run.log.log.epochs = std::move(epochs);
    run.log.log.finished = !test.is_null();
    run.log.log.test = std::move(test);
    return run;
}

nlohmann::json epoch(int number, double accuracy, double loss, double seconds) {
    return {{"epoch", number},         {"train_loss", 2.0},      {"validation_accuracy", accuracy},
            {"validation_loss", loss}, {"learning_rate", 0.001}, {"seconds", seconds}};
}

std::vector<ComparedRun> three_runs() {
    return {run_of("a", {epoch(1, 50, 1.5, 10), epoch(2, 60, 1.2, 20), epoch(3, 60, 1.1, 30)},
                   {{"epochs", 3}, {"lr", 0.1}, {"seed", 0}}, {{"test_accuracy", 61.5}, {"test_loss", 1.25}}),
            run_of("b", {epoch(1, 40, 1.7, 400)}, {{"epochs", 3}, {"lr", 0.2}, {"seed", 0}, {"new", "x"}}),
            run_of("c", {}, {{"epochs", 3}, {"lr", 0.1}, {"seed", 0}})};
}

const ComparedRow& row_of(const std::vector<ComparedRow>& rows, const std::string& what) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const ComparedRow& row) { return row.what == what; });
    REQUIRE(found != rows.end());
    return *found;
}

using Values = std::vector<std::string>;

}  // namespace

TEST_CASE("runs are compared by the settings in which they differ and by what they came to, as far as they are") {
    std::vector<ComparedRun> runs = three_runs();
    runs[1].environment["threads"] = 2;
    const std::vector<ComparedRow> differences = differences_of(runs);
    REQUIRE(differences.size() == 3);
    REQUIRE(row_of(differences, "lr").values == Values{"0.1", "0.2", "0.1"});
    REQUIRE(row_of(differences, "new").values == Values{"-", "x", "-"});
    REQUIRE(row_of(differences, "threads").values == Values{"-", "2", "-"});

    const std::vector<ComparedRow> results = results_of(runs);
    REQUIRE(row_of(results, "epochs").values == Values{"3 of 3", "1 of 3, not finished", "no epoch yet"});
    REQUIRE(row_of(results, "best validation accuracy").values == Values{"60.00 %", "40.00 %", "-"});
    REQUIRE(row_of(results, "its loss").values == Values{"1.1000", "1.7000", "-"});  // of equal ones the lower
    REQUIRE(row_of(results, "its epoch").values == Values{"3", "1", "-"});
    REQUIRE(row_of(results, "test accuracy").values == Values{"61.50 %", "-", "-"});
    REQUIRE(row_of(results, "time").values == Values{"30 s", "6 min 40 s", "-"});
    REQUIRE(std::none_of(results.begin(), results.end(),
                         [](const ComparedRow& row) { return row.what == "samples a second, median"; }));
}

TEST_CASE("a run that ended before its epochs were over is said to be stopped early") {
    std::vector<ComparedRun> runs = three_runs();
    runs[0].log.log.epochs.pop_back();
    REQUIRE(row_of(results_of(runs), "epochs").values[0] == "2 of 3, stopped early");
}

TEST_CASE("runs without classes are compared by the lowest validation loss") {
    const auto line = [](int number, double loss) {
        return nlohmann::json{{"epoch", number}, {"train_loss", 1.0}, {"validation_loss", loss}};
    };
    const std::vector<ComparedRun> runs{run_of("a", {line(1, 3), line(2, 2), line(3, 2.5)}, nlohmann::json::object()),
                                        run_of("b", {line(1, 4)}, nlohmann::json::object())};
    REQUIRE(row_of(results_of(runs), "its loss").values == Values{"2.0000", "4.0000"});
    REQUIRE(row_of(results_of(runs), "its epoch").values == Values{"2", "1"});
    REQUIRE(row_of(results_of(runs), "epochs").values[0] == "3, not finished");
}

TEST_CASE("runs' curves are drawn by epoch and by the time they took, in minutes where it is long") {
    const std::vector<NamedFigure> figures = figures_of(three_runs());
    std::vector<std::string> files;
    for (const NamedFigure& one : figures) files.push_back(one.file);
    REQUIRE(files == Values{"loss.svg", "accuracy.svg", "learning-rate.svg", "loss-by-time.svg", "accuracy-by-time.svg",
                            "learning-rate-by-time.svg"});
    REQUIRE(figures[4].figure.x_label == "minutes");
    REQUIRE(figures[4].figure.series.size() == 2);  // one has no epoch yet
    REQUIRE(figures[4].figure.series[1].x == std::vector<double>{400.0 / 60});
    std::vector<ComparedRun> short_runs = three_runs();
    short_runs[1].log.log.epochs[0]["seconds"] = 40.0;
    REQUIRE(figures_of(short_runs)[4].figure.x_label == "seconds");
    REQUIRE(figures_of(short_runs)[4].figure.series[0].x == std::vector<double>{10, 20, 30});
}

TEST_CASE("a page that compares runs needs nothing but itself, and names are text in it and in the table") {
    std::vector<ComparedRun> runs = three_runs();
    runs[0].name = runs[0].log.name = "<b>\x1b[31m";
    const std::string page = comparison_page(runs, draw_figures(figures_of(runs), {}));
    REQUIRE(contains(page, "&lt;b&gt;"));
    REQUIRE_FALSE(contains(page, "<b>"));
    REQUIRE_FALSE(contains(page, "src=\"http"));
    REQUIRE(contains(page, "<h2>What differs</h2>"));
    REQUIRE(contains(page, "3 runs compared"));
    const std::string table = text_of_rows(runs, results_of(runs));
    REQUIRE(contains(table, "<b>\\x1b[31m"));
    REQUIRE(occurrences(table, "\n") == results_of(runs).size() + 1);
    runs[1].settings = runs[0].settings;
    REQUIRE(contains(comparison_page(runs, {}), "No setting, and not what they ran on."));
    const std::string longest(100, 'x');
    REQUIRE(contains(text_of_rows(runs, {{"a", {longest, "y", "z"}}}), "xxx...  "));
    REQUIRE_FALSE(contains(text_of_rows(runs, {{"a", {longest, "y", "z"}}}), longest));
}
