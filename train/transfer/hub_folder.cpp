#include "train/transfer/hub_folder.h"

#include "core/io/file.h"
#include "core/io/json_file.h"
#include "core/io/safetensors.h"
#include "models/hub/hub_names.h"
#include "models/swin/hub_config.h"

#include <unistd.h>

#include <cmath>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr const char *config_name = "config.json", *weights_name = "model.safetensors",
                     *preprocessor_name = "preprocessor_config.json";
constexpr int bilinear_of_pillow = 2, bicubic_of_pillow = 3;

// ---- reading

// Three numbers, of red, green and blue; nothing of a model of other channels.
std::optional<std::array<float, 3>> channels_in(const json& file, const char* key) {
    if (!file.contains(key) || !file[key].is_array() || file[key].size() != 3) return {};
    return file[key].get<std::array<float, 3>>();
}

std::optional<Normalisation> normalisation_in(const json& file, const char* mean, const char* deviation) {
    const auto means = channels_in(file, mean), deviations = channels_in(file, deviation);
    if (!means || !deviations) return {};
    const Normalisation found{*means, *deviations};
    check_normalisation(found, mean, deviation);
    return found;
}

// Names by label: a list, or an object of {"0": name} with every label.
std::vector<std::string> names_in(const json& names, int64_t classes) {
    if (names.is_array()) return names.get<std::vector<std::string>>();
    std::vector<std::string> all;
    for (int64_t k = 0; names.is_object() && k < classes; ++k) {
        const std::string key = std::to_string(k);
        if (!names.contains(key)) return {};
        all.push_back(names[key].get<std::string>());
    }
    return all;
}

void read_timm(const json& file, ModelCard& card) {
    const json& beside = file.contains("pretrained_cfg") ? file["pretrained_cfg"] : file;
    check(beside.is_object(), "pretrained_cfg must be an object, got {}", json_text(beside));
    card.normalisation = normalisation_in(beside, "mean", "std");
    Fitting fitting;
    fitting.crop_share = beside.value("crop_pct", 1.0);
    check(fitting.crop_share > 0 && fitting.crop_share <= 1, "crop_pct must be in (0, 1], got {}", fitting.crop_share);
    fitting.mode = crop_mode_named(beside.value("crop_mode", "center"));
    fitting.interpolation = interpolation_named(beside.value("interpolation", "bicubic"));
    card.fitting = fitting;
    for (const json& place : {file, beside})
        if (card.classes.empty() && place.contains("label_names"))
            card.classes = names_in(place["label_names"], card.model.num_classes);
}

// Sides of a size that is scaled to `side` before the middle of `size` is cut out: the share, as Fitting has it.
double share_of(int64_t size, int64_t side) {
    check(size > 0 && side >= size, "size must be at least crop_size, got {} and {}", side, size);
    // Rounded down, size / share is `side` again.
    return side == size ? 1 : static_cast<double>(size) / (static_cast<double>(side) + 0.5);
}

// The classes of transformers' image processors tell by their settings what they do.
Fitting fitting_of_processor(const json& file) {
    Fitting fitting;
    const json& resample = file.value("resample", json(bilinear_of_pillow));
    const bool bilinear = resample == bilinear_of_pillow, bicubic = resample == bicubic_of_pillow;
    check(bilinear || bicubic, "resample can only be {} (bilinear) or {} (bicubic), got {}", bilinear_of_pillow,
          bicubic_of_pillow, json_text(resample));
    fitting.interpolation = bicubic ? Interpolation::bicubic : Interpolation::bilinear;
    fitting.mode = CropMode::squash;
    const json size = file.value("size", json()), crop = file.value("crop_size", json());
    const bool by_short_side = size.is_object() && size.contains("shortest_edge");
    if (by_short_side && file.contains("crop_pct") && file["crop_pct"].is_number()) {
        constexpr int64_t cut_below = 384;  // larger ones are squashed
        if (size["shortest_edge"].get<int64_t>() < cut_below) {
            fitting.mode = CropMode::center;
            fitting.crop_share = file["crop_pct"];
        }
    } else if (by_short_side && file.value("do_center_crop", false)) {
        fitting.mode = CropMode::center;
        const json side = crop.is_object() ? crop.at("height") : crop;
        fitting.crop_share = share_of(side.get<int64_t>(), size["shortest_edge"].get<int64_t>());
    }
    check(fitting.crop_share > 0 && fitting.crop_share <= 1, "crop_pct must be in (0, 1], got {}", fitting.crop_share);
    return fitting;
}

