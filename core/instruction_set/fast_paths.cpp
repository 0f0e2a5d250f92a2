#include "core/instruction_set/fast_paths.h"

#include "core/instruction_set/instruction_set.h"

#include <mutex>
#include <typeindex>
#include <unordered_map>

namespace swingrad {
namespace {

struct Declared {
    std::mutex mutex;
    std::unordered_map<std::type_index, AnyFastPath> paths;
};
// In a function: static variables of other files use it before main.
Declared& declared() {
    static Declared all;
    return all;
}

}  // namespace

void declare_fast_path(const std::type_info& op, AnyFastPath path) {
    Declared& all = declared();
    const std::lock_guard lock(all.mutex);
    all.paths[op] = path;
}

AnyFastPath fast_path_of(const std::type_info& op) {
    instruction_set();
    Declared& all = declared();
    const std::lock_guard lock(all.mutex);
    const auto found = all.paths.find(op);
    return found == all.paths.end() ? AnyFastPath{} : found->second;
}

}  // namespace swingrad
