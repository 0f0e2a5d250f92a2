// A run and its images: which are trained on, and whether they are still the same when it is resumed.

#include "core/io/json_file.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/train/program/image_folder.h"
#include "train/data/batch.h"
#include "train/loop/checkpoint.h"
#include "train/program/report/log_table.h"
#include "train/program/run/belonging.h"
#include "train/program/run/fingerprint.h"
#include "train/program/run/run.h"
#include "train/program/run/run_folder.h"
#include "train/program/run/surprises.h"

#include <set>

using namespace swingrad;
using namespace swingrad::test;

namespace {

namespace fs = std::filesystem;

// A run of one epoch on two classes.
struct TinyRun {
    TemporaryDirectory directory;
    fs::path data = directory / "data";
    RunFolder folder{directory / "run"};
    SwinRecipe recipe;

    TinyRun() {
        write_split("train", 4);
        write_split("test", 1);
        recipe.data = "folder:" + data.string();
        recipe.img_size = 16;
        recipe.model_args = {{"embed_dim", 12}, {"depths", {1, 1}}, {"num_heads", {1, 2}}};
        recipe.batch_size = 2;
        recipe.epochs = 1;
        recipe.validation = 0.25;
    }
    void write_split(const std::string& split, int images) const {
        write_class(data / split / "cat", images, 10, {16, 16, 3});
        write_class(data / split / "dog", images, 200, {16, 16, 3});
    }
    void train() const { REQUIRE(start_run(recipe, folder.path) == 0); }
    std::string resumed(const ResumeOptions& options = {}) const {
        return error_of([&] { resume_run(folder.path, options); });
    }
    RunConfig config() const { return read_config(folder); }
};

}  // namespace

TEST_CASE("settings of a run of another kind than a run writes are refused, and none is taken for a number") {
    const TinyRun run;
    run.train();
    const nlohmann::json good = read_json_file(run.folder.config());
    const auto refused = [&](const std::string& key, const std::string& value) {
        nlohmann::json config = good;
        config["derived"][key] = nlohmann::json::parse(value);
        write_file_plainly(run.folder.config(), config.dump());
        const std::string said = error_of([&] { read_config(run.folder); });
        INFO(key << " " << value << ": " << said);
        REQUIRE(contains(said, "\"" + key + "\" under \"derived\" is missing, or not as a run writes it"));
    };
    for (const char* value :
         {"[true, 0.5, 0.5]", "[0.5, 0.5]", "[0.5, 0.5, 0.5, 0.5]", "0.5", "null", "[[0.5], 0.5, 0.5]"})
        refused("mean", value);
    refused("deviation", "[0.5, true, 0.5]");
    for (const char* value : {"true", "6.5", "\"6\"", "18446744073709551615"}) refused("training_images", value);
    refused("images_of_class", "[3, true]");
    refused("classes", "[\"cat\", 7]");
    refused("uses_val", "1");
    refused("identity", "7");
    nlohmann::json config = good;
    config["seed"] = 18446744073709551615u;
    write_file_plainly(run.folder.config(), config.dump());
    REQUIRE(contains(error_of([&] { read_config(run.folder); }),
                     "\"seed\" must be at most 9223372036854775807, got 18446744073709551615"));
}

TEST_CASE("test images that cannot be read are found before the first epoch") {
    TinyRun run;
    const auto begun = [&] { return error_of([&] { start_run(run.recipe, run.folder.path); }); };
    for (const auto& entry : fs::directory_iterator(run.data / "test" / "cat"))
        write_file_plainly(entry.path(), "no picture");
    REQUIRE(contains(begun(), "expected JPEG or PNG, got neither"));
    run.recipe.skip_broken = true;
    REQUIRE(contains(begun(), "test/cat: none of its files is a picture"));
    REQUIRE(!fs::exists(run.folder.path));
}

TEST_CASE("runs are marked alike where they compute the same, and else not") {
    const auto identity = [](auto&& change) {
        TinyRun run;
        change(run);
        run.train();
        const std::string found = run.config().identity;
        REQUIRE(found.size() == 16);
        for (const fs::path& file : {run.folder.best(), run.folder.weights(), run.folder.last()})
            REQUIRE(error_of([&] { require_of_run(file, found); }) == "no error");
        REQUIRE(epoch_of(run.folder.best()) == 1);
        REQUIRE(contains(error_of([&] { require_of_run(run.folder.best(), "0123456789abcdef"); }),
                         "does not belong to this run, but to another"));
        return found;
    };
    const std::string first = identity([](TinyRun&) {});
    REQUIRE(identity([](TinyRun&) {}) == first);
    REQUIRE(identity([](TinyRun& run) { run.recipe.checkpoint_every = 1; }) == first);
    REQUIRE(identity([](TinyRun& run) { run.recipe.seed = 1; }) != first);
    REQUIRE(identity([](TinyRun& run) { write_class(run.data / "train" / "cat", 4, 11, {16, 16, 3}); }) != first);
}

