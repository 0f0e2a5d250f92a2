#include "core/threads.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "tests/train/program/image_folder.h"
#include "train/program/images/data_source.h"
#include "train/program/own/own_program.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

void write_folder(const std::filesystem::path& root, const std::string& test = "test") {
    write_class(root / "train/dog", 3, 100);
    write_class(root / "train/cat", 2, 50);
    write_class(root / test / "dog", 1, 200);
    write_class(root / test / "cat", 2, 150);
}

std::string loading_error(const DataSource& source, Split split, Extent extent = {32, 32}) {
    return error_of([&] { load_dataset(source, split, {extent}); });
}

}  // namespace

TEST_CASE("a data source is a kind and, but for shapes, a directory") {
    REQUIRE(parse_data_source("shapes").kind == "shapes");
    REQUIRE(parse_data_source("folder:/a/b:c").kind == "folder");
    REQUIRE(parse_data_source("folder:/a/b:c").directory == "/a/b:c");
    REQUIRE(parse_data_source("cifar100:d").kind == "cifar100");
    for (const std::string text : {"", "mnist", "cifar10", "cifar10:", "shapes:", "shapes:x", "folder:", "Folder:x"})
        REQUIRE(error_of([&] { parse_data_source(text); }) ==
                "[data] expected shapes, cifar10:DIR, cifar100:DIR or folder:DIR, got \"" + text + "\"");
}

TEST_CASE("a folder is read class by class, in the order of names, on any number of threads") {
    const TemporaryDirectory directory;
    const auto [test, split] = GENERATE(std::pair("test", Split::test), std::pair("val", Split::validation));
    write_folder(directory.path(), test);
    for (const std::string litter : {".hidden", "Thumbs.db", "desktop.ini", "__MACOSX/._x.jpg", ".DS_Store"})
        for (const std::string folder : {"train", "train/cat"})
            write_file_plainly(directory.path() / folder / litter, "");
    const DataSource source{"folder", directory.path()};
    REQUIRE(class_names(source) == std::vector<std::string>{"cat", "dog"});

    const int threads = thread_count();
    for (const int count : {1, 3}) {
        set_thread_count(count);
        const Dataset train = load_dataset(source, Split::train, {{5, 4}});
        REQUIRE(train.classes == std::vector<std::string>{"cat", "dog"});
        REQUIRE(train.labels == std::vector<int64_t>{0, 0, 1, 1, 1});
        REQUIRE(train.images.shape() == Shape{5, 5, 4, 3});
        const std::vector<int> values{50, 51, 100, 101, 102};
        for (int64_t i = 0; i < train.images.numel(); ++i)
            if (train.images.data<uint8_t>()[i] != values[static_cast<size_t>(i / 60)]) FAIL(i);
        REQUIRE(load_dataset(source, split, {{5, 4}}).labels == std::vector<int64_t>{0, 0, 1});
    }
    set_thread_count(threads);
}

TEST_CASE("what is wrong with a folder is named") {
    const TemporaryDirectory directory;
    const auto& root = directory.path();
    write_folder(root);
    const auto error = [&](Split split) { return loading_error({"folder", root}, split, {5, 4}); };
    const auto at = [&](const std::string& name) { return "[folder] " + (root / name).string() + ": "; };

    SECTION("nothing: it is as it should be") { REQUIRE(error(Split::train) == "no error"); }
    SECTION("an image of another size") {
        write_class(root / "train/dog", 1, 0, {4, 5, 3});
        REQUIRE(error(Split::train) ==
                "[image] " + (root / "train/dog/0.PNG").string() + ": expected an image of 5 x 4 pixels, got 4 x 5");
        REQUIRE(error(Split::test) == "no error");
    }
    SECTION("a damaged image") {
        const std::string bytes = contents_of(root / "train/dog/2.PNG");
        write_file_plainly(root / "train/dog/2.PNG", bytes.substr(0, bytes.size() - 20));
        REQUIRE(error(Split::train) ==
                "[image] " + (root / "train/dog/2.PNG").string() + ": a PNG file that is cut off");
    }
    SECTION("a file that is no image") {
        write_file_plainly(root / "test/cat/notes.txt", "");
        REQUIRE(error(Split::test) ==
                "[image] " + (root / "test/cat/notes.txt").string() + ": expected JPEG or PNG, got an empty file");
    }
    SECTION("a file among the classes") {
        write_file_plainly(root / "train/notes.txt", "");
        REQUIRE(error(Split::train) == at("train/notes.txt") + "expected folders only, one a class");
    }
    SECTION("a class without images") {
        std::filesystem::create_directories(root / "train/ape");
        std::filesystem::create_directories(root / "test/ape");
        REQUIRE(error(Split::train) == at("train/ape") + "expected images, found none");
    }
    SECTION("a class in one split only") {
        write_class(root / "train/ape", 1, 0);
        REQUIRE(error(Split::test) == at("train") + "class ape is not in " + (root / "test").string());
        write_class(root / "test/ape", 1, 0);
        write_class(root / "test/bee", 1, 0);
        REQUIRE(error(Split::train) == at("test") + "class bee is not in " + (root / "train").string());
    }
    SECTION("no class") {
        std::filesystem::remove_all(root / "train");
        std::filesystem::create_directories(root / "train");
        REQUIRE(error(Split::train) == at("train") + "expected a folder a class, found none");
    }
    SECTION("no train") {
        std::filesystem::remove_all(root / "train");
        REQUIRE(error(Split::train) == at("train") + "no such folder");
    }
    SECTION("neither test nor val") {
        std::filesystem::remove_all(root / "test");
        REQUIRE(error(Split::test) == at("test") + "no such folder");
        REQUIRE(error_of([&] {
                    split_to_judge({"folder", root});
                }) == "[folder] " + root.string() + ": expected a folder test or val, found neither");
        REQUIRE(error(Split::train) == "no error");
    }
}

