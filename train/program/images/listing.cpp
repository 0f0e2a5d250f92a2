#include "train/program/images/listing.h"

#include "core/error.h"

#include <algorithm>
#include <cctype>
#include <iterator>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

// What operating systems and their tools leave in folders. Names with a dot in front are hidden, and passed over too.
bool is_litter(std::string name) {
    constexpr const char* litter[] = {"thumbs.db",  "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini",
                                      "icon\r",     "__macosx",    "$recycle.bin",      "system volume information",
                                      "lost+found", "@eadir"};
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    return name.starts_with('.') || std::find(std::begin(litter), std::end(litter), name) != std::end(litter);
}

}  // namespace

std::vector<fs::path> sorted_entries(const fs::path& folder) {
    check(fs::is_directory(folder), "[folder] {}: no such folder", folder.string());
    std::vector<fs::path> entries;
    std::error_code error;
    for (auto entry = fs::directory_iterator(folder, error); !error && entry != fs::directory_iterator();
         entry.increment(error))
        if (!is_litter(entry->path().filename().string())) entries.push_back(entry->path());
    check(!error, "[folder] {}: {}", folder.string(), error.message());
    std::sort(entries.begin(), entries.end());
    return entries;
}

std::vector<fs::path> files_below(const fs::path& folder, const std::function<void(const std::string&)>& problem) {
    std::vector<fs::path> files;
    std::vector<fs::path> entries;
    try {
        entries = sorted_entries(folder);
    } catch (const Error& error) {
        problem(error.what());
    }
    for (const fs::path& entry : entries) {
        std::error_code unknown;
        const bool is_folder = fs::is_directory(entry, unknown);
        if (!is_folder) files.push_back(entry);
        else if (!fs::is_symlink(entry, unknown))
            for (fs::path& file : files_below(entry, problem)) files.push_back(std::move(file));
    }
    return files;
}

}  // namespace swingrad
