#include "train/program/images/picture_list.h"

#include "core/allocator.h"
#include "train/program/images/folder.h"

#include <algorithm>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

void add_files_in(const fs::path& folder, std::vector<fs::path>& files) {
    std::vector<fs::path> entries;
    for (const auto& entry : fs::directory_iterator(folder))
        if (!is_litter(entry.path().filename().string())) entries.push_back(entry.path());
    std::sort(entries.begin(), entries.end());
    for (const fs::path& entry : entries)
        if (fs::is_directory(entry)) {
            // A link to a folder may lead back to where it lies.
            if (!fs::is_symlink(entry)) add_files_in(entry, files);
        } else files.push_back(entry);
}

}  // namespace

std::vector<PictureFile> pictures_named(const std::vector<std::string>& names, bool ignore_exif,
                                        const std::function<void(const std::string& problem)>& left_out) {
    std::vector<fs::path> files;
    for (const std::string& name : names)
        if (fs::is_directory(name)) add_files_in(name, files);
        else files.emplace_back(name);
    std::vector<PictureFile> pictures;
    for (const fs::path& path : files) {
        try {
            PictureFile picture{path, path.string(), read_image_header(path, ignore_exif)};
            if (left_out) read_image(path, {.ignore_exif = ignore_exif});
            pictures.push_back(std::move(picture));
        } catch (const Error& error) {
            if (!left_out || is_out_of_memory(error)) throw;  // that is no fault of the file
            left_out(error.what());
        }
    }
    check(!pictures.empty(), "[image] no picture in {}{}", names.front(),
          names.size() > 1 ? fmt::format(" and {} more", names.size() - 1) : "");
    return pictures;
}

}  // namespace swingrad
