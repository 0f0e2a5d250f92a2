// What the experiment finetune is made of: some classes of a data set, few images of each, findings. Its command:
// test_experiments.sh.

#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/experiments/finetune/findings.h"
#include "train/experiments/harness/classes.h"

#include <algorithm>
#include <set>

using namespace swingrad;
using namespace swingrad::test;
using nlohmann::json;

namespace {

// 40 images of 1 x 1 pixel that hold their number, of four classes by turns.
Dataset numbered() {
    Dataset data{{"a", "b", "c", "d"}, Tensor::empty({40, 1, 1, 3}, DType::uint8), {}};
    for (int64_t i = 0; i < data.images.numel(); ++i) data.images.data<uint8_t>()[i] = static_cast<uint8_t>(i / 3);
    for (int64_t i = 0; i < 40; ++i) data.labels.push_back(i % 4);
    return data;
}

std::vector<int64_t> numbers_in(const Dataset& data) {
    std::vector<int64_t> numbers;
    for (int64_t i = 0; i < data.size(); ++i) numbers.push_back(data.images.data<uint8_t>()[3 * i]);
    return numbers;
}

}  // namespace

TEST_CASE("some classes of a data set keep their images and names, and are labelled from 0") {
    const Dataset part = with_classes(numbered(), 1, 3);
    REQUIRE(part.classes == std::vector<std::string>{"b", "c"});
    REQUIRE(part.size() == 20);
    const std::vector<int64_t> numbers = numbers_in(part);
    for (size_t i = 0; i < 20; ++i) {
        REQUIRE(part.labels[i] == static_cast<int64_t>(i % 2));
        REQUIRE(numbers[i] == static_cast<int64_t>(4 * (i / 2) + 1 + i % 2));
    }
    REQUIRE(with_classes(numbered(), 0, 4).size() == 40);
    for (const auto& range : {std::pair{-1, 2}, {2, 2}, {3, 5}}) {
        const int64_t first = range.first, last = range.second;
        REQUIRE(error_of([&] { with_classes(numbered(), first, last); }) ==
                fmt::format("[finetune] classes {} to {} of 4", first, last));
    }
}

TEST_CASE("few images of each class are as many of all, once each, and others for another seed") {
    const Dataset data = numbered();
    const Dataset few = few_of_each(data, 3, Random{1});
    REQUIRE(few.classes == data.classes);
    const std::vector<int64_t> numbers = numbers_in(few);
    REQUIRE(std::set<int64_t>(numbers.begin(), numbers.end()).size() == 12);
    REQUIRE(std::is_sorted(numbers.begin(), numbers.end()));
    for (int64_t label = 0; label < 4; ++label) REQUIRE(std::count(few.labels.begin(), few.labels.end(), label) == 3);
    for (size_t i = 0; i < 12; ++i) REQUIRE(few.labels[i] == numbers[i] % 4);
    REQUIRE(numbers_in(few_of_each(data, 3, Random{1})) == numbers);
    REQUIRE(numbers_in(few_of_each(data, 3, Random{2})) != numbers);
    REQUIRE(numbers_in(few_of_each(data, 100, Random{1})) == numbers_in(data));
    // Each image is chosen as often as any other: 300 draws of 3 of 10 are 90 of each, give or take 8.
    std::vector<int64_t> times(40);
    for (uint64_t seed = 0; seed < 300; ++seed)
        for (const int64_t number : numbers_in(few_of_each(data, 3, Random{seed})))
            ++times[static_cast<size_t>(number)];
    for (const int64_t count : times) REQUIRE(std::abs(count - 90) < 40);
}

TEST_CASE("finetune's findings hold each method to the better one from scratch, seed by seed") {
    const auto seeds = [](const std::vector<double>& accuracies, int64_t trained) {
        std::vector<json> results;
        for (const double accuracy : accuracies)
            results.push_back(
                {{"stopped", ""}, {"accuracy", accuracy}, {"images", 75}, {"test_images", 1000}, {"trained", trained}});
        return results;
    };
    FinetuneSubject subject{"seven", "three", seeds({90, 91}, 500000), {}};
    subject.by_method = {seeds({50, 52}, 500000), seeds({53, 57}, 500000), seeds({70, 76}, 500000),
                         seeds({51, 61}, 500000), seeds({40, 44}, 291)};
    const Findings findings = finetune_findings({subject});
    const ResultTable& table = findings.tables.at(0);
    REQUIRE(table.title == "three, after seven");
    REQUIRE(table.rows[1] == std::vector<std::string>{"scratch, 4 times as long", "500,000", "55.0 +- 2.8", ""});
    REQUIRE(table.rows[2] == std::vector<std::string>{"whole", "500,000", "73.0 +- 4.2", "+18.0 +- 1.4"});
    REQUIRE(table.rows[4] == std::vector<std::string>{"probe", "291", "42.0 +- 2.8", "-13.0 +- 0.0"});
    REQUIRE(contains(table.note, "From 75 images"));
    REQUIRE(contains(table.note, "90.5 +- 0.7 %"));
    REQUIRE(
        findings.seen ==
        std::vector<std::string>{
            "three, whole against the better from scratch: +18.0 points, more than twice the standard error of 1.0: "
            "what was learnt before helps.",
            "three, layer decay against the better from scratch: +1.0 points, not more than twice the standard "
            "error of 3.0: no difference that these seeds can show.",
            "three, probe against the better from scratch: -13.0 points, more than twice the standard error of 0.0: "
            "what was learnt before is in the way."});
    const Figure& figure = findings.figures.at(0).figure;
    REQUIRE(figure.x_names.size() == 5);
    REQUIRE(figure.series.at(0).y == std::vector<double>{51, 55, 73, 56, 42});

    for (std::vector<json>& results : subject.by_method) results.resize(1);
    subject.base.resize(1);
    subject.by_method[2][0].at("stopped") = "the loss of step 3 is nan";
    const Findings single = finetune_findings({subject});
    REQUIRE(contains(single.seen[0], "+17.0 points; a single seed does not say"));
    REQUIRE(single.seen.back() == "three, whole, seed 0: training stopped, as the loss of step 3 is nan.");
}
