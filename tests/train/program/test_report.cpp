// The page of a run and what it is made of.

#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/data/batch.h"
#include "train/loop/trainer.h"
#include "train/program/console/text.h"
#include "train/program/report/confusion.h"
#include "train/program/report/examples.h"
#include "train/program/report/log_table.h"
#include "train/program/report/page.h"
#include "train/program/run/run_report.h"

#include <cmath>
#include <limits>

using namespace swingrad;
using namespace swingrad::test;
using namespace std::string_literals;

namespace {

// n images of 4 x 4, classes in turn.
Dataset images_of(const std::vector<std::string>& classes, int64_t n) {
    Dataset data;
    data.classes = classes;
    data.images = Tensor::zeros({n, 4, 4, 3}, DType::uint8);
    for (int64_t i = 0; i < n; ++i) data.labels.push_back(i % static_cast<int64_t>(classes.size()));
    return data;
}

// What a report asks of a run: names, settings, how many samples.
struct Reported {
    struct NoModel : Module {
    } model;
    Dataset data;
    ImageSamples samples;
    RunSubject subject;

    explicit Reported(const std::vector<std::string>& classes)
        : data(images_of(classes, 6)),
          samples(data, normalisation_of("shapes")),
          subject{.recipe = {},
                  .model = model,
                  .training = samples,
                  .model_name = "nano",
                  .data_name = "folder:/home/somebody/pictures",
                  .samples_are = "images",
                  .classes = classes.size(),
                  .settings = {{"data", "folder:/home/somebody/pictures"}, {"lr", 0.001}}} {}
};

const char* const two_epochs =
    "{\"epoch\":1,\"train_loss\":2.5,\"validation_accuracy\":50.0,\"seconds\":60.0,\"images_per_s\":100.0}\n"
    "{\"epoch\":2,\"train_loss\":null,\"validation_accuracy\":75.5,\"seconds\":120.0,\"images_per_s\":100.0}\n";

}  // namespace

TEST_CASE("a run's learning rate has a point a step, and of a long run so many that none is missed") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    Recipe recipe;
    recipe.epochs = 4;
    recipe.warmup_epochs = 1;
    nlohmann::json config = to_json(recipe);
    config["derived"] = {{"model", "any"}};
    write_file_plainly(folder.config(), config.dump());
    write_file_plainly(folder.log(), "{\"epoch\":1,\"step\":5}\n{\"epoch\":2,\"step\":10}\n");
    const NamedLog named = named_log(folder, "a");
    REQUIRE(named.label_smoothing == recipe.label_smoothing);
    REQUIRE(named.rates.x == std::vector<double>{0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.6, 1.8, 2});
    for (int64_t i = 0; i < 10; ++i) REQUIRE(named.rates.y[static_cast<size_t>(i)] == schedule_of(recipe, 5).at(i));
    write_file_plainly(folder.log(), "{\"epoch\":2,\"step\":8000}\n");
    REQUIRE(named_log(folder, "a").rates.x.size() == 2000);
    config["derived"]["program"] = "own";  // whose loss may be of another kind
    write_file_plainly(folder.config(), config.dump());
    REQUIRE(named_log(folder, "a").label_smoothing == 0);
    for (const std::string log :
         {"{\"epoch\":1}\n", "{\"epoch\":0,\"step\":1}\n", "{\"epoch\":1,\"step\":1e30}\n", "\n"}) {
        write_file_plainly(folder.log(), log);
        REQUIRE(named_log(folder, "a").rates.x.empty());
    }
    write_file_plainly(folder.config(), "no JSON");
    REQUIRE(named_log(folder, "a").rates.x.empty());
}

TEST_CASE("a table that a phone cannot show whole says that it scrolls") {
    REQUIRE(html_scrolling("t", "x", 7).find("scrolls sideways") != std::string::npos);
    REQUIRE(html_scrolling("t", "x", 6).find("scrolls sideways") == std::string::npos);
}

