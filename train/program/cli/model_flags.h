// Which model a command is about: --model names one, --config has one in a file, and a flag for every number and switch
// of models/swin/config.h changes either, so that any architecture can be had without writing code.
#pragma once

#include "models/swin/config.h"
#include "train/program/console/flags.h"

#include <optional>

namespace swingrad {

// The flags of the architecture. Each is a key of config_from_json with hyphens, and --help lists them last.
class ModelFlags {
  public:
    // But for the keys that the command sets in another way. This object must outlive the parsing.
    void declare(CLI::App& command, const std::vector<std::string>& without);

    // What was given, as config_from_json takes it: {"embed_dim": 64}.
    const nlohmann::json& arguments() const { return arguments_; }
    // What was given, as it was: "--embed-dim 64"; empty where nothing was.
    std::string text() const;
    // `base` with what was given. Throws a UsageError naming the flag and its value.
    SwinConfig applied_to(const SwinConfig& base) const;
    // What an error of config_from_json says, with the flag in the place of its key.
    std::string in_terms_of_flags(const std::string& message) const;
    // The first flag that says otherwise than `config`, with its value and the config's: "--embed-dim 64 contradicts
    // the 48"; empty where none does.
    std::string contradiction(const SwinConfig& config) const;

  private:
    nlohmann::json arguments_ = nlohmann::json::object();
    std::vector<std::pair<std::string, std::string>> given_;  // key and text, in the order of the command line
};

// --model NAME, --config FILE and those flags.
class ModelChoice {
  public:
    // `name` is the default of --model; without one, the command needs --model or --config.
    void declare(CLI::App& command, const std::string& name, const std::vector<std::string>& without = {});

    bool given() const;                                          // whether any of the flags was
    const std::filesystem::path& file() const { return file_; }  // --config; empty: not given
    std::string text() const;        // what was given of them, or the default: "nano --embed-dim 64"; on one line
    std::string flags_text() const;  // what was given, as it was: "--model nano --embed-dim 64"
    bool named() const { return !name_.empty() || !file_.empty(); }
    // Takes this file where neither --model nor --config was given.
    void use_if_unnamed(const std::filesystem::path& file) {
        if (!named()) file_ = file;
    }
    // Throws a UsageError on what cannot be, an Error naming the file where it cannot be read.
    SwinConfig config() const;

  private:
    nlohmann::json in_file() const;  // an empty object without a file
    SwinConfig config_in_file(const SwinConfig& base) const;

    std::string name_;
    std::filesystem::path file_;
    CLI::Option* name_flag_ = nullptr;
    ModelFlags flags_;
};

}  // namespace swingrad
