#include "train/loop/evaluate.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/trained_model.h"
#include "train/program/console/progress.h"
#include "train/program/evaluation/evaluation_output.h"
#include "train/program/images/data_source.h"
#include "train/program/tasks/both_ways.h"
#include "train/program/tasks/task.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

struct EvaluateFlags {
    TrainedModelFlags trained;
    std::string data;
    std::string device = "cpu", precision = "f32";
    int64_t batch_size = 128;
    bool skip_broken = false, tta = false;
    EvaluationOutput output;
};

// What to evaluate, and on what.
struct Subject {
    SwinConfig model;
    Normalisation normalisation;
    std::filesystem::path weights;
    std::string data;
    std::vector<std::string> classes;  // of a run; empty: those of the data
    bool ignore_exif, skip_broken;
    Preparation preparation;
    SwinRecipe recipe = {};  // of a run
};

// In whatever order.
bool are_the_same(std::vector<std::string> a, std::vector<std::string> b) {
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    return a == b;
}

Subject subject_of(const EvaluateFlags& flags) {
    if (flags.trained.is_run()) {
        const auto [run, weights] = flags.trained.run();
        return {run.model,
                run.normalisation,
                weights,
                flags.data.empty() ? run.recipe.data : flags.data,
                run.classes,
                run.recipe.ignore_exif,
                run.recipe.skip_broken || flags.skip_broken,
                preparation_of(run.recipe),
                run.recipe};
    }
    if (flags.data.empty()) fail_usage("--weights {} needs --data", flags.trained.weights().string());
    const DataSource source = parse_data_source(flags.data);
    SwinConfig model = flags.trained.config();
    const std::vector<std::string> classes = class_names(source);
    model.num_classes = static_cast<int64_t>(classes.size());
    return {model,
            flags.trained.normalisation(normalisation_of(source.kind), flags.output.notes()),
            flags.trained.weights(),
            flags.data,
            are_the_same(flags.trained.classes(), classes) ? flags.trained.classes() : std::vector<std::string>{},
            flags.trained.ignore_exif(),
            flags.skip_broken,
            flags.trained.preparation()};
}

// What --json must not be written over.
std::vector<std::filesystem::path> inputs_of(const EvaluateFlags& flags, const Subject& subject) {
    if (!flags.trained.is_run()) return {subject.weights};
    std::vector<std::filesystem::path> inputs = files_of(RunFolder{subject.weights.parent_path()});
    inputs.push_back(subject.weights);
    return inputs;
}

int evaluate_subject(const EvaluateFlags& flags, const Subject& subject) {
    flags.output.require_writable(inputs_of(flags, subject));
    const DataSource source = parse_data_source(subject.data);
    const Split split = split_to_judge(source);
    int64_t left_out = 0;
    LoadOptions options{
        .extent = subject.model.img_size, .ignore_exif = subject.ignore_exif, .classes = subject.classes};
    const Task& task = task_named(subject.recipe.task);
    if (flags.tta && subject.recipe.task != "classification")
        fail_usage("--tta is for classification, and {} learnt {}", subject.weights.string(), subject.recipe.task);
    options.any_size = true;
    options.masks = task.has_masks();
    options.cache = Cache::none;  // each is looked at once
    if (subject.skip_broken) options.left_out = listing_left_out(left_out);
    const Dataset data = load_dataset(source, split, options);
    const std::string difference = subject.classes.empty() ? "" : difference_of_classes(subject.classes, data.classes);
    check(difference.empty(), "--data {} has not the classes that the model of {} knows: {}", subject.data,
          subject.weights.string(), difference);
    const auto classes = static_cast<int64_t>(data.classes.size());
    check(classes == subject.model.num_classes, "--data {} has {} classes, the model of {} has {}", subject.data,
          classes, subject.weights.string(), subject.model.num_classes);
    const std::unique_ptr<Module> model = task.model(subject.recipe, subject.model);
    Parameters parameters(*model, dtype_of_precision(flags.precision), Random{}, choose_device(flags.device),
                          Gradients::no);
    flags.trained.load(subject.weights, parameters, flags.output.notes());

    Progress progress;
    const char* set = split == Split::test ? "test" : "validation";
    const std::unique_ptr<Samples> samples =
        task.to_judge(data, subject.recipe, subject.normalisation, subject.preparation);
    const auto show = [&](int64_t done) { progress.show(set, done, data.size(), "images", 0); };
    const Evaluation result =
        evaluate(*model, parameters, *samples, flags.batch_size, show, task.loss_of_judging(subject.recipe));
    check(result.not_finite.empty(), "[evaluate] {} says nothing: {}", subject.weights.string(), result.not_finite);
    std::optional<Evaluation> second;
    if (flags.tta) {
        BothWays both(*model);
        second = evaluate(both, parameters, *samples, flags.batch_size, show);
    }
    progress.clear();
    const Judgement judged{.set = set,
                           .data = subject.data,
                           .weights = subject.weights,
                           .device = flags.device,
                           .precision = flags.precision,
                           .samples = data.size(),
                           .left_out = left_out,
                           .names = data.classes,
                           .with_mirror_images = second ? &*second : nullptr};
    const std::optional<Scores> scores = scores_of(result);
    const std::string score = std::isnan(result.score())
                                  ? fmt::format("{} loss {:.4f}  (", set, result.loss)
                                  : fmt::format("{} {} {:.2f} %{}  (loss {:.4f}, ", set, result.score_text(),
                                                result.score(), text_of_top5(scores), result.loss);
    flags.output.write(judged, result, scores,
                       fmt::format("{}{} images{})", score, grouped(data.size()), text_of_left_out(left_out)));
    return 0;
}

}  // namespace

