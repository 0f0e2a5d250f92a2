#include "train/program/cli/trained_model.h"

#include "core/io/safetensors.h"
#include "core/io/stored_tensors.h"
#include "models/swin/checkpoint_names.h"
#include "train/loop/checkpoint.h"
#include "train/program/console/output.h"
#include "train/program/run/belonging.h"
#include "train/program/run/way_back.h"

#include <array>
#include <cmath>
#include <sstream>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

// R,G,B
std::array<float, 3> read_channels(const std::string& flag, const std::string& text) {
    std::array<float, 3> channels{};
    std::istringstream parts(text);
    std::string part;
    size_t count = 0;
    for (; std::getline(parts, part, ','); ++count)
        if (count < channels.size()) parse_value(flag, part, channels[count]);
    if (count != channels.size() || text.back() == ',') fail_usage("{} expects R,G,B, got \"{}\"", flag, text);
    return channels;
}

}  // namespace

std::pair<RunConfig, fs::path> run_of_checkpoint(const fs::path& checkpoint) {
    const RunConfig config = read_config(folder_of_checkpoint(checkpoint));
    return {config, weights_of_checkpoint(checkpoint)};
}

void require_classifier(const SwinRecipe& recipe, const fs::path& named) {
    check(recipe.task == "classification", "{}: a run of --task {}, and this command is for those of classification",
          named.string(), recipe.task);
}

std::optional<int64_t> classes_in(const fs::path& weights) {
    const TimmNamed file = to_timm_names(open_tensors(weights).tensors, "[weights] " + weights.string());
    const auto classifier = file.tensors.find("head.fc.weight");
    if (classifier == file.tensors.end() || classifier->second.shape.rank() != 2) return {};
    return classifier->second.shape[0];
}

void TrainedModelFlags::declare(CLI::App& command, const std::string& weights_help,
                                const std::string& normalisation_default) {
    add_flag(command, "--checkpoint", checkpoint_, "a run's folder, or a .safetensors file in one");
    add_flag(command, "--weights", weights_, weights_help);
    add_flag(command, "--mean", mean_, "R,G,B that --weights were trained with; default: " + normalisation_default);
    add_flag(command, "--std", deviation_, "R,G,B that --weights were trained with; default: " + normalisation_default);
    command.add_flag("--ignore-exif", ignore_exif_, "with --weights: pictures as they lie in their files");
    Settings settings = settings_of(images_);
    std::erase_if(settings, [](const Setting& one) {
        const std::string name = one.name;
        return name != "crop-pct" && name != "crop-mode" && name != "interpolation";
    });
    image_settings_ = add_setting_flags(command, settings);
    command.add_flag("--resample", resample_,
                     "fit a bias table or patches of --weights made for another window or patch size");
    // Images have three channels; classes come from elsewhere; what drops is not active.
    model_.declare(command, "", {"in_chans", "num_classes", "drop_rate", "proj_drop_rate", "drop_path_rate"});
}

void TrainedModelFlags::check_usage() {
    if (checkpoint_.empty() == weights_.empty()) fail_usage("expected either --checkpoint or --weights");
    validate(images_);
    if (weights_.empty()) {
        if (model_.given()) fail_usage("{} goes with --weights; a checkpoint knows its model", model_.flags_text());
        if (!(mean_ + deviation_).empty())
            fail_usage("--mean and --std go with --weights; a checkpoint knows its normalisation");
        if (ignore_exif_) fail_usage("--ignore-exif goes with --weights; a checkpoint knows how it saw pictures");
        const nlohmann::json given = given_of(image_settings_, to_json(images_));
        if (!given.empty())
            fail_usage("--{} goes with --weights; a checkpoint knows how it saw pictures", given.begin().key());
        if (resample_) fail_usage("--resample goes with --weights; a checkpoint fits its model");
        return;
    }
    std::error_code unknown;
    if (std::filesystem::is_directory(weights_, unknown)) {
        const Origin origin = origin_of(weights_);
        if (origin.card) model_.use_if_unnamed(weights_ / "config.json");
        card_ = origin.card;
        weights_ = origin.weights;
    }
    if (!model_.named()) fail_usage("--weights {} needs --model, or --config", weights_.string());
}

Preparation TrainedModelFlags::preparation() const {
    Preparation preparation = preparation_of(images_);
    if (!card_ || !card_->fitting) return preparation;
    const nlohmann::json given = given_of(image_settings_, to_json(images_));
    const Fitting by_flags = preparation.fitting;
    preparation.fitting = *card_->fitting;
    if (given.contains("crop-pct")) preparation.fitting.crop_share = by_flags.crop_share;
    if (given.contains("crop-mode")) preparation.fitting.mode = by_flags.mode;
    if (given.contains("interpolation")) preparation.fitting.interpolation = by_flags.interpolation;
    return preparation;
}

// Weights do not say what they were trained on: flags, or else what is usual, and either is shown.
Normalisation TrainedModelFlags::normalisation(Normalisation otherwise, const Say& say) const {
    if (card_ && card_->normalisation) otherwise = *card_->normalisation;
    if (!mean_.empty()) otherwise.mean = read_channels("--mean", mean_);
    if (!deviation_.empty()) otherwise.deviation = read_channels("--std", deviation_);
    as_usage([&] { return check_normalisation(otherwise, "--mean", "--std"); });
    const auto& [mean, deviation] = otherwise;
    say(fmt::format("normalised by --mean {},{},{} --std {},{},{}\n", mean[0], mean[1], mean[2], deviation[0],
                    deviation[1], deviation[2]));
    return otherwise;
}

void TrainedModelFlags::load(const fs::path& weights, const Parameters& parameters, const Say& say) const {
    // Weights of a phase before the last become those of the model itself.
    const bool phases = is_run() && !read_config(folder_of_checkpoint(checkpoint_)).recipe.progressive.empty();
    const auto [names, resampled] =
        load_weights(weights, parameters, resample_ || phases ? OtherSizes::resample : OtherSizes::refuse);
    if (names != NamesOf::timm)
        say(fmt::format("{} has the names of {}\n", on_one_line(weights.string()), name_of(names)));
    if (is_run()) {
        require_of_run(weights, read_config(folder_of_checkpoint(checkpoint_)).identity);
        if (!has_checksum(weights)) warn(no_checksum_text(weights));
    }
    for (const std::string& name : resampled) say(fmt::format("resampled {}\n", on_one_line(name)));
}

}  // namespace swingrad
