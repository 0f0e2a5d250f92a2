// Steps for whose graph the device has too little memory, which the emulator can have as little of as one likes.

#include "core/allocator.h"
#include "cuda/emulator/engine/options.h"
#include "tests/support/catch.h"
#include "tests/support/small_training.h"
#include "tests/support/support.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

using namespace swingrad;
using namespace swingrad::test;
namespace emulator = swingrad::cuda::emulator;

namespace {

class MemoryLimit {
  public:
    explicit MemoryLimit(size_t bytes) { emulator::options().memory_limit = bytes; }
    ~MemoryLimit() { emulator::options().memory_limit = before_; }

  private:
    const size_t before_ = emulator::options().memory_limit;
};

// What goes to standard error as long as this lives.
class StderrInFile {
  public:
    StderrInFile() { dup2(file_, STDERR_FILENO); }
    ~StderrInFile() {
        dup2(before_, STDERR_FILENO);
        close(before_);
        close(file_);
    }
    StderrInFile(const StderrInFile&) = delete;
    StderrInFile& operator=(const StderrInFile&) = delete;

    std::string text() const {
        char bytes[1024];
        const ssize_t count = pread(file_, bytes, sizeof bytes, 0);
        return {bytes, static_cast<size_t>(std::max<ssize_t>(count, 0))};
    }

  private:
    const int before_ = dup(STDERR_FILENO), file_ = memfd_create("stderr", MFD_CLOEXEC);
};

SwinRecipe emulated_recipe() {
    SwinRecipe recipe = small_recipe();
    recipe.device = "emulated";
    return recipe;
}

}  // namespace

TEST_CASE(
    "a step for whose graph there is no memory is taken without one, with the same weights, and it is said once") {
    const Dataset data = coloured_noise(50);
    const auto memory = [] { return memory_statistics(Device::cuda); };
    reset_peak(Device::cuda);
    SwinTrainer whole(emulated_recipe(), small_config(), data, plain);
    whole.step();
    const size_t without_graph = memory().peak;
    whole.step();
    const size_t with_graph = memory().reserved;
    REQUIRE(with_graph > without_graph);
    while (!whole.epoch_done()) whole.step();
    whole.settle();
    const Tensor expected = whole.parameters().values().on_cpu();
    const size_t held = memory().reserved;

    std::vector<std::string> notes;
    {
        const MemoryLimit limit(held + (without_graph + with_graph) / 2);
        SwinTrainer short_of(emulated_recipe(), small_config(), data, plain);
        short_of.on_note = [&](const std::string& note) { notes.push_back(note); };
        while (!short_of.epoch_done()) short_of.step();
        short_of.settle();
        REQUIRE(same_bits(short_of.parameters().values(), expected));
    }
    REQUIRE(notes.size() == 1);
    INFO(notes[0]);
    REQUIRE(notes[0].starts_with("steps are not captured as a graph, for want of memory: [allocator] cuda has no "));
    REQUIRE(memory().reserved == held);  // nothing of the capture is left

    {
        const MemoryLimit limit(held + (without_graph + with_graph) / 2);
        const StderrInFile said;
        SwinTrainer unheard(emulated_recipe(), small_config(), data, plain);
        while (!unheard.epoch_done()) unheard.step();
        unheard.settle();
        REQUIRE(said.text().starts_with("[train] steps are not captured as a graph, for want of memory: "));
    }

    const MemoryLimit limit(held + without_graph / 2);
    REQUIRE(error_of([&] {
                SwinTrainer none(emulated_recipe(), small_config(), data, plain);
                none.step();
            }).starts_with("[allocator] cuda has no "));
}
