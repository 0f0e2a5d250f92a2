#include "train/loop/swin_recipe.h"

#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "train/loop/progressive/phases.h"

namespace swingrad {
namespace {

constexpr uint64_t alternate_flip_purpose = 0x666c6970;  // apart from those of train/loop/trainer.h

std::string text_of(const std::array<double, 2>& two) { return fmt::format("{},{}", two[0], two[1]); }

Settings settings_of_augmentation(SwinRecipe& r) {
    return {
        {"train-crop-mode", &r.train_crop_mode,
         "pad (crops out of a border) | rrc (a part at random, resized) | auto: pad where all images have img-size"},
        {"scale", &r.scale, "of rrc: least and greatest share of the image's area"},
        {"ratio", &r.ratio, "of rrc: least and greatest width over height"},
        {"interpolation", &r.interpolation, "how images are resized: bicubic | bilinear, both antialiased"},
        {"crop-pct", &r.crop_pct, "images to judge are scaled to img-size over this share, and the middle cut out"},
        {"crop-mode", &r.crop_mode, "of images to judge: center (cut) | border (padded) | squash (each side scaled)"},
        {"cache", &r.cache,
         "images that have not the model's size: ram (decoded once and kept) | none (decoded in every epoch) | auto"},
        {"workers", &r.workers, "threads that decode and augment such images, beside the step's"},
        {"alternate-flip", &r.alternate_flip, "flip each image every other epoch, in place of --flip"},
        {"aa", &r.aa, "policy: rand-m9-mstd0.5-inc1 and the like | original | originalr | v0 | v0r; empty: none"},
        {"color-jitter", &r.color_jitter, "largest change of brightness, contrast and saturation; none beside --aa"},
        {"reprob", &r.reprob, "probability of random erasing"},
        {"remode", &r.remode, "what is erased becomes: pixel (noise) | rand (one colour) | const (the mean)"},
        {"recount", &r.recount, "most rectangles erased of an image"},
        {"mixup", &r.mixup, "mixup of two images, alpha of the beta distribution; 0: none"},
        {"cutmix", &r.cutmix, "cutmix of two images, alpha of the beta distribution; 0: none"},
        {"mixup-prob", &r.mixup_prob, "probability of mixup or cutmix"},
        {"mixup-switch-prob", &r.mixup_switch_prob, "probability of cutmix where both are asked for"},
        {"mixup-mode", &r.mixup_mode, "shares are drawn for each: batch | pair | elem"},
        {"aug-repeats", &r.aug_repeats,
         "times an epoch sees an image it takes, augmented anew; it takes one in so many; 0: once, and all"},
    };
}

void validate_augmentation(const SwinRecipe& r) {
    require_one_of({"auto", "pad", "rrc"}, "train-crop-mode", r.train_crop_mode);
    require(r.scale[0] > 0 && r.scale[0] <= r.scale[1] && r.scale[1] <= 1, "scale", "two rising shares in (0, 1]",
            text_of(r.scale));
    require(r.ratio[0] >= 0.01 && r.ratio[0] <= r.ratio[1] && r.ratio[1] <= 100, "ratio",
            "two rising numbers in 0.01 to 100", text_of(r.ratio));
    require_one_of({"bicubic", "bilinear"}, "interpolation", r.interpolation);
    require(r.crop_pct >= 0.01 && r.crop_pct <= 1, "crop-pct", "0.01 to 1", r.crop_pct);
    require_one_of({"center", "border", "squash"}, "crop-mode", r.crop_mode);
    require_one_of({"auto", "ram", "none"}, "cache", r.cache);
    require(r.workers >= 1 && r.workers <= 1024, "workers", "1 to 1024", r.workers);
    if (r.alternate_flip && r.flip != SwinRecipe{}.flip)
        fail_usage("--flip {} contradicts --alternate-flip, which flips every image every other epoch", r.flip);
    try {
        policy_named(r.aa);
    } catch (const Error& error) {
        fail_usage("--aa: {}", error.what());
    }
    require(r.color_jitter >= 0 && r.color_jitter <= 10, "color-jitter", "0 to 10", r.color_jitter);
    require(r.reprob >= 0 && r.reprob <= 1, "reprob", "in [0, 1]", r.reprob);
    require_one_of({"pixel", "rand", "const"}, "remode", r.remode);
    require(r.recount >= 1 && r.recount <= 1000, "recount", "1 to 1000", r.recount);
    require(r.mixup >= 0 && r.mixup <= 1000, "mixup", "0 to 1000", r.mixup);
    require(r.cutmix >= 0 && r.cutmix <= 1000, "cutmix", "0 to 1000", r.cutmix);
    require(r.mixup_prob >= 0 && r.mixup_prob <= 1, "mixup-prob", "in [0, 1]", r.mixup_prob);
    require(r.mixup_switch_prob >= 0 && r.mixup_switch_prob <= 1, "mixup-switch-prob", "in [0, 1]",
            r.mixup_switch_prob);
    require_one_of({"batch", "pair", "elem"}, "mixup-mode", r.mixup_mode);
    require(r.aug_repeats >= 0 && r.aug_repeats <= 1000, "aug-repeats", "0 to 1000", r.aug_repeats);
    if ((r.mixup > 0 || r.cutmix > 0) && r.mixup_mode == "pair" && r.batch_size % 2 == 1)
        fail_usage("--mixup-mode pair contradicts the odd --batch-size {}: an image would be left without a partner",
                   r.batch_size);
}

// Features are computed once, of images as they are judged. What is on by default (flips, crops) is passed over.
void validate_probe(const SwinRecipe& r) {
    if (!r.probe) return;
    if (r.init.empty())
        fail_usage("--probe needs --init: of a network that has learnt nothing there is nothing to learn");
    if (!r.freeze.empty()) fail_usage("--freeze {} contradicts --probe, which trains the classifier alone", r.freeze);
    const std::pair<const char*, bool> augmentations[] = {{"mixup", r.mixup > 0},
                                                          {"cutmix", r.cutmix > 0},
                                                          {"aa", !r.aa.empty()},
                                                          {"reprob", r.reprob > 0},
                                                          {"color-jitter", r.color_jitter > 0},
                                                          {"alternate-flip", r.alternate_flip},
                                                          {"aug-repeats", r.aug_repeats > 1}};
    for (const auto& [flag, given] : augmentations)
        if (given) fail_usage("--{} contradicts --probe, which computes the features of images once", flag);
}

// Whether the model can have these sizes shows once there is one: train/program/phases.
void validate_progressive(const SwinRecipe& r) {
    if (r.progressive.empty()) return;
    if (r.task != "classification") fail_usage("--progressive contradicts --task {}: it is for classification", r.task);
    if (r.probe) fail_usage("--progressive contradicts --probe, which computes the features of images once");
    try {
        parse_phases(r.progressive);
    } catch (const Error& error) {
        fail_usage("--progressive {}: {}", on_one_line(r.progressive), error.what());
    }
}

// What a mask cannot follow.
void validate_segmentation(const SwinRecipe& r) {
    if (r.task != "segmentation") return;
    const std::pair<const char*, bool> others[] = {{"mixup", r.mixup > 0},
                                                   {"cutmix", r.cutmix > 0},
                                                   {"aa", !r.aa.empty()},
                                                   {"reprob", r.reprob > 0},
                                                   {"probe", r.probe}};
    for (const auto& [flag, given] : others)
        if (given) fail_usage("--{} contradicts --task segmentation, whose masks follow crops and flips alone", flag);
}

// What is to be told of an image that is mixed of two, or erased in part, is not the image.
void validate_simmim(const SwinRecipe& r) {
    if (r.task != "simmim") return;
    const std::pair<const char*, bool> others[] = {
        {"mixup", r.mixup > 0}, {"cutmix", r.cutmix > 0}, {"reprob", r.reprob > 0}, {"probe", r.probe}};
    for (const auto& [flag, given] : others)
        if (given) fail_usage("--{} contradicts --task simmim, which learns from whole images without labels", flag);
    require(r.mask_patch_size >= 0 && r.mask_patch_size <= r.img_size, "mask-patch-size", "0 to the image's size",
            r.mask_patch_size);
    require(r.mask_ratio > 0 && r.mask_ratio < 1, "mask-ratio", "above 0 and below 1", r.mask_ratio);
    require(r.norm_target_patch_size >= 3 && r.norm_target_patch_size <= 16383 && r.norm_target_patch_size % 2 == 1,
            "norm-target-patch-size", "odd, 3 to 16383", r.norm_target_patch_size);
}

}  // namespace

int64_t mask_patch_of(const SwinRecipe& r, const SwinConfig& model) {
    const Extent patch = model.patch_size, image = model.img_size;
    if (patch.rows != patch.columns)
        fail_usage("--task simmim hides squares, and patches of {} x {} are none", patch.rows, patch.columns);
    const int64_t stride = patch.rows << (model.depths.size() - 1), size = r.mask_patch_size;
    if (image.rows % stride != 0 || image.columns % stride != 0)
        fail_usage("--task simmim: an image of {} x {} is not of whole tokens of the last stage, of {} pixels",
                   image.rows, image.columns, stride);
    if (size == 0) return stride;
    if (size % patch.rows != 0) fail_usage("--mask-patch-size {} is no multiple of patches of {}", size, patch.rows);
    if (image.rows % size != 0 || image.columns % size != 0)
        fail_usage("--mask-patch-size {} does not divide images of {} x {}", size, image.rows, image.columns);
    return size;
}

Settings settings_of(SwinRecipe& r) {
    Settings all{
        {"data", &r.data, "images: shapes | cifar10:DIR | cifar100:DIR | folder:DIR"},
        {"model", &r.model, "model by name; see swingrad summary --help"},
        {"tta", &r.tta, "at the end, judge the test images also together with their mirror images, and say so apart"},
        {"task", &r.task,
         "what is learnt: classification, of images | segmentation, of pixels | simmim, hidden patches"},
        {"head", &r.head, "of segmentation: sum, of the stages' maps | uper, UPerNet's pyramids"},
        {"head-width", &r.head_width, "channels of that head"},
        {"mask-patch-size", &r.mask_patch_size,
         "of simmim: pixels an axis of what is hidden as one; 0: those of a token of the last stage"},
        {"mask-ratio", &r.mask_ratio, "of simmim: the share that is hidden"},
        {"norm-target", &r.norm_target, "of simmim: tell pixels less the mean around them, over their deviation"},
        {"norm-target-patch-size", &r.norm_target_patch_size, "pixels an axis that --norm-target takes these over"},
        {"model-args", &r.model_args, "JSON object of what differs from the model, named as in models/swin/config.h"},
        {"img-size", &r.img_size, "rows and columns of the model's images; shapes are drawn at it"},
    };
    const Settings of_any_training = settings_of(static_cast<Recipe&>(r));
    all.insert(all.end(), of_any_training.begin(), of_any_training.end());
    const Settings of_images{
        {"drop-path", &r.drop_path, "drop-path rate of the last block, rising linearly from 0"},
        {"crop-padding", &r.crop_padding, "random crops out of images padded by so many pixels"},
        {"flip", &r.flip, "probability of a horizontal flip"},
        {"validation", &r.validation,
         "share of the training images that chooses the checkpoint; 0: the last one counts"},
        {"ignore-exif", &r.ignore_exif, "take pictures as they lie in their files, not turned upright as EXIF says"},
        {"skip-broken", &r.skip_broken, "leave out files that are no pictures or damaged ones, and list them"},
    };
    all.insert(all.end(), of_images.begin(), of_images.end());
    all.push_back({"probe", &r.probe, "with --init: train the classifier alone, on features of images computed once"});
    all.push_back(
        {"progressive", &r.progressive,
         "phases, SIZE:SHARE of the epochs: 16:0.5,32:0.5; of patches p4:0.5,p2:0.5; the last is the model's"});
    const Settings more = settings_of_augmentation(r);
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

nlohmann::json to_json(const SwinRecipe& recipe) {
    SwinRecipe copy = recipe;
    return to_json(settings_of(copy));
}

SwinConfig model_of(const SwinRecipe& recipe, int64_t classes) {
    SwinConfig config;
    try {
        config = named_config(recipe.model);
        config.img_size = {recipe.img_size, recipe.img_size};
        config.drop_path_rate = recipe.drop_path;
        config.num_classes = classes;
        return config_from_json(recipe.model_args, config);
    } catch (const Error& error) {
        throw UsageError(error.what());
    }
}

std::vector<Need> needs_of_flags(const SwinRecipe& r) {
    std::vector<Need> needs = needs_of_flags(static_cast<const Recipe&>(r));
    const bool mixes = r.mixup > 0 || r.cutmix > 0, erases = r.reprob > 0;
    needs.insert(needs.end(), {
                                  {"crop-padding", r.train_crop_mode != "rrc", "crops out of a border"},
                                  {"scale", r.train_crop_mode != "pad", "--train-crop-mode rrc"},
                                  {"ratio", r.train_crop_mode != "pad", "--train-crop-mode rrc"},
                                  {"remode", erases, "--reprob"},
                                  {"recount", erases, "--reprob"},
                                  {"mixup-prob", mixes, "--mixup or --cutmix"},
                                  {"mixup-mode", mixes, "--mixup or --cutmix"},
                                  {"mixup-switch-prob", r.mixup > 0 && r.cutmix > 0, "--mixup and --cutmix"},
                                  {"tta", r.task == "classification", "--task classification"},
                                  {"head", r.task == "segmentation", "--task segmentation"},
                                  {"head-width", r.task == "segmentation", "--task segmentation"},
                                  {"mask-patch-size", r.task == "simmim", "--task simmim"},
                                  {"mask-ratio", r.task == "simmim", "--task simmim"},
                                  {"norm-target", r.task == "simmim", "--task simmim"},
                                  {"norm-target-patch-size", r.norm_target, "--norm-target"},
                              });
    return needs;
}

void validate(const SwinRecipe& recipe) {
    require_one_of(config_names(), "model", recipe.model);
    require_one_of({"classification", "segmentation", "simmim"}, "task", recipe.task);
    require_one_of({"sum", "uper"}, "head", recipe.head);
    if (recipe.tta && recipe.probe) fail_usage("--tta needs images, and --probe trains on their features");
    require(recipe.head_width >= 1 && recipe.head_width <= most_channels, "head-width",
            fmt::format("1 to {}", most_channels).c_str(), recipe.head_width);
    for (const auto& [key, from] : {std::pair{"img_size", "--img-size"},
                                    {"drop_path_rate", "--drop-path"},
                                    {"num_classes", "--data"},
                                    {"in_chans", "images, which have 3"}})
        if (recipe.model_args.contains(key))
            fail_usage("model-args: {} {} comes from {}", key, json_text(recipe.model_args[key]), from);
    if (!is_utf8(recipe.data))
        fail_usage("--data {} is not UTF-8, as the JSON of a run's folder must be: rename it", in_quotes(recipe.data));
    require(recipe.img_size >= 1 && recipe.img_size <= 16384, "img-size", "1 to 16384", recipe.img_size);
    require(recipe.drop_path >= 0 && recipe.drop_path < 1, "drop-path", "in [0, 1)", recipe.drop_path);
    require(recipe.crop_padding >= 0 && recipe.crop_padding <= 1024, "crop-padding", "0 to 1024", recipe.crop_padding);
    require(recipe.flip >= 0 && recipe.flip <= 1, "flip", "in [0, 1]", recipe.flip);
    require(recipe.validation >= 0 && recipe.validation < 1, "validation", "in [0, 1)", recipe.validation);
    validate(static_cast<const Recipe&>(recipe));
    validate_augmentation(recipe);
    validate_probe(recipe);
    validate_segmentation(recipe);
    validate_simmim(recipe);
    validate_progressive(recipe);
}

Augmentation augmentation_of(const SwinRecipe& r, const Normalisation& normalisation, bool any_size) {
    Augmentation augmentation{.crop_padding = r.crop_padding, .flip = r.flip};
    const Interpolation interpolation = interpolation_named(r.interpolation);
    if (r.train_crop_mode == "rrc" || (r.train_crop_mode == "auto" && any_size))
        augmentation.resized_crop = ResizedCrop{r.scale, r.ratio, interpolation};
    if (r.alternate_flip)
        augmentation.alternate_flip = Random{static_cast<uint64_t>(r.seed), 0}.split(alternate_flip_purpose);
    augmentation.policy = policy_named(r.aa);
    augmentation.colour_jitter = r.color_jitter;
    augmentation.ground = {interpolation, mean_colour(normalisation)};
    augmentation.erasing = {r.reprob, erasing_fill_named(r.remode), r.recount};
    augmentation.mixing = {r.mixup, r.cutmix, r.mixup_prob, r.mixup_switch_prob, mix_mode_named(r.mixup_mode)};
    augmentation.repeats = std::max<int64_t>(1, r.aug_repeats);
    return augmentation;
}

Preparation preparation_of(const SwinRecipe& r) {
    return {{r.crop_pct, crop_mode_named(r.crop_mode), interpolation_named(r.interpolation)}, r.workers};
}

}  // namespace swingrad