RunCommand declare_evaluate(CLI::App& command) {
    auto flags = std::make_shared<EvaluateFlags>();
    add_flag(command, "--data", flags->data,
             "images: shapes | cifar10:DIR | cifar100:DIR | folder:DIR; default: the run's");
    add_flag(command, "--batch-size,--batch", flags->batch_size, "images at a time");
    add_flag(command, "--device", flags->device, device_help);
    add_flag(command, "--precision", flags->precision, precision_help);
    command.add_flag("--skip-broken", flags->skip_broken,
                     "leave out files that are no pictures or damaged ones, and list them; as the run did, too");
    command.add_flag(
        "--tta", flags->tta,
        "also judge each image together with its mirror image: the mean of both probabilities, told apart");
    flags->output.declare(command);
    add_threads_flag(command);
    add_gemm_flag(command);
    flags->trained.declare(
        command,
        "weights of timm, Microsoft, torchvision or Hugging Face: a hub's folder, or a file and --model; needs --data",
        "by --data");
    command.footer(
        "Of a run's folder, the weights are model.safetensors, or else best.safetensors, or else last.safetensors.\n"
        "Of a folder, the images in DIR/test are taken, or where there are none, those in DIR/val.\n"
        "--json has loss, accuracy and top-5 (percent), and as shares of 1 precision, recall and F1 of each class and\n"
        "their means, and the expected calibration error of 15 bins; the confusion matrix, and which weights these "
        "were.\n\n"
        "Examples:\n"
        "  swingrad evaluate --checkpoint runs/nano-shapes-seed0\n"
        "  swingrad evaluate --checkpoint runs/nano-shapes-seed0 --device cuda --precision bf16\n"
        "  swingrad evaluate --checkpoint runs/first --json first.json\n"
        "  swingrad evaluate --checkpoint runs/first --tta\n"
        "  swingrad evaluate --checkpoint runs/first/last.safetensors --data folder:cifar10-jpeg\n"
        "  swingrad evaluate --weights w.safetensors --model tiny --window-size 16 --data folder:DIR\n"
        "  swingrad evaluate --weights swinv2_tiny --data folder:DIR\n"
        "  swingrad evaluate --weights v1.safetensors --model tiny --arch swin --window-size 12 --resample --data "
        "folder:DIR");
    return [flags] {
        flags->trained.check_usage();
        check_names(flags->device, flags->precision);
        choose_device(flags->device);
        require(flags->batch_size >= 1 && flags->batch_size <= most_batch, "batch-size", "1 to 1000000",
                flags->batch_size);
        if (!flags->data.empty()) as_usage([&] { return parse_data_source(flags->data); });
        return evaluate_subject(*flags, subject_of(*flags));
    };
}

}  // namespace swingrad
