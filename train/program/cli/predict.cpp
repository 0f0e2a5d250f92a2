#include "core/io/file.h"
#include "core/io/lines.h"
#include "core/io/quotes.h"
#include "core/io/safetensors.h"
#include "models/swin/checkpoint_names.h"
#include "models/swin/swin_v2.h"
#include "train/data/pixels/resize.h"
#include "train/loop/checkpoint.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/trained_model.h"
#include "train/program/console/output.h"
#include "train/program/images/image_file.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

struct PredictFlags {
    TrainedModelFlags trained;
    fs::path classes;
    std::vector<std::string> images;
    std::string device = "cpu";
    int64_t top = 5;
    bool json = false;
};

// What predicts.
struct Subject {
    SwinConfig model;
    Normalisation normalisation;
    fs::path weights;
    std::vector<std::string> classes;
    bool ignore_exif;
    Fitting fitting;
};

// A name a line.
std::vector<std::string> read_classes(const fs::path& path) {
    std::vector<std::string> names = lines_of(read_file(path), "--classes " + path.string());
    check(!names.empty(), "--classes {}: expected a name a line, found none", path.string());
    return names;
}

Subject subject_of(const PredictFlags& flags) {
    if (flags.trained.is_run()) {
        if (!flags.classes.empty())
            fail_usage("--classes {} goes with --weights; a checkpoint knows its classes", flags.classes.string());
        const auto [run, weights] = flags.trained.run();
        return {run.model,   run.normalisation,      weights,
                run.classes, run.recipe.ignore_exif, preparation_of(run.recipe).fitting};
    }
    Subject subject{flags.trained.config(),      {},
                    flags.trained.weights(),     {},
                    flags.trained.ignore_exif(), flags.trained.preparation().fitting};
    // The classifier says how many classes there are; load_weights complains if it is missing or of another width.
    const TimmNamed file =
        to_timm_names(open_tensors(subject.weights).tensors, "[weights] " + subject.weights.string());
    const auto classifier = file.tensors.find("head.fc.weight");
    if (classifier != file.tensors.end() && classifier->second.shape.rank() == 2)
        subject.model.num_classes = classifier->second.shape[0];
    validate(subject.model);
    if (!flags.classes.empty()) subject.classes = read_classes(flags.classes);
    const auto named = static_cast<int64_t>(subject.classes.size()), classes = subject.model.num_classes;
    check(named == 0 || named == classes, "--classes {} names {} classes, {} has {}", flags.classes.string(), named,
          subject.weights.string(), classes);
    for (int64_t i = named; i < classes; ++i) subject.classes.push_back(fmt::format("class {}", i));
    subject.normalisation = flags.trained.normalisation(normalisation_of("folder"), complain);
    return subject;
}

// softmax(logits), in double.
std::vector<double> probabilities_of(const Tensor& logits, const std::string& path) {
    std::vector<double> values = logits.values();
    for (size_t label = 0; label < values.size(); ++label)
        check(std::isfinite(values[label]), "[predict] {}: the logit of class {} is {}, which says nothing", path,
              label, values[label]);
    const double largest = *std::max_element(values.begin(), values.end());
    double sum = 0;
    for (double& value : values) sum += value = std::exp(value - largest);
    for (double& value : values) value /= sum;
    return values;
}

std::vector<double> predict_image(const SwinV2& model, const Subject& subject, const std::string& path) {
    const Extent size = model.config().img_size;
    Fitting fitting = subject.fitting;
    fitting.fill = mean_colour(subject.normalisation);
    const Tensor image = fitted(read_image(path, {.ignore_exif = subject.ignore_exif}), size, fitting);
    const Dataset one{{}, image.view({1, size.rows, size.columns, 3}), {0}};
    const std::array<int64_t, 1> index{0};
    const Batch batch = make_batch(one, index, subject.normalisation, nullptr, Random{});
    return probabilities_of(model.forward(model.as_input(batch.inputs)), path);
}