TEST_CASE("text is escaped, quoted and cut for where it goes") {
    REQUIRE(escaped("<b a=\"x\"> & 'y'") == "&lt;b a=&quot;x&quot;&gt; &amp; &#39;y&#39;");
    REQUIRE(escaped("gr\xc3\xbc\xc3\x9f\xe2\x82\xac\n\x01") == "gr\xc3\xbc\xc3\x9f\xe2\x82\xac  ");
    REQUIRE(escaped("a\xff\xc3") == "a\xef\xbf\xbd\xef\xbf\xbd");
    REQUIRE(shell_word("runs/a-b_1.c") == "runs/a-b_1.c");
    REQUIRE(shell_word("") == "''");
    REQUIRE(path_word("-n") == "./-n");
    REQUIRE(path_word("--epochs 3") == "'./--epochs 3'");
    REQUIRE(path_word("runs/-n") == "runs/-n");
    REQUIRE(shell_word("my run") == "'my run'");
    REQUIRE(shell_word("it's $x") == "'it'\\''s $x'");
    REQUIRE(without_folders("runs/first") == "runs/first");
    REQUIRE(without_folders("/home/ada/runs/first/") == ".../first");
    REQUIRE(without_folders("folder:/home/ada/cifar") == "folder:.../cifar");
    REQUIRE(without_folders("--output=/a") == "--output=.../a");
    REQUIRE(without_folders("/") == "...");
    REQUIRE(without_folders("--lr") == "--lr");
}

TEST_CASE("base64 is that of RFC 4648") {
    REQUIRE(base64("").empty());
    REQUIRE(base64("f") == "Zg==");
    REQUIRE(base64("fo") == "Zm8=");
    REQUIRE(base64("foo") == "Zm9v");
    REQUIRE(base64("foobar") == "Zm9vYmFy");
    REQUIRE(base64("\xff\xfe\x00"s) == "//4A");
}

TEST_CASE("a log is read as columns, half a line and all, and written as CSV") {
    const TemporaryDirectory directory;
    write_file_plainly(directory / "log.jsonl", std::string("{\"epoch\":1,\"a\":0.1,\"seconds\":1}\n"
                                                            "{\"epoch\":2,\"b\":3,\"a\":null,\"seconds\":2}\n"
                                                            "{\"test_accuracy\":50.0}\n[1]\n{\"epo"));
    const LogTable log = read_log(directory / "log.jsonl");
    REQUIRE(log.epochs.size() == 2);
    REQUIRE(log.column("seconds") == std::vector<double>{1, 2});
    REQUIRE(log.column("a")[0] == 0.1);
    REQUIRE(std::isnan(log.column("a")[1]));
    REQUIRE(std::isnan(log.column("b")[0]));
    REQUIRE(log.has("b"));
    REQUIRE(!log.has("c"));
    REQUIRE(log.test.at("test_accuracy") == 50.0);
    REQUIRE(csv_of(log) == "epoch,a,seconds,b\n1,0.1,1,\n2,,2,3\n");
    REQUIRE(csv_of({}).empty());
}

TEST_CASE("a line of a log that nests without end is no line of a log") {
    const TemporaryDirectory directory;
    constexpr size_t levels = 1'000'000;
    write_file_plainly(directory / "log.jsonl", "{\"epoch\":1,\"a\":" + std::string(levels, '[') +
                                                    std::string(levels, ']') + "}\n{\"epoch\":2,\"a\":3}\n");
    const LogTable log = read_log(directory / "log.jsonl");
    REQUIRE(log.unreadable.size() == 1);
    REQUIRE(log.unreadable[0].size() < 1000);
    REQUIRE(csv_of(log) == "epoch,a\n2,3\n");
}

