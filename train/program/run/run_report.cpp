#include "train/program/run/run_report.h"

#include "core/io/file.h"

namespace swingrad {
namespace fs = std::filesystem;

std::string report_on(const RunFolder& folder, const RunSubject& subject, int64_t parameters, const Judged* judged) {
    std::error_code error;
    ReportedRun run{.name = fs::canonical(folder.path, error).filename().string(),
                    .model = subject.model_name,
                    .data = subject.data_name,
                    .samples_are = subject.samples_are,
                    .classes = subject.classes,
                    .training_samples = subject.training.size(),
                    .epochs = subject.recipe.epochs,
                    .parameters = parameters,
                    .recipe = subject.settings,
                    .architecture = subject.architecture,
                    .environment = {},
                    .log = fs::exists(folder.log()) ? read_log(folder.log()) : LogTable{}};
    if (fs::exists(folder.environment()))
        run.environment = nlohmann::json::parse(read_file(folder.environment()), nullptr, false);
    return write_report(run, judged, folder.report(), folder.figures());
}

}  // namespace swingrad
