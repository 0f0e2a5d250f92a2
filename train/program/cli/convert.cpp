#include "models/swin/swin_v2.h"
#include "train/loop/checkpoint.h"
#include "train/program/cli/commands.h"
#include "train/program/cli/model_flags.h"
#include "train/program/cli/trained_model.h"
#include "train/program/console/output.h"
#include "train/program/weights/origin.h"

namespace swingrad {
namespace {

struct ConvertFlags {
    std::filesystem::path from, to;
    std::string hub = "timm";
    ModelChoice model;
};

Hub hub_named(const std::string& name) {
    require_one_of({"timm", "huggingface"}, "to", name);
    return name == "timm" ? Hub::timm : Hub::transformers;
}

// What is written: what the folder knows, or of a file what flags say.
ModelCard card_of(const ConvertFlags& flags, const Origin& origin) {
    if (origin.card) {
        if (flags.model.given())
            fail_usage("{} goes with a file; {} knows its model", flags.model.flags_text(), flags.from.string());
        return *origin.card;
    }
    if (!flags.model.named())
        fail_usage("{} needs --model, or --config: a file does not know its model", flags.from.string());
    ModelCard card{flags.model.config()};
    card.model.num_classes = classes_in(origin.weights).value_or(card.model.num_classes);
    validate(card.model);
    return card;
}

int convert(const ConvertFlags& flags) {
    const Hub hub = hub_named(flags.hub);
    const Origin origin = origin_of(flags.from);
    if (origin.task != "classification")
        fail("{}: a run of --task {}, which no hub's reader knows", flags.from.string(), origin.task);
    const ModelCard card = card_of(flags, origin);
    require_model_of(hub, card.model);
    SwinV2 model(card.model);
    const Parameters parameters(model, DType::float32, Random{}, Device::cpu, Gradients::no);
    load_weights(origin.weights, parameters);
    for (const std::string& lost : write_hub_folder(flags.to, hub, card, parameters)) warn("not kept: " + lost);
    print_line(
        on_one_line(fmt::format("{} is in {}, as {} reads it", flags.from.string(), flags.to.string(), name_of(hub))));
    return 0;
}

}  // namespace

RunCommand declare_convert(CLI::App& command) {
    auto flags = std::make_shared<ConvertFlags>();
    command.add_option("FROM", flags->from, "a run's folder, a hub's, or a safetensors file");
    command.add_option("TO", flags->to, "the folder to write, which must not exist or be empty");
    add_flag(command, "--to", flags->hub, "whose reader it is for: timm | huggingface");
    add_threads_flag(command);
    flags->model.declare(command, "", {"num_classes"});
    command.footer(
        "Writes config.json and model.safetensors (float32), and for Hugging Face's transformers\n"
        "preprocessor_config.json. A run's folder and a hub's know the model, its classes, and how images are brought\n"
        "to it and normalised; of a file say the model by --model or --config. Both libraries have Swin V2 and V1;\n"
        "a model that they have not is refused. Memory-saving switches are no matter.\n\n"
        "Examples:\n"
        "  swingrad convert runs/first mine      # timm.create_model('local-dir:mine', pretrained=True)\n"
        "  swingrad convert runs/first mine --to huggingface\n"
        "                                        # AutoModelForImageClassification.from_pretrained('mine')\n"
        "  swingrad convert w.safetensors swin_tiny --model tiny --arch swin --window-size 7 --img-size 224");
    return [flags] {
        if (flags->from.empty() || flags->to.empty()) fail_usage("expected FROM and TO");
        std::error_code unknown;
        if (std::filesystem::exists(flags->to, unknown) && !std::filesystem::is_empty(flags->to, unknown))
            fail_usage("{} is there already: remove it, or choose another", flags->to.string());
        return convert(*flags);
    };
}

}  // namespace swingrad
