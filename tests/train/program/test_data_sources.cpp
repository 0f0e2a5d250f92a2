#include "core/threads.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/program/images/data_source.h"
#include "train/program/images/image_file.h"

using namespace swingrad;
using namespace swingrad::test;

namespace {

// A record of CIFAR's binary version: labels, then 3072 bytes that differ by seed, channel and place.
std::string record(const std::vector<int>& labels, int seed) {
    std::string bytes;
    for (const int label : labels) bytes += static_cast<char>(label);
    for (int i = 0; i < 3072; ++i) bytes += static_cast<char>((seed * 31 + i * 7 + i / 1024) % 256);
    return bytes;
}

std::string lines(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "class" + std::to_string(i) + "\n";
    return text + "\n";
}

void write_cifar10(const std::filesystem::path& folder) {
    write_file_plainly(folder / "batches.meta.txt", lines(10));
    for (int i = 1; i <= 5; ++i)
        write_file_plainly(folder / fmt::format("data_batch_{}.bin", i), record({i}, i) + record({9 - i}, 10 + i));
    write_file_plainly(folder / "test_batch.bin", record({9}, 100));
}

// n images of one colour.
void write_class(const std::filesystem::path& folder, int n, uint8_t value, Shape shape = {5, 4, 3}) {
    std::filesystem::create_directories(folder);
    Tensor image = Tensor::empty(shape, DType::uint8);
    for (int i = 0; i < n; ++i) {
        for (uint8_t& v : image.span<uint8_t>()) v = static_cast<uint8_t>(value + i);
        write_png(folder / fmt::format("{}.PNG", i), image);
    }
}

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

TEST_CASE("CIFAR-10 is read from its folder or the folder around it, planes becoming pixels") {
    const TemporaryDirectory directory;
    write_cifar10(directory.path() / "cifar-10-batches-bin");
    for (const auto& path : {directory.path(), directory.path() / "cifar-10-batches-bin"}) {
        const Dataset train = load_dataset({"cifar10", path}, Split::train);
        REQUIRE(train.labels == std::vector<int64_t>{1, 8, 2, 7, 3, 6, 4, 5, 5, 4});
        REQUIRE(train.classes.size() == 10);
        REQUIRE(train.classes[9] == "class9");
        REQUIRE(train.extent() == Extent{32, 32});
        const std::vector<int> seeds{1, 11, 2, 12, 3, 13, 4, 14, 5, 15};
        for (int64_t n = 0; n < 10; ++n)
            for (int64_t channel = 0; channel < 3; ++channel)
                for (int64_t pixel = 0; pixel < 1024; ++pixel) {
                    const int64_t i = channel * 1024 + pixel;
                    const int64_t expected = (seeds[static_cast<size_t>(n)] * 31 + i * 7 + channel) % 256;
                    if (train.images.data<uint8_t>()[(n * 1024 + pixel) * 3 + channel] != expected) FAIL(n << " " << i);
                }
        REQUIRE(load_dataset({"cifar10", path}, Split::test).labels == std::vector<int64_t>{9});
    }
}

TEST_CASE("CIFAR-100 takes the fine label, the second of two") {
    const TemporaryDirectory directory;
    const DataSource source{"cifar100", directory.path()};
    write_file_plainly(directory.path() / "fine_label_names.txt", lines(100));
    write_file_plainly(directory.path() / "train.bin", record({19, 99}, 1) + record({200, 0}, 2));
    write_file_plainly(directory.path() / "test.bin", record({1, 100}, 1));
    REQUIRE(load_dataset(source, Split::train).labels == std::vector<int64_t>{99, 0});
    REQUIRE(class_names(source).size() == 100);
    REQUIRE(loading_error(source, Split::test) ==
            "[cifar] " + (directory.path() / "test.bin").string() + ": label at byte 1 must be 0 to 99, got 100");
}

TEST_CASE("damaged CIFAR files are named, with the byte") {
    const TemporaryDirectory directory;
    write_cifar10(directory.path());
    const DataSource source{"cifar10", directory.path()};
    const auto at = [&](const std::string& name) { return "[cifar] " + (directory.path() / name).string() + ": "; };

    write_file_plainly(directory.path() / "data_batch_4.bin", record({1}, 1) + record({1}, 2).substr(0, 1000));
    REQUIRE(loading_error(source, Split::train) ==
            at("data_batch_4.bin") + "record 1 is cut off: 1000 of 3073 bytes from byte 3073");
    write_file_plainly(directory.path() / "data_batch_4.bin", record({1}, 1) + record({10}, 2));
    REQUIRE(loading_error(source, Split::train) ==
            at("data_batch_4.bin") + "label at byte 3073 must be 0 to 9, got 10");
    write_file_plainly(directory.path() / "data_batch_4.bin", "");
    REQUIRE(loading_error(source, Split::train) ==
            at("data_batch_4.bin") + "record 0 is cut off: 0 of 3073 bytes from byte 0");
    std::filesystem::remove(directory.path() / "data_batch_4.bin");
    REQUIRE(loading_error(source, Split::train) ==
            "[file] " + (directory.path() / "data_batch_4.bin").string() + ": No such file or directory");
    REQUIRE(loading_error(source, Split::test) == "no error");
    REQUIRE(loading_error(source, Split::test, {32, 64}) == "[cifar] images are 32 x 32, asked for 32 x 64");
    write_file_plainly(directory.path() / "batches.meta.txt", lines(9));
    REQUIRE(loading_error(source, Split::test) == at("batches.meta.txt") + "expected 10 class names, got 9");
}

TEST_CASE("a folder is read class by class, in the order of names, on any number of threads") {
    const TemporaryDirectory directory;
    const std::string test = GENERATE("test", "val");
    write_folder(directory.path(), test);
    write_file_plainly(directory.path() / "train/.hidden", "");
    write_file_plainly(directory.path() / "train/cat/.hidden", "");
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
        REQUIRE(load_dataset(source, Split::test, {{5, 4}}).labels == std::vector<int64_t>{0, 0, 1});
    }
    set_thread_count(threads);
}

TEST_CASE("what is wrong with a folder is named") {
    const TemporaryDirectory directory;
    const auto root = directory.path();
    write_folder(root);
    const auto error = [&](Split split) { return loading_error({"folder", root}, split, {5, 4}); };
    const auto at = [&](const std::string& name) { return "[folder] " + (root / name).string() + ": "; };

    SECTION("nothing: it is as it should be") { REQUIRE(error(Split::train) == "no error"); }
    SECTION("an image of another size") {
        write_class(root / "train/dog", 1, 0, {4, 5, 3});
        REQUIRE(error(Split::train) == at("train/dog/0.PNG") + "expected an image of 5 x 4 pixels, got 4 x 5");
        REQUIRE(error(Split::test) == "no error");
    }
    SECTION("a damaged image") {
        const std::string bytes = contents_of(root / "train/dog/2.PNG");
        write_file_plainly(root / "train/dog/2.PNG", bytes.substr(0, bytes.size() - 20));
        REQUIRE(error(Split::train) ==
                "[image] " + (root / "train/dog/2.PNG").string() + ": Premature end of PNG file");
    }
    SECTION("a file that is no image") {
        write_file_plainly(root / "test/cat/notes.txt", "");
        REQUIRE(error(Split::test) == at("test/cat/notes.txt") + "expected only .jpg, .jpeg and .png files");
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
        REQUIRE(error(Split::test) == "[folder] " + root.string() + ": expected a folder test or val, found neither");
    }
}
