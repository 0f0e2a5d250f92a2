// A JSON file, once as a model's arguments and once as a recipe: what is taken is the same after writing and reading.
#include "core/io/json_file.h"
#include "models/swin/config.h"
#include "models/swin/hub_config.h"
#include "tests/fuzz/targets.h"
#include "train/loop/swin_recipe.h"

namespace swingrad::fuzz {

void config(Bytes bytes) {
    static const MemoryFile file;
    file.write(bytes);
    nlohmann::json json;
    if (!reads([&] { json = read_json_file(file.path()); })) return;

    SwinConfig model;
    if (reads([&] { model = config_from_json(json); })) {
        const nlohmann::json written = config_to_json(model);
        promise(config_to_json(config_from_json(written)) == written, "a model changes when it is written");
    }
    if (is_hub_config(json)) reads([&] { config_from_json(from_hub_config(json)); });
    SwinRecipe recipe;
    if (reads([&] {
            update(recipe, json, "config.json");
            validate(recipe);
        })) {
        const nlohmann::json written = to_json(recipe);
        SwinRecipe again;
        update(again, written, "again.json");
        validate(again);
        promise(to_json(again) == written, "a recipe changes when it is written");
    }
}

}  // namespace swingrad::fuzz
