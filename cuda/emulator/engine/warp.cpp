// Warp operations: lanes meet by mask.

#include "cuda/emulator/language/warp.h"

#include "cuda/emulator/engine/block.h"
#include "cuda/emulator/engine/checker.h"
#include "cuda/emulator/engine/report.h"

namespace swingrad::cuda::emulator {

unsigned lane_of_thread() { return running_block->current % 32; }
WarpSlots& slots_of_warp() { return running_block->warps[running_block->current / 32].slots; }
void meet_only(WarpSlots&, unsigned) {}

void meet(unsigned mask, const char* operation, WarpFunction function, Site site) {
    running_block->meet(mask, operation, function, site);
}

void Block::meet(unsigned mask, const char* operation, WarpFunction function, Site site) {
    const unsigned lane = current % 32;
    Thread& me = threads[current];
    me.operation = operation;
    me.site = site;
    if (!(mask >> lane & 1))
        fail("{} at {}: mask 0x{:08x} does not name the calling lane, {}", operation, site, mask, lane);
    Warp& warp = warps[current / 32];
    warp.mask[lane] = mask;
    warp.function[lane] = function;
    warp.waiting |= 1u << lane;
    if (!complete(current / 32, lane)) wait(State::in_warp_operation);
}

// Whether all lanes of this lane's mask have come; then their operation is done and the others may go on.
bool Block::complete(unsigned warp_number, unsigned lane) {
    Warp& warp = warps[warp_number];
    const unsigned lanes = warp.mask[lane] & warp.alive;
    if ((warp.waiting & lanes) != lanes) return false;
    check_meeting(warp_number, lane, lanes);
    ++counters.warp_operations;
    warp.function[lane](warp.slots, lanes);
    warp.waiting &= ~lanes;
    for_each_lane(lanes, [&](unsigned l) {
        if (warp_number * 32 + l != current) make_ready(warp_number * 32 + l);
    });
    return true;
}

void Block::check_meeting(unsigned warp_number, unsigned lane, unsigned lanes) {
    const Warp& warp = warps[warp_number];
    const unsigned mask = warp.mask[lane];
    const Thread* const of = &threads[warp_number * 32];
    if (lanes != mask)
        fail("{} at {}: mask 0x{:08x} names lanes that have returned or do not exist: 0x{:08x}", of[lane].operation,
             of[lane].site, mask, mask & ~lanes);
    bool same = true;  // one place in the program is one object in memory, as a rule
    for_each_lane(lanes, [&](unsigned l) {
        same &= warp.mask[l] == mask && of[l].operation == of[lane].operation && of[l].site.line == of[lane].site.line;
    });
    if (same) return;
    for_each_lane(lanes, [&](unsigned l) {
        if (warp.mask[l] == mask && of[l].operation == of[lane].operation && of[l].site.line == of[lane].site.line)
            return;
        fail(
            "lanes of one warp do not meet: lane {} in {} with mask 0x{:08x} at {}, lane {} in {} with mask "
            "0x{:08x} at {}",
            lane, of[lane].operation, mask, of[lane].site, l, of[l].operation, warp.mask[l], of[l].site);
    });
}

void Block::fail_shuffle(unsigned lane, unsigned lanes, int source) {
    const Thread& thread = threads[current / 32 * 32 + lane];
    fail("{} at {}: lane {} reads lane {}, which is not in mask 0x{:08x}", thread.operation, thread.site, lane, source,
         lanes);
}

uint64_t shuffle_bits(unsigned mask, uint64_t bits, int source, const char* operation, Site site) {
    const unsigned lane = lane_of_thread();
    WarpSlots& slots = slots_of_warp();
    slots.in[lane] = bits;
    slots.source[lane] = source;
    meet(
        mask, operation,
        [](WarpSlots& all, unsigned lanes) {
            for_each_lane(lanes, [&](unsigned l) {
                if (!(lanes >> all.source[l] & 1)) running_block->fail_shuffle(l, lanes, all.source[l]);
                all.out[l] = all.in[static_cast<size_t>(all.source[l])];
            });
        },
        site);
    return slots.out[lane];
}

uint64_t ballot(unsigned mask, bool vote, const char* operation, Site site) {
    const unsigned lane = lane_of_thread();
    WarpSlots& slots = slots_of_warp();
    slots.in[lane] = vote;
    meet(
        mask, operation,
        [](WarpSlots& all, unsigned lanes) {
            uint64_t votes = uint64_t{lanes} << 32;
            for_each_lane(lanes, [&](unsigned l) { votes |= all.in[l] << l; });
            for_each_lane(lanes, [&](unsigned l) { all.out[l] = votes; });  // other groups may still be reading theirs
        },
        site);
    return slots.out[lane];
}

void sync_warp(unsigned mask, const char* operation, Site site) {
    meet(
        mask, operation, [](WarpSlots&, unsigned) { checker::sync_warp(running_block->current / 32); }, site);
}

}  // namespace swingrad::cuda::emulator
