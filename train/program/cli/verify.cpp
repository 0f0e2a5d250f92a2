#include "train/program/run/verify.h"
#include "models/swin/swin_v2.h"
#include "train/program/cli/commands.h"
#include "train/program/console/flags.h"
#include "train/program/run/run_folder.h"

namespace swingrad {

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
        return verify_run(folder, "swingrad", [&] {
            const RunConfig config = read_config(folder);
            return VerifiedRun{config.recipe, std::make_unique<SwinV2>(config.model), config.training_images,
                               fixed_settings_of(config)};
        });
    };
}

}  // namespace swingrad