TEST_CASE("a confusion counts, and lists the most frequent mistakes and the hardest classes") {
    const std::vector<int64_t> labels{0, 0, 0, 1, 1, 2};
    const std::vector<Prediction> said{{0, 1, 0}, {1, 1, 0}, {1, 1, 0}, {1, 1, 0}, {0, 1, 0}, {2, 1, 0}};
    const Confusion confusion(labels, said, 4);
    REQUIRE(confusion.count(0, 1) == 2);
    REQUIRE(confusion.count(1, 0) == 1);
    REQUIRE(confusion.images(0) == 3);
    REQUIRE(confusion.share(0, 0) == Approx(1.0 / 3));
    REQUIRE(confusion.share(3, 3) == 0);
    const auto mistakes = confusion.mistakes(5);
    REQUIRE(mistakes.size() == 2);
    REQUIRE((mistakes[0].truth == 0 && mistakes[0].predicted == 1 && mistakes[0].count == 2));
    REQUIRE(confusion.mistakes(1).size() == 1);
    REQUIRE(confusion.hardest(5) == std::vector<int64_t>{0, 1, 2});  // class 3 has no image
    REQUIRE(error_of([&] { Confusion({0}, said, 4); }) == "[confusion] got 1 labels and 6 predictions");

    const std::string html = html_of(confusion, {"a", "b", "c", "d"});
    REQUIRE(contains(html, "<td class=\"mistake strong\" style=\"--shade:0.82\">2</td>"));
    REQUIRE(contains(html, "<td class=\"right\" style=\"--shade:0.58\">1</td>"));
    REQUIRE(contains(html, "<td>no image</td>"));
}

TEST_CASE("many classes are a picture and a list instead of a table") {
    std::vector<std::string> names;
    std::vector<int64_t> labels;
    std::vector<Prediction> said;
    for (int64_t k = 0; k < 100; ++k) {
        names.push_back("class " + std::to_string(k));
        labels.push_back(k);
        said.push_back({k == 7 ? 9 : k, 1, 0});
    }
    const std::string html = html_of(Confusion(labels, said, 100), names);
    REQUIRE(!contains(html, "class=\"matrix\""));
    REQUIRE(contains(html, "<td class=\"name\">class 7</td><td class=\"name\">class 9</td><td>1</td><td>100 %</td>"));
    REQUIRE(html.size() < 20000);
    REQUIRE(occurrences(html, "data:image/png;base64,") == 1);
}

TEST_CASE("the worst images are those of the highest loss, the surest are right and of several classes") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const std::vector<Prediction> said{{0, 0.9, 0.1}, {0, 0.8, 0.3}, {1, 0.7, 3}, {1, 0.6, nan}, {0, 0.95, 0.05}};
    REQUIRE(worst(said, 3) == std::vector<int64_t>{2, 1, 0});
    REQUIRE(worst(said, 9).back() == 3);
    REQUIRE(surest(said, {0, 0, 0, 1, 0}, 2) == std::vector<int64_t>{4, 3});
    REQUIRE(surest(said, {1, 1, 0, 0, 1}, 2).empty());
    REQUIRE(worst({}, 3).empty());
}

TEST_CASE("a large image is shrunk by a whole factor, by means") {
    Tensor image = Tensor::empty({5, 4, 3}, DType::uint8);
    for (int64_t i = 0; i < image.numel(); ++i) image.data<uint8_t>()[i] = static_cast<uint8_t>(i);
    REQUIRE(shrunk(image, 5).shape() == Shape{5, 4, 3});
    const Tensor half = shrunk(image, 3);
    REQUIRE(half.shape() == Shape{2, 2, 3});
    REQUIRE(half.values()[0] == std::round((0 + 3 + 12 + 15) / 4.0));
    REQUIRE(half.values()[11] == std::round((32 + 35 + 44 + 47) / 4.0));
}

