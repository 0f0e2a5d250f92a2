// What a run's folder holds besides weights, and that one process has it.

#include "core/io/file.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/program/report/log_table.h"
#include "train/program/run/environment.h"
#include "train/program/run/run_lock.h"
#include "train/program/run/way_back.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// A process that holds the folder's lock until it is told to go.
class Holder {
  public:
    explicit Holder(const RunFolder& folder) {
        check(pipe(ready_) == 0, "[test] no pipe");
        process_ = fork();
        if (process_ == 0) {
            const RunLock lock(folder);
            (void)!write(ready_[1], "x", 1);
            while (true) pause();
        }
        char byte;
        check(read(ready_[0], &byte, 1) == 1, "[test] the other process has no lock");
    }
    ~Holder() {
        end(SIGKILL);
        close(ready_[0]);
        close(ready_[1]);
    }
    void end(int signal) {
        if (process_ == 0) return;
        kill(process_, signal);
        waitpid(process_, nullptr, 0);
        process_ = 0;
    }
    pid_t process() const { return process_; }

  private:
    int ready_[2];
    pid_t process_;
};

}  // namespace

TEST_CASE("a folder that a process has is refused to others, by name, until that process is gone") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    refuse_if_locked(folder);
    REQUIRE(directory.entries() == 0);
    Holder holder(folder);
    const std::string expected =
        fmt::format("[run] {} is in use by process {}", directory.path().string(), holder.process());
    REQUIRE(error_of([&] { RunLock{folder}; }) == expected);
    REQUIRE(error_of([&] { refuse_if_locked(folder); }) == expected);
    holder.end(SIGKILL);
    REQUIRE(error_of([&] { refuse_if_locked(folder); }) == "no error");
    REQUIRE(error_of([&] { RunLock{folder}; }) == "no error");
    REQUIRE(error_of([&] { RunLock{folder}; }) == "no error");  // and given back
}

TEST_CASE("a folder that a process has is refused although its lock file was removed") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    Holder holder(folder);
    std::filesystem::remove(folder.lock());
    const std::string expected =
        fmt::format("[run] {} is in use by a process whose .lock somebody has removed", directory.path().string());
    REQUIRE(error_of([&] { refuse_if_locked(folder); }) == expected);
    REQUIRE(error_of([&] { RunLock{folder}; }) == expected);
    holder.end(SIGKILL);
    REQUIRE(error_of([&] { RunLock{folder}; }) == "no error");
}

TEST_CASE("a run's folder that is moved, replaced or removed is noticed") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory / "run"};
    std::filesystem::create_directory(folder.path);
    const RunLock lock(folder);
    REQUIRE(!lock.moved_to());
    std::filesystem::rename(folder.path, directory / "elsewhere");
    REQUIRE(lock.moved_to() == std::filesystem::canonical(directory / "elsewhere"));
    REQUIRE(contains(error_of([&] { lock.require_there(); }), "run has been moved to "));
    std::filesystem::create_directory(folder.path);  // another one of that name is not it
    REQUIRE(lock.moved_to());
    std::filesystem::remove(folder.path);
    std::filesystem::rename(directory / "elsewhere", folder.path);
    REQUIRE(!lock.moved_to());
    std::filesystem::remove_all(folder.path);
    REQUIRE(lock.moved_to() == std::filesystem::path());
    REQUIRE(contains(error_of([&] { lock.require_there(); }), "run has been removed while the run was going on"));
}

TEST_CASE("a log is kept twice, and cut as one") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    for (int epoch = 1; epoch <= 3; ++epoch)
        append_to_log(folder, {{"epoch", epoch}, {"train_loss", 0.5 * epoch}, {"skipped_steps", 0}});
    append_to_log(folder, {{"test_accuracy", 50.0}});
    REQUIRE(contents_of(folder.log_csv()) == "epoch,skipped_steps,train_loss\n1,0,0.5\n2,0,1.0\n3,0,1.5\n");
    write_file_plainly(folder.log(), contents_of(folder.log()) + "{\"epoch\":4,\"tra");

    cut_log(folder, 2);
    REQUIRE(contents_of(folder.log()) ==
            "{\"epoch\":1,\"skipped_steps\":0,\"train_loss\":0.5}\n"
            "{\"epoch\":2,\"skipped_steps\":0,\"train_loss\":1.0}\n");
    REQUIRE(contents_of(folder.log_csv()) == "epoch,skipped_steps,train_loss\n1,0,0.5\n2,0,1.0\n");
    cut_log(folder, 0);
    REQUIRE(contents_of(folder.log()).empty());
    REQUIRE(contents_of(folder.log_csv()).empty());
    std::filesystem::remove(folder.log());
    cut_log(folder, 0);  // a run killed before its first epoch was over has none
}

TEST_CASE("a checkpoint that the system does not let be read is not called damaged") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    write_file_plainly(folder.previous(), "");
    const auto refused = [](const std::filesystem::path&) -> RunState { throw FileError("refused"); };
    REQUIRE(error_of([&] { way_back(folder, refused, "swingrad"); }) == "refused");
    const auto damaged = [](const std::filesystem::path&) -> RunState { throw Error("damaged"); };
    REQUIRE(contains(way_back(folder, damaged, "swingrad"), "there is no whole checkpoint before it"));
}

