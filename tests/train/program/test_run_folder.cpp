// What a run's folder holds besides weights, and that one process has it.

#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/program/report/log_table.h"
#include "train/program/run/environment.h"
#include "train/program/run/run_lock.h"

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

TEST_CASE("temporary files of a killed process are removed, and nothing else") {
    const TemporaryDirectory directory;
    for (const std::string name : {".last.safetensors.12-3.tmp", ".lock", "notes.tmp", "last.safetensors"})
        write_file_plainly(directory / name, "x");
    remove_temporaries(RunFolder{directory.path()});
    REQUIRE(directory.entries() == 3);
    REQUIRE(!std::filesystem::exists(directory / ".last.safetensors.12-3.tmp"));
}

TEST_CASE("the environment names what a run ran on, an entry a start") {
    const TemporaryDirectory directory;
    const RunFolder folder{directory.path()};
    append_environment(folder, "cpu");
    append_environment(folder, "cpu");
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
    append_environment(folder, "cpu");
    REQUIRE(nlohmann::json::parse(contents_of(folder.environment())).size() == 1);
}

TEST_CASE("kept checkpoints sort by name") {
    const RunFolder folder{"runs/x"};
    REQUIRE(folder.kept(7) == "runs/x/epoch-0007.safetensors");
    REQUIRE(folder.kept(12345) == "runs/x/epoch-12345.safetensors");
}
