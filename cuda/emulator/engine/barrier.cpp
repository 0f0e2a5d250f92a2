// Where threads of a block wait for each other: barriers, and loops.

#include "cuda/emulator/engine/block.h"
#include "cuda/emulator/engine/checker.h"

#include <atomic>
#include <cstring>

namespace swingrad::cuda::emulator {

namespace {
bool same_place(const Site& a, const Site& b) { return a.line == b.line && std::strcmp(a.file, b.file) == 0; }
}  // namespace

int Block::wait_at_barrier(int predicate, const char* operation, Site site) {
    Thread& me = threads[current];
    me.operation = operation;
    me.site = site;
    me.state = State::at_barrier;
    if (waiting_++ == 0) {
        barrier_site_ = site;
        barrier_operation_ = operation;
        mixed_ = false;
    } else mixed_ |= operation != barrier_operation_ || !same_place(site, barrier_site_);
    votes_ += predicate != 0;
    if (waiting_ == count) {
        if (mixed_) {
            error_ = why_stuck();
            leave();
        }
        release_barrier();
        wait(State::ready);
    } else wait(State::at_barrier);
    return result_;
}

void Block::release_barrier() {
    ++counters.barriers;
    checker::pass_barrier();
    for (unsigned thread = 0; thread < count; ++thread) threads[thread].state = State::ready;
    order_.make_all_ready();
    waiting_ = 0;
    result_ = votes_;
    votes_ = 0;
}

int wait_at_barrier(int predicate, const char* operation, Site site) {
    return running_block->wait_at_barrier(predicate, operation, site);
}

void* dynamic_shared_memory() { return running_block->shared; }

void fence() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (running_block) checker::fence();
}
void let_others() {
    if (running_block) running_block->let_others();
}
void after_atomic() {
    if (running_block) running_block->after_atomic();
}

}  // namespace swingrad::cuda::emulator
