// What `swingrad kernels` says of counts and of compiled code.

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"
#include "train/loop/recipe.h"
#include "train/program/kernels/compiled_kernels.h"
#include "train/program/kernels/step_bound.h"

#include <nlohmann/json.hpp>

#include <fstream>

using namespace swingrad;
using namespace swingrad::test;
using Catch::Matchers::Contains;

namespace {

// As cuobjdump prints it.
constexpr auto printed = R"(
Fatbin elf code:
================
arch = sm_80
code version = [1,8]
host = linux
compile_size = 64bit

Resource usage:
 Common:
  GLOBAL:0
 Function _ZN8swingrad4cuda12_GLOBAL__N_114softmax_kernelIfEEvlPKT_PS3_:
  REG:40 STACK:0 SHARED:0 LOCAL:0 CONSTANT[0]:376 TEXTURE:0 SURFACE:0 SAMPLER:0

Fatbin elf code:
================
arch = sm_90
code version = [1,8]

Resource usage:
 Common:
  GLOBAL:0
 Function _ZN8swingrad4cuda12_GLOBAL__N_114softmax_kernelIfEEvlPKT_PS3_:
  REG:32 STACK:16 SHARED:1024 LOCAL:0 CONSTANT[0]:552 TEXTURE:0 SURFACE:0 SAMPLER:0
 Function _ZN8swingrad4cuda12_GLOBAL__N_114softmax_kernelIdEEvlPKT_PS3_:
  REG:64 STACK:0 SHARED:0 LOCAL:0 CONSTANT[0]:552 TEXTURE:0 SURFACE:0 SAMPLER:0
)";

const Multiprocessor& hopper() { return gpu_named("h200").processor; }

}  // namespace

TEST_CASE("registers, stack and shared memory are read from what cuobjdump prints") {
    const std::vector<KernelResources> all = parse_resource_usage(printed);
    REQUIRE(all.size() == 3);
    REQUIRE(all[0].name == "softmax_kernel<float>");
    REQUIRE(all[0].architecture == "sm_80");
    REQUIRE(all[0].registers == 40);
    REQUIRE(all[1].architecture == "sm_90");
    REQUIRE(all[1].registers == 32);
    REQUIRE(all[1].stack_bytes == 16);
    REQUIRE(all[1].shared_bytes == 1024);
    REQUIRE(all[2].name == "softmax_kernel<double>");
    REQUIRE(parse_resource_usage("no such thing").empty());
}

// By NVIDIA's occupancy rules, worked out by hand for 64 Ki registers, 2048 threads, 32 blocks and 228 KiB.
TEST_CASE("occupancy is what registers, shared memory, threads and blocks leave room for") {
    const auto with = [](int64_t registers, int64_t threads, int64_t shared) {
        return occupancy(hopper(), {"k", "sm_90", registers}, threads, shared);
    };
    REQUIRE(with(32, 256, 0) == 1.0);                      // 8 blocks of 256
    REQUIRE(with(33, 256, 0) == 0.75);                     // 40 a thread: 1280 a warp, 51 warps, 6 blocks
    REQUIRE(with(255, 256, 0) == 0.125);                   // 8160 a warp, 8 warps: 1 block
    REQUIRE(with(16, 32, 0) == 0.5);                       // 32 blocks of one warp
    REQUIRE(with(16, 33, 0) == 1.0);                       // two warps each
    REQUIRE(with(16, 128, 75 << 10) == 3 * 128.0 / 2048);  // 76 KiB with the system's: 3 blocks
    REQUIRE(with(16, 128, 76 << 10) == 2 * 128.0 / 2048);
    REQUIRE(with(16, 0, 0) == 0);
}

TEST_CASE("a step's bound is bytes over the memory's rate, and of products the longer of two") {
    cuda::DeviceCounts counts;
    cuda::KernelCount kernel;
    kernel.name = "softmax_kernel<bfloat16>";
    kernel.launches = 2;
    kernel.block_threads = 256;
    kernel.read_sectors = 100;
    kernel.written_sectors = 50;
    kernel.requests = 75;
    kernel.request_sectors = 300;
    kernel.request_threads = 1200;
    counts.kernels = {kernel};
    counts.products = {{1000, 1000, 1000, 1, 2, 2, 3}, {1, 1000, 1000, 1, 4, 4, 1}};
    counts.copies = 1;
    counts.copied_bytes = 4800;
    const Gpu& gpu = gpu_named("h200");
    const StepBound bound = bound_of(counts, parse_resource_usage(printed), gpu);

    REQUIRE(bound.kernels[0].seconds == Approx(150 * 32 / 4.8e12));
    REQUIRE(bound.kernels[0].resources.registers == 64);  // none is named so: the instance with the most
    REQUIRE(bound.kernels[0].occupancy == 0.5);
    // Of the first the arithmetic, 2e9 each at 989e12, is longer than 6 MB; of the second 4 MB are.
    REQUIRE(bound.product_seconds == Approx(3 * 2e9 / 989e12 + 4.0 * (1000 + 1000000 + 1000) / 4.8e12));
    REQUIRE(bound.other_seconds == Approx(2 * 4800 / 4.8e12));
    REQUIRE(bound.seconds() == Approx(bound.kernels[0].seconds + bound.product_seconds + bound.other_seconds));
    REQUIRE(bound.nodes == 2 + 4 + 1);

    const std::string text = text_of(bound, gpu);
    REQUIRE_THAT(text, Contains("nodes 7: 2 launches, 4 products, 1 copies, 0 fills") &&
                           Contains("predicted, not measured") && Contains("2.00") /* 300 / 150 */ && Contains("4.0") &&
                           Contains("50 %"));
    REQUIRE(as_json(bound, gpu)["kernels"][0]["registers"] == 64);

    // Where nothing looked at memory, nothing is said of it.
    counts.kernels[0].requests = counts.kernels[0].read_sectors = counts.kernels[0].written_sectors = 0;
    const std::string blind = text_of(bound_of(counts, {}, gpu), gpu);
    REQUIRE_THAT(blind.substr(0, blind.find("\n\n")), !Contains("0.00") && !Contains("0 B"));
}

TEST_CASE("a GPU or a file of kernels that there is not is one line") {
    REQUIRE_THROWS_WITH(gpu_named("tpu"), "--gpu expects a100, h100 or h200, got \"tpu\"");
    REQUIRE_THROWS_WITH(compiled_kernels("/nowhere.so"), "--objects \"/nowhere.so\": no such file");
    const TemporaryDirectory folder;
    std::ofstream(folder.path() / "a.so") << "no library";
    REQUIRE_THROWS_WITH(compiled_kernels(folder.path() / "a.so"),
                        Contains("--objects \"" + (folder.path() / "a.so").string() + "\""));
}
