#include "core/io/safetensors.h"
#include "core/io/text.h"
#include "train/loop/checkpoint.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/trained_model.h"
#include "train/program/console/output.h"
#include "train/program/explain/explain_page.h"
#include "train/program/images/image_file.h"
#include "train/program/run/belonging.h"
#include "train/program/run/way_back.h"

namespace swingrad {
namespace {

namespace fs = std::filesystem;

struct ExplainFlags {
    fs::path checkpoint, image, output;
};

int explain(const ExplainFlags& flags) {
    const auto [run, weights] = run_of_checkpoint(flags.checkpoint);
    if (run.recipe.task != "classification")
        fail("[explain] {} is a run of --task {}, and the page is of classification", flags.checkpoint.string(),
             run.recipe.task);
    check(run.model.in_chans == 3, "[explain] images have 3 channels, the model takes {}", run.model.in_chans);
    const RunFolder folder = folder_of_checkpoint(flags.checkpoint);
    std::vector<fs::path> inputs = files_of(folder);
    for (const fs::path& one : {flags.image, weights, folder.report()}) inputs.push_back(one);
    refuse_overwriting("--output", flags.output, inputs);
    require_replaceable("--output", flags.output, "<!DOCTYPE html>");

    const Tensor picture = read_image(flags.image, {.ignore_exif = run.recipe.ignore_exif});
    SwinV2 model(run.model);
    const Parameters parameters(model, DType::float32, Random{}, Device::cpu, Gradients::no);
    // Weights of a phase before the last become those of the model itself.
    load_weights(weights, parameters, run.recipe.progressive.empty() ? OtherSizes::refuse : OtherSizes::resample);
    require_of_run(weights, run.identity);
    if (!has_checksum(weights)) warn(no_checksum_text(weights));
    const ExplainSubject subject{fs::absolute(folder.path).lexically_normal().filename().string(),
                                 run.recipe.model,
                                 flags.image.filename().string(),
                                 run.model,
                                 run.normalisation,
                                 run.classes};
    const PictureInput input{run.model.img_size, run.normalisation, preparation_of(run.recipe).fitting};
    const Explained seen = explained(subject, parameters, input_of(input, picture));
    const nlohmann::json explanation = explanation_of(seen, room_within(seen));
    const std::string page = explain_page(explanation);
    write_output(flags.output, page);
    if (is_standard_output(flags.output)) return 0;
    for (const nlohmann::json& sentence : explanation.at("left_out")) print_line(sentence.get<std::string>());
    print_line(on_one_line(fmt::format("page in {}, {}", flags.output.string(), bytes_text(page.size()))));
    return 0;
}

}  // namespace

RunCommand declare_explain(CLI::App& command) {
    auto flags = std::make_shared<ExplainFlags>();
    add_flag(command, "--checkpoint", flags->checkpoint, "a run's folder, or a .safetensors file in one");
    command.add_option("IMAGE", flags->image, "a JPEG or PNG file of any size");
    add_flag(command, "--output", flags->output, "the page to write: HTML");
    add_threads_flag(command);
    command.footer(
        "Writes one page, of at most 2 MB, that needs no network: what each layer computes, in a formula, its shape,\n"
        "parameters, FLOPs and files; its feature maps; the windows and their shift on the picture; where the token\n"
        "one clicks looks, by block and head; each head's position bias and tau; how large the numbers are; and the\n"
        "tape, with the gradients of the likeliest class's loss as they arrive. Of a large model it leaves out what "
        "has\n"
        "no room, in this order, and says so: attention of heads but a block's first, channels of feature maps,\n"
        "pictures of gradients, attention of whole blocks.\n\n"
        "Examples:\n"
        "  swingrad explain --checkpoint runs/nano-shapes-seed0 photo.jpg --output photo.html\n"
        "  swingrad explain --checkpoint runs/first/epoch-0010.safetensors photo.jpg --output photo.html");
    return [flags] {
        if (flags->checkpoint.empty()) fail_usage("expected --checkpoint RUN");
        if (flags->image.empty()) fail_usage("expected an IMAGE");
        if (flags->output.empty()) fail_usage("expected --output FILE");
        return explain(*flags);
    };
}

}  // namespace swingrad
