// What a model sees in image files, for the commands `predict`.
#pragma once

#include "core/tensor.h"

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace swingrad {

struct PictureFlags {
    std::vector<std::string> files;  // and folders
    int64_t top = 5;                 // classes that are shown of each
    bool json = false;
    bool skip_broken = false;

    void declare(CLI::App& command);
    void check_usage() const;  // throws a UsageError
};

// From a picture, uint8 [rows, columns, 3] of any size, to logits [1, K] or [K], on any device.
using LogitsOfPicture = std::function<Tensor(const Tensor& picture)>;

// Calls `say` with each file and its picture, uint8 [rows, columns, 3]. Of a folder, all files below it are pictures
// (train/program/images/listing.h). Returns the exit code: 1 where a file could not be read or `say` threw an Error,
// which is then told on standard error; the other files are none the worse for it. With skip_broken, files that are no
// pictures or damaged ones are listed as left out, and are no failure as long as one picture is left.
int for_each_picture(const PictureFlags& flags, bool ignore_exif,
                     const std::function<void(const std::string& path, const Tensor& picture)>& say);

// Where predict draws, a file or more a picture.
class DrawnPictures {
  public:
    // Makes the folder; empty: nothing is drawn. Throws an Error where it cannot be made.
    explicit DrawnPictures(const std::filesystem::path& folder);

    bool wanted() const { return !folder_.empty(); }
    // "folder/photo" for photo.jpg: two pictures of one name, in two folders, are told apart by a number.
    std::filesystem::path beginning_for(const std::string& picture);

  private:
    std::filesystem::path folder_;
    std::set<std::string> drawn_;
};

// Prints the likeliest classes of each file's picture, with their probabilities: a table, or a JSON line. `classes`:
// K names. Returns what for_each_picture does; a picture without logits counts as one that could not be read.
int predict_pictures(const PictureFlags& flags, const std::vector<std::string>& classes, bool ignore_exif,
                     const LogitsOfPicture& logits_of);

}  // namespace swingrad
