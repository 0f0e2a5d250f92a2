// The binary versions of CIFAR-10 and CIFAR-100: records without a header, one an image.
//
//   CIFAR-10    [label][1024 red][1024 green][1024 blue]                 10000 in each of six files
//   CIFAR-100   [coarse label][fine label][1024 red][1024 green][...]    50000 in train.bin, 10000 in test.bin
//
// Rows run first within a plane. Files with fewer records are read as well, as long as they are whole ones.
// Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009;
// www.cs.toronto.edu/~kriz/cifar.html.

#include "core/error.h"
#include "core/io/file.h"
#include "core/io/lines.h"
#include "train/data/sources.h"

namespace swingrad {
namespace {

constexpr int64_t side = 32, plane = side * side;

struct Layout {
    int64_t classes, label_bytes, label_byte;  // how many labels a record begins with, which of them counts
    std::string folder, archive, names_file;
    std::vector<std::string> other_versions;  // files by which the versions for Python and Matlab are known
    std::vector<std::string> train_files, test_files;
    int64_t record() const { return label_bytes + 3 * plane; }
};

Layout layout_of(const std::string& name) {
    if (name == "cifar10")
        return {10,
                1,
                0,
                "cifar-10-batches-bin",
                "cifar-10-binary.tar.gz",
                "batches.meta.txt",
                {"data_batch_1", "cifar-10-batches-py", "cifar-10-python.tar.gz", "batches.meta.mat",
                 "cifar-10-batches-mat"},
                {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
                {"test_batch.bin"}};
    check(name == "cifar100", "[cifar] expected cifar10 or cifar100, got \"{}\"", name);
    return {100,
            2,
            1,
            "cifar-100-binary",
            "cifar-100-binary.tar.gz",
            "fine_label_names.txt",
            {"meta", "cifar-100-python", "cifar-100-python.tar.gz", "meta.mat", "cifar-100-matlab"},
            {"train.bin"},
            {"test.bin"}};
}

// The archive's folder where the directory holds it, else the directory itself. Says of another version, or of an
// archive that is not unpacked, that it is one.
std::filesystem::path folder_of(const std::filesystem::path& directory, const Layout& layout) {
    const auto inner = directory / layout.folder;
    if (std::filesystem::exists(inner)) return inner;
    if (std::filesystem::exists(directory / layout.names_file)) return directory;
    for (const std::string& file : layout.other_versions)
        check(!std::filesystem::exists(directory / file),
              "[cifar] {}: of the Python or Matlab version; expected the binary one, "
              "https://www.cs.toronto.edu/~kriz/{}",
              (directory / file).string(), layout.archive);
    check(!std::filesystem::exists(directory / layout.archive), "[cifar] {}: not unpacked yet, as by tar xzf",
          (directory / layout.archive).string());
    return directory;
}

// Appends labels, and writes images [n, 32, 32, 3] of the n records in `bytes`.
void read_records(const std::filesystem::path& path, const std::string& bytes, const Layout& layout, uint8_t* images,
                  std::vector<int64_t>& labels) {
    const int64_t records = static_cast<int64_t>(bytes.size()) / layout.record();
    for (int64_t i = 0; i < records; ++i, images += 3 * plane) {
        const int64_t at = i * layout.record() + layout.label_byte;
        const int64_t label = static_cast<uint8_t>(bytes[static_cast<size_t>(at)]);
        check(label < layout.classes, "[cifar] {}: label at byte {} must be 0 to {}, got {}", path.string(), at,
              layout.classes - 1, label);
        labels.push_back(label);
        const auto* planes = reinterpret_cast<const uint8_t*>(bytes.data()) + i * layout.record() + layout.label_bytes;
        for (int64_t pixel = 0; pixel < plane; ++pixel)
            for (int64_t channel = 0; channel < 3; ++channel)
                images[pixel * 3 + channel] = planes[channel * plane + pixel];
    }
}

const std::vector<std::string>& files_of(const Layout& layout, Split split) {
    return split == Split::train ? layout.train_files : layout.test_files;
}

}  // namespace

void require_cifar(const std::string& name, const std::filesystem::path& directory, Split split) {
    const Layout layout = layout_of(name);
    const auto folder = folder_of(directory, layout);
    for (const std::string& file : files_of(layout, split)) InputFile{folder / file};
}

Dataset load_cifar(const std::string& name, const std::filesystem::path& directory, Split split, Extent extent) {
    const Layout layout = layout_of(name);
    check(extent == Extent{side, side}, "[cifar] images are 32 x 32, asked for {}", text_of(extent));
    Dataset data;
    data.classes = cifar_class_names(name, directory);

    const auto folder = folder_of(directory, layout);
    std::vector<std::pair<std::filesystem::path, std::string>> files;
    int64_t records = 0;
    for (const std::string& file : files_of(layout, split)) {
        files.emplace_back(folder / file, read_file(folder / file));
        const auto size = static_cast<int64_t>(files.back().second.size());
        check(size > 0, "[cifar] {}: expected records of {} bytes, got an empty file", files.back().first.string(),
              layout.record());
        check(size % layout.record() == 0, "[cifar] {}: record {} is cut off: {} of {} bytes from byte {}",
              files.back().first.string(), size / layout.record(), size % layout.record(), layout.record(),
              size / layout.record() * layout.record());
        records += size / layout.record();
    }
    data.images = Tensor::empty({records, side, side, 3}, DType::uint8);
    for (const auto& [path, bytes] : files)
        read_records(path, bytes, layout, data.images.data<uint8_t>() + data.size() * 3 * plane, data.labels);
    return data;
}

std::vector<std::string> cifar_class_names(const std::string& name, const std::filesystem::path& directory) {
    const Layout layout = layout_of(name);
    const auto path = folder_of(directory, layout) / layout.names_file;
    const std::vector<std::string> names = lines_of(read_file(path), "[cifar] " + path.string());
    check(static_cast<int64_t>(names.size()) == layout.classes, "[cifar] {}: expected {} class names, got {}",
          path.string(), layout.classes, names.size());
    return names;
}

}  // namespace swingrad
