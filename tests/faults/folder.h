// What the interposed libraries share: which calls are about the folder that is watched.
#pragma once

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

// The C library's own function of this name and type.
template <class Function>
Function* real(const char* name) {
    return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

inline std::string setting(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

// The folder, by its absolute path; nothing is watched without.
inline const std::string& watched() {
    static const std::string folder = setting("FAULT_FOLDER");
    return folder;
}

inline bool is_watched(const std::string& absolute) {
    const std::string& folder = watched();
    return !folder.empty() && absolute.starts_with(folder) &&
           (absolute.size() == folder.size() || absolute[folder.size()] == '/');
}

// Of a path as the program gives it. The program stays in the folder that it was started in.
inline bool is_watched(const char* path) {
    char here[4096];
    if (path[0] == '/') return is_watched(std::string(path));
    return getcwd(here, sizeof here) != nullptr && is_watched(std::string(here) + "/" + path);
}

inline std::string path_of(int descriptor) {
    char target[4096];
    const ssize_t length = readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), target, sizeof target);
    return length < 0 ? "" : std::string(target, static_cast<size_t>(length));
}
inline bool is_watched(int descriptor) { return is_watched(path_of(descriptor)); }
