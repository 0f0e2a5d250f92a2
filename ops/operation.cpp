#include "ops/operation.h"

#include <atomic>

namespace swingrad {
namespace {

std::atomic<bool> plain{false};

}  // namespace

bool plain_loops() { return plain.load(std::memory_order_relaxed); }
void use_plain_loops(bool on) { plain = on; }

}  // namespace swingrad
