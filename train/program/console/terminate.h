// Where no handler of an exception is left.
#pragma once

namespace swingrad {

// From now on, memory that runs out where nothing may throw, as in parts of the standard library, or before main, ends
// the program as it does elsewhere: by a line, with exit code 1. All else ends it as before.
void tell_of_no_memory();

}  // namespace swingrad
