// The binary files of CIFAR. The first byte says which file the others are: the records of CIFAR-10 or CIFAR-100, or
// the names of their classes.
#include "tests/fuzz/targets.h"
#include "tests/support/temporary_directory.h"
#include "train/program/images/data_source.h"

namespace swingrad::fuzz {
namespace {

// Names of no more than `classes`, and for the file to be tried a link to `file`.
struct Archive {
    test::TemporaryDirectory directory;
    DataSource source;

    Archive(const std::string& kind, int classes, const std::string& names, std::initializer_list<const char*> records,
            const MemoryFile& file, bool try_names)
        : source{kind, directory.path()} {
        std::string text;
        for (int i = 0; i < classes; ++i) text += fmt::format("class{}\n", i);
        if (try_names) std::filesystem::create_symlink(file.path(), directory / names);
        else test::write_file_plainly(directory / names, text);
        for (const char* name : records) std::filesystem::create_symlink(file.path(), directory / name);
    }
};

void load(const Archive& archive, size_t classes) {
    for (const Split split : {Split::train, Split::test}) {
        Dataset data;
        if (!reads([&] { data = load_dataset(archive.source, split); })) continue;
        promise(data.size() > 0 && data.images.shape() == Shape{data.size(), 32, 32, 3}, "not [N, 32, 32, 3] images");
        promise(data.classes.size() == classes, "another number of classes");
        for (const int64_t label : data.labels)
            promise(label >= 0 && label < static_cast<int64_t>(classes), "a label that is no class");
    }
}

}  // namespace

void cifar(Bytes bytes) {
    static const MemoryFile file;
    static const Archive ten("cifar10", 10, "batches.meta.txt",
                             {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                              "data_batch_5.bin", "test_batch.bin"},
                             file, false);
    static const Archive hundred("cifar100", 100, "fine_label_names.txt", {"train.bin", "test.bin"}, file, false);
    static const Archive names("cifar10", 10, "batches.meta.txt", {}, file, true);
    if (bytes.empty()) return;
    file.write(bytes.subspan(1));
    if (bytes[0] % 3 == 0) load(ten, 10);
    if (bytes[0] % 3 == 1) load(hundred, 100);
    if (bytes[0] % 3 == 2) reads([] { promise(class_names(names.source).size() == 10, "not ten names"); });
}

}  // namespace swingrad::fuzz
