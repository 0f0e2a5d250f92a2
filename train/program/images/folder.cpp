// A folder a class, an image a file. Classes and files are taken in the order of their names, so that labels and
// sample numbers are the same on every machine, whatever order its file system lists them in.

#include "train/program/images/folder.h"

#include "core/error.h"
#include "core/threads.h"
#include "train/data/sources.h"
#include "train/program/images/image_file.h"

#include <algorithm>
#include <cstring>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

// What is in a folder and not hidden, by name.
std::vector<fs::path> sorted_entries(const fs::path& folder) {
    check(fs::is_directory(folder), "[folder] {}: no such folder", folder.string());
    std::vector<fs::path> entries;
    for (const auto& entry : fs::directory_iterator(folder))
        if (!entry.path().filename().string().starts_with('.')) entries.push_back(entry.path());
    std::sort(entries.begin(), entries.end());
    return entries;
}

fs::path split_folder(const fs::path& directory, Split split) {
    check(fs::is_directory(directory), "[folder] {}: no such folder", directory.string());
    if (split == Split::train) return directory / "train";
    const bool has_test = fs::exists(directory / "test");
    check(has_test || fs::exists(directory / "val"), "[folder] {}: expected a folder test or val, found neither",
          directory.string());
    return directory / (has_test ? "test" : "val");
}

std::vector<std::string> classes_in(const fs::path& folder) {
    std::vector<std::string> classes;
    for (const fs::path& entry : sorted_entries(folder)) {
        check(fs::is_directory(entry), "[folder] {}: expected folders only, one a class", entry.string());
        classes.push_back(entry.filename().string());
    }
    check(!classes.empty(), "[folder] {}: expected a folder a class, found none", folder.string());
    return classes;
}

// Names a class that one split has and the other has not, if there is one.
void check_same_classes(const fs::path& train, const fs::path& test) {
    const auto in_train = classes_in(train), in_test = classes_in(test);
    const auto check_all_in = [](const auto& classes, const auto& others, const fs::path& here, const fs::path& there) {
        for (const std::string& name : classes)
            check(std::binary_search(others.begin(), others.end(), name), "[folder] {}: class {} is not in {}",
                  here.string(), name, there.string());
    };
    check_all_in(in_train, in_test, train, test);
    check_all_in(in_test, in_train, test, train);
}

std::vector<fs::path> images_in(const fs::path& folder) {
    const std::vector<fs::path> files = sorted_entries(folder);
    for (const fs::path& file : files) {
        std::string extension = file.extension().string();
        std::transform(extension.begin(), extension.end(), extension.begin(),
                       [](unsigned char c) { return std::tolower(c); });
        check(extension == ".jpg" || extension == ".jpeg" || extension == ".png",
              "[folder] {}: expected only .jpg, .jpeg and .png files", file.string());
    }
    check(!files.empty(), "[folder] {}: expected images, found none", folder.string());
    return files;
}

}  // namespace

std::vector<std::string> folder_class_names(const fs::path& directory) {
    return classes_in(split_folder(directory, Split::train));
}

Dataset load_folder(const fs::path& directory, Split split, Extent extent) {
    const fs::path folder = split_folder(directory, split);
    check_same_classes(split_folder(directory, Split::train), split_folder(directory, Split::test));
    Dataset data;
    data.classes = classes_in(folder);
    std::vector<fs::path> files;
    for (size_t label = 0; label < data.classes.size(); ++label) {
        const auto images = images_in(folder / data.classes[label]);
        files.insert(files.end(), images.begin(), images.end());
        data.labels.insert(data.labels.end(), images.size(), static_cast<int64_t>(label));
    }

    data.images = Tensor::empty({data.size(), extent.rows, extent.columns, 3}, DType::uint8);
    const int64_t image_bytes = extent.rows * extent.columns * 3;
    uint8_t* pixels = data.images.data<uint8_t>();
    parallel_for(data.size(), [&](int64_t i) {
        const fs::path& file = files[static_cast<size_t>(i)];
        const Tensor image = read_image(file);
        const Extent found{image.shape()[0], image.shape()[1]};
        check(found == extent, "[folder] {}: expected an image of {} pixels, got {}", file.string(), text_of(extent),
              text_of(found));
        std::memcpy(pixels + i * image_bytes, image.data<uint8_t>(), static_cast<size_t>(image_bytes));
    });
    return data;
}

}  // namespace swingrad
