#include "cuda/emulator/engine/block.h"

#include "core/error.h"
#include "cuda/emulator/engine/checker.h"
#include "cuda/emulator/engine/memory.h"
#include "cuda/emulator/engine/signals.h"

#include <sys/mman.h>

#include <cstring>
#include <exception>
#include <memory>

namespace swingrad::cuda::emulator {

constinit thread_local Block* running_block = nullptr;
// Not inside a function: what is there and thread_local is a kernel's shared memory.
thread_local std::unique_ptr<Block> own_block;

namespace {
constexpr size_t stack_stride = stack_bytes + page;  // below each stack lies a page that must not be touched
constexpr int poison = 0xff;                         // NaN to a float, -1 to an integer

char* map_pages(size_t bytes, int protection) {
    void* const pages = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    check(pages != MAP_FAILED, "[cuda] the emulator finds no {} bytes of address space", bytes);
    return static_cast<char*>(pages);
}
}  // namespace

Block& Block::of_this_thread() {
    if (!own_block) own_block = std::make_unique<Block>();
    return *own_block;
}

Block::Block()
    : stacks_(map_pages(stack_stride * most_threads, PROT_READ | PROT_WRITE)),
      shared_pages_(map_pages(most_shared + 2 * page, PROT_NONE)) {
    mprotect(shared_pages_ + page, most_shared, PROT_READ | PROT_WRITE);
    signal_stack_ = install_signal_stack();
}

Block::~Block() {
    remove_signal_stack(signal_stack_);
    munmap(stacks_, stack_stride * most_threads);
    munmap(shared_pages_, most_shared + 2 * page);
#if defined(__SANITIZE_THREAD__)
    for (unsigned i = 0; i < fibers_made_; ++i) __tsan_destroy_fiber(fibers_[i].thread_sanitizer);
#endif
}

bool Block::is_stack(const void* address) const {
    const auto* at = static_cast<const char*>(address);
    return at >= stacks_ && at < stacks_ + stack_stride * most_threads;
}

// ---- fibers

SWINGRAD_UNCHECKED void Block::start_fiber(Fiber& from) {
    const unsigned number = fibers_used_++;
    Fiber& fiber = fibers_[number];
    if (number == fibers_made_) {
        ++fibers_made_;
        char* const guard = stacks_ + number * stack_stride;
        mprotect(guard, page, PROT_NONE);
        fiber.stack = guard + page;
        fiber.stack_bytes = stack_bytes;
#if defined(__SANITIZE_THREAD__)
        fiber.thread_sanitizer = __tsan_create_fiber(0);
#endif
    }
#if defined(SWINGRAD_ADDRESS_SANITIZER)
    __asan_unpoison_memory_region(fiber.stack, stack_bytes);  // a launch that was given up left its frames
    fiber.address_sanitizer = nullptr;
#endif
    // Not all tops at the same place of a page, or they would all fall into the same few lines of the cache.
    const size_t shift = number * 576 % 4032 / 64 * 64;
    char* const top = stacks_ + (number + 1) * stack_stride - shift;
    fiber.context = boost::context::detail::make_fcontext(top, stack_bytes - shift, fiber_main);
    if (&from != &main_) ++counters.switches;
    jump(from, fiber);
}

SWINGRAD_UNCHECKED void Block::fiber_main(boost::context::detail::transfer_t from) {
    Block& block = *running_block;
    const unsigned number = block.fibers_used_ - 1;
    arrive(block.fibers_[number], from);
    block.run_threads(number);
}

SWINGRAD_UNCHECKED void Block::run_threads(unsigned fiber) {
    while (!order_.all_started()) {
        const unsigned thread = order_.next_to_start();
        threads[thread].fiber = static_cast<uint16_t>(fiber);
        enter(thread);
        try {
            launch->call(launch->closure);
        } catch (const std::exception& error) {
            set_error(fmt::format("an exception left the kernel: {}", error.what()));
        } catch (...) {
            set_error("an exception left the kernel");
        }
        if (!error_.empty()) leave();
        finish(current);
    }
    if (order_.any_ready()) {
        ++counters.switches;
        jump(fibers_[fiber], fibers_[threads[order_.pick()].fiber], true);
    }
    if (finished != count) error_ = why_stuck();
    leave();
}

// Unchecked like all that a fiber never returns from: ThreadSanitizer counts calls and returns, fiber by fiber.
SWINGRAD_UNCHECKED void Block::leave() {
    jump(fibers_[threads[current].fiber], main_, true);
    __builtin_unreachable();
}

inline void Block::enter(unsigned thread) {
    current = thread;
    threads[thread].state = State::running;
    threadIdx = threads[thread].index;
    checker::enter_thread(thread, fibers_[threads[thread].fiber].stack, stack_bytes);
}

void Block::wait(State why) {
    checker::pause_thread();
    const unsigned me = current;
    Fiber& mine = fibers_[threads[me].fiber];
    if (why != State::ready) threads[me].state = why;
    if (order_.any_ready()) {
        const unsigned next = order_.pick();
        if (next != me) {
            ++counters.switches;
            jump(mine, fibers_[threads[next].fiber]);
        }
    } else if (!order_.all_started()) start_fiber(mine);
    else {
        error_ = why_stuck();
        leave();
    }
    enter(me);
}

void Block::make_ready(unsigned thread) {
    threads[thread].state = State::ready;
    order_.make_ready(thread);
}

// Those that have not begun come before those that are ready, or two threads could wait for a third for ever.
void Block::let_others() {
    if (order_.all_started() && !order_.any_ready()) return;
    const unsigned me = current;
    threads[me].state = State::ready;
    order_.put_last(me);
    if (order_.all_started()) return wait(State::ready);
    checker::pause_thread();
    start_fiber(fibers_[threads[me].fiber]);
    enter(me);
}

inline void Block::finish(unsigned thread) {
    checker::pause_thread();
    threads[thread].state = State::returned;
    ++finished;
    Warp& warp = warps[thread / 32];
    warp.alive &= ~(1u << thread % 32);
    if (warp.waiting || !copies.empty()) [[unlikely]]
        others_may_go_on(thread);
}

// A mask that names this thread will never be complete; the error is found here.
void Block::others_may_go_on(unsigned thread) {
    Warp& warp = warps[thread / 32];
    for (unsigned waiting = warp.waiting; waiting;)
        waiting = complete(thread / 32, static_cast<unsigned>(std::countr_zero(waiting))) ? warp.waiting
                                                                                          : waiting & (waiting - 1);
    if (!copies.empty()) copies[thread] = {};
}

// ---- running

void Block::begin(const Launch& of, const Kernel& what) {
    launch = &of;
    kernel = &what;
    count = of.block.x * of.block.y * of.block.z;
    gridDim = of.grid;
    blockDim = of.block;
    if (shape_.x != of.block.x || shape_.y != of.block.y || shape_.z != of.block.z) {
        shape_ = of.block;
        for (unsigned t = 0; t < count; ++t)
            threads[t].index = {t % shape_.x, t / shape_.x % shape_.y, t / shape_.x / shape_.y};
    }
    // It ends where the pages end, so that one step too far is a fault.
    shared = shared_pages_ + page + most_shared - rounded_for_alignment(of.shared_bytes);
    copies.clear();
    checker::begin_launch(*this);
}

void Block::run(const Launch& of, const Kernel& what, uint64_t first, uint64_t end) {
    begin(of, what);
    running_block = this;
    watch_.start(options().block_seconds);
    for (uint64_t number = first; number < end && error_.empty(); ++number) {
        poison_shared_memory();
        checker::begin_block(number);
        run_block(number);
    }
    watch_.stop();
    running_block = nullptr;
    launch = nullptr;
    if (!error_.empty()) {
        const std::string error = std::move(error_);
        error_.clear();
        throw Error(error);
    }
}

void Block::poison_shared_memory() {
    if (launch->shared_bytes) std::memset(shared, poison, launch->shared_bytes);
#if !defined(SWINGRAD_ADDRESS_SANITIZER)
    if (kernel->shared.empty()) return;
    if (storage_module_ != kernel->module) storage_ = thread_storage(storage_module_ = kernel->module).begin;
    for (const SharedVariable& variable : kernel->shared)
        std::memset(storage_ + variable.offset, poison, variable.bytes);
#endif
}

uint3 Block::index_of(uint64_t number) const {
    const dim3 grid = launch->grid;
    return {static_cast<unsigned>(number % grid.x), static_cast<unsigned>(number / grid.x % grid.y),
            static_cast<unsigned>(number / grid.x / grid.y)};
}

void Block::run_block(uint64_t number) {
    blockIdx = index_of(number);
    finished = fibers_used_ = waiting_ = 0;
    votes_ = 0;
    ticks_ = 0;
    for (unsigned w = 0; w * 32 < count; ++w) {
        warps[w].alive = count - w * 32 >= 32 ? full_warp : (1u << (count - w * 32)) - 1;
        warps[w].waiting = 0;
    }
    order_.begin(count, options().seed, number);
    for (unsigned t = 0; t < count; ++t) threads[t].state = State::not_started;
#if defined(__SANITIZE_THREAD__)
    main_.thread_sanitizer = __tsan_get_current_fiber();
#endif
    in_fiber_ = true;
    start_fiber(main_);  // comes back when the block is done
    in_fiber_ = false;
    ++counters.blocks;
    counters.threads += count;
}

}  // namespace swingrad::cuda::emulator