void read_processor(const json& file, ModelCard& card) {
    check(file.is_object(), "expected an object, got {}", json_text(file));
    const auto factor = file.value("rescale_factor", 1 / 255.0);
    check(file.value("do_rescale", true) && std::abs(factor * 255 - 1) < 1e-6,
          "do_rescale can only be by 1 / 255, got {}", factor);
    if (file.value("do_normalize", true)) card.normalisation = normalisation_in(file, "image_mean", "image_std");
    else card.normalisation = Normalisation{{0, 0, 0}, {1, 1, 1}};
    card.fitting = fitting_of_processor(file);
}

// What goes wrong in reading a file's settings is said with its name.
template <class Read>
void read_settings(const fs::path& path, const Read& read) {
    const json file = read_json_file(path);
    try {
        read(file);
    } catch (const json::exception&) {
        fail("[hub] {}: a setting is of another kind than timm and transformers write", path.string());
    } catch (const Error& error) {
        fail("[hub] {}: {}", path.string(), error.what());
    }
}

// ---- writing

// 0.485f as 0.485.
json decimals(const std::array<float, 3>& values) {
    json list = json::array();
    for (const float value : values) list.push_back(std::stod(fmt::format("{}", value)));
    return list;
}

const char* name_of(Interpolation interpolation) {
    return interpolation == Interpolation::bicubic ? "bicubic" : "bilinear";
}

const char* name_of(CropMode mode) {
    switch (mode) {
        case CropMode::center: return "center";
        case CropMode::border: return "border";
        case CropMode::squash: return "squash";
    }
    fail("[hub] unknown crop mode {}", static_cast<int>(mode));
}

json whole_timm_config(const ModelCard& card) {
    const SwinConfig& model = card.model;
    json file = timm_config(model);
    json& beside = file["pretrained_cfg"] = {
        {"custom_load", false},     {"input_size", {model.in_chans, model.img_size.rows, model.img_size.columns}},
        {"fixed_input_size", true}, {"num_classes", model.num_classes},
        {"pool_size", nullptr},     {"first_conv", "patch_embed.proj"},
        {"classifier", "head.fc"}};
    if (card.fitting) {
        beside["crop_pct"] = card.fitting->crop_share;
        beside["crop_mode"] = name_of(card.fitting->mode);
        beside["interpolation"] = name_of(card.fitting->interpolation);
    }
    if (card.normalisation) {
        beside["mean"] = decimals(card.normalisation->mean);
        beside["std"] = decimals(card.normalisation->deviation);
    }
    if (!card.classes.empty()) file["label_names"] = card.classes;
    return file;
}

// transformers cuts the middle out of square images alone, and knows no border. Null where nothing is known of images.
json processor_config(const ModelCard& card, std::vector<std::string>& lost) {
    if (!card.normalisation && !card.fitting) return {};
    const Fitting fitting = card.fitting.value_or(Fitting{});
    const auto [rows, columns] = card.model.img_size;
    json file{{"do_resize", true},
              {"do_rescale", true},
              {"rescale_factor", 1 / 255.0},
              {"do_normalize", card.normalisation.has_value()},
              {"resample", fitting.interpolation == Interpolation::bicubic ? bicubic_of_pillow : bilinear_of_pillow}};
    if (card.normalisation) {
        file["image_mean"] = decimals(card.normalisation->mean);
        file["image_std"] = decimals(card.normalisation->deviation);
    }
    const json size{{"height", rows}, {"width", columns}};
    if (fitting.mode == CropMode::center && rows == columns) {
        file["image_processor_type"] = "CLIPImageProcessor";
        file["size"] = {
            {"shortest_edge", static_cast<int64_t>(std::floor(static_cast<double>(rows) / fitting.crop_share))}};
        file["do_center_crop"] = true;
        file["crop_size"] = size;
        return file;
    }
    file["image_processor_type"] = "ViTImageProcessor";
    file["size"] = size;
    if (fitting.mode != CropMode::squash)
        lost.push_back(fmt::format("crop-mode {} of images of {} x {}: transformers will squash them",
                                   name_of(fitting.mode), rows, columns));
    return file;
}

