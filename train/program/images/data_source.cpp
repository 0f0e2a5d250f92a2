#include "train/program/images/data_source.h"

#include "train/data/shapes/kinds.h"
#include "train/data/sources.h"
#include "train/program/console/output.h"
#include "train/program/images/folder.h"
#include "train/program/images/mask_folder.h"

#include <algorithm>

namespace swingrad {

DataSource parse_data_source(const std::string& text) {
    if (text == "shapes") return {text, "", newest_shapes};
    for (int64_t version = 1; version <= newest_shapes; ++version)
        if (text == fmt::format("shapes:{}", version)) return {"shapes", "", version};
    if (text == fmt::format("shapes:{}-further", newest_shapes))
        return {"shapes", "", newest_shapes, ShapeKinds::further};
    const size_t colon = text.find(':');
    DataSource source{text.substr(0, colon), colon == std::string::npos ? "" : text.substr(colon + 1)};
    const bool from_files = source.kind == "cifar10" || source.kind == "cifar100" || source.kind == "folder";
    check(from_files && !source.directory.empty(),
          "[data] expected shapes, cifar10:DIR, cifar100:DIR or folder:DIR, got \"{}\"", text);
    return source;
}

std::string lasting_source(const std::string& text) {
    return text == "shapes" ? fmt::format("shapes:{}", newest_shapes) : text;
}

Cache cache_named(const std::string& name) {
    if (name == "auto") return Cache::automatic;
    check(name == "ram" || name == "none", "the cache must be auto, ram or none, got \"{}\"", name);
    return name == "ram" ? Cache::ram : Cache::none;
}

bool has_split(const DataSource& source, Split split) {
    if (source.kind == "folder") return folder_has_split(source.directory, split);
    return split != Split::validation;
}

Split split_to_judge(const DataSource& source) {
    if (has_split(source, Split::test)) return Split::test;
    check(has_split(source, Split::validation), "[folder] {}: expected a folder test or val, found neither",
          source.directory.string());
    return Split::validation;
}

Dataset load_dataset(const DataSource& source, Split split, const LoadOptions& options) {
    const Extent extent = options.extent;
    check(extent.rows > 0 && extent.columns > 0, "[data] images must be at least 1 x 1, asked for {}", text_of(extent));
    if (source.kind == "folder")
        return (options.masks ? load_mask_folder : load_folder)(source.directory, split, options);
    check(!options.masks || source.kind == "shapes",
          "[data] {} has no masks to learn segmentation from: shapes and folder:DIR may have", source.kind);
    check(split != Split::validation, "[data] {} has no images set apart for validation", source.kind);
    if (source.kind == "shapes")
        return (options.masks ? load_shapes_with_masks : load_shapes)(split, extent, source.version, source.kinds);
    return load_cifar(source.kind, source.directory, split, extent);
}

void require_files(const DataSource& source, Split split) {
    if (source.kind.starts_with("cifar")) require_cifar(source.kind, source.directory, split);
}

TrainingImages load_to_train(const DataSource& source, bool use_val, double share, Random random,
                             const LoadOptions& options) {
    const bool apart = use_val && share > 0 && has_split(source, Split::validation);
    const Dataset all = load_dataset(source, Split::train, options);
    auto [training, held_out] = hold_out(all, apart ? 0 : share, random);
    check(apart || share == 0 || held_out.size() > 0, "[data] a share of {} of {} images leaves none to validate on",
          share, all.size());
    LoadOptions as_in_training = options;
    if (options.masks) as_in_training.classes = all.classes;  // which may be known by the training masks alone
    return {std::move(training), apart ? load_dataset(source, Split::validation, as_in_training) : std::move(held_out)};
}

std::function<void(const std::string&)> listing_left_out(int64_t& files) {
    return [&files](const std::string& problem) {
        files += 1;
        warn("left out: " + problem);
    };
}

std::string text_of_left_out(int64_t files) {
    return files == 0 ? "" : fmt::format(", {} file{} left out", files, files == 1 ? "" : "s");
}

std::vector<std::string> class_names(const DataSource& source) {
    if (source.kind == "shapes") return shape_names(source.kinds);
    if (source.kind == "folder") return folder_class_names(source.directory);
    return cifar_class_names(source.kind, source.directory);
}

std::string difference_of_classes(const std::vector<std::string>& before, const std::vector<std::string>& now) {
    constexpr size_t most_named = 5;
    const auto missing = [](const std::vector<std::string>& from, const std::vector<std::string>& in) {
        std::vector<std::string> names;
        for (const std::string& name : from)
            if (std::find(in.begin(), in.end(), name) == in.end()) names.push_back(name);
        return names;
    };
    std::string text;
    const auto add = [&](const char* what, const std::vector<std::string>& names) {
        for (size_t i = 0; i < std::min(names.size(), most_named); ++i)
            text += fmt::format("{}{} \"{}\"", text.empty() ? "" : ", ", what, names[i]);
        if (names.size() > most_named) text += fmt::format(" and {} more", names.size() - most_named);
    };
    add("no longer a class", missing(before, now));
    add("a new class", missing(now, before));
    return text.empty() && before != now ? "classes in another order" : text;
}

}  // namespace swingrad
