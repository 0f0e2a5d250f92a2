// Measures of predictions: by hand, and against scikit-learn, PyTorch and torchmetrics.

#include "core/factories.h"
#include "core/io/file.h"
#include "core/io/json_file.h"
#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"
#include "train/loop/evaluate.h"
#include "train/program/evaluation/evaluation_output.h"
#include "train/program/report/scores/scores.h"

#include <numeric>

using namespace swingrad;
using namespace swingrad::test;

TEST_CASE("precision, recall and F1 of each class, their means and top-5 are as by hand") {
    // Classes 0 and 1 have samples, 2 is predicted without, 3 to 5 are neither.
    const std::vector<int64_t> labels{0, 0, 0, 1};
    const std::vector<Prediction> said{{0, 0.9, 0, 0}, {1, 0.5, 0, 4}, {2, 0.5, 0, 5}, {1, 0.8, 0, 0}};
    const Scores scores = scores_of(labels, said, 6);
    REQUIRE(scores.samples == 4);
    REQUIRE(scores.accuracy == 50);
    REQUIRE(scores.top5 == 75);
    const auto& classes = scores.classes;
    REQUIRE((classes[0].support == 3 && classes[0].predicted == 1 && classes[0].right == 1));
    REQUIRE((classes[1].support == 1 && classes[1].predicted == 2 && classes[1].right == 1));
    REQUIRE((classes[2].support == 0 && classes[2].predicted == 1 && classes[2].right == 0));
    REQUIRE(classes[0].precision == 1);
    REQUIRE(classes[0].recall == Approx(1.0 / 3));
    REQUIRE(classes[0].f1 == 0.5);
    REQUIRE(classes[1].precision == 0.5);
    REQUIRE(classes[1].recall == 1);
    REQUIRE(classes[1].f1 == Approx(2.0 / 3));
    REQUIRE((classes[2].precision == 0 && classes[2].recall == 0 && classes[2].f1 == 0));
    // Over three classes: nothing is known of the others.
    REQUIRE(scores.macro_precision == 0.5);
    REQUIRE(scores.macro_recall == Approx(4.0 / 9));
    REQUIRE(scores.macro_f1 == Approx(7.0 / 18));
    REQUIRE(scores.confusion[1] == 1);
    REQUIRE(scores.confusion[2] == 1);
    REQUIRE(std::accumulate(scores.confusion.begin(), scores.confusion.end(), int64_t{0}) == 4);
    REQUIRE(hardest_classes(scores, 5) == std::vector<int64_t>{0, 1});
    REQUIRE(hardest_classes(scores, 1) == std::vector<int64_t>{0});
    REQUIRE_FALSE(scores_of({0}, {{0, 1, 0, 0}}, 5).top5.has_value());
}

TEST_CASE("the calibration error weighs each bin by its samples, and a bin's end belongs to it") {
    // 0.2 = 3 / 15 ends the third bin; 0.21 and 0.25 lie in the fourth.
    const std::vector<int64_t> labels{0, 0, 0, 0};
    const std::vector<Prediction> said{{0, 0.2, 0, 0}, {0, 0.21, 0, 0}, {1, 0.25, 0, 1}, {0, 1, 0, 0}};
    const Scores scores = scores_of(labels, said, 6);
    REQUIRE(scores.bins.size() == 15);
    REQUIRE(scores.bins[2].samples == 1);
    REQUIRE(scores.bins[3].samples == 2);
    REQUIRE(scores.bins[3].confidence == Approx(0.23));
    REQUIRE(scores.bins[3].accuracy == 0.5);
    REQUIRE(scores.bins[14].samples == 1);
    REQUIRE(scores.calibration_error == Approx((0.8 + 2 * 0.27 + 0) / 4));
}