void print_table(const std::string& path, const std::vector<std::string>& classes,
                 const std::vector<double>& probabilities, const std::vector<size_t>& best) {
    constexpr int bar_width = 30;
    const bool terminal = isatty(STDOUT_FILENO) == 1;
    size_t width = 0;
    std::vector<std::string> names;
    for (const size_t label : best) {
        names.push_back(on_one_line(classes[label]));
        width = std::max(width, columns_of(names.back()));
    }
    fmt::print("{}\n", on_one_line(path));
    for (size_t i = 0; i < best.size(); ++i) {
        const double probability = probabilities[best[i]];
        const auto filled = static_cast<size_t>(std::lround(bar_width * probability));
        fmt::print("  {}{}  {:5.1f} %{}\n", names[i], std::string(width - columns_of(names[i]), ' '), 100 * probability,
                   terminal && filled > 0 ? "  " + std::string(filled, '=') : "");
    }
}

void print_json(const std::string& path, const std::vector<std::string>& classes,
                const std::vector<double>& probabilities, const std::vector<size_t>& best) {
    nlohmann::json predictions = nlohmann::json::array();
    for (const size_t label : best)
        predictions.push_back({{"class", classes[label]}, {"label", label}, {"probability", probabilities[label]}});
    const nlohmann::json line = {{"image", path}, {"predictions", predictions}};
    fmt::print("{}\n", line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
}

int predict(const PredictFlags& flags) {
    const Subject subject = subject_of(flags);
    check(subject.model.in_chans == 3, "[predict] images have 3 channels, the model takes {}", subject.model.in_chans);
    SwinV2 model(subject.model);
    Parameters parameters(model, DType::float32, Random{}, choose_device(flags.device), Gradients::no);
    flags.trained.load(subject.weights, parameters, complain);

    int code = 0;
    for (const std::string& path : flags.images) {
        try {
            const std::vector<double> probabilities = predict_image(model, subject, path);
            std::vector<size_t> best(probabilities.size());
            std::iota(best.begin(), best.end(), size_t{0});
            std::stable_sort(best.begin(), best.end(),
                             [&](size_t a, size_t b) { return probabilities[a] > probabilities[b]; });
            best.resize(std::min(best.size(), static_cast<size_t>(flags.top)));
            (flags.json ? print_json : print_table)(path, subject.classes, probabilities, best);
        } catch (const Error& error) {  // the other images are none the worse for it
            std::fflush(stdout);
            complain(fmt::format("swingrad predict: {}\n", on_one_line(error.what())));
            code = 1;
        }
    }
    return code;
}

}  // namespace

RunCommand declare_predict(CLI::App& command) {
    auto flags = std::make_shared<PredictFlags>();
    command.add_option("IMAGE", flags->images, "JPEG or PNG files of any size");
    add_flag(command, "--top", flags->top, "so many classes of each image, the likeliest first");
    command.add_flag("--json", flags->json, "one JSON line an image");
    add_flag(command, "--classes", flags->classes, "text file with the names of the classes of --weights, one a line");
    add_flag(command, "--device", flags->device, device_help);
    add_threads_flag(command);
    add_gemm_flag(command);
    flags->trained.declare(command, "any other weights, of timm, Microsoft, torchvision or Hugging Face; needs --model",
                           "CIFAR-10's");
    command.footer(
        "An image that has not the model's size is scaled (antialiased, as Pillow does) and the middle cut out, as "
        "the\n"
        "run's --crop-pct, --crop-mode and --interpolation say. It is turned upright as its EXIF orientation says, "
        "unless the run had\n"
        "--ignore-exif. A file that cannot be read has its line on standard error, the others are predicted, and the\n"
        "exit code is 1.\n\n"
        "Examples:\n"
        "  swingrad predict --checkpoint runs/nano-shapes-seed0 photo.jpg drawing.png\n"
        "  swingrad predict --checkpoint runs/first --top 1 --json *.png\n"
        "  swingrad predict --weights w.safetensors --model tiny --classes names.txt photo.jpg");
    return [flags] {
        flags->trained.check_usage();
        if (flags->images.empty()) fail_usage("expected at least one IMAGE");
        choose_device(flags->device);
        if (flags->top < 1 || flags->top > most_classes)
            fail_usage("--top must be 1 to {}, got {}", most_classes, flags->top);
        return predict(*flags);
    };
}

}  // namespace swingrad