TEST_CASE("files that are no pictures can be left out, and are listed") {
    const TemporaryDirectory directory;
    const auto& root = directory.path();
    write_folder(root);
    write_file_plainly(root / "train/readme.txt", "what this is");
    write_file_plainly(root / "train/cat/0.5.gif", "GIF89a and so on");
    const std::string bytes = contents_of(root / "train/dog/1.PNG");
    write_file_plainly(root / "train/dog/1.PNG", bytes.substr(0, bytes.size() - 20));
    std::vector<std::string> left_out;
    LoadOptions options{.extent = {5, 4}, .left_out = [&](const std::string& problem) { left_out.push_back(problem); }};
    const Dataset data = load_dataset({"folder", root}, Split::train, options);
    REQUIRE(data.labels == std::vector<int64_t>{0, 0, 1, 1});
    REQUIRE(data.images.shape() == Shape{4, 5, 4, 3});
    const std::vector<int> values{50, 51, 100, 102};
    for (int64_t i = 0; i < data.images.numel(); ++i)
        if (data.images.data<uint8_t>()[i] != values[static_cast<size_t>(i / 60)]) FAIL(i);
    REQUIRE(left_out.size() == 3);
    REQUIRE(left_out[0].find("train/readme.txt: expected folders only") != std::string::npos);
    REQUIRE(left_out[1].find("train/cat/0.5.gif: expected JPEG or PNG, got GIF") != std::string::npos);
    REQUIRE(left_out[2].find("train/dog/1.PNG: a PNG file that is cut off") != std::string::npos);

    // Another size is no damage: it is the size asked for that may be wrong.
    options.extent = {4, 5};
    REQUIRE(error_of([&] {
                load_dataset({"folder", root}, Split::train, options);
            }).find("expected an image of 4 x 5") != std::string::npos);
    for (const std::string file : {"0.PNG", "1.PNG"}) write_file_plainly(root / "train/cat" / file, "nothing");
    options.extent = {5, 4};
    REQUIRE(error_of([&] {
                load_dataset({"folder", root}, Split::train, options);
            }) == "[folder] " + (root / "train/cat").string() + ": none of its files is a picture");
}

TEST_CASE("test images are judged without training images, and labelled by the model's classes") {
    const TemporaryDirectory directory;
    const auto& root = directory.path();
    write_class(root / "val/dog", 2, 200);
    const DataSource source{"folder", root};
    REQUIRE(split_to_judge(source) == Split::validation);
    REQUIRE(class_names(source) == std::vector<std::string>{"dog"});
    REQUIRE(load_dataset(source, Split::validation, {.extent = {5, 4}}).labels == std::vector<int64_t>{0, 0});
    const LoadOptions of_model{.extent = {5, 4}, .classes = {"cat", "cow", "dog"}};
    const Dataset data = load_dataset(source, Split::validation, of_model);
    REQUIRE(data.labels == std::vector<int64_t>{2, 2});
    REQUIRE(data.classes.size() == 3);
    write_class(root / "test/owl", 1, 0);
    REQUIRE(split_to_judge(source) == Split::test);
    REQUIRE(error_of([&] { load_dataset(source, Split::test, of_model); }) ==
            "[folder] " + (root / "test").string() + ": class owl is none of the model's");
}

TEST_CASE("images of a program of one's own are read when they are asked for") {
    const TemporaryDirectory directory;
    const auto& root = directory.path();
    const auto data = [&] { return image_data("folder:" + root.string(), {5, 4}); };
    write_class(root / "test/cat", 3, 0);
    REQUIRE(data().test()->size() == 3);
    REQUIRE(error_of([&] { (void)data().training->size(); }) ==
            "[folder] " + (root / "train").string() + ": no such folder");
    write_class(root / "train/cat", 20, 0);
    ProgramData held_out = data();
    REQUIRE(held_out.training->size() == 18);
    REQUIRE(held_out.validation->size() == 2);
    write_class(root / "val/cat", 4, 0);
    REQUIRE(data().training->size() == 20);
    REQUIRE(data().validation->size() == 4);
    std::filesystem::remove_all(root / "test");
    REQUIRE_FALSE(data().test);
}

TEST_CASE("a folder val is what a training validates on, unless it is not to be used") {
    const TemporaryDirectory directory;
    const DataSource source{"folder", directory.path()};
    write_folder(directory.path());
    const auto sizes = [&](bool use_val, double share) {
        const TrainingImages images = load_to_train(source, use_val, share, Random{}, {.extent = {5, 4}});
        return std::pair(images.training.size(), images.validation.size());
    };
    REQUIRE(sizes(true, 0.4) == std::pair<int64_t, int64_t>(3, 2));
    write_class(directory.path() / "val/cat", 1, 0);
    write_class(directory.path() / "val/dog", 3, 0);
    REQUIRE(sizes(true, 0.4) == std::pair<int64_t, int64_t>(5, 4));
    REQUIRE(sizes(false, 0.4) == std::pair<int64_t, int64_t>(3, 2));
    REQUIRE(sizes(true, 0) == std::pair<int64_t, int64_t>(5, 0));
}

TEST_CASE("classes that have changed are named") {
    REQUIRE(difference_of_classes({"a", "b"}, {"a", "b"}).empty());
    REQUIRE(difference_of_classes({"a", "b"}, {"b", "a"}) == "classes in another order");
    REQUIRE(difference_of_classes({"a", "b"}, {"b", "c"}) == "no longer a class \"a\", a new class \"c\"");
    REQUIRE(difference_of_classes({}, {"1", "2", "3", "4", "5", "6", "7"}).ends_with("a new class \"5\" and 2 more"));
}
