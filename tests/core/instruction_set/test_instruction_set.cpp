#include "core/instruction_set/instruction_set.h"

#include "core/gemm/product_kernels.h"
#include "core/instruction_set/fast_paths.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <cstdlib>

using namespace swingrad;
using namespace swingrad::test;

namespace {

using Names = bool (*)(const std::string&);
constexpr Names all = [](const std::string&) { return true; };
constexpr Names none = [](const std::string&) { return false; };
constexpr Names two = [](const std::string& name) { return name == "plain" || name == "avx2"; };

std::string chosen(const char* wanted, Names has, Names built) {
    return detail::choose_instruction_set(wanted, has, built);
}

}  // namespace

TEST_CASE("of the instruction sets that a processor has and that were built the best is chosen") {
    REQUIRE(chosen(nullptr, all, all) == "amx");
    REQUIRE(chosen(nullptr, two, all) == "avx2");
    REQUIRE(chosen(nullptr, all, two) == "avx2");
    REQUIRE(chosen("", all, two) == "avx2");
    REQUIRE(chosen(nullptr, all, none) == "none");
    REQUIRE(chosen("plain", all, all) == "plain");
}

TEST_CASE("where tiles are refused, as by containers and old kernels, the next set is chosen") {
    const Names without_tiles = [](const std::string& name) { return name != "amx"; };
    const std::string next = chosen(nullptr, without_tiles, all);
    REQUIRE((next == "avx512-bf16" || next == "avx512"));  // on Intel's processors pairs are slower than floats
    REQUIRE(error_of([&] { chosen("amx", without_tiles, all); }) ==
            "SWINGRAD_ISA is amx, which this processor or its system does not have");
}

TEST_CASE("an instruction set that there is not is refused by name") {
    REQUIRE(error_of([] { chosen("avx1024", all, all); }) ==
            "SWINGRAD_ISA must be one of plain, avx2, avx512, avx512-bf16, amx, got 'avx1024'");
    REQUIRE(error_of([] { chosen("avx512", two, all); }) ==
            "SWINGRAD_ISA is avx512, which this processor or its system does not have");
    REQUIRE(error_of([] { chosen("avx512", all, two); }) ==
            "SWINGRAD_ISA is avx512, for which no fast paths were built");
}

TEST_CASE("the instruction set in use is one of this processor's, and that which was asked for") {
    REQUIRE(detail::has_instruction_set(instruction_set()));
    if (const char* asked = std::getenv("SWINGRAD_ISA"); asked && *asked) REQUIRE(instruction_set() == asked);
    REQUIRE(contains(product_kernel(), "tiles of"));
    REQUIRE(seconds_of_product({DType::float64, Layout::transposed, 33, 17, 9, true}, 3) > 0);
}

namespace {
struct DeclaredHere {};
void first() {}
void second() {}
}  // namespace

TEST_CASE("the fast path that was declared last counts, and there need be none") {
    REQUIRE(fast_path_of(typeid(DeclaredHere)).forward == nullptr);
    declare_fast_path(typeid(DeclaredHere), {first, nullptr});
    declare_fast_path(typeid(DeclaredHere), {second, first});
    REQUIRE(fast_path_of(typeid(DeclaredHere)).forward == second);
    REQUIRE(fast_path_of(typeid(DeclaredHere)).backward == first);
}
