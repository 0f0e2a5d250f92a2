#include "tests/support/poisoned_memory.h"

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_session.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

// Before any tensor, static ones too: this file is linked first.
[[maybe_unused]] const bool poisoned = (swingrad::test::poison_memory(), true);

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
