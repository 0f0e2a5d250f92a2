// A block of threads on one thread of the operating system: the emulator's heart.
//
// One fiber runs the block's threads one after another. A thread that must wait keeps that fiber, and a new fiber goes
// on with the next thread. So a kernel that never waits never leaves its first fiber, and no two ways are needed.
#pragma once

#include "cuda/emulator/engine/options.h"
#include "cuda/emulator/engine/report.h"
#include "cuda/emulator/language/launch.h"
#include "cuda/emulator/language/synchronise.h"
#include "cuda/emulator/language/warp.h"
#include "cuda/emulator/machine/address_space.h"
#include "cuda/emulator/machine/fiber.h"
#include "cuda/emulator/machine/order.h"
#include "cuda/emulator/machine/symbols.h"
#include "cuda/emulator/machine/watch.h"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace swingrad::cuda::emulator {

#if defined(SWINGRAD_ADDRESS_SANITIZER)
constexpr size_t stack_bytes = 256 << 10;
#else
constexpr size_t stack_bytes = 64 << 10;
#endif
constexpr size_t most_shared = 256 << 10;

enum class State : uint8_t { not_started, running, ready, at_barrier, in_warp_operation, returned };

struct Thread {
    State state;
    uint16_t fiber;  // while it runs or waits
    uint3 index;
    const char* operation;  // what it waits in, and where
    Site site;
};

struct Warp {
    unsigned alive, waiting;  // lanes
    std::array<unsigned, 32> mask;
    std::array<WarpFunction, 32> function;
    WarpSlots slots;
};

// A thread's copies on their way (async_copy.h): all of them, and how many there were at each commit.
struct PendingCopies {
    struct Copy {
        void* to;
        const void* from;
    };
    std::vector<Copy> copies;
    std::vector<size_t> groups;
};

class Block {
  public:
    // This thread's; made at its first launch.
    static Block& of_this_thread();

    Block();
    ~Block();
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    // Runs blocks [first, end) of a launch. Throws an Error.
    void run(const Launch& launch, const Kernel& kernel, uint64_t first, uint64_t end);

    // ---- for the operations, called by the thread `current`
    void wait(State why);  // returns when somebody has made it ready
    void make_ready(unsigned thread);
    void let_others();  // all that can go on do before this one
    void after_atomic() {
        if (++atomics_ % 256 == 0) let_others();
    }
    int wait_at_barrier(int predicate, const char* operation, Site site);
    void meet(unsigned mask, const char* operation, WarpFunction function, Site site);
    // Gives up the launch. The caller's frame is left, not unwound: what it owns would be lost.
    template <class... Arguments>
    [[noreturn]] void fail(fmt::format_string<Arguments...> what, Arguments&&... arguments) {
        set_error(fmt::format(what, std::forward<Arguments>(arguments)...));
        leave();
    }
    [[noreturn]] void fail_at(const void* address);
    [[noreturn]] void fail_shuffle(unsigned lane, unsigned lanes, int source);
    // Told of by a signal, again and again while the block runs.
    void tick();

    // ---- for messages
    std::string place(unsigned thread) const;  // "kernel, block (0,0,0), thread (0,0,0)"
    std::string launch_text() const;           // "launched at ..."
    std::string place_of_block() const;        // without the thread
    std::string describe(const void* address) const;
    uint3 index_of(uint64_t number) const;  // of a block, by its number
    bool is_stack(const void* address) const;
    const void* shared_pages() const { return shared_pages_ + page; }

    const Launch* launch = nullptr;  // nullptr: no kernel runs
    const Kernel* kernel = nullptr;
    unsigned current = 0;  // the thread that runs
    unsigned count = 0, finished = 0;
    std::array<Thread, most_threads> threads{};
    std::array<Warp, most_threads / 32> warps{};
    std::vector<PendingCopies> copies;  // one a thread, once there are any
    char* shared = nullptr;             // dynamic shared memory of this launch
    Counters counters;

  private:
    void set_error(const std::string& what);
    void begin(const Launch& launch, const Kernel& kernel);
    void poison_shared_memory();
    void run_block(uint64_t number);
    static void fiber_main(boost::context::detail::transfer_t from);
    void run_threads(unsigned fiber);
    void start_fiber(Fiber& from);
    void enter(unsigned thread);
    void finish(unsigned thread);
    void others_may_go_on(unsigned thread);
    [[noreturn]] void leave();
    void release_barrier();
    bool complete(unsigned warp, unsigned lane);
    void check_meeting(unsigned warp, unsigned lane, unsigned lanes);
    std::string why_stuck() const;

    Fiber main_;
    std::array<Fiber, most_threads> fibers_{};
    unsigned fibers_used_ = 0, fibers_made_ = 0;
    char* stacks_ = nullptr;
    char* shared_pages_ = nullptr;
    void* signal_stack_ = nullptr;
    uintptr_t storage_module_ = 0;
    char* storage_ = nullptr;  // that module's thread-local variables

    dim3 shape_{0, 0, 0};  // the block size that the threads' indices were made for
    ThreadOrder order_;
    Watch watch_;
    volatile bool in_fiber_ = false;
    volatile int ticks_ = 0;  // since this block began
    unsigned atomics_ = 0;

    unsigned waiting_ = 0;  // at the barrier
    bool mixed_ = false;    // not all at the same one
    int votes_ = 0, result_ = 0;
    Site barrier_site_;
    const char* barrier_operation_ = nullptr;

    std::string error_;
};

// The block that runs on this thread; nullptr outside kernels.
extern constinit thread_local Block* running_block;

}  // namespace swingrad::cuda::emulator
