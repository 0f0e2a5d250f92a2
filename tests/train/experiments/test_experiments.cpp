// What experiments are made of: kept results, tables, the stream's statistics, pages. The commands themselves:
// test_experiments.sh.

#include "core/io/file.h"
#include "tests/models/small_swin.h"
#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/experiments/experiments.h"
#include "train/experiments/harness/stream.h"
#include "train/experiments/harness/training.h"
#include "train/program/console/interrupt.h"

#include <cmath>
#include <csignal>
#include <set>

using namespace swingrad;
using namespace swingrad::test;
using nlohmann::json;

namespace {

// A cell that counts how often it is measured.
Cell counted(const json& configuration, const json& result, int& times) {
    return {"cell", configuration, [result, &times] { return ++times, result; }};
}

ExperimentRun run_in(const TemporaryDirectory& directory, bool quick = true) {
    return {{.seeds = 2, .quick = quick}, directory.path(), CellCache(directory / "cells.json")};
}

Experiment experiment_about(std::vector<CodePlace> code) {
    return {"test",          "Figure 0",      "nothing", "no time", true, 2, {"The paper says a < b."},
            {"Here a > b."}, std::move(code), nullptr};
}

}  // namespace

TEST_CASE("a cell is measured once, whatever object asks, and again where its configuration differs") {
    const TemporaryDirectory directory;
    Progress progress;
    int times = 0;
    const json first{{"lr", 0.1}, {"seed", 0}}, second{{"lr", 0.1}, {"seed", 1}};
    {
        CellCache cache(directory / "cells.json");
        const auto results =
            cache.results_of({counted(first, {{"x", 1.5}}, times), counted(second, 7, times)}, progress);
        REQUIRE(results == std::vector<json>{{{"x", 1.5}}, 7});
        REQUIRE(cache.measured() == 2);
        cache.results_of({counted(first, 0, times)}, progress);
        REQUIRE(times == 2);
    }
    CellCache cache(directory / "cells.json");
    const auto results = cache.results_of({counted(second, 0, times), counted(first, 0, times)}, progress);
    REQUIRE(results == std::vector<json>{7, {{"x", 1.5}}});
    REQUIRE(times == 2);
    REQUIRE(cache.measured() == 0);
    REQUIRE(cache.results_of({counted({{"lr", 0.2}, {"seed", 0}}, 9, times)}, progress) == std::vector<json>{9});
    REQUIRE(times == 3);
}

TEST_CASE("a result is what the file will say it is, the first time too") {
    const TemporaryDirectory directory;
    Progress progress;
    int times = 0;
    const json configuration{{"rate", 0.1f}, {"nothing", NAN}};
    CellCache cache(directory / "cells.json");
    const auto first = cache.results_of({counted(configuration, {{"x", NAN}}, times)}, progress);
    REQUIRE(first[0]["x"].is_null());
    REQUIRE(std::isnan(number_of(first[0], "x")));
    REQUIRE(cache.results_of({counted(configuration, 0, times)}, progress) == first);
    REQUIRE(CellCache(directory / "cells.json").results_of({counted(configuration, 0, times)}, progress) == first);
    REQUIRE(times == 1);
}

TEST_CASE("what was measured before a failure is kept") {
    const TemporaryDirectory directory;
    Progress progress;
    int times = 0;
    const Cell fails{"cell", 2, []() -> json { fail("no"); }};
    REQUIRE(error_of([&] {
                CellCache(directory / "cells.json").results_of({counted(1, "one", times), fails}, progress);
            }) == "no");
    CellCache(directory / "cells.json").results_of({counted(1, "other", times)}, progress);
    REQUIRE(times == 1);
}

TEST_CASE("a user who asks to stop is heard before the next cell, and nothing is measured for a result that is kept") {
    const TemporaryDirectory directory;
    Progress progress;
    int times = 0;
    {
        std::signal(SIGINT, SIG_DFL);  // whoever runs the tests may have had it ignored
        const InterruptGuard guard;
        const Cell stops{"cell", 1, [] { return std::raise(SIGINT), json(5); }};
        CellCache cache(directory / "cells.json");
        REQUIRE_THROWS_AS(cache.results_of({stops, counted(2, 0, times)}, progress), ExperimentStopped);
        REQUIRE(times == 0);
        const InterruptGuard inner;  // as the run within an experiment has one
        REQUIRE(interrupted());
        REQUIRE(CellCache(directory / "cells.json").results_of({stops}, progress) == std::vector<json>{5});
    }
    const InterruptGuard next;
    REQUIRE(!interrupted());
}

