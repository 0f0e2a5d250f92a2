#include "models/nn/freeze.h"

#include "core/io/quotes.h"
#include "core/io/suggest.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

namespace swingrad {
namespace {

std::vector<std::string> parts_of(const std::string& patterns) {
    std::vector<std::string> parts;
    for (size_t begin = 0; begin <= patterns.size();) {
        const size_t end = std::min(patterns.find(',', begin), patterns.size());
        parts.push_back(patterns.substr(begin, end - begin));
        check(!parts.back().empty(), "[freeze] {} holds an empty pattern", in_quotes(patterns));
        begin = end + 1;
    }
    return parts;
}

// A parameter's own name, and those of the modules it belongs to: "a.b.c", "a.b", "a".
std::vector<std::string> names_around(const std::string& name) {
    std::vector<std::string> names{name};
    for (size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0; dot = name.rfind('.', dot - 1))
        names.push_back(name.substr(0, dot));
    return names;
}

bool matches(const std::string& pattern, const std::string& name) {
    const std::vector<std::string> names = names_around(name);
    return std::any_of(names.begin(), names.end(), [&](const std::string& one) {
        return fnmatch(pattern.c_str(), one.c_str(), FNM_NOESCAPE) == 0;
    });
}

[[noreturn]] void fail_no_match(const std::string& pattern, const std::vector<NamedParameter>& all) {
    std::set<std::string> known;
    for (const auto& [name, parameter] : all)
        for (const std::string& one : names_around(name)) known.insert(one);
    const std::string near = nearest(pattern, {known.begin(), known.end()});
    fail("[freeze] {} names no parameter{}", in_quotes(pattern),
         near.empty() ? fmt::format("; they are called as {} is", in_quotes(all.front().name))
                      : fmt::format("; did you mean {}?", near));
}

}  // namespace

int64_t freeze(Module& model, const std::string& patterns) {
    const std::vector<NamedParameter> all = model.parameters();
    check(!all.empty(), "[freeze] the model declares no parameter");
    std::vector<bool> frozen(all.size(), false);
    for (const std::string& pattern : parts_of(patterns)) {
        bool any = false;
        for (size_t i = 0; i < all.size(); ++i)
            if (matches(pattern, all[i].name)) any = frozen[i] = true;
        if (!any) fail_no_match(pattern, all);
    }
    const auto count = std::count(frozen.begin(), frozen.end(), true);
    check(static_cast<size_t>(count) < all.size(), "[freeze] {} names all {} parameters: nothing is left to train",
          in_quotes(patterns), all.size());
    for (size_t i = 0; i < all.size(); ++i) all[i].parameter->frozen = frozen[i];
    return count;
}

}  // namespace swingrad
