// evaluate, predict and trace: what a model computes once it has learnt.
#include "core/io/quotes.h"
#include "core/io/suggest.h"
#include "train/data/dataset.h"
#include "train/loop/evaluate.h"
#include "train/loop/trace.h"
#include "train/program/console/flags.h"
#include "train/program/console/progress.h"
#include "train/program/evaluation/evaluation_output.h"
#include "train/program/images/predict_pictures.h"
#include "train/program/own/own_saved.h"
#include "train/program/run/belonging.h"

#include <cmath>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

constexpr const char* checkpoint_help = "a run's folder, or a .safetensors file in one";

// ---- evaluate

int evaluate_run(const Program& program, const fs::path& checkpoint, const EvaluationOutput& output) {
    const RunFolder folder = folder_of_checkpoint(checkpoint);
    output.require_writable(files_of(folder));
    const nlohmann::json config = read_own_config(program, folder);
    const Recipe recipe = recipe_in(config, folder);
    const fs::path weights = weights_of_checkpoint(checkpoint);
    const SourceFlags source = source_in(config, folder);
    ProgramData data = program.data ? program.data(source.source) : ProgramData{};  // what is not asked for is not read
    const std::string set = data.test ? "test" : "validation";
    const std::unique_ptr<Samples> test = limited(data.test ? data.test() : std::move(data.validation), source.limit);
    check(test != nullptr, "[program] {} has neither test nor validation samples", program.name);
    const LoadedModel loaded(program, weights, dtype_of_precision(recipe.precision), choose_device(recipe.device));
    const nlohmann::json identity = identity_in(config, folder);
    require_of_run(weights, identity.is_string() ? identity.get<std::string>() : "");
    Progress progress;
    const auto show = [&](int64_t done) { progress.show(set, done, test->size(), "samples", 0); };
    const Evaluation result = evaluate(*loaded.model, loaded.parameters, *test, recipe.batch_size, show, program.loss);
    check(result.not_finite.empty(), "[evaluate] {} says nothing: {}", weights.string(), result.not_finite);
    progress.clear();
    const Dataset* images = test->images();
    const Judgement judged{.set = set,
                           .data = source.source,
                           .weights = weights,
                           .device = recipe.device,
                           .precision = recipe.precision,
                           .samples = test->size(),
                           .names = images ? images->classes : std::vector<std::string>{}};
    const std::optional<Scores> scores = scores_of(result);
    const std::string accuracy = std::isnan(result.accuracy) ? "" : fmt::format(", accuracy {:.2f} %", result.accuracy);
    output.write(judged, result, scores,
                 fmt::format("{} loss {:.4f}{}{}  ({} samples, {})", set, result.loss, accuracy, text_of_top5(scores),
                             grouped(test->size()), on_one_line(weights.filename().string())));
    return 0;
}

// ---- predict

int predict(const Program& program, const PictureFlags& flags, const fs::path& checkpoint, Device device) {
    const RunFolder folder = folder_of_checkpoint(checkpoint);
    const PicturesLearnt pictures = pictures_in(program, read_own_config(program, folder), folder);
    const LoadedModel loaded(program, weights_of_checkpoint(checkpoint), DType::float32, device);
    const KeptWeights kept = loaded.parameters.keep();
    const NoGrad no_recording;
    return predict_pictures(flags, pictures.classes, false, [&](const Tensor& picture) {
        return (*loaded.model)(loaded.parameters.as_input(input_of(pictures.input, picture)));
    });
}

// ---- trace

struct OwnTraceFlags {
    fs::path checkpoint, weights, input, output;
    SourceFlags source;
    int64_t samples = 2;
    std::string precision = "f32", device = "cpu";

    void check_usage() const {
        if (checkpoint.empty() == weights.empty()) fail_usage("expected either --checkpoint or --weights");
        const nlohmann::json given = source.given();
        if (!input.empty() && !given.empty())
            fail_usage("--input {} and --{} contradict each other: either says what goes into the model",
                       input.string(), given.begin().key());
        if (precision != "f32" && precision != "f64")
            fail_usage("unknown --precision \"{}\": {}", precision, suggestion(precision, {"f32", "f64"}));
        require(samples >= 1 && samples <= most_batch, "batch", "1 to 1000000", samples);
    }
};

