// bench_products --ladder.
#pragma once

namespace swingrad::bench {

void climb_ladder();

}  // namespace swingrad::bench
