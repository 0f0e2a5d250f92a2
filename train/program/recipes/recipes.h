// Recipes: settings of a training that go together, each a JSON file beside this one and known by its name. A program
// has them all built in.
//
// A file holds settings by the names of the flags, "model-args" for the architecture where it is not the model's, under
// "about" what it is for, and under "needs" the names of settings that must be given beside it. What it does not name
// is as without it.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace swingrad {

struct NamedRecipe {
    std::string name, about;
    nlohmann::json settings;         // without "about" and "needs"
    std::vector<std::string> needs;  // settings
};

// Takes "needs" out of what a file holds, an object named `from` in messages. Throws an Error where it names nothing.
std::vector<std::string> take_needs(nlohmann::json& settings, const std::string& from);

const std::vector<NamedRecipe>& named_recipes();  // in the order of their names

// One of these, or else what a JSON file of this path holds, named as it was given. Throws a UsageError where it is
// neither, an Error naming the file where that is no object.
NamedRecipe recipe_of_name(const std::string& name_or_path);

std::string text_of_named_recipes();  // a line each, for help

}  // namespace swingrad
