#include "train/program/run/run_report.h"

#include "core/io/file.h"

namespace swingrad {
namespace fs = std::filesystem;

std::string report_on(const RunFolder& folder, const RunConfig& config, int64_t parameters, const Judged* judged) {
    std::error_code error;
    ReportedRun run{.name = fs::canonical(folder.path, error).filename().string(),
                    .model = config.recipe.model,
                    .data = config.recipe.data,
                    .classes = config.classes.size(),
                    .training_images = config.training_images,
                    .epochs = config.recipe.epochs,
                    .parameters = parameters,
                    .recipe = to_json(config.recipe),
                    .architecture = config_to_json(config.model),
                    .environment = {},
                    .log = fs::exists(folder.log()) ? read_log(folder.log()) : LogTable{}};
    if (fs::exists(folder.environment()))
        run.environment = nlohmann::json::parse(read_file(folder.environment()), nullptr, false);
    return write_report(run, judged, folder.report(), folder.figures());
}

}  // namespace swingrad
