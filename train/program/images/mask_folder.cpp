#include "train/program/images/mask_folder.h"

#include "core/allocator.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/lines.h"
#include "core/threads.h"
#include "train/data/sources.h"
#include "train/program/images/folder.h"
#include "train/program/images/listing.h"
#include "train/program/images/picture_files.h"

#include <algorithm>
#include <functional>
#include <map>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

constexpr int ignored = 255;

class MaskFiles final : public Pictures {
  public:
    explicit MaskFiles(std::vector<PictureFile> files) : files_(std::move(files)) {}
    int64_t size() const override { return static_cast<int64_t>(files_.size()); }
    Extent extent(int64_t index) const override { return at(index).header.extent; }
    Tensor read(int64_t index) const override {
        const Tensor mask = read_mask(at(index).path);
        check(Extent{mask.shape()[0], mask.shape()[1]} == extent(index), "[masks] {}: changed meanwhile",
              at(index).path.string());
        return mask;
    }
    std::string identity(int64_t index) const override {
        return fmt::format("{} {}", at(index).name, at(index).header.bytes);
    }

  private:
    const PictureFile& at(int64_t index) const { return files_.at(static_cast<size_t>(index)); }
    const std::vector<PictureFile> files_;
};

// Files of a folder by their names without the ending.
std::map<std::string, fs::path> by_stem(const fs::path& folder) {
    std::map<std::string, fs::path> files;
    for (const fs::path& file : sorted_entries(folder)) {
        check(!fs::is_directory(file), "[masks] {}: expected files only", file.string());
        const auto [other, fresh] = files.emplace(file.stem().string(), file);
        check(fresh, "[masks] {} and {} have one name", other->second.string(), file.string());
    }
    return files;
}

struct Pair {
    PictureFile picture, mask;
    Tensor decoded, classes;  // where they are kept: the picture, the mask
    int64_t largest = -1;     // class in the mask
    std::string problem;
};

std::vector<Pair> pairs_in(const fs::path& folder) {
    const fs::path images = folder / "images", masks = folder / "masks";
    for (const fs::path& one : {images, masks})
        check(fs::is_directory(one), "[masks] {}: no such folder; images/ and masks/ are needed", one.string());
    std::map<std::string, fs::path> of_masks = by_stem(masks);
    std::vector<Pair> pairs;
    for (const auto& [name, image] : by_stem(images)) {
        const auto mask = of_masks.find(name);
        check(mask != of_masks.end(), "[masks] {} has no mask {}", image.string(), (masks / (name + ".png")).string());
        Pair& pair = pairs.emplace_back();
        pair.picture = {image, "images/" + image.filename().string()};
        pair.mask = {mask->second, "masks/" + mask->second.filename().string()};
        of_masks.erase(mask);
    }
    check(!pairs.empty(), "[masks] {}: no pairs of an image and a mask", folder.string());
    check(of_masks.empty(), "[masks] {} has no image in {}", of_masks.empty() ? "" : of_masks.begin()->second.string(),
          images.string());
    return pairs;
}

// The mask, and its picture where that is to be kept or may be broken. `most`: the number of classes; 0: any.
void look_at(Pair& pair, int64_t most, bool kept, const LoadOptions& options) {
    const Tensor mask = read_mask(pair.mask.path);
    pair.mask.header = {{mask.shape()[0], mask.shape()[1]}, fs::file_size(pair.mask.path)};
    check(pair.mask.header.extent == pair.picture.header.extent, "[masks] {} is {} pixels, its image {}",
          pair.mask.path.string(), text_of(pair.mask.header.extent), text_of(pair.picture.header.extent));
    for (const uint8_t one : mask.span<uint8_t>()) {
        if (one == ignored) continue;
        check(most == 0 || one < most, "[masks] {} has class {}, expected 0 to {}, or 255 for none",
              pair.mask.path.string(), one, most - 1);
        pair.largest = std::max<int64_t>(pair.largest, one);
    }
    if (!kept && !options.left_out) return;
    const Tensor picture = read_image(pair.picture.path, {.ignore_exif = options.ignore_exif});
    if (kept) pair.decoded = picture, pair.classes = mask;
}

