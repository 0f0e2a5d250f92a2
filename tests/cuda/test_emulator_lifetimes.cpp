// What the emulator says of a kernel that uses what is not its own, no longer there or not there yet; of a launch that
// a GPU would refuse; and of two streams (misused_kernels.cu). With the access checker more of it has a line.

#include "core/io/file.h"
#include "cuda/emulator/engine/memory.h"
#include "cuda/emulator/engine/options.h"
#include "cuda/emulator/language/graph.h"
#include "cuda/emulator/language/keywords.h"
#include "cuda/emulator/language/sanitizer.h"
#include "tests/cuda/misused_kernels.h"
#include "tests/support/catch.h"
#include "tests/support/source_directory.h"
#include "tests/support/support.h"

#include <cmath>
#include <set>
#include <sstream>

using namespace swingrad;
using namespace swingrad::test;
namespace emulator = swingrad::cuda::emulator;

namespace {

const bool checked = emulator::access_checked();

Tensor ones(int64_t count) {
    return Tensor::from({count}, std::vector<float>(static_cast<size_t>(count), 1)).on(Device::cuda);
}
Tensor zeros(int64_t count, DType dtype = DType::float32) { return Tensor::zeros({count}, dtype, Device::cuda); }

// "at tests/cuda/misused_kernels.cu:17", the line marked as wrong.
std::string line_of(const std::string& name) {
    std::istringstream source(read_file(source_directory() / "tests/cuda/misused_kernels.cu"));
    std::string line;
    for (int number = 1; std::getline(source, line); ++number)
        if (line.ends_with("// wrong: " + name)) return fmt::format("at tests/cuda/misused_kernels.cu:{}", number);
    return "no line is marked " + name;
}

// One line that begins with kernel and place and holds every one of `parts`; with the checker, the marked line too.
void require_error(const std::function<void()>& call, const std::string& place, const std::vector<std::string>& parts,
                   const std::string& line = "") {
    const std::string error = error_of(call);
    INFO(error);
    REQUIRE(error.starts_with("[cuda] test::" + place));
    for (const std::string& part : parts) REQUIRE(contains(error, part));
    REQUIRE(contains(error, "launched at tests/cuda/misused_kernels.cu:"));
    REQUIRE(error.find('\n') == std::string::npos);
    if (checked && !line.empty()) REQUIRE(contains(error, line_of(line)));
}

class BlockSeconds {
  public:
    explicit BlockSeconds(double seconds) { emulator::options().block_seconds = seconds; }
    ~BlockSeconds() { emulator::options().block_seconds = before_; }

  private:
    const double before_ = emulator::options().block_seconds;
};

}  // namespace

TEST_CASE("memory that was released is known by its bytes, and by its release", "[emulator]") {
    const Tensor y = zeros(32);
    Tensor x = ones(32), bystander = ones(32);
    const float* const released = x.device_data<float>();
    x = Tensor();
    require_error([&] { read_by_a_struct(released, y.device_data<float>()); },
                  "struct_kernel, block (0,0,0), thread (0,0,0): ",
                  {"byte 0 of device memory of 128 bytes, released by the host since"}, "released");
    require_error([&] { read_at(released, y.device_data<float>(), 0); }, "index_kernel cannot be launched: ",
                  {"argument 1 points to no device memory: byte 0 of device memory of 128 bytes, released by the host "
                   "since"});
    REQUIRE(bystander.values()[0] == 1);
    for (int i = 0; i < 100; ++i) ones(32);  // their memory is elsewhere
    require_error([&] { read_by_a_struct(released, y.device_data<float>()); }, "struct_kernel, block", {"released by"});
}

TEST_CASE("an index that is far too large or too small is seen from the memory that it left", "[emulator]") {
    const Tensor before = ones(32), x = ones(32), after = ones(32), y = zeros(32);
    const auto at = [&](int64_t index) {
        return [&, index] { read_at(x.device_data<float>(), y.device_data<float>(), index); };
    };
    const std::string place = "index_kernel, block (0,0,0), thread (0,0,0): ";
    for (const int64_t index : {int64_t{32}, int64_t{5000}, int64_t{1} << 20, int64_t{1} << 30})
        require_error(at(index), place,
                      {fmt::format("{} bytes after the end of device memory of 128 bytes", (index - 32) * 4)}, "index");
    for (const int64_t index : {int64_t{-5000}, -(int64_t{1} << 20), -(int64_t{1} << 30)})
        require_error(at(index), place,
                      {fmt::format("{} bytes before the start of device memory of 128 bytes", index * -4)}, "index");
    if (checked)
        for (const int64_t index : {-1, -3})
            require_error(at(index), place,
                          {fmt::format("{} bytes before the start of device memory of 128 bytes", index * -4)},
                          "index");
}

TEST_CASE("the checker knows which memory a kernel was given", "[emulator]") {
    if (!checked) return;
    const Tensor x = ones(32), other = ones(32), y = zeros(32);
    require_error(
        [&] { read_from_another(x.device_data<float>(), other.device_data<float>(), y.device_data<float>()); },
        "index_kernel, block (0,0,0), thread (0,0,0): ",
        {"reads 4 bytes of device memory that the kernel was given no pointer to, byte 0 of device memory of 128 "
         "bytes"},
        "index");
}

