// How much memory this process has, in MB of 2^20 bytes.
#pragma once

namespace swingrad {

double resident_mb();       // now
double peak_resident_mb();  // at most, so far

}  // namespace swingrad