TEST_CASE("a line of a log that cannot be read is named and kept") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    const std::string lines =
        "{\"epoci\":1}\n"
        "{\"epoch\":2}\n"
        "\n"
        "{\"epoch\":3,\n"
        "{\"epoch\":0}\n"
        "{\"epoch\":4}\n"
        "{\"epoch\":4}\n";
    write_file_plainly(folder.log(), lines + "{\"weights_of_epoch\":2}\n{\"epoch\":5,\"tr");
    const LogTable log = read_log(folder.log());
    REQUIRE(log.epochs.size() == 3);
    REQUIRE(log.finished);
    REQUIRE(log.test.is_null());  // an end without a test
    const std::string name = folder.log().string();
    REQUIRE(log.unreadable == std::vector<std::string>{name + ": line 1 is no line of a log: \"{\\\"epoci\\\":1}\"",
                                                       name + ": line 4 is no line of a log: \"{\\\"epoch\\\":3,\"",
                                                       name + ": line 5 is no line of a log: \"{\\\"epoch\\\":0}\""});
    const auto problems = problems_of(log, 4, folder.log());
    REQUIRE(problems.size() == 6);
    REQUIRE(problems[3] == name + ": no line of epoch 1, which is done");
    REQUIRE(problems[5] == name + ": 2 lines of epoch 4, which is done");

    cut_log(folder, 2);
    REQUIRE(contents_of(folder.log()) == "{\"epoci\":1}\n{\"epoch\":2}\n{\"epoch\":3,\n{\"epoch\":0}\n");
}

TEST_CASE("a symbolic link in a run's folder is refused, at any depth, and the folder may be one") {
    const TemporaryDirectory directory;
    std::filesystem::create_directories(directory / "real/figures");
    std::filesystem::create_directory_symlink("real", directory / "run");
    const RunFolder folder{directory / "run"};
    REQUIRE(error_of([&] { RunLock{folder}; }) == "no error");
    for (const std::string name : {"report.html", "figures/loss.svg", ".lock"}) {
        std::filesystem::remove(folder.path / name);
        std::filesystem::create_symlink(directory / "outside", folder.path / name);
        const std::string link = (folder.path / name).string();
        REQUIRE(contains(error_of([&] { RunLock{folder}; }), "[run] " + link + " is a symbolic link"));
        REQUIRE(!std::filesystem::exists(directory / "outside"));
        std::filesystem::remove(folder.path / name);
    }
}

TEST_CASE("temporary files of a killed process are removed, and nothing else") {
    const TemporaryDirectory directory;
    for (const std::string name : {".last.safetensors.12-3.tmp", ".lock", "notes.tmp", "last.safetensors",
                                   "figures/.loss.svg.12-3.tmp", "figures/loss.svg"})
        write_file_plainly(directory / name, "x");
    remove_temporaries(RunFolder{directory.path()});
    REQUIRE(directory.entries() == 4);
    REQUIRE(std::distance(std::filesystem::directory_iterator(directory / "figures"), {}) == 1);
    REQUIRE(!std::filesystem::exists(directory / ".last.safetensors.12-3.tmp"));
}

TEST_CASE("the environment names what a run ran on, an entry a start") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    append_environment(folder, Recipe{});
    append_environment(folder, Recipe{});
    auto entries = nlohmann::json::parse(contents_of(folder.environment()));
    REQUIRE(entries.size() == 2);
    for (const char* name : {"started", "command", "version", "compiler", "processor", "product_kernel", "system"}) {
        INFO(name);
        REQUIRE(!entries[1].at(name).get<std::string>().empty());
    }
    REQUIRE(entries[1].at("threads").get<int>() >= 1);
    REQUIRE(entries[1].at("cores").get<int>() >= entries[1].at("usable_cores").get<int>());
    REQUIRE(entries[1].at("started").get<std::string>().size() == std::string("2026-01-01T00:00:00Z").size());
    write_file_plainly(folder.environment(), "{\"started\"");
    append_environment(folder, Recipe{});
    REQUIRE(nlohmann::json::parse(contents_of(folder.environment())).size() == 1);
    constexpr size_t levels = 1'000'000;  // whoever prints as many recurses until the stack ends
    write_file_plainly(folder.environment(), std::string(levels, '[') + std::string(levels, ']'));
    REQUIRE(environments_of(folder).empty());
    append_environment(folder, Recipe{});
    REQUIRE(environments_of(folder).size() == 1);
}

TEST_CASE("kept checkpoints sort by name") {
    const RunFolder folder{"runs/x"};
    REQUIRE(folder.kept(7) == "runs/x/epoch-0007.safetensors");
    REQUIRE(folder.kept(12345) == "runs/x/epoch-12345.safetensors");
}

TEST_CASE("a run that goes on by another instruction set is told so") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    REQUIRE(change_of_instruction_set(folder).empty());
    append_environment(folder, Recipe{});
    REQUIRE(change_of_instruction_set(folder).empty());
    nlohmann::json entries = environments_of(folder);
    entries.back()["instruction_set"] = "neon";
    write_file_plainly(folder.environment(), entries.dump());
    REQUIRE(change_of_instruction_set(folder).starts_with("the run computed by neon before, and goes on by "));
    entries.back().erase("instruction_set");
    entries.back()["gemm"] = "openblas";
    write_file_plainly(folder.environment(), entries.dump());
    REQUIRE(change_of_instruction_set(folder).starts_with(
        "the run computed by --gemm openblas before, and goes on by --gemm own: "));
    entries.back().erase("gemm");
    entries.back()["instruction_set"] = 3;  // as a stranger may have it
    write_file_plainly(folder.environment(), entries.dump());
    REQUIRE(change_of_instruction_set(folder).empty());
}