NamedTensors weights_of(const Parameters& parameters) {
    NamedTensors weights;
    for (const auto& entry : parameters.entries())
        weights.emplace_back(entry.name, entry.value.on_cpu().to(DType::float32));
    return weights;
}

void write_into(const fs::path& folder, Hub hub, const ModelCard& card, const Parameters& parameters,
                std::vector<std::string>& lost) {
    const NamedTensors weights = weights_of(parameters);
    const std::map<std::string, std::string> metadata{{"format", "pt"}};  // transformers takes no file without it
    const auto write = [&](const char* name, const json& file) {
        if (const std::string* text = not_utf8_in(file))
            fail("[hub] {} is not UTF-8, as {} must be: rename it", json_text(*text), name);
        write_file_atomically(folder / name, file.dump(2) + "\n");
    };
    if (hub == Hub::timm) {
        write(config_name, whole_timm_config(card));
        write_safetensors(folder / weights_name, weights, metadata);
        return;
    }
    write(config_name, transformers_config(card.model, card.classes));
    if (const json processor = processor_config(card, lost); !processor.is_null()) write(preprocessor_name, processor);
    if (card.model.drop_rate > 0)
        lost.push_back(
            fmt::format("drop_rate {}: transformers has no dropout before the classifier", card.model.drop_rate));
    write_safetensors(folder / weights_name, to_transformers_names(weights, is_v1(card.model) ? "swin" : "swinv2"),
                      metadata);
}

}  // namespace

bool is_hub_folder(const fs::path& folder) {
    std::error_code unknown;
    return fs::is_regular_file(folder / config_name, unknown) && is_hub_config(read_json_file(folder / config_name));
}

ModelCard read_hub_folder(const fs::path& folder) {
    ModelCard card;
    bool of_transformers = false;
    read_settings(folder / config_name, [&](const json& file) {
        check(is_hub_config(file), "no configuration of timm or transformers");
        card.model = config_from_json(from_hub_config(file));
        of_transformers = file.contains("model_type");
        if (of_transformers) {
            require_model_of(Hub::transformers, card.model);
            if (file.contains("id2label")) card.classes = names_in(file["id2label"], card.model.num_classes);
        } else read_timm(file, card);
    });
    std::error_code unknown;
    if (of_transformers && fs::exists(folder / preprocessor_name, unknown))
        read_settings(folder / preprocessor_name, [&](const json& file) { read_processor(file, card); });
    if (static_cast<int64_t>(card.classes.size()) != card.model.num_classes) card.classes.clear();
    return card;
}

std::vector<std::string> write_hub_folder(const fs::path& folder, Hub hub, const ModelCard& card,
                                          const Parameters& parameters) {
    require_model_of(hub, card.model);
    std::error_code unknown;
    check(!fs::exists(folder, unknown) || fs::is_empty(folder, unknown),
          "[hub] {} is there already: remove it, or choose another", folder.string());
    // Beside it, and whole, before it gets its name. A path that ends in a slash has no last name.
    const fs::path named = folder.has_filename() ? folder : folder.parent_path();
    const fs::path building = named.parent_path() / fmt::format(".{}.{}.tmp", named.filename().string(), getpid());
    std::vector<std::string> lost;
    try {
        make_folders(building);
        write_into(building, hub, card, parameters, lost);
        std::error_code error;
        fs::rename(building, named, error);
        check(!error, "[hub] {}: {}", folder.string(), error.message());
    } catch (...) {
        fs::remove_all(building, unknown);
        throw;
    }
    return lost;
}

}  // namespace swingrad
