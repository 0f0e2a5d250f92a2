#include "train/program/weights/origin.h"

#include "core/io/json_file.h"
#include "train/program/run/belonging.h"
#include "train/program/run/run_folder.h"

namespace swingrad {
namespace fs = std::filesystem;
namespace {

// A Swin's: that of a program of one's own knows no model that could be built here.
bool is_run(const fs::path& folder) {
    std::error_code unknown;
    const fs::path config = RunFolder{folder}.config();
    if (!fs::is_regular_file(config, unknown)) return false;
    const nlohmann::json file = read_json_file(config);
    return file.is_object() && file.contains("derived") && file["derived"].is_object() &&
           !file["derived"].contains("program");
}

}  // namespace

Origin origin_of(const fs::path& named) {
    std::error_code unknown;
    const bool is_folder = fs::is_directory(named, unknown);
    check(is_folder || fs::exists(named, unknown), "{}: no such file or folder", named.string());
    Origin origin{weights_in_folder_or_file(named)};
    const fs::path parent = named.has_parent_path() ? named.parent_path() : ".", folder = is_folder ? named : parent;
    if (is_run(folder)) {
        const RunConfig run = read_config(RunFolder{folder});
        origin.card = ModelCard{run.model, run.normalisation, preparation_of(run.recipe).fitting, run.classes};
        origin.task = run.recipe.task;
        require_of_run(origin.weights, run.identity);
    } else if (is_folder && is_hub_folder(folder)) {
        origin.card = read_hub_folder(folder);
    }
    return origin;
}

}  // namespace swingrad
