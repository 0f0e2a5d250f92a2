#include "train/program/run/way_back.h"

#include "core/io/file.h"
#include "core/io/safetensors.h"
#include "train/program/console/text.h"
#include "train/program/report/log_table.h"
#include "train/program/run/belonging.h"

#include <algorithm>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

bool is_whole(const fs::path& weights) {
    try {
        read_safetensors(weights);
        return true;
    } catch (const FileError&) {
        throw;
    } catch (const Error&) {
        return false;
    }
}

// Empty where there is none that is whole and fits.
std::string from_previous(const RunFolder& folder, const LoadCheckpoint& load, const std::string& program) {
    if (!fs::exists(folder.previous())) return "";
    try {
        const RunState state = load(folder.previous());
        return fmt::format("the checkpoint before it is whole; to go on from epoch {}, batch {}:  mv {} {} && {}",
                           state.epoch, state.batch, path_word(folder.previous()), path_word(folder.last()),
                           command_to_resume(folder, program));
    } catch (const FileError&) {
        throw;
    } catch (const Error&) {
        return "";
    }
}

}  // namespace

bool has_begun(const RunFolder& folder) {
    if (fs::exists(folder.last()) || fs::exists(folder.previous()) || !weights_in(folder).empty()) return true;
    if (!fs::exists(folder.log())) return false;
    return !fs::is_regular_file(folder.log()) || !lines_of_log(folder.log()).empty();
}

std::string command_to_resume(const RunFolder& folder, const std::string& program) {
    return fmt::format("{} train --resume {}", program, path_word(folder.path));
}

std::string way_back(const RunFolder& folder, const LoadCheckpoint& load, const std::string& program) {
    if (std::string text = from_previous(folder, load, program); !text.empty()) return text;
    std::string text = "there is no whole checkpoint before it; ";
    std::string names;
    for (const fs::path& path : weights_in(folder))
        if (is_whole(path)) names += (names.empty() ? "" : ", ") + path.filename().string();
    if (!names.empty())
        text += fmt::format("its weights are in {}:  {} evaluate --checkpoint {}; ", names, program,
                            path_word(folder.path));
    const std::string output = path_word(folder.path.string() + "-anew");
    return text + (program == "swingrad"
                       ? fmt::format("to begin anew:  {} train --config {} --output {}", program,
                                     path_word(folder.config()), output)
                       : fmt::format("to begin anew:  {} train --output {}, and the flags of before", program, output));
}

std::string way_back_of_best(const RunFolder& folder, int64_t epoch, const std::string& program) {
    const std::string best = path_word(folder.best()), resume = command_to_resume(folder, program);
    std::error_code unknown;
    const bool in_the_way = fs::exists(folder.best(), unknown) && !fs::is_regular_file(folder.best(), unknown);
    for (const fs::path& same : {folder.kept(epoch), folder.weights()}) {
        try {
            if (fs::exists(same) && is_whole(same) && epoch_of(same).value_or(0) == epoch)
                return fmt::format("the same weights:  {}cp {} {} && {}", in_the_way ? "rm -r " + best + " && " : "",
                                   path_word(same), best, resume);
        } catch (const Error&) {  // NOLINT(bugprone-empty-catch): then it is no way back
        }
    }
    return fmt::format("to do without it, so that of the epochs from here on the best counts:  rm {}{} && {}",
                       in_the_way ? "-r " : "", best, resume);
}

std::string no_checksum_text(const fs::path& file) {
    return fmt::format("{} has no checksum, as version 0.2 writes it: damage to it would not show", file.string());
}

std::vector<fs::path> weights_in(const RunFolder& folder) {
    std::vector<fs::path> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder.path, error)) {
        const std::string name = entry.path().filename().string();
        const bool kept = name.starts_with("epoch-") && name.ends_with(".safetensors");
        if (kept || name == folder.best().filename() || name == folder.weights().filename())
            found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
}

}  // namespace swingrad