TEST_CASE("a file that holds no results is an error that names it") {
    const TemporaryDirectory directory;
    const auto file = directory / "cells.json";
    write_file_plainly(file, "{}");
    REQUIRE(error_of([&] { CellCache cache(file); }) ==
            "[experiment] " + file.string() + ": expected a list of results, got object");
    write_file_plainly(file, "[{\"configuration\": 1}]");
    REQUIRE(contains(error_of([&] { CellCache cache(file); }), "expected objects with a configuration and a result"));
    write_file_plainly(file, "[{\"conf");
    REQUIRE(contains(error_of([&] { CellCache cache(file); }), "cells.json"));
}

TEST_CASE("a cell's file name tells what it is and differs where the configuration does") {
    REQUIRE(file_name_of("+ log-CPB: V2, seed 0", 1).starts_with("log-cpb-v2-seed-0-"));
    REQUIRE(file_name_of("a", {{"x", 1}}) == file_name_of("a", {{"x", 1}}));
    REQUIRE(file_name_of("a", {{"x", 1}}) != file_name_of("a", {{"x", 2}}));
}

TEST_CASE("a table is the same on the console and on a page") {
    const ResultTable table{
        "Title", {"model", "a", "long name"}, {{"first", "1", "2 < 3"}, {"second one", "22", "-"}}, "A note."};
    REQUIRE(text_of(table) ==
            "Title\n"
            "model        a  long name\n"
            "first        1      2 < 3\n"
            "second one  22          -\n"
            "A note.\n");
    const std::string html = html_of(table);
    REQUIRE(contains(html, "<h2>Title</h2>"));
    REQUIRE(contains(html,
                     "<tr><th scope=\"col\">model</th><th scope=\"col\">a</th><th scope=\"col\">long name</th></tr>"));
    REQUIRE(contains(html, "<tr><td>first</td><td>1</td><td>2 &lt; 3</td></tr>"));
    REQUIRE(contains(html, "<p>A note.</p>"));
    const ResultTable uneven{"Title", {"model", "a"}, {{"first"}}};
    REQUIRE(error_of([&] { text_of(uneven); }) == "[experiment] Title: a row has 1 texts, expected 2");
    REQUIRE(error_of([&] { html_of(uneven); }) == "[experiment] Title: a row has 1 texts, expected 2");
}

TEST_CASE("a text is wrapped between words") {
    REQUIRE(wrapped("a few words") == "a few words");
    const std::string word(60, 'x'), longer(200, 'y');
    REQUIRE(wrapped(word + " " + word) == word + "\n" + word);
    REQUIRE(wrapped("a " + longer + " b") == "a\n" + longer + "\nb");
    REQUIRE(wrapped("").empty());
}

TEST_CASE("a spread is mean and standard deviation of the seeds that came to an end") {
    const Spread spread = spread_of({1, 2, 6});
    REQUIRE(spread.mean == Approx(3));
    REQUIRE(spread.deviation == Approx(std::sqrt((4.0 + 1 + 9) / 2)));
    REQUIRE(text_of(spread, 2) == "3.00 +- 2.65");
    REQUIRE(text_of(spread_of({NAN, 4}), 1) == "4.0");
    REQUIRE(text_of(spread_of({NAN}), 1) == "-");
    REQUIRE(std::isnan(spread_of({}).mean));
    REQUIRE(error_of_difference(spread_of({1, 2, 6}), spread_of({1, 3})) == Approx(std::sqrt(7.0 / 3 + 2.0 / 2)));
}

TEST_CASE("the stream's statistics are means over all elements") {
    Tensor x = Tensor::empty({1, 2, 1, 2});
    const std::vector<float> values{-3, 1, 1, 5};
    std::copy(values.begin(), values.end(), x.data<float>());
    const StreamStatistics statistics = statistics_of("layers.0.blocks.0", x);
    REQUIRE(statistics.amplitude == Approx(2.5));
    REQUIRE(statistics.deviation == Approx(std::sqrt((16.0 + 0 + 0 + 16) / 4)));
    REQUIRE(statistics.largest == 5);
}

