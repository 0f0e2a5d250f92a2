#include "core/io/file.h"
#include "core/io/lines.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/trained_model.h"
#include "train/program/console/output.h"
#include "train/program/images/predict_pictures.h"
#include "train/program/tasks/task.h"

namespace swingrad {
namespace {

struct PredictFlags {
    TrainedModelFlags trained;
    std::filesystem::path classes;
    PictureFlags pictures;
    std::filesystem::path output;
    std::string device = "cpu";
};

// What predicts.
struct Subject {
    SwinConfig model;
    Normalisation normalisation;
    std::filesystem::path weights;
    std::vector<std::string> classes;
    Fitting fitting;
    SwinRecipe recipe = {};  // of a run
};

// A name a line.
std::vector<std::string> read_classes(const std::filesystem::path& path) {
    std::vector<std::string> names = lines_of(read_file(path), "--classes " + path.string());
    check(!names.empty(), "--classes {}: expected a name a line, found none", path.string());
    return names;
}

Subject subject_of(const PredictFlags& flags) {
    if (flags.trained.is_run()) {
        if (!flags.classes.empty())
            fail_usage("--classes {} goes with --weights; a checkpoint knows its classes", flags.classes.string());
        const auto [run, weights] = flags.trained.run();
        return {run.model, run.normalisation, weights, run.classes, preparation_of(run.recipe).fitting, run.recipe};
    }
    Subject subject{flags.trained.config(), {}, flags.trained.weights(), {}, flags.trained.preparation().fitting};
    subject.recipe.ignore_exif = flags.trained.ignore_exif();
    // The classifier says how many classes there are; load_weights complains if it is missing or of another width.
    subject.model.num_classes = flags.trained.classes_in_weights().value_or(subject.model.num_classes);
    validate(subject.model);
    if (!flags.classes.empty()) subject.classes = read_classes(flags.classes);
    else if (static_cast<int64_t>(flags.trained.classes().size()) == subject.model.num_classes)
        subject.classes = flags.trained.classes();
    const auto named = static_cast<int64_t>(subject.classes.size()), classes = subject.model.num_classes;
    check(named == 0 || named == classes, "--classes {} names {} classes, {} has {}", flags.classes.string(), named,
          subject.weights.string(), classes);
    for (int64_t i = named; i < classes; ++i) subject.classes.push_back(fmt::format("class {}", i));
    subject.normalisation = flags.trained.normalisation(normalisation_of("folder"), complain);
    return subject;
}

int predict(const PredictFlags& flags) {
    const Subject subject = subject_of(flags);
    check(subject.model.in_chans == 3, "[predict] images have 3 channels, the model takes {}", subject.model.in_chans);
    const Task& task = task_named(subject.recipe.task);
    const std::unique_ptr<Module> model = task.model(subject.recipe, subject.model);
    Parameters parameters(*model, DType::float32, Random{}, choose_device(flags.device), Gradients::no);
    flags.trained.load(subject.weights, parameters, complain);

    const KeptWeights kept = parameters.keep();
    const PictureInput input{subject.model.img_size, subject.normalisation, subject.fitting};
    return task.predict({subject.recipe, input, subject.classes, *model, parameters}, flags.pictures, flags.output);
}

}  // namespace

RunCommand declare_predict(CLI::App& command) {
    auto flags = std::make_shared<PredictFlags>();
    flags->pictures.declare(command);
    add_flag(command, "--classes", flags->classes, "text file with the names of the classes of --weights, one a line");
    add_flag(command, "--output", flags->output,
             "folder for pictures of what a run of segmentation says: NAME_mask.png and NAME_overlay.png")
        ->default_str("none");
    add_flag(command, "--device", flags->device, device_help);
    add_threads_flag(command);
    add_gemm_flag(command);
    flags->trained.declare(
        command, "weights of timm, Microsoft, torchvision or Hugging Face: a hub's folder, or a file and --model",
        "CIFAR-10's");
    command.footer(
        "An image that has not the model's size is scaled (antialiased, as Pillow does) and the middle cut out, as "
        "the\n"
        "run's --crop-pct, --crop-mode and --interpolation say. It is turned upright as its EXIF orientation says, "
        "unless the run had\n"
        "--ignore-exif. A file that cannot be read has its line on standard error, the others are predicted, and the\n"
        "exit code is 1. Of a folder all files are taken, at any depth and in the order of their names, but for what\n"
        "operating systems leave there (Thumbs.db, .DS_Store); --skip-broken lists what is no picture and goes on.\n\n"
        "Examples:\n"
        "  swingrad predict --checkpoint runs/nano-shapes-seed0 photo.jpg drawing.png\n"
        "  swingrad predict --checkpoint runs/first --top 1 --json *.png\n"
        "  swingrad predict --checkpoint runs/first --top 1 --skip-broken holiday-photos\n"
        "  swingrad predict --checkpoint runs/pixels --output drawn photo.jpg    of a run of segmentation\n"
        "  swingrad predict --weights w.safetensors --model tiny --classes names.txt photo.jpg");
    return [flags] {
        flags->trained.check_usage();
        flags->pictures.check_usage();
        choose_device(flags->device);
        return predict(*flags);
    };
}

}  // namespace swingrad
