// A run's config.json: what is taken is the same after writing and reading.
#include "tests/fuzz/targets.h"
#include "tests/support/temporary_directory.h"
#include "train/program/run/run_folder.h"

namespace swingrad::fuzz {

void run_config(Bytes bytes) {
    static const test::TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    const auto write = [&](const std::string& text) { test::write_file_plainly(folder.config(), text); };
    write(std::string(bytes.begin(), bytes.end()));
    RunConfig config;
    if (!reads([&] { config = read_config(folder); })) return;
    const nlohmann::json written = to_json(config);
    write(written.dump());
    promise(to_json(read_config(folder)) == written, "a run's configuration changes when it is written");
}

}  // namespace swingrad::fuzz