TEST_CASE("the stream is looked at after every block, and a new res-post-norm block leaves it as it is") {
    const SwinConfig config = small_swin();
    SwinV2 model(config);
    const Parameters parameters(model, DType::float32, Random{1, 1});
    const Tensor images =
        random_tensor({2, config.img_size.rows, config.img_size.columns, 3}, Random{2, 0}).to(DType::float32);
    const auto blocks = stream_statistics(model, images);
    std::vector<std::string> names, expected;
    for (const auto& one : blocks) names.push_back(one.block);
    for (size_t i = 0; i < config.depths.size(); ++i)
        for (int64_t j = 0; j < config.depths[i]; ++j) expected.push_back(fmt::format("layers.{}.blocks.{}", i, j));
    REQUIRE(names == expected);
    REQUIRE(blocks[0].amplitude == blocks[1].amplitude);
    REQUIRE(blocks[0].amplitude > 0.1);
}

TEST_CASE("a training that meets a loss that is not finite says so instead of throwing") {
    const TemporaryDirectory directory;
    ExperimentRun run = run_in(directory);
    ExperimentImages images("shapes", {16, 16});
    SwinRecipe recipe;
    recipe.img_size = 16;
    recipe.batch_size = 50;
    recipe.epochs = 2;
    recipe.on_nan = "skip";
    recipe.model_args = {{"embed_dim", 16}, {"depths", {1, 1}}, {"num_heads", {1, 2}}};
    const Dataset& data = images.training(100);
    REQUIRE(data.size() == 100);
    std::vector<int64_t> steps;
    const auto count = [&](int64_t step) { steps.push_back(step); };
    SwinTrainer sound(recipe, model_of(recipe, images.classes()), data, images.normalisation());
    REQUIRE(train_through(sound, run, "training", count).empty());
    REQUIRE(steps == std::vector<int64_t>{1, 2, 3, 4});
    SwinTrainer mutated(recipe, model_of(recipe, images.classes()), data, images.normalisation());
    mutated.parameters().entries().back().value.data<float>()[0] = NAN;
    REQUIRE(contains(train_through(mutated, run, "training", count), "the loss of step 1 is nan"));
    REQUIRE(steps.size() == 4);
}

TEST_CASE("a page holds claim, findings, tables and how many seeds, as text") {
    const TemporaryDirectory directory;
    const Findings findings{
        {}, {{"Numbers", {"a"}, {{"<1>"}}}}, {"It is so."}, {{"data", "folder:/home/ada/pictures"}}};
    const Experiment experiment = experiment_about({});
    const std::string html = experiment_page(experiment, run_in(directory), findings, "FIGURES");
    for (const char* part :
         {"The paper says a &lt; b.", "Here a &gt; b.", "It is so.", "<td>&lt;1&gt;</td>", "FIGURES", "2 seeds each",
          "its numbers mean nothing", "folder:.../pictures", "<title>test - swingrad</title>"})
        REQUIRE(contains(html, part));
    REQUIRE(!contains(html, "ada"));
    REQUIRE(!contains(experiment_page(experiment, run_in(directory, false), findings, ""), "its numbers mean nothing"));
}

TEST_CASE("code is linked with its line where it lies below the current folder, and named elsewhere") {
    const TemporaryDirectory directory;
    const auto before = std::filesystem::current_path();
    write_file_plainly(directory / "code/here.cpp", "one\ntwo\nthree\n");
    std::filesystem::create_directories(directory / "runs/a");
    const Experiment experiment = experiment_about({{"code/here.cpp", "three", "why"}, {"code/gone.cpp", "x", "not"}});
    const ExperimentRun run{{}, directory / "runs/a", CellCache(directory / "cells.json")};
    std::filesystem::current_path(directory.path());
    const std::string html = experiment_page(experiment, run, {}, "");
    std::filesystem::current_path(before);
    REQUIRE(contains(html, "<a href=\"../../code/here.cpp\"><code>code/here.cpp:3</code></a>: why"));
    REQUIRE(contains(html, "<li><code>code/gone.cpp</code>: not</li>"));
}

TEST_CASE("experiments have names of their own, and the code they point to is there") {
    std::set<std::string> names;
    for (const Experiment* one : experiments()) {
        INFO(one->name);
        REQUIRE(names.insert(one->name).second);
        REQUIRE(&experiment_named(one->name) == one);
        REQUIRE(!one->claim.empty());
        REQUIRE(!one->code.empty());
        for (const CodePlace& place : one->code) {
            INFO(place.file << ": " << place.text);
            REQUIRE(contains(read_file(source_directory() / place.file), place.text));
        }
    }
    REQUIRE(error_of([] { experiment_named("memry"); }) == "unknown experiment \"memry\": did you mean memory?");
}