#if !defined(SWINGRAD_ADDRESS_SANITIZER)
TEST_CASE("a local array that is left by its end is an error of the thread that leaves it", "[emulator]") {
    const Tensor y = zeros(32);
    const auto step = [&](Beyond how, int by) {
        return [&, how, by] { step_beyond_a_local(how, by, y.device_data<float>()); };
    };
    for (const int by : {1, 2, 1000}) {
        require_error(step(Beyond::reads, by), "reads_beyond_a_local_kernel, block (0,0,0), thread (0,0,0): ",
                      {"reads 'const float' beyond the end of an array " + line_of("reads_beyond_a_local")});
        require_error(step(Beyond::writes, by), "writes_beyond_a_local_kernel, block (0,0,0), thread (0,0,0): ",
                      {"writes 'float' beyond the end of an array " + line_of("writes_beyond_a_local")});
    }
    require_error(step(Beyond::writes_in_a_helper, 3), "writes_in_a_helper_kernel, block (0,0,0), thread (0,0,0): ",
                  {"a local array of test::with_a_helper was written beyond its end"});
    for (const Beyond how : {Beyond::reads, Beyond::writes, Beyond::writes_in_a_helper})
        REQUIRE(error_of(step(how, 0)) == "no error");
}
#endif

TEST_CASE("the checker sees local variables that are gone, another thread's, or were given no value", "[emulator]") {
    if (!checked) return;
    const Tensor x = ones(32), y = zeros(32);
    const std::string first = ", block (0,0,0), thread (0,0,0): ";
    require_error([&] { keep_a_local(y.device_data<float>()); }, "keeps_a_local_kernel" + first,
                  {"an access to a local variable of a function that has returned"}, "keeps_a_local");
    require_error([&] { use_a_neighbours_local(y.device_data<float>()); }, "neighbours_local_kernel, block (0,0,0), ",
                  {"an access to another thread's local variables"}, "neighbours_local");
    for (const int n : {0, 5})
        require_error([&] { sum_from_nothing(x.device_data<float>(), y.device_data<float>(), n); },
                      "sum_from_nothing_kernel" + first, {"stores a local variable that was given no value"},
                      "sum_from_nothing");
    require_error([&] { read_an_unset_array(x.device_data<float>(), y.device_data<float>(), 6); },
                  "unset_array_kernel, block (0,0,0), thread (6,0,0): ", {"a local variable that was given no value"},
                  "unset_array");
    REQUIRE(error_of([&] { read_an_unset_array(x.device_data<float>(), y.device_data<float>(), 8); }) == "no error");
}

TEST_CASE("a launch beyond its kernel's bounds, or with more static shared memory than there is, is refused",
          "[emulator]") {
    const Tensor y = zeros(256);
    launch_bounded(y.device_data<float>(), 128);
    require_error([&] { launch_bounded(y.device_data<float>(), 129); },
                  "bounded_kernel cannot be launched: ", {"its __launch_bounds__ are 128 threads a block, not 129"});
    launch_bounded_by_a_constant(y.device_data<float>(), 64);
    require_error([&] { launch_bounded_by_a_constant(y.device_data<float>(), 96); },
                  "bounded_by_a_constant_kernel<float> cannot be launched: ",
                  {"its __launch_bounds__ are 64 threads a block, not 96"});
#ifndef SWINGRAD_ADDRESS_SANITIZER  // which has __shared__ variables lie elsewhere (cuda/emulator/language/keywords.h)
    require_error([&] { use_much_static_shared(y.device_data<float>()); },
                  "much_static_shared_kernel cannot be launched: ",
                  {"a kernel has at most 49152 bytes of __shared__ variables, not 52000"});
#endif
}

TEST_CASE("a block that spins for ever is named after a time that can be set", "[emulator]") {
    const Tensor flag = zeros(1, DType::int32), y = zeros(32);
    const BlockSeconds bound(0.4);
    require_error(
        [&] { wait_for_a_block(flag.device_data<int32_t>()); },
        "waits_for_a_block_kernel, block (0,0,0), thread (0,0,0): ",
        {"its block has run for 0.4 s of processor time without an end: it spins", "SWINGRAD_EMULATOR_SECONDS"},
        "waits_for_a_block");
    require_error([&] { wait_without_an_access(); },
                  "waits_without_an_access_kernel, block (0,0,0), thread (0,0,0): ", {"it spins"});
    for (const uint32_t seed : {0, 1, 2, 3}) {  // one thread waits for another, which comes
        flag.fill_zero();
        const uint32_t before = cuda::permute_threads(seed);
        wait_for_a_thread(flag.device_data<int32_t>(), y.device_data<float>());
        cuda::permute_threads(before);
        REQUIRE(y.values() == std::vector<double>(32, 1));
    }
}

