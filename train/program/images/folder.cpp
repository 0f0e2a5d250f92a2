// A folder a class, an image a file. Classes and files are taken in the order of their names, so that labels and
// sample numbers are the same on every machine, whatever order its file system lists them in.

#include "train/program/images/folder.h"

#include "core/error.h"
#include "core/threads.h"
#include "train/data/sources.h"
#include "train/program/images/image_file.h"

#include <algorithm>
#include <cctype>
#include <cstring>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

// What operating systems and their tools leave in folders. Names with a dot in front are hidden, and passed over too.
bool is_litter(std::string name) {
    constexpr const char* litter[] = {"thumbs.db",  "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini",
                                      "icon\r",     "__macosx",    "$recycle.bin",      "system volume information",
                                      "lost+found", "@eadir"};
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    return name.starts_with('.') || std::find(std::begin(litter), std::end(litter), name) != std::end(litter);
}

// By name.
std::vector<fs::path> sorted_entries(const fs::path& folder) {
    check(fs::is_directory(folder), "[folder] {}: no such folder", folder.string());
    std::vector<fs::path> entries;
    for (const auto& entry : fs::directory_iterator(folder))
        if (!is_litter(entry.path().filename().string())) entries.push_back(entry.path());
    std::sort(entries.begin(), entries.end());
    return entries;
}

fs::path folder_of(const fs::path& directory, Split split) {
    return directory / (split == Split::train ? "train" : split == Split::test ? "test" : "val");
}

using LeftOut = std::function<void(const std::string&)>;

std::vector<std::string> classes_in(const fs::path& folder, const LeftOut& left_out) {
    std::vector<std::string> classes;
    for (const fs::path& entry : sorted_entries(folder)) {
        if (fs::is_directory(entry)) {
            classes.push_back(entry.filename().string());
            continue;
        }
        const std::string problem = fmt::format("[folder] {}: expected folders only, one a class", entry.string());
        check(static_cast<bool>(left_out), "{}", problem);
        left_out(problem);
    }
    check(!classes.empty(), "[folder] {}: expected a folder a class, found none", folder.string());
    return classes;
}

void ignore(const std::string&) {}

// Names a class that one split has and the other has not, if there is one.
void check_same_classes(const fs::path& train, const fs::path& test, const LeftOut& left_out) {
    const LeftOut once = left_out ? LeftOut(ignore) : left_out;  // who reads a split says what was left out of it
    const auto in_train = classes_in(train, once), in_test = classes_in(test, once);
    const auto check_all_in = [](const auto& classes, const auto& others, const fs::path& here, const fs::path& there) {
        for (const std::string& name : classes)
            check(std::binary_search(others.begin(), others.end(), name), "[folder] {}: class {} is not in {}",
                  here.string(), name, there.string());
    };
    check_all_in(in_train, in_test, train, test);
    check_all_in(in_test, in_train, test, train);
}

void check_splits(const fs::path& directory, Split split, const LeftOut& left_out) {
    check(fs::is_directory(directory), "[folder] {}: no such folder", directory.string());
    check(folder_has_split(directory, split), "[folder] {}: no such folder", folder_of(directory, split).string());
    if (!folder_has_split(directory, Split::train)) return;
    for (const Split other : {Split::test, Split::validation})
        if (folder_has_split(directory, other))
            check_same_classes(folder_of(directory, Split::train), folder_of(directory, other), left_out);
}

// The label of a class of a folder: its place among all.
int64_t label_of(const std::string& name, const std::vector<std::string>& classes, const fs::path& folder) {
    const auto found = std::find(classes.begin(), classes.end(), name);
    check(found != classes.end(), "[folder] {}: class {} is none of the model's", folder.string(), name);
    return found - classes.begin();
}

// Reads file after file into `data`, on several threads. Without someone to tell, what cannot be read is an error.
void read_all(const std::vector<fs::path>& files, const LoadOptions& options, Dataset& data) {
    const auto [rows, columns] = options.extent;
    data.images = Tensor::empty({data.size(), rows, columns, 3}, DType::uint8);
    const auto image_bytes = static_cast<size_t>(rows * columns * 3);
    uint8_t* pixels = data.images.data<uint8_t>();
    std::vector<std::string> problems(files.size());
    parallel_for(data.size(), [&](int64_t i) {
        const auto n = static_cast<size_t>(i);
        try {
            const Tensor image = read_image(files[n], {options.ignore_exif, options.extent});
            std::memcpy(pixels + n * image_bytes, image.data<uint8_t>(), image_bytes);
        } catch (const WrongExtent&) {
            throw;  // a picture like any other: it is the size asked for that is wrong
        } catch (const Error& error) {
            if (!options.left_out) throw;
            problems[n] = error.what();
        }
    });

    size_t kept = 0;
    for (size_t n = 0; n < files.size(); ++n) {
        if (!problems[n].empty()) {
            options.left_out(problems[n]);
            continue;
        }
        if (kept < n) std::memcpy(pixels + kept * image_bytes, pixels + n * image_bytes, image_bytes);
        data.labels[kept++] = data.labels[n];
    }
    data.labels.resize(kept);
    if (kept < files.size()) data.images = data.images.slice(0, data.size());
}

}  // namespace

bool folder_has_split(const fs::path& directory, Split split) { return fs::exists(folder_of(directory, split)); }

std::vector<std::string> folder_class_names(const fs::path& directory) {
    check(fs::is_directory(directory), "[folder] {}: no such folder", directory.string());
    for (const Split split : {Split::train, Split::test, Split::validation})
        if (folder_has_split(directory, split)) return classes_in(folder_of(directory, split), ignore);
    fail("[folder] {}: expected a folder train, test or val, found none", directory.string());
}

Dataset load_folder(const fs::path& directory, Split split, const LoadOptions& options) {
    check_splits(directory, split, options.left_out);
    const fs::path folder = folder_of(directory, split);
    const std::vector<std::string> own = classes_in(folder, options.left_out);
    Dataset data;
    data.classes = options.classes.empty() ? own : options.classes;
    std::vector<fs::path> files;
    for (const std::string& name : own) {
        const int64_t label = label_of(name, data.classes, folder);
        const std::vector<fs::path> images = sorted_entries(folder / name);
        check(!images.empty(), "[folder] {}: expected images, found none", (folder / name).string());
        files.insert(files.end(), images.begin(), images.end());
        data.labels.insert(data.labels.end(), images.size(), label);
    }
    read_all(files, options, data);
    std::vector<bool> seen(data.classes.size(), false);
    for (const int64_t label : data.labels) seen[static_cast<size_t>(label)] = true;
    for (const std::string& name : own)
        check(seen[static_cast<size_t>(label_of(name, data.classes, folder))],
              "[folder] {}: none of its files is a picture", (folder / name).string());
    return data;
}

}  // namespace swingrad