TEST_CASE("a run goes on with images that have moved, and remembers where") {
    const TinyRun run;
    run.train();
    const fs::path moved = run.directory / "moved";
    fs::rename(run.data, moved);
    REQUIRE(run.resumed() == "[train] " + run.data.string() + ": no such folder; --data says where the images are now");
    REQUIRE(run.resumed({.data = "folder:" + moved.string()}) == "no error");
    REQUIRE(run.config().recipe.data == "folder:" + moved.string());
    REQUIRE(run.resumed() == "no error");
}

TEST_CASE("a resumed run says what about its images has changed, and goes on where that is accepted") {
    TinyRun run;
    run.train();
    const std::string config = contents_of(run.folder.config());
    const std::string begin =
        "[train] " + run.recipe.data + " is not what " + run.folder.path.string() + " was trained on: ";
    const std::string hint = "; --accept-other-data goes on all the same";

    SECTION("a class has another name") {
        for (const std::string split : {"train", "test"})
            fs::rename(run.data / split / "cat", run.data / split / "kitten");
        REQUIRE(run.resumed() == begin + "no longer a class \"cat\", a new class \"kitten\"" + hint);
        REQUIRE(contents_of(run.folder.config()) == config);
        REQUIRE(run.resumed({.accept_other_data = true}) == "no error");
        REQUIRE(run.config().classes == std::vector<std::string>{"dog", "kitten"});
        REQUIRE(run.resumed() == "no error");
    }
    SECTION("an image is gone") {
        fs::remove(run.data / "train/dog/0.PNG");
        REQUIRE(run.resumed() == begin + "2 images of class \"dog\" to train on, before 3" + hint);
        REQUIRE(run.resumed({.accept_other_data = true}) == "no error");
        REQUIRE(run.config().training_images == 5);
        REQUIRE(run.resumed() == "no error");
    }
    SECTION("so many images are gone that there is no batch, and nothing is written") {
        for (const std::string kind : {"cat", "dog"})
            for (const int i : {0, 1, 2}) fs::remove(run.data / "train" / kind / fmt::format("{}.PNG", i));
        REQUIRE(run.resumed({.accept_other_data = true}) != "no error");
        REQUIRE(contents_of(run.folder.config()) == config);
    }
    SECTION("an image is gone, and the last checkpoint cannot be read: nothing is written") {
        fs::remove(run.data / "train/dog/0.PNG");
        write_file_plainly(run.folder.last(), contents_of(run.folder.last()) + " ");
        REQUIRE(run.resumed({.accept_other_data = true}) != "no error");
        REQUIRE(contents_of(run.folder.config()) == config);
    }
    SECTION("an image is another one") {
        for (int i = 0; i < 4; ++i) write_class(run.data / "train/dog", 4, 100, {16, 16, 3});
        REQUIRE(run.resumed() == begin + "as many images, but not the same pixels in the same order" + hint);
        REQUIRE(run.resumed({.accept_other_data = true}) == "no error");
    }
    SECTION("a class more, which the model has no place for") {
        for (const std::string split : {"train", "test"}) write_class(run.data / split / "owl", 2, 50, {16, 16, 3});
        REQUIRE(run.resumed({.accept_other_data = true}) == begin + "a new class \"owl\"");
    }
    SECTION("nothing; a run of version 0.1 knows less of its images and turned none upright") {
        TinyRun before;
        before.recipe.ignore_exif = true;
        before.train();
        nlohmann::json old = nlohmann::json::parse(contents_of(before.folder.config()));
        for (const char* key : {"images_of_class", "fingerprint", "uses_val"}) old["derived"].erase(key);
        for (const char* key : {"ignore-exif", "skip-broken"}) old.erase(key);
        write_file_plainly(before.folder.config(), old.dump());
        REQUIRE(before.config().recipe.ignore_exif);
        REQUIRE(before.resumed() == "no error");
        fs::remove(before.data / "train/dog/0.PNG");
        REQUIRE(contains(before.resumed(), ": 5 images to train on, before 6" + hint));
    }
    SECTION("a setting of the images, or of the model, edited by hand: the checkpoint knows the one before") {
        for (const auto& [key, value] : {std::pair{"flip", "0"}, {"crop-padding", "1"}}) {
            nlohmann::json edited = nlohmann::json::parse(config);
            edited[key] = nlohmann::json::parse(value);
            write_file_plainly(run.folder.config(), edited.dump());
            REQUIRE(contains(run.resumed(), std::string("made with ") + key + " "));
        }
        nlohmann::json edited = nlohmann::json::parse(config);
        edited["derived"]["model"]["drop_path_rate"] = 0.5;
        write_file_plainly(run.folder.config(), edited.dump());
        REQUIRE(contains(run.resumed(), "made with architecture.drop_path_rate "));
    }
    SECTION("means that no picture has") {
        nlohmann::json edited = nlohmann::json::parse(config);
        edited["derived"]["mean"][1] = 1e300;
        write_file_plainly(run.folder.config(), edited.dump());
        REQUIRE(run.resumed() ==
                "[run] " + run.folder.config().string() + ": \"mean\" must be 0 to 1 of each channel, got inf");
    }
}

