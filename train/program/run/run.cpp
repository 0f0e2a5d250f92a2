#include "train/program/run/run.h"

#include "train/program/console/text.h"
#include "train/program/images/data_source.h"
#include "train/program/run/environment.h"
#include "train/program/run/run_lock.h"
#include "train/program/run/run_loop.h"

#include <algorithm>
#include <optional>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

// The training set in two: to learn from, and to choose the checkpoint by.
std::pair<Dataset, Dataset> load_training_data(const Recipe& recipe) {
    const DataSource source = parse_data_source(recipe.data);
    const Dataset all = load_dataset(source, Split::train, {.extent = {recipe.img_size, recipe.img_size}});
    auto parts = hold_out(all, recipe.validation, random_of(recipe, Purpose::hold_out));
    check(recipe.validation == 0 || parts.second.size() > 0,
          "[train] --validation {} of {} images leaves none to validate on", recipe.validation, all.size());
    return parts;
}

// The folder is missing, or holds nothing but a lock that no process holds.
void require_unused(const RunFolder& folder) {
    const auto is_lock = [&](const fs::directory_entry& entry) { return entry.path() == folder.lock(); };
    const bool unused = !fs::exists(folder.path) ||
                        (fs::is_directory(folder.path) &&
                         std::all_of(fs::directory_iterator(folder.path), fs::directory_iterator{}, is_lock));
    check(unused, "{0} exists already: go on with it by --resume {0}, or choose another --output",
          shell_word(folder.path.string()));
}

}  // namespace

fs::path default_run_folder(const Recipe& recipe) {
    return fs::path("runs") /
           fmt::format("{}-{}-seed{}", recipe.model, parse_data_source(recipe.data).kind, recipe.seed);
}

int start_run(const Recipe& recipe, const fs::path& path) {
    const RunFolder folder{path};
    refuse_if_locked(folder);
    require_unused(folder);
    const auto [training, validation] = load_training_data(recipe);
    const auto classes = static_cast<int64_t>(training.classes.size());
    const RunConfig config{recipe, model_of(recipe, classes), normalisation_of(parse_data_source(recipe.data).kind),
                           training.classes, training.size()};

    RunLoop loop(folder, config, training, validation);
    std::error_code error;
    const bool made = fs::create_directories(path, error);
    check(!error, "[run] cannot create {}: {}", path.string(), error.message());
    std::optional<RunLock> lock;
    try {
        lock.emplace(folder);
        require_unused(folder);  // another process may have been here while the images were read
        write_config(folder, config);
        append_environment(folder, recipe.device);
    } catch (...) {
        // A folder with nothing but the lock is as good as none.
        if (made && lock && !fs::exists(folder.config())) fs::remove(folder.lock(), error);
        if (made) fs::remove(path, error);
        throw;
    }
    loop.announce(training);
    return loop.go();
}

int resume_run(const fs::path& path) {
    const RunFolder folder{path};
    const RunConfig config = read_config(folder);
    const RunLock lock(folder);
    const auto [training, validation] = load_training_data(config.recipe);
    check(training.size() == config.training_images && training.classes == config.classes,
          "[train] {} is not what {} was trained on: {} images of {} classes, then {} of {}", config.recipe.data,
          path.string(), training.size(), training.classes.size(), config.training_images, config.classes.size());
    RunLoop loop(folder, config, training, validation);
    remove_temporaries(folder);
    append_environment(folder, config.recipe.device);
    loop.announce(training);
    loop.load();
    return loop.go();
}

}  // namespace swingrad