// What the run learnt from, unless flags say otherwise.
SourceFlags source_of(const Program& program, const OwnTraceFlags& flags) {
    SourceFlags source = flags.source;
    if (flags.checkpoint.empty()) return source;
    const RunFolder folder = folder_of_checkpoint(flags.checkpoint);
    const SourceFlags of_run = source_in(read_own_config(program, folder), folder);
    const nlohmann::json given = flags.source.given();
    if (!given.contains("data")) source.source = of_run.source;
    if (!given.contains("limit")) source.limit = of_run.limit;
    return source;
}

int trace_program(const Program& program, const OwnTraceFlags& flags) {
    const Device device = choose_device(flags.device);
    const SourceFlags source = source_of(program, flags);
    const fs::path weights = flags.checkpoint.empty() ? flags.weights : weights_of_checkpoint(flags.checkpoint);
    std::vector<fs::path> inputs{weights, flags.input, source.source};
    if (!flags.checkpoint.empty())
        for (const fs::path& file : files_of(folder_of_checkpoint(flags.checkpoint))) inputs.push_back(file);
    refuse_overwriting("--output", flags.output, inputs);
    const Batch batch = flags.input.empty() ? first_batch(*data_of(program, source).training, flags.samples)
                                            : read_traced_batch(flags.input);
    const LoadedModel loaded(program, weights, dtype_of_precision(flags.precision), device, Gradients::yes);
    NamedTensors results = trace_module(*loaded.model, loaded.parameters, batch, loss_of(program, 0));
    for (auto& [name, tensor] : results) tensor = tensor.on_cpu();
    write_safetensors(flags.output, results);
    return 0;
}

}  // namespace

RunCommand declare_own_evaluate(const Program& program, CLI::App& command) {
    auto checkpoint = std::make_shared<fs::path>();
    auto output = std::make_shared<EvaluationOutput>();
    add_flag(command, "--checkpoint", *checkpoint, checkpoint_help)->required();
    output->declare(command);
    add_threads_flag(command);
    add_gemm_flag(command);
    return [&program, checkpoint, output] { return evaluate_run(program, *checkpoint, *output); };
}

RunCommand declare_own_predict(const Program& program, CLI::App& command) {
    struct Flags {
        PictureFlags pictures;
        fs::path checkpoint;
        std::string device = "cpu";
    };
    auto flags = std::make_shared<Flags>();
    flags->pictures.declare(command);
    add_flag(command, "--checkpoint", flags->checkpoint, checkpoint_help)->required();
    add_flag(command, "--device", flags->device, device_help);
    add_threads_flag(command);
    add_gemm_flag(command);
    command.footer(
        "For models that learnt from pictures. One that has not the size of these is scaled (antialiased bicubic, as\n"
        "Pillow does) until its short side fits, and the middle cut out; its EXIF orientation is obeyed. A file that\n"
        "cannot be read has its line on standard error, the others are predicted, and the exit code is 1.");
    return [&program, flags] {
        flags->pictures.check_usage();
        return predict(program, flags->pictures, flags->checkpoint, choose_device(flags->device));
    };
}

RunCommand declare_own_trace(const Program& program, CLI::App& command) {
    auto flags = std::make_shared<OwnTraceFlags>();
    flags->source.source = program.source;
    add_flag(command, "--checkpoint", flags->checkpoint, checkpoint_help);
    add_flag(command, "--weights", flags->weights, "safetensors with the parameters by name");
    add_flag(command, "--input", flags->input, "safetensors with inputs and targets; left out: the first samples");
    add_flag(command, "--output", flags->output, "safetensors to write")->required();
    flags->source.declare(command);
    add_flag(command, "--batch,--batch-size", flags->samples, "so many of the first training samples, without --input");
    add_flag(command, "--precision", flags->precision, "f32 | f64");
    add_flag(command, "--device", flags->device, device_help);
    add_threads_flag(command);
    add_gemm_flag(command);
    command.footer(
        "Runs one step of the model in evaluation and writes every activation and every gradient by name, to be\n"
        "compared with another implementation's: inputs, targets, output and loss [], without label smoothing;\n"
        "out.MODULE, what each module puts out that is called as layer(x), in order (out.MODULE#2 the second time);\n"
        "grad.PARAMETER; grad_of_inputs, where inputs are floats. Inputs and targets [B, ...] are as samples have "
        "them.");
    return [&program, flags] {
        flags->check_usage();
        return trace_program(program, *flags);
    };
}

}  // namespace swingrad
