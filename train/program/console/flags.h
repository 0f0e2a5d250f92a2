// Flags whose values are read strictly: the whole text must be of the type, or one line says what was expected.
#pragma once

#include "core/gemm/engine.h"
#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "core/threads.h"
#include "train/loop/recipe.h"

#include <CLI/CLI.hpp>

#include <array>
#include <charconv>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace swingrad {

inline const char* type_name_of(const std::string&) { return "TEXT"; }
inline const char* type_name_of(const std::filesystem::path&) { return "PATH"; }
inline const char* type_name_of(int64_t) { return "N"; }
inline const char* type_name_of(double) { return "X"; }
inline const char* type_name_of(const std::array<double, 2>&) { return "X,Y"; }

inline void parse_value(const std::string&, const std::string& text, std::string& value) { value = text; }
inline void parse_value(const std::string& flag, const std::string& text, std::filesystem::path& value) {
    if (text.empty()) fail_usage("{} expects a path, got nothing", flag);
    value = text;
}
template <class Number>
void parse_value(const std::string& flag, const std::string& text, Number& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        fail_usage("{} expects {}, got \"{}\"", flag, std::is_integral_v<Number> ? "a whole number" : "a number", text);
}
inline void parse_value(const std::string& flag, const std::string& text, std::array<double, 2>& value) {
    const size_t comma = text.find(',');
    if (comma == std::string::npos) fail_usage("{} expects two numbers, as 0.5,1, got \"{}\"", flag, text);
    parse_value(flag, text.substr(0, comma), value[0]);
    parse_value(flag, text.substr(comma + 1), value[1]);
}

// `names` as in CLI11: "--batch-size,--batch". The value must outlive the parsing.
template <class T>
CLI::Option* add_flag(CLI::App& command, const std::string& names, T& value, const std::string& help) {
    const std::string flag = names.substr(0, names.find(','));
    CLI::Option* option = nullptr;
    if constexpr (std::is_same_v<T, std::array<double, 2>>) {  // one word or, as in timm, two
        const auto read = [flag, &value](const std::vector<std::string>& words) {
            parse_value(flag, words.front() + (words.size() > 1 ? "," + words.back() : ""), value);
        };
        option = command.add_option_function<std::vector<std::string>>(names, read, help)->expected(1, 2);
    } else {
        const auto read = [flag, &value](const std::string& text) { parse_value(flag, text, value); };
        option = command.add_option_function<std::string>(names, read, help);
    }
    option->type_name(type_name_of(value));
    if constexpr (std::is_arithmetic_v<T>) option->default_str(fmt::format("{}", value));
    else if constexpr (std::is_same_v<T, std::array<double, 2>>)
        option->default_str(fmt::format("{:.4g},{:.4g}", value[0], value[1]));
    else if (!value.empty()) option->default_str(fmt::format("{}", std::string(value)));
    return option;
}

// A flag for each setting of a recipe, but for those that are objects. Returns them by name, to see which were given.
using SettingFlags = std::vector<std::pair<std::string, CLI::Option*>>;
inline SettingFlags add_setting_flags(CLI::App& command, const Settings& settings) {
    SettingFlags flags;
    for (const Setting& setting : settings) {
        std::string names = std::string("--") + setting.name;
        if (names == "--batch-size") names += ",--batch";
        if (names == "--label-smoothing") names += ",--smoothing";
        std::visit(
            [&](auto* value) {
                if constexpr (std::is_same_v<decltype(value), bool*>)
                    flags.emplace_back(setting.name, command.add_flag(names, *value, setting.help));
                else if constexpr (!std::is_same_v<decltype(value), nlohmann::json*>)
                    flags.emplace_back(setting.name, add_flag(command, names, *value, setting.help));
            },
            setting.value);
    }
    return flags;
}
// Of `all` settings, those that were given as flags.
inline nlohmann::json given_of(const SettingFlags& flags, const nlohmann::json& all) {
    nlohmann::json given = nlohmann::json::object();
    for (const auto& [name, option] : flags)
        if (option->count() > 0) given[name] = all[name];
    return given;
}

// What any command's flags of these names may be at most; train/loop/recipe.cpp has those of a training.
inline constexpr int64_t most_batch = 1'000'000, most_steps = 1'000'000;

// Throws a UsageError where one of the `given` settings of a resumed run is not what the run has.
inline void refuse_contradictions(const nlohmann::json& given, const nlohmann::json& settings, const std::string& run) {
    for (const auto& [name, value] : given.items())
        if (value != settings.value(name, nlohmann::json()))
            fail_usage("--{} {} contradicts the {} of {}; a resumed run keeps its settings", name, json_text(value),
                       json_text(settings.value(name, nlohmann::json())), run);
}
inline void refuse_other_output(const std::filesystem::path& output, const std::filesystem::path& run) {
    if (!output.empty() && output != run)
        fail_usage("--output {} contradicts --resume {}, which goes on where it is", output.string(), run.string());
}

// What `call` returns; an Error of it counts as one of usage, because it only looks at what the user gave.
template <class Call>
auto as_usage(Call&& call) {
    try {
        return call();
    } catch (const Error& error) {
        throw UsageError(error.what());
    }
}

// Throws a UsageError where what a flag names as output is one of `inputs`, by whatever name: it would be lost.
inline void refuse_overwriting(const std::string& flag, const std::filesystem::path& output,
                               const std::vector<std::filesystem::path>& inputs) {
    std::error_code unknown;  // one of them is not there
    for (const std::filesystem::path& input : inputs)
        if (!input.empty() && !output.empty() && std::filesystem::equivalent(output, input, unknown))
            fail_usage("{} {} would be written over {}, which is needed", flag, output.string(), input.string());
}

// --threads, in effect at once.
inline void add_threads_flag(CLI::App& command) {
    const auto set = [](const std::string& text) {
        int threads = 0;
        parse_value("--threads", text, threads);
        if (threads < 1 || threads > 1024) fail_usage("--threads must be 1 to 1024, got {}", text);
        set_thread_count(threads);
    };
    command.add_option_function<std::string>("--threads", set, "threads to work on; results do not depend on it")
        ->type_name("N")
        ->default_str("all cores");
}

// --gemm, in effect at once. Products of bfloat16 stay our own.
inline void add_gemm_flag(CLI::App& command) {
    const auto set = [](const std::string& name) {
        use_gemm_engine(as_usage([&] { return gemm_engine_named(name); }));
    };
    command.add_option_function<std::string>("--gemm", set, "who multiplies float32 and float64: own, or openblas")
        ->type_name("NAME")
        ->default_str("own");
}

}  // namespace swingrad