TEST_CASE("one order of threads comes on warp by warp, another lets a warp run far ahead", "[emulator]") {
    const Tensor y = zeros(1);
    if (checked) {
        require_error([&] { look_at_a_warp_far_ahead(y.device_data<float>()); },
                      "warp_far_ahead_kernel, block (0,0,0), ",
                      {"a race: thread (32,0,0) read what this thread writes"}, "warp_far_ahead");
        return;
    }
    const auto seen = [&](uint32_t kind) {
        std::set<double> values;
        for (uint32_t seed = kind; seed < 30; seed += 3) {
            const uint32_t before = cuda::permute_threads(seed);
            look_at_a_warp_far_ahead(y.device_data<float>());
            cuda::permute_threads(before);
            values.insert(y.values()[0]);
        }
        return values;
    };
    REQUIRE(seen(1) == std::set<double>{0});
    REQUIRE(seen(2) == std::set<double>{0, 1});
    REQUIRE(seen(3) == std::set<double>{0, 1});
}

TEST_CASE("the last block may add what the others handed over by a fence and a ticket, and nothing else",
          "[emulator]") {
    constexpr unsigned blocks = 40;
    const Tensor x = ones(blocks * 32), partial = zeros(blocks), ticket = zeros(1, DType::int32), y = zeros(1);
    auto* const number = reinterpret_cast<unsigned*>(ticket.device_data<int32_t>());
    for (int round = 0; round < 3; ++round) {
        y.fill_zero();
        sum_by_the_last_block(blocks, x.device_data<float>(), partial.device_data<float>(), number,
                              y.device_data<float>());
        REQUIRE(y.values()[0] == blocks * 32);
    }
    if (!checked) return;
    for (const Fence fence : {Fence::forgotten, Fence::too_early}) {
        ticket.fill_zero();
        require_error(
            [&] {
                sum_without_a_fence(fence, blocks, x.device_data<float>(), partial.device_data<float>(), number,
                                    y.device_data<float>());
            },
            "last_block_kernel<", {"a race between blocks: block (0,0,0), thread (0,0,0) wrote what this thread reads"},
            "last_block");
    }
}

// ---- streams

TEST_CASE("work of two streams on the same memory needs an event or the host between", "[emulator]") {
    const auto compute = cuda::compute_stream(), copying = cuda::copy_stream();
    const Tensor y = zeros(32);
    cuda::PinnedMemory host(128);
    auto* const values = static_cast<float*>(host.data());
    std::fill_n(values, 32, 2.0f);
    const auto upload = [&] { cuda::copy_to_device(y.address(), values, 128, copying); };
    const auto download = [&] { cuda::copy_to_host(values, y.address(), 128, copying); };
    const auto fill = [&] { fill_on(compute, y.device_data<float>(), 3); };
    const auto settle = [&] {
        cuda::synchronise(compute);
        cuda::synchronise(copying);
    };
    settle();

    upload();  // and a kernel that does not wait for it
    REQUIRE(error_of(fill).starts_with(
        "[cuda] test::fill_on_kernel on the compute stream, launched at tests/cuda/misused_kernels.cu:"));
    settle();
    fill();  // and copies that do not wait for the kernel
    REQUIRE(error_of(download) ==
            "[cuda] a copy to the host on the copy stream: a race between streams: test::fill_on_kernel on the compute "
            "stream wrote what this reads, byte 0 of device memory of 128 bytes, with no event between");
    settle();
    fill();
    REQUIRE(contains(error_of(upload), "a race between streams: test::fill_on_kernel on the compute stream wrote"));
    settle();
    download();
    REQUIRE(contains(error_of(fill), "a race between streams: a copy to the host on the copy stream read"));
    settle();

    cuda::Event filled, copied;  // an event in between orders them, each way
    for (int round = 0; round < 3; ++round) {
        fill();
        filled.record(compute);
        filled.wait_in(copying);
        download();
        upload();
        copied.record(copying);
        copied.wait_in(compute);
    }
    fill();
    cuda::synchronise(compute);  // and so does the host
    download();
    REQUIRE(contains(error_of(fill), "a race between streams"));
    copied.record(copying);
    copied.synchronise();
    fill();
    REQUIRE(values[0] == 3);
    REQUIRE(contains(error_of([&] { fill_on(nullptr, y.device_data<float>(), 1); }), "on another stream"));
}

// ---- capture

TEST_CASE("a capture that is not relaxed refuses memory, as CUDA does, and is then over", "[emulator]") {
    const Tensor x = ones(32);
    const auto allocates = [] { Tensor::empty({7}, DType::float32, Device::cuda); };
    REQUIRE(error_of([&] { cuda::Graph graph(allocates); }) == "no error");
    REQUIRE(error_of([&] { cuda::Graph graph(allocates, cuda::CaptureMode::thread_local_only); }) ==
            "[cuda] allocating memory is not permitted while this thread captures a graph, other than in relaxed mode");
    REQUIRE(error_of([&] {
                cuda::Graph graph([&] { error_of([&] { cuda::synchronise(cuda::compute_stream()); }); });
            }) == "[cuda] ending a graph failed: a call on the way was refused");
    REQUIRE(error_of([&] { cuda::Graph graph([&] { memory_of(Device::cuda).synchronise(); }); }) != "no error");
    REQUIRE(x.values()[0] == 1);
}
