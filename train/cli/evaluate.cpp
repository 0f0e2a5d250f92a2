#include "train/run/evaluate.h"

#include "train/checkpoint.h"
#include "train/cli/commands.h"
#include "train/cli/flags.h"
#include "train/run/progress.h"
#include "train/run/run_folder.h"

#include <array>
#include <sstream>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

struct EvaluateFlags {
    fs::path checkpoint, weights;
    std::string data, model, mean, deviation;
    int64_t batch_size = 128, img_size = 32;
};

// What to evaluate, and on what.
struct Subject {
    SwinConfig model;
    Normalisation normalisation;
    fs::path weights;
    std::string data;
};

// A run's folder or a file in one: the folder's config.json tells all but the weights.
Subject of_run(const EvaluateFlags& flags) {
    const bool is_folder = fs::is_directory(flags.checkpoint);
    check(is_folder || fs::exists(flags.checkpoint), "--checkpoint {}: no such file or folder",
          flags.checkpoint.string());
    const fs::path parent = flags.checkpoint.has_parent_path() ? flags.checkpoint.parent_path() : ".";
    const RunFolder folder{is_folder ? flags.checkpoint : parent};
    const RunConfig config = read_config(folder);
    fs::path weights = flags.checkpoint;
    if (is_folder)
        for (const fs::path& candidate : {folder.last(), folder.best(), folder.weights()})
            if (fs::exists(candidate)) weights = candidate;
    check(weights != folder.path, "--checkpoint {}: no weights in it yet", flags.checkpoint.string());
    return {config.model, config.normalisation, weights, flags.data.empty() ? config.recipe.data : flags.data};
}

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

// Weights do not say what they were trained on: flags, or else what the images suggest, and either is shown.
Normalisation normalisation_of(const EvaluateFlags& flags, const DataSource& source) {
    Normalisation normalisation = swingrad::normalisation_of(source);
    if (!flags.mean.empty()) normalisation.mean = read_channels("--mean", flags.mean);
    if (!flags.deviation.empty()) normalisation.deviation = read_channels("--std", flags.deviation);
    const auto& [mean, deviation] = normalisation;
    for (const float one : deviation)
        if (!(one > 0)) fail_usage("--std must be above 0, got {}", one);
    fmt::print("normalised by --mean {},{},{} --std {},{},{}\n", mean[0], mean[1], mean[2], deviation[0], deviation[1],
               deviation[2]);
    return normalisation;
}

Subject of_weights(const EvaluateFlags& flags) {
    if (flags.model.empty()) fail_usage("--weights {} needs --model", flags.weights.string());
    if (flags.data.empty()) fail_usage("--weights {} needs --data", flags.weights.string());
    const DataSource source = parse_data_source(flags.data);
    SwinConfig model = as_usage([&] { return named_config(flags.model); });
    model.num_classes = static_cast<int64_t>(class_names(source).size());
    model.img_size = {flags.img_size, flags.img_size};
    validate(model);
    return {model, normalisation_of(flags, source), flags.weights, flags.data};
}

int evaluate_subject(const Subject& subject, int64_t batch_size) {
    const Dataset data = load_dataset(parse_data_source(subject.data), Split::test, {.extent = subject.model.img_size});
    const auto classes = static_cast<int64_t>(data.classes.size());
    check(classes == subject.model.num_classes, "--data {} has {} classes, the model of {} has {}", subject.data,
          classes, subject.weights.string(), subject.model.num_classes);
    SwinV2 model(subject.model);
    Parameters parameters(model, DType::float32, Random{});
    const NamesOf names = load_weights(subject.weights, parameters).names;
    if (names != NamesOf::timm) fmt::print("{} has the names of {}\n", subject.weights.string(), name_of(names));

    Progress progress;
    const Evaluation result = evaluate(model, data, subject.normalisation, batch_size,
                                       [&](int64_t done) { progress.show("testing", done, data.size(), "images", 0); });
    progress.line(fmt::format("test accuracy {:.2f} %  (loss {:.4f}, {} images)", result.accuracy, result.loss,
                              grouped(data.size())));
    return 0;
}

}  // namespace

RunCommand declare_evaluate(CLI::App& command) {
    auto flags = std::make_shared<EvaluateFlags>();
    add_flag(command, "--checkpoint", flags->checkpoint, "a run's folder, or a .safetensors file in one");
    add_flag(command, "--weights", flags->weights,
             "any other weights, of timm, Microsoft, torchvision or Hugging Face; needs --model and --data");
    add_flag(command, "--model", flags->model, "model of --weights by name");
    CLI::Option* const img_size =
        add_flag(command, "--img-size", flags->img_size, "rows and columns of the images of --weights");
    add_flag(command, "--mean", flags->mean, "R,G,B that --weights were trained with; default: by --data");
    add_flag(command, "--std", flags->deviation, "R,G,B that --weights were trained with; default: by --data");
    add_flag(command, "--data", flags->data,
             "images: shapes | cifar10:DIR | cifar100:DIR | folder:DIR; default: the run's");
    add_flag(command, "--batch-size,--batch", flags->batch_size, "images at a time");
    add_threads_flag(command);
    command.footer(
        "Of a run's folder, the weights are model.safetensors, or else best.safetensors, or else last.safetensors.\n\n"
        "Examples:\n"
        "  swingrad evaluate --checkpoint runs/nano-shapes-seed0\n"
        "  swingrad evaluate --checkpoint runs/first/last.safetensors --data folder:cifar10-jpeg");
    return [flags, img_size] {
        if (flags->checkpoint.empty() == flags->weights.empty())
            fail_usage("expected either --checkpoint or --weights");
        if (flags->batch_size < 1) fail_usage("--batch-size must be at least 1, got {}", flags->batch_size);
        if (!flags->checkpoint.empty() && !flags->model.empty())
            fail_usage("--model {} goes with --weights; a checkpoint knows its model", flags->model);
        if (!flags->checkpoint.empty() && img_size->count() > 0)
            fail_usage("--img-size {} goes with --weights; a checkpoint knows its images", flags->img_size);
        if (!flags->checkpoint.empty() && !(flags->mean + flags->deviation).empty())
            fail_usage("--mean and --std go with --weights; a checkpoint knows its normalisation");
        if (!flags->data.empty()) as_usage([&] { return parse_data_source(flags->data); });
        return evaluate_subject(flags->checkpoint.empty() ? of_weights(*flags) : of_run(*flags), flags->batch_size);
    };
}

}  // namespace swingrad
