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
#include "train/data/sources.h"

#include <sstream>

namespace swingrad {
namespace {

constexpr int64_t side = 32, plane = side * side;

struct Layout {
    int64_t classes, label_bytes, label_byte;  // how many labels a record begins with, which of them counts
    std::string folder, names_file;
    std::vector<std::string> train_files, test_files;
    int64_t record() const { return label_bytes + 3 * plane; }
};

Layout layout_of(const std::string& name) {
    if (name == "cifar10")
        return {10,
                1,
                0,
                "cifar-10-batches-bin",
                "batches.meta.txt",
                {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
                {"test_batch.bin"}};
    check(name == "cifar100", "[cifar] expected cifar10 or cifar100, got \"{}\"", name);
    return {100, 2, 1, "cifar-100-binary", "fine_label_names.txt", {"train.bin"}, {"test.bin"}};
}

// The archive's folder where the directory holds it, else the directory itself.
std::filesystem::path folder_of(const std::filesystem::path& directory, const Layout& layout) {
    const auto inner = directory / layout.folder;
    return std::filesystem::exists(inner) ? inner : directory;
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

}  // namespace

Dataset load_cifar(const std::string& name, const std::filesystem::path& directory, Split split, Extent extent) {
    const Layout layout = layout_of(name);
    check(extent == Extent{side, side}, "[cifar] images are 32 x 32, asked for {}", text_of(extent));
    Dataset data;
    data.classes = cifar_class_names(name, directory);

    const auto folder = folder_of(directory, layout);
    std::vector<std::pair<std::filesystem::path, std::string>> files;
    int64_t records = 0;
    for (const std::string& file : split == Split::train ? layout.train_files : layout.test_files) {
        files.emplace_back(folder / file, read_file(folder / file));
        const auto size = static_cast<int64_t>(files.back().second.size());
        check(size > 0 && size % layout.record() == 0, "[cifar] {}: record {} is cut off: {} of {} bytes from byte {}",
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
    std::istringstream text(read_file(path));
    std::vector<std::string> names;
    for (std::string word; text >> word;) names.push_back(word);
    check(static_cast<int64_t>(names.size()) == layout.classes, "[cifar] {}: expected {} class names, got {}",
          path.string(), layout.classes, names.size());
    return names;
}

}  // namespace swingrad