std::vector<std::string> named_classes(const fs::path& directory) {
    const fs::path path = directory / "classes.txt";
    if (!fs::exists(path)) return {};
    std::vector<std::string> names = lines_of(read_file(path), "[masks] " + path.string());
    check(!names.empty() && names.size() <= ignored, "[masks] {}: expected 1 to {} names, got {}", path.string(),
          ignored, names.size());
    return names;
}

std::vector<std::string> numbered(int64_t count) {
    std::vector<std::string> names;
    for (int64_t k = 0; k < count; ++k) names.push_back(fmt::format("class {}", k));
    return names;
}

// Calls `look` for each pair. Where there is someone to tell, what it throws is said, and the pair left out.
void look_at_all(std::vector<Pair>& pairs, const LoadOptions& options, const std::function<void(Pair&)>& look) {
    parallel_for(static_cast<int64_t>(pairs.size()), [&](int64_t i) {
        Pair& pair = pairs[static_cast<size_t>(i)];
        try {
            look(pair);
        } catch (const Error& error) {
            if (!options.left_out || is_out_of_memory(error)) throw;
            pair.problem = error.what();
        }
    });
    std::erase_if(pairs, [&](const Pair& pair) {
        if (!pair.problem.empty()) options.left_out(pair.problem);
        return !pair.problem.empty();
    });
}

}  // namespace

Dataset load_mask_folder(const fs::path& directory, Split split, const LoadOptions& options) {
    check(fs::is_directory(directory), "[masks] {}: no such folder", directory.string());
    const auto folder_of = [&](Split one) {
        return directory / (one == Split::train ? "train" : one == Split::test ? "test" : "val");
    };
    Dataset data;
    data.classes = options.classes.empty() ? named_classes(directory) : options.classes;
    // Numbers that no list names are those of the training masks.
    if (data.classes.empty() && split != Split::train && folder_has_split(directory, Split::train))
        data.classes = load_mask_folder(directory, Split::train, options).classes;
    std::vector<Pair> pairs = pairs_in(folder_of(split));
    look_at_all(pairs, options,
                [&](Pair& pair) { pair.picture.header = read_image_header(pair.picture.path, options.ignore_exif); });
    int64_t bytes = 0;
    for (const Pair& pair : pairs) bytes += pair.picture.header.extent.rows * pair.picture.header.extent.columns * 4;
    const bool kept = keeps(options.cache, bytes);
    const auto most = static_cast<int64_t>(data.classes.size());
    look_at_all(pairs, options, [&](Pair& pair) { look_at(pair, most, kept, options); });
    check(!pairs.empty(), "[masks] {}: none of its pairs can be read", folder_of(split).string());
    int64_t largest = -1;
    for (const Pair& pair : pairs) largest = std::max(largest, pair.largest);
    if (data.classes.empty()) data.classes = numbered(largest + 1);
    check(!data.classes.empty(), "[masks] {}: no pixel has a class", folder_of(split).string());

    std::vector<PictureFile> pictures, masks;
    std::vector<Tensor> decoded, classes;
    for (const Pair& pair : pairs) {
        pictures.push_back(pair.picture), masks.push_back(pair.mask);
        decoded.push_back(pair.decoded), classes.push_back(pair.classes);
    }
    data.labels.assign(pairs.size(), 0);
    data.fitted_to = options.extent;
    data.pictures = pictures_in(std::move(pictures), options.ignore_exif);
    data.masks = std::make_shared<MaskFiles>(std::move(masks));
    if (kept) {
        data.pictures = kept_in_memory(data.pictures, std::move(decoded));
        data.masks = kept_in_memory(data.masks, std::move(classes));
    }
    return data;
}

}  // namespace swingrad