TEST_CASE("in the middle of an epoch, images that are fewer or more begin the epoch anew") {
    TinyRun run;
    run.recipe.epochs = 2;
    run.recipe.checkpoint_every = 5;  // of 6 steps
    run.train();
    fs::copy_file(run.folder.previous(), run.folder.last(), fs::copy_options::overwrite_existing);
    REQUIRE(checkpoint_state(run.folder.last())["batch"] == 2);
    const int change = GENERATE(-1, 4);
    if (change < 0) fs::remove(run.data / "train/dog/0.PNG");
    else write_class(run.data / "train/dog", 8, 200, {16, 16, 3});
    REQUIRE(run.resumed({.accept_other_data = true}) == "no error");
    const int64_t images = run.config().training_images;
    REQUIRE((images < 6) == (change < 0));
    REQUIRE(images / 2 != 3);
    const nlohmann::json state = checkpoint_state(run.folder.last());
    REQUIRE(state["epoch"] == 2);
    REQUIRE(state["batches_per_epoch"] == images / 2);
    // 5 steps before, and an epoch of the new images.
    REQUIRE(state["steps_apart"] == 5 - images / 2);
    REQUIRE(read_log(run.folder.log()).epochs.size() == 2);
    REQUIRE(run.resumed() == "no error");
}

TEST_CASE("val validates, and a run without test images has no test") {
    TinyRun run;
    fs::rename(run.data / "test", run.data / "val");
    run.train();
    REQUIRE(run.config().training_images == 8);
    const LogTable log = read_log(run.folder.log());
    REQUIRE(log.has("validation_accuracy"));
    REQUIRE(log.test.is_null());
    REQUIRE_FALSE(contains(contents_of(run.folder.report()), "Test accuracy"));
    REQUIRE(fs::exists(run.folder.weights()));
}

TEST_CASE("a fingerprint is of every pixel and label, and of samples that are no images") {
    Dataset data{{"a", "b"}, Tensor::zeros({3, 2, 2, 3}, DType::uint8), {0, 1, 0}};
    const auto fingerprint = [&] { return fingerprint_of(ImageSamples(data, {}), nullptr); };
    std::set<std::string> all{fingerprint()};
    for (int64_t i = 0; i < data.images.numel(); ++i) {
        data.images.data<uint8_t>()[i] = 1;
        all.insert(fingerprint());
        data.images.data<uint8_t>()[i] = 0;
    }
    data.labels[2] = 1;
    all.insert(fingerprint());
    REQUIRE(all.size() == 38);

    struct Numbers : Samples {
        double first = 0;
        int64_t size() const override { return 1000; }
        Batch batch(std::span<const int64_t> indices, const Random*) const override {
            const double value = indices[0] == 0 ? first : static_cast<double>(indices[0]);
            return {Tensor::from({1, 1}, std::vector<double>{value}), Tensor::zeros({1}, DType::int64)};
        }
    } numbers;
    const std::string before = fingerprint_of(numbers, nullptr);
    REQUIRE(before == fingerprint_of(numbers, nullptr));
    REQUIRE(before != fingerprint_of(numbers, &numbers));
    numbers.first = 1;
    REQUIRE(before != fingerprint_of(numbers, nullptr));
}

TEST_CASE("what a run is asked for and was hardly meant is said") {
    struct NoModel : Module {
    } model;
    Dataset data{{"a", "b", "c"}, Tensor::zeros({2, 2, 2, 3}, DType::uint8), {0, 1}};
    const ImageSamples samples(data, normalisation_of("shapes"));
    RunSubject subject{.recipe = {},
                       .model = model,
                       .training = samples,
                       .validation = &samples,
                       .model_name = "",
                       .data_name = "",
                       .classes = 3,
                       .settings = {}};
    REQUIRE(surprises_of(subject) ==
            std::vector<std::string>{"no image to train on of class c", "no image to validate on of class c"});
    subject.settings = {{"aa", "rand-m9"}, {"color-jitter", 0.4}};
    REQUIRE(contains(surprises_of(subject).front(), "the colour jitter is left out beside a policy"));
    subject.settings["aa"] = "";
    REQUIRE(surprises_of(subject).size() == 2);
    data.labels = {2, 1};
    subject.validation = nullptr;
    subject.recipe.epochs = 2;
    subject.recipe.warmup_epochs = 2.5;
    data.classes = {"a"};
    data.labels = {0, 0};
    subject.classes = 1;
    const std::vector<std::string> lines = surprises_of(subject);
    REQUIRE(lines.size() == 2);
    REQUIRE(contains(lines[0], "the warm-up of 2.5 epochs is longer than the run of 2"));
    REQUIRE(contains(lines[1], "a single class"));
    subject.recipe.model_ema = true;
    subject.recipe.batch_size = 1;
    REQUIRE(contains(surprises_of(subject)[1], "reach back over 5000 steps of the run's 4, to where it began"));
    subject.recipe.model_ema_warmup = true;
    REQUIRE(surprises_of(subject).size() == 2);
}
