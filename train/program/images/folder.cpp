// A folder a class, an image a file. Classes and files are taken in the order of their names, so that labels and
// sample numbers are the same on every machine, whatever order its file system lists them in.

#include "train/program/images/folder.h"

#include "core/allocator.h"
#include "core/error.h"
#include "core/threads.h"
#include "train/data/sources.h"
#include "train/program/images/picture_files.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <functional>
#include <numeric>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

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

// What is wrong with each of the files, empty where nothing is: what `look(n)` throws. Without someone to tell, that is
// an error. Files without a problem alone are looked at.
void look_at_all(std::vector<std::string>& problems, const LoadOptions& options,
                 const std::function<void(size_t)>& look) {
    parallel_for(static_cast<int64_t>(problems.size()), [&](int64_t i) {
        const auto n = static_cast<size_t>(i);
        if (!problems[n].empty()) return;
        try {
            look(n);
        } catch (const WrongExtent&) {
            throw;  // a picture like any other: it is the size asked for that is wrong
        } catch (const Error& error) {
            if (!options.left_out || is_out_of_memory(error)) throw;  // that is no fault of the file
            problems[n] = error.what();
        }
    });
}

// Files and labels of a split, those with a problem said and left out.
struct Listing {
    std::vector<PictureFile> files;
    std::vector<int64_t> labels;
    std::vector<std::string> problems;

    // Keeps what has no problem: of these, and of `others`, which has one for each file.
    template <class Other>
    void leave_out(const LoadOptions& options, std::vector<Other>& others) {
        size_t kept = 0;
        for (size_t n = 0; n < files.size(); ++n) {
            if (!problems[n].empty()) {
                options.left_out(problems[n]);
                continue;
            }
            if (kept < n) {
                files[kept] = std::move(files[n]), labels[kept] = labels[n];
                if (!others.empty()) others[kept] = std::move(others[n]);
            }
            ++kept;
        }
        files.resize(kept), labels.resize(kept), problems.assign(kept, "");
        if (!others.empty()) others.resize(kept);
    }
};

// All of the size asked for, decoded into one tensor.
void read_into_one(Listing& listing, const LoadOptions& options, Dataset& data) {
    const auto [rows, columns] = options.extent;
    const auto count = static_cast<int64_t>(listing.files.size()), image = rows * columns * 3;
    const Tensor images = Tensor::empty({count, rows, columns, 3}, DType::uint8);
    uint8_t* pixels = images.data<uint8_t>();
    look_at_all(listing.problems, options, [&](size_t n) {
        const Tensor read = read_image(listing.files[n].path, {options.ignore_exif, options.extent});
        std::memcpy(pixels + static_cast<int64_t>(n) * image, read.data<uint8_t>(), static_cast<size_t>(image));
    });
    std::vector<int64_t> places(listing.files.size());
    std::iota(places.begin(), places.end(), 0);
    listing.leave_out(options, places);
    for (size_t n = 0; n < places.size(); ++n)
        if (places[n] != static_cast<int64_t>(n))
            std::memcpy(pixels + static_cast<int64_t>(n) * image, pixels + places[n] * image,
                        static_cast<size_t>(image));
    data.images =
        places.size() < static_cast<size_t>(count) ? images.slice(0, static_cast<int64_t>(places.size())) : images;
    data.labels = std::move(listing.labels);
}

// Pictures of their own sizes. Where files may be left out, all are decoded once even if none is kept: a training must
// not find out in its middle.
void read_as_pictures(Listing& listing, bool kept, const LoadOptions& options, Dataset& data) {
    std::vector<Tensor> decoded(kept ? listing.files.size() : 0);
    if (kept || options.left_out)
        look_at_all(listing.problems, options, [&](size_t n) {
            const Tensor image = read_image(listing.files[n].path, {.ignore_exif = options.ignore_exif});
            if (kept) decoded[n] = image;
        });
    listing.leave_out(options, decoded);
    data.pictures = pictures_in(std::move(listing.files), options.ignore_exif);
    if (kept) data.pictures = kept_in_memory(data.pictures, std::move(decoded));
    data.fitted_to = options.extent;
    data.labels = std::move(listing.labels);
}

// Their headers say whether all have the size asked for, and how much memory they would take.
void read_any_size(Listing& listing, const LoadOptions& options, Dataset& data) {
    look_at_all(listing.problems, options, [&](size_t n) {
        listing.files[n].header = read_image_header(listing.files[n].path, options.ignore_exif);
    });
    int64_t bytes = 0;
    bool one_size = true;
    for (size_t n = 0; n < listing.files.size(); ++n) {
        if (!listing.problems[n].empty()) continue;
        const Extent extent = listing.files[n].header.extent;
        bytes += extent.rows * extent.columns * 3;
        one_size = one_size && extent == options.extent;
    }
    const bool kept = keeps(options.cache, bytes);
    if (one_size && kept) read_into_one(listing, options, data);
    else read_as_pictures(listing, kept, options, data);
}

}  // namespace

bool folder_has_split(const fs::path& directory, Split split) { return fs::exists(folder_of(directory, split)); }

std::vector<std::string> folder_class_names(const fs::path& directory) {
    check(fs::is_directory(directory), "[folder] {}: no such folder", directory.string());
    for (const Split split : {Split::train, Split::test, Split::validation})
        if (folder_has_split(directory, split)) return classes_in(folder_of(directory, split), ignore);
    fail("[folder] {}: expected a folder train, test or val, found none", directory.string());
}

bool is_litter(std::string name) {
    constexpr const char* litter[] = {"thumbs.db",  "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini",
                                      "icon\r",     "__macosx",    "$recycle.bin",      "system volume information",
                                      "lost+found", "@eadir"};
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    return name.starts_with('.') || std::find(std::begin(litter), std::end(litter), name) != std::end(litter);
}

Dataset load_folder(const fs::path& directory, Split split, const LoadOptions& options) {
    check_splits(directory, split, options.left_out);
    const fs::path folder = folder_of(directory, split);
    const std::vector<std::string> own = classes_in(folder, options.left_out);
    Dataset data;
    data.classes = options.classes.empty() ? own : options.classes;
    Listing listing;
    for (const std::string& name : own) {
        const int64_t label = label_of(name, data.classes, folder);
        const std::vector<fs::path> images = sorted_entries(folder / name);
        check(!images.empty(), "[folder] {}: expected images, found none", (folder / name).string());
        for (const fs::path& image : images) listing.files.push_back({image, name + "/" + image.filename().string()});
        listing.labels.insert(listing.labels.end(), images.size(), label);
    }
    listing.problems.resize(listing.files.size());
    if (options.any_size) read_any_size(listing, options, data);
    else read_into_one(listing, options, data);
    std::vector<bool> seen(data.classes.size(), false);
    for (const int64_t label : data.labels) seen[static_cast<size_t>(label)] = true;
    for (const std::string& name : own)
        check(seen[static_cast<size_t>(label_of(name, data.classes, folder))],
              "[folder] {}: none of its files is a picture", (folder / name).string());
    return data;
}

}  // namespace swingrad
