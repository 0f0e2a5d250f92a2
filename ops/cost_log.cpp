#include "ops/cost_log.h"

#include "autograd/tape.h"

#include <utility>

namespace swingrad {
namespace {

thread_local CostLog* current = nullptr;

}  // namespace

CostLog::CostLog() : previous_(std::exchange(current, this)) {}
CostLog::~CostLog() { current = previous_; }

int64_t CostLog::total() const {
    int64_t sum = 0;
    for (const auto& [scope, count] : multiply_adds_) sum += count;
    return sum;
}

void CostLog::note(int64_t multiply_adds) {
    if (current) current->multiply_adds_[current_scope_name()] += multiply_adds;
}

}  // namespace swingrad