TEST_CASE("scores are those of scikit-learn, PyTorch and torchmetrics") {
    const nlohmann::json fixture = read_json_file(source_directory() / "tests/fixtures/scores.json");
    const auto labels = fixture["labels"].get<std::vector<int64_t>>();
    const auto values = fixture["logits"].get<std::vector<double>>();
    const auto N = static_cast<int64_t>(labels.size()), K = static_cast<int64_t>(values.size()) / N;
    Tensor logits = Tensor::empty({N, K}, DType::float64), classes = Tensor::empty({N}, DType::int64);
    std::copy(values.begin(), values.end(), logits.data<double>());
    std::copy(labels.begin(), labels.end(), classes.data<int64_t>());
    const std::vector<Prediction> said = predictions_of(logits, classes);
    const Scores scores = scores_of(labels, said, K);
    const auto close = [](double value) { return Approx(value).epsilon(1e-12).margin(1e-15); };
    REQUIRE(scores.accuracy == close(fixture["accuracy"]));
    REQUIRE(scores.top5.value_or(-1) == close(fixture["top5"]));
    for (size_t k = 0; k < static_cast<size_t>(K); ++k) {
        REQUIRE(scores.classes[k].precision == close(fixture["precision"][k]));
        REQUIRE(scores.classes[k].recall == close(fixture["recall"][k]));
        REQUIRE(scores.classes[k].f1 == close(fixture["f1"][k]));
        REQUIRE(scores.classes[k].support == fixture["support"][k].get<int64_t>());
        for (size_t other = 0; other < static_cast<size_t>(K); ++other)
            REQUIRE(scores.confusion[k * static_cast<size_t>(K) + other] ==
                    fixture["confusion"][k][other].get<int64_t>());
    }
    REQUIRE(scores.macro_precision == close(fixture["macro"][0]));
    REQUIRE(scores.macro_recall == close(fixture["macro"][1]));
    REQUIRE(scores.macro_f1 == close(fixture["macro"][2]));
    // torchmetrics computes it in float32.
    REQUIRE(scores.calibration_error == Approx(fixture["calibration_error"].get<double>()).epsilon(1e-6));
    double loss = 0;
    for (const Prediction& one : said) loss += one.loss / static_cast<double>(N);
    REQUIRE(loss == close(fixture["loss"]));
}

TEST_CASE("of equal logits the lower class comes first, in what is predicted and in the rank of the true one") {
    Tensor logits = Tensor::zeros({3, 3}, DType::float64), labels = Tensor::empty({3}, DType::int64);
    std::iota(labels.data<int64_t>(), labels.data<int64_t>() + 3, 0);
    const std::vector<Prediction> said = predictions_of(logits, labels);
    for (size_t k = 0; k < 3; ++k) {
        REQUIRE(said[k].predicted == 0);
        REQUIRE(said[k].rank == static_cast<int64_t>(k));
    }
}

TEST_CASE("scores as JSON have a name, a row and a bin for everything, and no matrix of thousands of classes") {
    const Scores scores = scores_of({0, 1, 2}, {{0, 0.9, 0, 0}, {0, 0.6, 0, 1}, {2, 0.7, 0, 0}}, 3);
    const nlohmann::json json = to_json(scores, {"a", "b", "c"});
    REQUIRE(json["classes"][1]["class"] == "b");
    REQUIRE(json["classes"][1]["recall"] == 0.0);
    REQUIRE(json["confusion"] == nlohmann::json::parse("[[1,0,0],[1,0,0],[0,0,1]]"));
    REQUIRE(json["calibration"].size() == 15);
    REQUIRE(json["calibration"][0]["above"] == 0.0);
    REQUIRE(json["calibration"][14]["up_to"] == 1.0);
    REQUIRE_FALSE(json.contains("top5_accuracy"));
    REQUIRE_FALSE(to_json(scores, {})["classes"][1].contains("class"));
    const Scores many = scores_of({7}, {{7, 1, 0, 0}}, most_in_matrix + 1);
    REQUIRE_FALSE(to_json(many, {}).contains("confusion"));
    REQUIRE(many.classes[7].f1 == 1);
}

TEST_CASE("labels that are none, or are not one a prediction, are refused") {
    const std::vector<Prediction> one{{0, 1, 0, 0}};
    REQUIRE(contains(error_of([&] { scores_of({}, {}, 3); }), "one at least"));
    REQUIRE(contains(error_of([&] { scores_of({0, 1}, one, 3); }), "got 2 labels and 1 predictions"));
    REQUIRE(contains(error_of([&] { scores_of({3}, one, 3); }), "sample 0 of class 3"));
    REQUIRE(contains(error_of([&] { scores_of({0}, {{-1, 1, 0, 0}}, 3); }), "was taken for -1"));
}

TEST_CASE("the table of the hardest classes has five at most, and names are letters") {
    const Scores scores = scores_of({0, 1, 2}, {{0, 0.9, 0, 0}, {0, 0.6, 0, 1}, {2, 0.7, 0, 0}}, 3);
    const std::string table = table_of_hardest(scores, {"a", "b\x1b[31m", "c"});
    REQUIRE(contains(table, "b\\x1b[31m"));
    REQUIRE(table.find("b\\x1b") < table.find("\na "));
    REQUIRE(contains(table, "  0.00 %"));
    REQUIRE(contains(table, " 50.00 %"));  // precision of a
    REQUIRE(table_of_hardest(scores_of({0}, {{0, 1, 0, 0}}, 2), {"a", "b"}).empty());
}