TEST_CASE("a report shows names of classes as text, whatever they are, and no folder of the machine") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    const std::vector<std::string> classes{"<script>alert(1)</script>", "a & \"b\"", "gr\xc3\xbcn"};
    write_file_plainly(folder.log(), two_epochs);
    const Dataset data = images_of(classes, 6);
    const std::vector<Prediction> predictions(6, {0, 0.75, 1.25});
    const Judged judged{"validation", 2, data.size(), &data, 50, 1.5, predictions};
    report_on(folder, Reported(classes).subject, 98765, &judged);

    const std::string html = contents_of(folder.report());
    REQUIRE(!contains(html, "<script"));
    REQUIRE(contains(html, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    REQUIRE(contains(html, "a &amp; &quot;b&quot;"));
    REQUIRE(contains(html, "gr\xc3\xbcn"));
    REQUIRE(contains(html, "98,765"));
    REQUIRE(contains(html, "75.50 %"));
    REQUIRE(contains(html, "after epoch 2"));
    REQUIRE(contains(html, "<td>not finite</td>"));
    REQUIRE(contains(html, "2 min 00 s"));
    REQUIRE(contains(html, "folder:.../pictures"));
    REQUIRE(!contains(html, "somebody"));
    REQUIRE(!contains(html, directory.path().parent_path().string() + "/"));
    REQUIRE(!contains(html, "src=\"http"));
    REQUIRE(occurrences(html, "<img ") == occurrences(html, "<img alt=\""));
    REQUIRE(occurrences(html, "data:image/png;base64,") == 8);  // all six, and the two that are right
}

TEST_CASE("a report before the first epoch, and one of a damaged environment, say what is missing") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    report_on(folder, Reported({"a"}).subject, 1, nullptr);
    REQUIRE(contains(contents_of(folder.report()), "None yet."));
    REQUIRE(contains(contents_of(folder.report()), "Not recorded."));
    const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
    for (const std::string& damaged : {std::string("[{\"started\""), deep, std::string("{}")}) {
        write_file_plainly(folder.environment(), damaged);
        report_on(folder, Reported({"a"}).subject, 1, nullptr);
        REQUIRE(contains(contents_of(folder.report()), "Not recorded."));
    }
    write_file_plainly(folder.environment(), std::string(R"([{"started": 3}, {"version": "0.2"}])"));
    report_on(folder, Reported({"a"}).subject, 1, nullptr);
    REQUIRE(contains(contents_of(folder.report()), "Before, from ?"));
}

TEST_CASE("a report on a model without classes has losses and no accuracy") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    Reported reported({"a"});
    reported.subject.samples_are = "samples";
    reported.subject.classes = 0;
    write_file_plainly(folder.log(), std::string("{\"epoch\":1,\"train_loss\":2.5,\"validation_loss\":2.25,"
                                                 "\"seconds\":60.0,\"samples_per_s\":321.0}\n"));
    const std::vector<Prediction> none;
    const Judged judged{"validation", 1, 17, nullptr, std::nan(""), 2.25, none};
    report_on(folder, reported.subject, 5, &judged);
    const std::string html = contents_of(folder.report());
    REQUIRE(contains(html, "17 validation samples, weights of epoch 1: loss 2.25."));
    REQUIRE(contains(html, "321"));
    REQUIRE(contains(html, "samples/s"));
    REQUIRE_FALSE(contains(html, "accuracy"));
    REQUIRE_FALSE(contains(html, "<h2>Confusion</h2>"));
}

TEST_CASE("of epochs with equal accuracy a report names the one with the lower loss, whose weights are kept") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    const char* line = "{{\"epoch\":{},\"train_loss\":2.5,\"validation_loss\":{},\"validation_accuracy\":50.0}}\n";
    write_file_plainly(folder.log(), fmt::format(fmt::runtime(line), 1, 2.0) + fmt::format(fmt::runtime(line), 2, 1.5) +
                                         fmt::format(fmt::runtime(line), 3, 1.75));
    report_on(folder, Reported({"a"}).subject, 1, nullptr);
    REQUIRE(contains(contents_of(folder.report()), "after epoch 2"));
}
