#include "train/program/run/start.h"

#include "core/io/file.h"
#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "train/program/console/text.h"
#include "train/program/run/environment.h"
#include "train/program/run/run_lock.h"
#include "train/program/run/run_loop.h"

#include <algorithm>
#include <optional>

namespace swingrad {
namespace fs = std::filesystem;

namespace {

// A start that was killed before it had a config.json leaves a lock, and half of that file.
bool is_left_of_a_start(const fs::directory_entry& entry) {
    return entry.path().filename() == ".lock" || is_temporary(entry.path());
}

void require_nothing_begun(const RunFolder& folder) {
    const bool unused = !fs::exists(folder.path) ||
                        (fs::is_directory(folder.path) && std::all_of(fs::directory_iterator(folder.path),
                                                                      fs::directory_iterator{}, is_left_of_a_start));
    check(unused, "{0} exists already: go on with it by --resume {0}, or choose another --output",
          shell_word(folder.path.string()));
}

}  // namespace

void require_unused(const RunFolder& folder) {
    refuse_if_locked(folder);
    require_nothing_begun(folder);
}

int start(const RunFolder& folder, const RunSubject& subject, const nlohmann::json& config,
          const std::string& samples) {
    if (const std::string* text = not_utf8_in(config))
        fail("[run] {} is not UTF-8, as {} must be: rename it", in_quotes(*text), folder.config().filename().string());
    RunLoop loop(folder, subject);
    const bool made = make_folders(folder.path);
    std::optional<RunLock> lock;
    try {
        lock.emplace(folder);
        require_nothing_begun(folder);  // another process may have been here while the samples were read
        remove_temporaries(folder);
        write_file_atomically(folder.config(), config.dump(2) + "\n");
        append_environment(folder, subject.recipe.device);
    } catch (...) {
        std::error_code error;
        // A folder with nothing but the lock is as good as none.
        if (made && lock && !fs::exists(folder.config())) fs::remove(folder.lock(), error);
        if (made) fs::remove(folder.path, error);
        throw;
    }
    loop.announce(samples);
    return loop.go();
}

int go_on(const RunFolder& folder, const RunSubject& subject, const nlohmann::json& config,
          const std::string& samples) {
    RunLoop loop(folder, subject);
    remove_temporaries(folder);
    const std::string other_bits = change_of_instruction_set(folder);
    append_environment(folder, subject.recipe.device);
    loop.announce(samples);
    if (!other_bits.empty() && subject.recipe.device == "cpu") loop.warn(other_bits);
    loop.load();
    if (!config.is_null()) write_file_atomically(folder.config(), config.dump(2) + "\n");
    return loop.go();
}

}  // namespace swingrad
