#include "train/transfer/features.h"

#include "core/io/quotes.h"
#include "core/io/safetensors.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/trained_model.h"
#include "train/program/console/output.h"
#include "train/program/console/progress.h"
#include "train/program/images/picture_list.h"

#include <map>

namespace swingrad {
namespace {

struct FeaturesFlags {
    TrainedModelFlags trained;
    std::vector<std::string> images;
    std::filesystem::path output;
    bool pyramid = false, skip_broken = false;
    std::string device = "cpu", precision = "f32";
    int64_t batch_size = 64;
};

// What computes features, and how it sees pictures.
struct Subject {
    SwinConfig model;
    Normalisation normalisation;
    std::filesystem::path weights;
    bool ignore_exif;
    Preparation preparation;
};

Subject subject_of(const FeaturesFlags& flags) {
    if (flags.trained.is_run()) {
        const auto [run, weights] = flags.trained.run();
        require_classifier(run.recipe, weights);
        return {run.model, run.normalisation, weights, run.recipe.ignore_exif, preparation_of(run.recipe)};
    }
    Subject subject{
        flags.trained.config(), {}, flags.trained.weights(), flags.trained.ignore_exif(), flags.trained.preparation()};
    subject.model.num_classes = flags.trained.classes_in_weights().value_or(subject.model.num_classes);
    validate(subject.model);
    subject.normalisation = flags.trained.normalisation(normalisation_of("folder"), complain);
    return subject;
}

// The pictures' paths in the order of the rows, as a JSON list, for the file's metadata.
std::string names_of(const std::vector<PictureFile>& pictures) {
    nlohmann::json names = nlohmann::json::array();
    for (const PictureFile& picture : pictures) {
        check(is_utf8(picture.name), "[features] {} is not UTF-8, as the output's metadata must be: rename it",
              in_quotes(picture.name));
        names.push_back(picture.name);
    }
    return names.dump();
}

// "layers.0" of the names that a forward pass reports, and not "layers.0.blocks.1".
bool is_stage(std::string_view name) { return name.starts_with("layers.") && name.rfind('.') == 6; }

int write_features(const FeaturesFlags& flags) {
    const Subject subject = subject_of(flags);
    int64_t left_out = 0;
    const std::vector<PictureFile> files =
        pictures_named(flags.images, subject.ignore_exif, flags.skip_broken ? listing_left_out(left_out) : nullptr);
    const std::string names = names_of(files);
    const auto n = static_cast<int64_t>(files.size());
    Dataset data;
    data.classes = {"unknown"};
    data.labels.assign(files.size(), 0);
    data.pictures = pictures_in(files, subject.ignore_exif);
    data.fitted_to = subject.model.img_size;

    SwinV2 model(subject.model);
    const Parameters parameters(model, dtype_of_precision(flags.precision), Random{}, choose_device(flags.device),
                                Gradients::no);
    flags.trained.load(subject.weights, parameters, complain);
    std::map<std::string, Tensor> maps;
    int64_t done = 0;
    const auto keep_map = [&](std::string_view name, const Tensor& value) {
        if (!flags.pyramid || !is_stage(name)) return;
        const Tensor here = value.on_cpu().to(value.dtype() == DType::float64 ? DType::float64 : DType::float32);
        Tensor& all = maps[std::string(name)];
        if (!all.defined()) all = Tensor::empty(here.shape().with(0, n), here.dtype());
        all.slice(done, done + here.shape()[0]).copy_from(here);
    };
    Progress progress;
    const auto show = [&](int64_t now) {
        done = now;
        progress.show("features", done, n, "images", 0);
    };
    const ImageSamples samples(data, subject.normalisation, std::nullopt, subject.preparation);
    NamedTensors results{{"features", features_of(model, parameters, samples, flags.batch_size, show, keep_map)}};
    for (auto& [name, map] : maps) results.emplace_back(name, map);
    write_safetensors(flags.output, results, {{"images", names}});
    progress.line(fmt::format("features {} of {} images{} in {}", results[0].second.shape(), grouped(n),
                              text_of_left_out(left_out), flags.output.string()));
    return 0;
}

}  // namespace

RunCommand declare_features(CLI::App& command) {
    auto flags = std::make_shared<FeaturesFlags>();
    command.add_option("IMAGE", flags->images, "JPEG or PNG files of any size, or folders of them");
    add_flag(command, "--output", flags->output, "the safetensors file to write, which must not be there yet");
    command.add_flag("--pyramid", flags->pyramid, "each stage's map too, as layers.0, layers.1, ...: [N, H, W, C]");
    command.add_flag("--skip-broken", flags->skip_broken,
                     "leave out files that are no pictures or damaged ones, and list them");
    add_flag(command, "--batch-size,--batch", flags->batch_size, "images at a time");
    add_flag(command, "--device", flags->device, device_help);
    add_flag(command, "--precision", flags->precision, precision_help);
    add_threads_flag(command);
    add_gemm_flag(command);
    flags->trained.declare(
        command, "weights of timm, Microsoft, torchvision or Hugging Face: a hub's folder, or a file and --model",
        "CIFAR-10's");
    command.footer(
        "Writes what the classifier would be given: features [N, C], a row a picture, in the order in which they are\n"
        "named, those of a folder (at any depth) by their paths. The file's metadata \"images\" is a JSON list of the\n"
        "paths. Pictures are brought to the model's size as predict does it.\n\n"
        "Examples:\n"
        "  swingrad features --checkpoint runs/first --output features.safetensors photo.jpg drawing.png\n"
        "  swingrad features --checkpoint runs/first --output maps.safetensors --pyramid photos/\n"
        "  swingrad features --weights swinv2_tiny --output features.safetensors photos/");
    return [flags] {
        flags->trained.check_usage();
        if (flags->images.empty()) fail_usage("expected at least one IMAGE");
        if (flags->output.empty()) fail_usage("expected --output FILE");
        check_names(flags->device, flags->precision);
        choose_device(flags->device);
        require(flags->batch_size >= 1 && flags->batch_size <= most_batch, "batch-size", "1 to 1000000",
                flags->batch_size);
        std::error_code unknown;
        if (std::filesystem::exists(flags->output, unknown))
            fail_usage("--output {} is there already: remove it, or choose another", flags->output.string());
        return write_features(*flags);
    };
}

}  // namespace swingrad
