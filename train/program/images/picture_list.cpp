#include "train/program/images/picture_list.h"

#include "core/allocator.h"
#include "train/program/images/listing.h"

namespace swingrad {
namespace fs = std::filesystem;

std::vector<PictureFile> pictures_named(const std::vector<std::string>& names, bool ignore_exif,
                                        const std::function<void(const std::string& problem)>& left_out) {
    std::vector<fs::path> files;
    for (const std::string& name : names)
        if (fs::is_directory(name)) {
            const std::vector<fs::path> below = files_below(name, [&](const std::string& problem) {
                check(static_cast<bool>(left_out), "{}", problem);
                left_out(problem);
            });
            files.insert(files.end(), below.begin(), below.end());
        } else files.emplace_back(name);
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
