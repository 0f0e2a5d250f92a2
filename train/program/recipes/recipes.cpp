#include "train/program/recipes/recipes.h"

#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "train/loop/recipe.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

namespace swingrad {
namespace {

NamedRecipe recipe_in(const std::string& name, nlohmann::json settings, const std::string& from) {
    check(settings.is_object(), "{}: a recipe must be an object, got {}", from, json_text(settings));
    const nlohmann::json about = settings.value("about", nlohmann::json(""));
    check(about.is_string(), "{}: \"about\" must be a text, got {}", from, json_text(about));
    settings.erase("about");
    std::vector<std::string> needs = take_needs(settings, from);
    return {name, about, std::move(settings), std::move(needs)};
}

struct Builtin {
    const char *name, *text;
};
constexpr Builtin builtin[] = {
#include "named_recipes.inc"  // written by CMake: {"cifar-minutes", R"json({ ... })json"},
};

}  // namespace

std::vector<std::string> take_needs(nlohmann::json& settings, const std::string& from) {
    const nlohmann::json needs = settings.value("needs", nlohmann::json::array());
    check(needs.is_array() && std::all_of(needs.begin(), needs.end(), [](const auto& one) { return one.is_string(); }),
          "{}: \"needs\" must be an array of names of settings, got {}", from, json_text(needs));
    settings.erase("needs");
    return needs;
}

const std::vector<NamedRecipe>& named_recipes() {
    static const std::vector<NamedRecipe> all = [] {
        std::vector<NamedRecipe> recipes;
        for (const auto& [name, text] : builtin)
            recipes.push_back(recipe_in(name, parse_json(text, name), fmt::format("the recipe {}", name)));
        std::sort(recipes.begin(), recipes.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
        return recipes;
    }();
    return all;
}

NamedRecipe recipe_of_name(const std::string& name_or_path) {
    std::vector<std::string> names;
    for (const NamedRecipe& recipe : named_recipes()) {
        if (recipe.name == name_or_path) return recipe;
        names.push_back(recipe.name);
    }
    std::error_code unknown;
    if (!std::filesystem::exists(name_or_path, unknown))
        fail_usage("--recipe must be {}, or a JSON file, got {}", fmt::join(names, ", "), in_quotes(name_or_path));
    return recipe_in(name_or_path, read_json_file(name_or_path), "--recipe " + on_one_line(name_or_path));
}

std::string text_of_named_recipes() {
    std::string text;
    for (const NamedRecipe& recipe : named_recipes()) text += fmt::format("  {:<18} {}\n", recipe.name, recipe.about);
    return text;
}

}  // namespace swingrad
