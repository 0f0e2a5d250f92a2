#include "train/program/run/start.h"

#include "core/io/file.h"
#include "train/program/console/text.h"
#include "train/program/run/environment.h"
#include "train/program/run/run_lock.h"
#include "train/program/run/run_loop.h"

#include <algorithm>
#include <optional>

namespace swingrad {
namespace fs = std::filesystem;

namespace {

void require_nothing_but_lock(const RunFolder& folder) {
    const auto is_lock = [&](const fs::directory_entry& entry) { return entry.path() == folder.lock(); };
    const bool unused = !fs::exists(folder.path) ||
                        (fs::is_directory(folder.path) &&
                         std::all_of(fs::directory_iterator(folder.path), fs::directory_iterator{}, is_lock));
    check(unused, "{0} exists already: go on with it by --resume {0}, or choose another --output",
          shell_word(folder.path.string()));
}

}  // namespace

void require_unused(const RunFolder& folder) {
    refuse_if_locked(folder);
    require_nothing_but_lock(folder);
}

int start(const RunFolder& folder, const RunSubject& subject, const nlohmann::json& config,
          const std::string& samples) {
    RunLoop loop(folder, subject);
    std::error_code error;
    const bool made = fs::create_directories(folder.path, error);
    check(!error, "[run] cannot create {}: {}", folder.path.string(), error.message());
    std::optional<RunLock> lock;
    try {
        lock.emplace(folder);
        require_nothing_but_lock(folder);  // another process may have been here while the samples were read
        write_file_atomically(folder.config(), config.dump(2) + "\n");
        append_environment(folder, subject.recipe.device);
    } catch (...) {
        // A folder with nothing but the lock is as good as none.
        if (made && lock && !fs::exists(folder.config())) fs::remove(folder.lock(), error);
        if (made) fs::remove(folder.path, error);
        throw;
    }
    loop.announce(samples);
    return loop.go();
}

int go_on(const RunFolder& folder, const RunSubject& subject, const std::string& samples) {
    RunLoop loop(folder, subject);
    remove_temporaries(folder);
    append_environment(folder, subject.recipe.device);
    loop.announce(samples);
    loop.load();
    return loop.go();
}

}  // namespace swingrad
