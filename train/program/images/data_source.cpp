#include "train/program/images/data_source.h"

#include "train/data/shapes.h"
#include "train/data/sources.h"
#include "train/program/images/folder.h"

namespace swingrad {

DataSource parse_data_source(const std::string& text) {
    const size_t colon = text.find(':');
    DataSource source{text.substr(0, colon), colon == std::string::npos ? "" : text.substr(colon + 1)};
    const bool from_files = source.kind == "cifar10" || source.kind == "cifar100" || source.kind == "folder";
    const bool possible = from_files ? !source.directory.empty() : text == "shapes";
    check(possible, "[data] expected shapes, cifar10:DIR, cifar100:DIR or folder:DIR, got \"{}\"", text);
    return source;
}

Dataset load_dataset(const DataSource& source, Split split, const LoadOptions& options) {
    const Extent extent = options.extent;
    check(extent.rows > 0 && extent.columns > 0, "[data] images must be at least 1 x 1, asked for {}", text_of(extent));
    if (source.kind == "shapes") return load_shapes(split, extent);
    if (source.kind == "folder") return load_folder(source.directory, split, extent);
    return load_cifar(source.kind, source.directory, split, extent);
}

std::vector<std::string> class_names(const DataSource& source) {
    if (source.kind == "shapes") return shape_names();
    if (source.kind == "folder") return folder_class_names(source.directory);
    return cifar_class_names(source.kind, source.directory);
}

}  // namespace swingrad
