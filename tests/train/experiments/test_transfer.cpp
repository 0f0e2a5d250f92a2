// What the experiment transfer is made of: larger images, coordinates beyond the trained ones, biases, findings. Its
// command: test_experiments.sh.

#include "tests/models/small_swin.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "train/data/pixels/resize.h"
#include "train/experiments/transfer.h"
#include "train/experiments/window_transfer.h"

#include <cmath>
#include <numeric>

using namespace swingrad;
using namespace swingrad::test;
using nlohmann::json;

TEST_CASE("larger images of a dataset are its images resized, with their labels") {
    Dataset data{{"a", "b"}, Tensor::empty({20, 3, 2, 3}, DType::uint8), {}};
    for (int64_t i = 0; i < data.images.numel(); ++i) data.images.data<uint8_t>()[i] = static_cast<uint8_t>(i * 37);
    for (int64_t i = 0; i < 20; ++i) data.labels.push_back(i % 2);
    const Dataset larger = resized(data, {5, 6});
    REQUIRE(larger.images.shape() == Shape{20, 5, 6, 3});
    REQUIRE(larger.labels == data.labels);
    REQUIRE(larger.classes == data.classes);
    for (int64_t i = 0; i < 20; ++i) {
        Tensor image = Tensor::empty({3, 2, 3}, DType::uint8);
        std::copy_n(data.images.data<uint8_t>() + i * 18, 18, image.data<uint8_t>());
        const Tensor expected = resized(image, {5, 6});
        REQUIRE(std::equal(expected.data<uint8_t>(), expected.data<uint8_t>() + 90,
                           larger.images.data<uint8_t>() + i * 90));
    }
}

TEST_CASE("from window 8 to 16 coordinates leave the trained range as the paper says") {
    REQUIRE(extrapolation(OffsetScale::tokens, 8, 16) == Approx(8.0 / 7));
    REQUIRE(extrapolation(OffsetScale::window, 8, 16) == Approx(8.0 / 7));
    REQUIRE(extrapolation(OffsetScale::log_of_tokens, 8, 16) == Approx(1.0 / 3));
    REQUIRE(extrapolation(OffsetScale::log_of_window, 8, 16) == Approx(std::log(8 * 15.0 / 7 + 1) / std::log(9.0) - 1));
    REQUIRE(extrapolation(OffsetScale::tokens, 8, 8) == 0);
}

TEST_CASE("a bias map is the table's column of a head, and a network's does not depend on the window") {
    const auto bias_of = [](PositionBias kind, int64_t window, int64_t image, int64_t head, double table_step) {
        SwinConfig config = small_swin();
        config.img_size = {image, image};
        config.num_heads = {2, 2};
        config.window_size = {{window, window}, {window, window}};
        config.pretrained_window_sizes = {{4, 4}, {4, 4}};
        config.position_bias = kind;
        SwinV2 model(config);
        const Parameters parameters(model, DType::float32, Random{1, 1});
        for (const Parameters::Entry& entry : parameters.entries())
            if (entry.name == "layers.0.blocks.0.attn.relative_position_bias_table")
                for (int64_t i = 0; i < entry.value.numel(); ++i)
                    Tensor(entry.value).data<float>()[i] = static_cast<float>(table_step * static_cast<double>(i));
        return bias_map(config, parameters, head);
    };
    const auto table = bias_of(PositionBias::table, 4, 16, 1, 1);  // 7 x 7 offsets of two heads each
    REQUIRE(table.size() == 49);
    for (size_t i = 0; i < table.size(); ++i) REQUIRE(table[i] == 2 * static_cast<double>(i) + 1);
    for (const PositionBias kind : {PositionBias::log_cpb, PositionBias::linear_cpb}) {
        const auto trained = bias_of(kind, 4, 16, 0, 0), larger = bias_of(kind, 8, 32, 0, 0);
        REQUIRE(trained.size() == 7 * 7);
        REQUIRE(larger.size() == 15 * 15);
        REQUIRE(trained[0] != trained[1]);
        for (size_t row = 0; row < 7; ++row)
            for (size_t column = 0; column < 7; ++column)
                REQUIRE(larger[(row + 4) * 15 + column + 4] == Approx(trained[row * 7 + column]));
        REQUIRE(bias_of(kind, 4, 16, 1, 0) != trained);
    }
}

