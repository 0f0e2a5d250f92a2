#include "train/program/run/verify.h"
#include "core/io/json_file.h"
#include "core/io/quotes.h"
#include "train/program/cli/commands.h"
#include "train/program/console/flags.h"
#include "train/program/phases/phases_of_run.h"
#include "train/program/run/run_folder.h"
#include "train/program/tasks/task.h"

namespace swingrad {
namespace {

// Whose commands a run is gone on with: those of the program that its config.json names, or else these.
std::string program_of(const RunFolder& folder) {
    try {
        const nlohmann::json derived = read_json_file(folder.config()).at("derived");
        return on_one_line(derived.at("program").get<std::string>());
    } catch (const std::exception&) {
        return "swingrad";
    }
}

}  // namespace

RunCommand declare_verify(CLI::App& command) {
    auto run = std::make_shared<std::string>();
    command.add_option("RUN", *run, "the folder of a run");
    add_threads_flag(command);
    command.footer(
        "Reads config.json, the log, environment.json and every checkpoint: whether each is whole (its checksum, no\n"
        "value that is not finite), fits the configuration and agrees with the others. Changes nothing, needs no\n"
        "data. Where something is wrong, says what can be done, and the exit code is 1.\n\n"
        "Example:\n"
        "  swingrad verify runs/first");
    return [run] {
        if (run->empty()) fail_usage("expected a RUN");
        const RunFolder folder{*run};
        return verify_run(folder, program_of(folder), [&] {
            const RunConfig config = read_config(folder);
            return VerifiedRun{config.recipe, task_named(config.recipe.task).model(config.recipe, config.model),
                               config.training_images, fixed_settings_of(config),
                               model_at_place(phases_of_run(config.recipe, config.model, config.epochs_before))};
        });
    };
}

}  // namespace swingrad
