#include "train/experiments/harness/training.h"

#include "train/program/run/run.h"
#include "train/program/run/run_folder.h"

#include <chrono>
#include <cmath>

namespace swingrad {
namespace {

constexpr Random of_parts{0, 17};  // which images are taken: of all experiments and seeds the same

struct NotFinite {
    std::string why;
};

}  // namespace

ExperimentImages::ExperimentImages(const std::string& data, Extent extent)
    : source_(parse_data_source(data)), extent_(extent), classes_(static_cast<int64_t>(class_names(source_).size())) {}

const Dataset& ExperimentImages::training(int64_t most) { return part(training_, Split::train, most); }
const Dataset& ExperimentImages::test(int64_t most) { return part(test_, split_to_judge(source_), most); }

const Dataset& ExperimentImages::part(std::optional<Dataset>& kept, Split split, int64_t most) {
    if (kept) return *kept;
    kept = load_dataset(source_, split, {.extent = extent_});
    if (kept->size() > most)
        kept = hold_out(*kept, static_cast<double>(most) / static_cast<double>(kept->size()), of_parts).second;
    return *kept;
}

SwinRecipe recipe_of(const ExperimentSettings& settings) {
    SwinRecipe recipe;
    recipe.data = settings.data;
    recipe.device = settings.device;
    recipe.precision = settings.precision;
    return recipe;
}

std::string train_through(Trainer& trainer, ExperimentRun& run, const std::string& label,
                          const std::function<void(int64_t)>& after_step) {
    using Clock = std::chrono::steady_clock;
    trainer.on_skip = [](const std::string& why) { throw NotFinite{why}; };
    const auto start = Clock::now();
    std::string why;
    try {
        for (; !trainer.finished(); trainer.begin_next_epoch())
            while (!trainer.epoch_done()) {
                stop_if_interrupted();
                const double loss = trainer.step();
                const int64_t done = trainer.steps_done(), all = trainer.steps_in_all();
                const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
                run.progress.show(label, done, all, std::isnan(loss) ? "" : fmt::format("loss {:.3f}", loss),
                                  seconds / static_cast<double>(done) * static_cast<double>(all - done));
                if (after_step) after_step(done);
            }
    } catch (const NotFinite& stop) {
        why = stop.why;
    }
    run.progress.clear();
    return why;
}

LogTable train_in_folder(const SwinRecipe& recipe, const std::filesystem::path& folder) {
    const RunFolder run{folder};
    const bool begun = std::filesystem::exists(run.config());
    if (begun) {
        const SwinRecipe before = read_config(run).recipe;
        SwinRecipe now = recipe;
        if (now.train_crop_mode == "auto") now.train_crop_mode = before.train_crop_mode;  // as the run has chosen
        if (now.micro_batches == 0) now.micro_batches = before.micro_batches;
        check(to_json(before) == to_json(now), "[experiment] {} is a run of other settings; choose another --output",
              folder.string());
    }
    const int code = begun ? resume_run(folder) : start_run(recipe, folder);
    if (code != 0) throw ExperimentStopped{};
    return read_log(run.log());
}

}  // namespace swingrad
