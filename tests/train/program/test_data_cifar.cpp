#include "core/io/lines.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/program/images/data_source.h"

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

std::string loading_error(const DataSource& source, Split split, Extent extent = {32, 32}) {
    return error_of([&] { load_dataset(source, split, {extent}); });
}

}  // namespace

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
            at("data_batch_4.bin") + "expected records of 3073 bytes, got an empty file");
    std::filesystem::remove(directory.path() / "data_batch_4.bin");
    REQUIRE(loading_error(source, Split::train) ==
            "[file] " + (directory.path() / "data_batch_4.bin").string() + ": No such file or directory");
    REQUIRE(error_of([&] { require_files(source, Split::train); }) ==
            "[file] " + (directory.path() / "data_batch_4.bin").string() + ": No such file or directory");
    REQUIRE(error_of([&] { require_files(source, Split::test); }) == "no error");
    REQUIRE(loading_error(source, Split::test) == "no error");
    REQUIRE(loading_error(source, Split::test, {32, 64}) == "[cifar] images are 32 x 32, asked for 32 x 64");
    write_file_plainly(directory.path() / "batches.meta.txt", lines(9));
    REQUIRE(loading_error(source, Split::test) == at("batches.meta.txt") + "expected 10 class names, got 9");
    write_file_plainly(directory.path() / "batches.meta.txt", "");
    REQUIRE(loading_error(source, Split::test) == at("batches.meta.txt") + "expected 10 class names, got 0");
}

TEST_CASE("CIFAR's other versions, and its archive not unpacked, are told apart from missing files") {
    const TemporaryDirectory directory;
    const std::vector<std::tuple<std::string, std::string, std::string>> others{
        {"cifar10", "data_batch_1", "cifar-10-binary.tar.gz"},
        {"cifar10", "cifar-10-batches-py/data_batch_1", "cifar-10-binary.tar.gz"},
        {"cifar10", "cifar-10-python.tar.gz", "cifar-10-binary.tar.gz"},
        {"cifar100", "meta", "cifar-100-binary.tar.gz"},
        {"cifar100", "cifar-100-python/train", "cifar-100-binary.tar.gz"},
        {"cifar100", "cifar-100-matlab/train.mat", "cifar-100-binary.tar.gz"}};
    for (const auto& [kind, file, archive] : others) {
        std::filesystem::remove_all(directory.path());
        write_file_plainly(directory / file, "x");
        const std::string error = loading_error({kind, directory.path()}, Split::train);
        INFO(error);
        REQUIRE(error.find((directory / file.substr(0, file.find('/'))).string() +
                           ": of the Python or Matlab version; expected the binary one, "
                           "https://www.cs.toronto.edu/~kriz/" +
                           archive) != std::string::npos);
    }
    std::filesystem::remove_all(directory.path());
    write_file_plainly(directory / "cifar-10-binary.tar.gz", "x");
    REQUIRE(loading_error({"cifar10", directory.path()}, Split::train).find("not unpacked yet") != std::string::npos);
    write_cifar10(directory / "cifar-10-batches-bin");
    REQUIRE(loading_error({"cifar10", directory.path()}, Split::train) == "no error");
}

TEST_CASE("names of classes may be saved by any editor") {
    const std::vector<std::string> names{"a b", "c"};
    for (const std::string text : {"a b\nc\n",
                                   "\xef\xbb\xbf"
                                   "a b\r\n\r\nc",
                                   "a b  \nc\r\n\n"})
        REQUIRE(lines_of(text, "x") == names);
    REQUIRE(lines_of("\xef\xbb\xbf", "x").empty());
    REQUIRE(error_of([] {
                lines_of(
                    "\xff\xfe"
                    "a",
                    "names.txt");
            }) == "names.txt: expected UTF-8, got UTF-16");
}