TEST_CASE("transfer's findings set changes beside the paper's, by kind, window and seed") {
    int made = 0;  // windows of 2 and 4 by turns
    const auto one = [&](double without, double with) {
        std::vector<double> bias(made++ % 2 == 0 ? 3 * 3 : 7 * 7);
        std::iota(bias.begin(), bias.end(), 0);
        return json{{"run", "r"},
                    {"stopped", ""},
                    {"test_images", 2500},
                    {"without", {{"accuracy", without}, {"bias", bias}}},
                    {"with", {{"accuracy", with}, {"bias", bias}}},
                    {"kept", {{"accuracy", without - 1}}}};
    };
    TransferResults results{{2, 4}, 1, {}};
    results.all = {one(50, 51), one(40, 45), one(52, 53), one(46, 48),
                   one(54, 55), one(51, 49), one(48, 49), one(30, 35)};
    const Findings findings = transfer_findings(results);
    REQUIRE(findings.tables[0].columns == std::vector<std::string>{"position bias", "1x", "1.5x", "2x", "2.5x", "3x"});
    REQUIRE(findings.tables[0].rows[0] == std::vector<std::string>{"table", "50.0", "-", "40.0", "-", "-"});
    REQUIRE(findings.tables[0].rows[5] ==
            std::vector<std::string>{"paper: log-cpb", "81.8", "82.4", "81.7", "80.4", "79.1"});
    REQUIRE(findings.tables[1].rows[2] == std::vector<std::string>{"linear-cpb", "53.0", "-", "48.0", "-", "-"});
    REQUIRE(findings.tables[1].rows[1] ==
            std::vector<std::string>{"paper: table", "-", "82.7", "83.0", "83.2", "83.2"});
    REQUIRE(
        findings.seen ==
        std::vector<std::string>{
            "2 times window and image, without fine-tuning, accuracy changes by so many points: table -10.0, "
            "linear-cpb -6.0, log-cpb -3.0, absolute -18.0 (in the paper -4.5, -0.5, -0.1). Log-cpb against table: "
            "+7.0, more than twice the standard error of 2.0. Log-cpb against linear-cpb: +3.0, not more than twice "
            "the standard error of 2.0. Log-cpb against absolute: +15.0, more than twice the standard error of 2.0.",
            "2 times the image with the trained window, as a control: table -11.0, linear-cpb -7.0, log-cpb -4.0, "
            "absolute -19.0 points.",
            "2 times, fine-tuned: table 45.0, linear-cpb 48.0, log-cpb 49.0, absolute 35.0 %. Log-cpb against "
            "table: +4.0, more than twice the standard error of 1.4. Log-cpb against linear-cpb: +1.0, not more "
            "than twice the standard error of 1.4. Log-cpb against absolute: +14.0, more than twice the standard "
            "error of 1.4."});
    REQUIRE(findings.tables[0].rows.size() == 7);
    REQUIRE(findings.tables[0].rows[6] == std::vector<std::string>{"absolute", "48.0", "-", "30.0", "-", "-"});
    REQUIRE(findings.tables[2].columns == std::vector<std::string>{"position bias", "1x", "2x"});
    REQUIRE(findings.tables[2].rows[3] == std::vector<std::string>{"absolute", "47.0", "29.0"});
    const Figure& bias = findings.figures[6].figure;
    REQUIRE(bias.title == "log-cpb: bias within a row");
    REQUIRE(bias.series[2].name == "window 2");
    REQUIRE(bias.series[2].x == std::vector<double>{-1, 0, 1});
    REQUIRE(bias.series[2].y == std::vector<double>{3, 4, 5});
    const Figure& maps = findings.figures.back().figure;
    REQUIRE(maps.maps.size() == 3);
    REQUIRE(maps.maps[2].title == "window 4, fine-tuned");
    REQUIRE(maps.maps[2].columns == 7);
    results.seeds = 2;
    results.all = {one(50, 51), one(40, 45),  one(52, 53), one(46, 48), one(54, 55), one(51, NAN),
                   one(54, 55), one(51, NAN), one(54, 55), one(51, 50), one(54, 55), one(50, 50),
                   one(48, 49), one(30, 35),  one(48, 49), one(30, 35)};
    results.all[5].at("stopped") = "it failed";
    const Findings more = transfer_findings(results);
    REQUIRE(more.tables[0].rows[0][3] == "43.0 +- 4.2");
    REQUIRE(more.tables[1].rows[2][3] == "-");
    REQUIRE(contains(more.seen[0], "table -8.0, linear-cpb -3.0, log-cpb -3.5"));
    REQUIRE(!contains(more.seen[2], "against linear-cpb"));
    REQUIRE(more.seen.back() == "r: fine-tuning stopped, as it failed.");
}
