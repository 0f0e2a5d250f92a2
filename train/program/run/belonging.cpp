#include "train/program/run/belonging.h"

#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "core/io/safetensors.h"
#include "train/loop/checkpoint.h"
#include "train/loop/trainer.h"
#include "train/program/run/fingerprint.h"

#include <charconv>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

const std::string run_key = "swingrad.run", epoch_key = "swingrad.epoch";

bool is_named_by_runs(const fs::path& file) {
    const RunFolder folder{file.parent_path()};
    const std::string name = file.filename().string();
    return file == folder.best() || file == folder.weights() || file == folder.last() || file == folder.previous() ||
           (name.starts_with("epoch-") && name.ends_with(".safetensors"));
}

std::string mark_in(const fs::path& file, const std::map<std::string, std::string>& metadata) {
    if (const auto found = metadata.find(run_key); found != metadata.end()) return found->second;
    if (!is_checkpoint(metadata)) return "";
    const nlohmann::json state = checkpoint_state(file);
    const nlohmann::json recipe = state.is_object() ? state.value("recipe", nlohmann::json()) : nlohmann::json();
    const nlohmann::json mark =
        recipe.is_object() ? recipe.value(identity_setting, nlohmann::json()) : nlohmann::json();
    return mark.is_string() ? mark.get<std::string>() : "";
}

}  // namespace

std::string identity_of(nlohmann::json settings, const std::string& samples) {
    // A model by name and arguments is its architecture, by whatever name.
    for (const char* other : {"data", "skip-broken", "model", "model-args"}) settings.erase(other);
    std::string text = samples;
    for (const auto& [name, value] : settings.items())
        if (!may_change(name))
            text += fmt::format("\n{} {}", name, value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
    return fingerprint_of(text);
}

std::map<std::string, std::string> mark_of(const std::string& identity, int64_t epoch) {
    std::map<std::string, std::string> mark{{epoch_key, std::to_string(epoch)}};
    if (!identity.empty()) mark[run_key] = identity;
    return mark;
}

std::string mark_in(const fs::path& file) { return mark_in(file, read_safetensors_metadata(file)); }

std::optional<int64_t> epoch_of(const fs::path& weights) {
    const auto metadata = read_safetensors_metadata(weights);
    const auto found = metadata.find(epoch_key);
    if (found == metadata.end()) return {};
    const std::string& text = found->second;
    int64_t epoch = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), epoch);
    check(problem == std::errc() && end == text.data() + text.size() && epoch >= 1,
          "[run] {}: metadata {} must be an epoch, got {}", weights.string(), in_quotes(epoch_key), in_quotes(text));
    return epoch;
}

PlaceOfFile place_of_file(const fs::path& file) {
    if (!is_checkpoint(read_safetensors_metadata(file))) return {epoch_of(file).value_or(0), 0};
    const nlohmann::json state = checkpoint_state(file);
    const auto number = [&](const char* name) -> int64_t {
        const bool there = state.is_object() && state.contains(name) && is_int64(state[name]);
        return there ? state[name].get<int64_t>() : 0;
    };
    return {number("epoch"), number("batch")};
}

void require_of_run(const fs::path& file, const std::string& identity) {
    if (identity.empty()) return;
    const std::string mark = mark_in(file, read_safetensors_metadata(file));
    if (mark.empty() && !is_named_by_runs(file)) return;
    check(!mark.empty(), "[run] {} does not belong to this run, which marks its files: it has no mark of a run",
          file.string());
    check(mark == identity, "[run] {} does not belong to this run, but to another: it is marked {}, this run's are {}",
          file.string(), in_quotes(mark), in_quotes(identity));
    check(has_checksum(file), "[run] {}: damaged: it has no checksum, and the run wrote it with one", file.string());
}

void require_best_of(const RunFolder& folder, const std::string& identity, int64_t best_epoch, int64_t epochs_done) {
    require_of_run(folder.best(), identity);
    const std::optional<int64_t> epoch = epoch_of(folder.best());
    check(!epoch || *epoch == best_epoch || *epoch > epochs_done,
          "[run] {} holds the weights of epoch {}; those that validation has chosen are of epoch {}",
          folder.best().string(), epoch.value_or(0), best_epoch);
}

}  // namespace swingrad
