// The scores of a model, and what it sees, on the page of its run.

#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/data/batch.h"
#include "train/program/report/page.h"
#include "train/program/report/score_sections.h"
#include "train/program/run/run_report.h"

#include <cstring>

using namespace swingrad;
using namespace swingrad::test;

namespace {

Scores some_scores() {
    return scores_of({0, 0, 1, 1}, {{0, 0.95, 0, 0}, {1, 0.55, 0, 1}, {1, 0.56, 0, 0}, {1, 0.7, 0, 0}}, 4);
}

struct Seen {
    struct NoModel : Module {
    } model;
    Dataset data;
    ImageSamples samples;
    RunSubject subject;

    explicit Seen(Extent extent, int64_t images)
        : data{{"a"}, Tensor::zeros({images, extent.rows, extent.columns, 3}, DType::uint8), {}},
          samples(with_labels(data, images), normalisation_of("shapes")),
          subject{.recipe = {},
                  .model = model,
                  .training = samples,
                  .model_name = "nano",
                  .data_name = "shapes",
                  .settings = {}} {
        subject.recipe.batch_size = 4;
    }
    static const Dataset& with_labels(Dataset& data, int64_t images) {
        data.labels.assign(static_cast<size_t>(images), 0);
        return data;
    }
};

// Of a PNG file's header.
uint32_t size_in(const std::string& png, size_t place) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(png.at(place + i));
    return value;
}

}  // namespace

TEST_CASE("each class has a bar, its precision, recall and F1, and one without images has none") {
    const std::string html = html_of_classes(some_scores(), {"<a>", "b", "c", "d"});
    REQUIRE(contains(html, "&lt;a&gt;"));
    REQUIRE_FALSE(contains(html, "<a>"));
    REQUIRE(contains(html,
                     "<span style=\"--share:0.500\"></span></td><td>50.0 %</td><td>100.0 %</td><td>66.7 %</td><td>2"));
    REQUIRE(contains(html,
                     "<span style=\"--share:1.000\"></span></td><td>100.0 %</td><td>66.7 %</td><td>80.0 %</td><td>2"));
    REQUIRE(occurrences(html, "<td class=\"bar\"></td><td>-</td><td>-</td><td>-</td><td>0</td>") == 2);
    REQUIRE(contains(html, "<td>75.0 %</td><td>83.3 %</td><td>73.3 %</td><td>4</td>"));  // means of a and b
    REQUIRE_FALSE(contains(html, "<details>"));
    REQUIRE(contains(error_of([] { html_of_classes(some_scores(), {"a"}); }), "got 1 names of 4 classes"));
}

TEST_CASE("many classes are folded away") {
    const std::vector<std::string> names(21, "n");
    REQUIRE(contains(html_of_classes(scores_of({0}, {{0, 1, 0, 0}}, 21), names), "<details><summary>21 classes"));
}

TEST_CASE("calibration is a figure over the bins that have samples, and says what it comes to") {
    const Figure figure = calibration_figure(some_scores(), "images").figure;
    REQUIRE(figure.series.size() == 3);
    REQUIRE(figure.series[0].x.size() == 3);  // 0.55 and 0.56 share a bin
    REQUIRE(figure.series[0].x[0] == Approx(55.5));
    REQUIRE(figure.series[0].y == std::vector<double>{50, 100, 100});
    REQUIRE(figure.series[1].x == figure.series[1].y);
    REQUIRE(figure.series[2].y == std::vector<double>{50, 25, 25});
    const std::string html = html_of_calibration(some_scores(), "images");
    // Mean probability 0.69, right 0.75, error (2 * 0.055 + 0.3 + 0.05) / 4.
    REQUIRE(contains(html, "gives its answer 69.0 %, and is right in 75.0 %"));
    REQUIRE(contains(html, "15 bins: 11.5 %"));
    REQUIRE(occurrences(html, "<tr><td>") == 3);
}

TEST_CASE("the page shows the first images as the model sees them, small, and none of samples that are no images") {
    const std::string png = png_of_first_batch(Seen({4, 4}, 6).subject);
    REQUIRE(size_in(png, 16) == 4 * 98 - 2);  // a batch of four, each enlarged to 96 pixels
    REQUIRE(size_in(png, 20) == 96);
    REQUIRE(size_in(png_of_first_batch(Seen({300, 300}, 6).subject), 16) == 4 * 302 / 2 - 1);
    REQUIRE(png_of_first_batch(Seen({4, 4}, 3).subject).empty());  // less than a batch

    Seen seen({4, 4}, 6);
    struct Numbers : Samples {
        int64_t size() const override { return 6; }
        Batch batch(std::span<const int64_t>, const Random*) const override { return {}; }
    } numbers;
    const RunSubject none{
        .recipe = {}, .model = seen.model, .training = numbers, .model_name = "n", .data_name = "n", .settings = {}};
    REQUIRE(png_of_first_batch(none).empty());
}
