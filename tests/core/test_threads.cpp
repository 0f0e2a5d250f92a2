#include "core/threads.h"

#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"

#include <pthread.h>

#include <atomic>
#include <filesystem>
#include <numeric>
#include <thread>
#include <vector>

using namespace swingrad;
using namespace swingrad::test;

namespace {
// Puts the number of threads back.
struct KeepThreads {
    int before = thread_count();
    ~KeepThreads() { set_thread_count(before); }
};
}  // namespace

TEST_CASE("every piece is done exactly once, on any number of threads") {
    const KeepThreads keep;
    for (const int threads : {1, 2, 3, 7}) {
        set_thread_count(threads);
        REQUIRE(thread_count() == threads);
        for (const int64_t pieces : {-1, 0, 1, 2, 33, 1000}) {
            std::vector<std::atomic<int>> times(static_cast<size_t>(std::max<int64_t>(0, pieces)));
            parallel_for(pieces, [&](int64_t piece) { ++times[static_cast<size_t>(piece)]; });
            for (const auto& count : times) REQUIRE(count == 1);
        }
    }
}

TEST_CASE("no thread is started before there is work, and of one that was asked for none at all") {
    const KeepThreads keep;
    const auto running = [] { return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}); };
    const auto before = running();
    REQUIRE(thread_count() >= 1);
    REQUIRE(running() == before);
    set_thread_count(1);
    REQUIRE(running() <= before);  // a test before this one may have had some, as libraries have
    const auto alone = running();
    parallel_for(8, [&](int64_t) { REQUIRE(running() == alone); });
}

TEST_CASE("threads that cannot be started are an error, and the work is done by those there are") {
    const KeepThreads keep;
    set_thread_count(1);
    pthread_attr_t usual, absurd;
    REQUIRE(pthread_getattr_default_np(&usual) == 0);
    REQUIRE(pthread_getattr_default_np(&absurd) == 0);
    REQUIRE(pthread_attr_setstacksize(&absurd, size_t{1} << 47) == 0);  // more than there are addresses
    REQUIRE(pthread_setattr_default_np(&absurd) == 0);
    const std::string said = error_of([] { set_thread_count(3); });
    REQUIRE(pthread_setattr_default_np(&usual) == 0);
    REQUIRE(said.starts_with("[threads] the system gives 1 of 3 threads: "));
    REQUIRE(thread_count() == 1);
    std::atomic<int> done{0};
    parallel_for(8, [&](int64_t) { ++done; });
    REQUIRE(done == 8);
}

TEST_CASE("chunks cover a range without gap or overlap") {
    for (const int64_t count : {0, 1, 256, 257, 1000}) {
        std::vector<std::atomic<int>> times(static_cast<size_t>(count));
        parallel_chunks(count, 33, [&](int64_t begin, int64_t end) {
            check(begin < end && end - begin <= 33, "[test] chunk {} to {}", begin, end);
            for (int64_t i = begin; i < end; ++i) ++times[static_cast<size_t>(i)];
        });
        for (const auto& n : times) REQUIRE(n == 1);
    }
    REQUIRE(error_of([] { parallel_chunks(5, 0, [](int64_t, int64_t) {}); }) ==
            "[threads] a chunk must hold at least one element, got 0");
}

TEST_CASE("several threads do work at the same time") {
    const KeepThreads keep;
    set_thread_count(3);
    // Each piece waits for all three: with fewer threads this would not end.
    std::atomic<int> arrived{0};
    parallel_for(3, [&](int64_t) {
        ++arrived;
        while (arrived < 3) std::this_thread::yield();
    });
    REQUIRE(arrived == 3);
}

TEST_CASE("an exception in a piece comes out of parallel_for, and the pool lives on") {
    const KeepThreads keep;
    for (const int threads : {1, 4}) {
        set_thread_count(threads);
        for (int round = 0; round < 50; ++round) {
            const auto text = error_of(
                [] { parallel_for(100, [](int64_t piece) { check(piece != 60, "[test] piece {}", piece); }); });
            REQUIRE(text == "[test] piece 60");
        }
        // All fail: exactly one is reported.
        REQUIRE(error_of([] { parallel_for(100, [](int64_t) { fail("[test] any"); }); }) == "[test] any");
        std::atomic<int> done{0};
        parallel_for(100, [&](int64_t) { ++done; });
        REQUIRE(done == 100);
    }
}

TEST_CASE("a parallel_for inside a piece runs serially, in order, on the same thread") {
    const KeepThreads keep;
    set_thread_count(4);
    parallel_for(16, [](int64_t) {
        const auto here = std::this_thread::get_id();
        int64_t next = 0;
        parallel_for(50, [&](int64_t inner) {
            check(std::this_thread::get_id() == here && inner == next++, "[test] piece {} elsewhere or out of order",
                  inner);
        });
        check(next == 50, "[test] only {} pieces", next);
    });
    // Also after an exception inside the inner one.
    REQUIRE(error_of([] {
                parallel_for(4, [](int64_t) { parallel_for(4, [](int64_t) { fail("[test] inner"); }); });
            }) == "[test] inner");
}

TEST_CASE("the number of threads must be possible, and cannot change inside a piece") {
    REQUIRE(error_of([] { set_thread_count(0); }) == "[threads] expects 1 to 1024 threads, got 0");
    REQUIRE(error_of([] { set_thread_count(1025); }) == "[threads] expects 1 to 1024 threads, got 1025");
    const KeepThreads keep;
    set_thread_count(2);
    REQUIRE(error_of([] { parallel_for(2, [](int64_t) { set_thread_count(3); }); }) ==
            "[threads] the number of threads cannot change inside a parallel_for");
    REQUIRE(thread_count() == 2);
}

TEST_CASE("many tiny jobs, with the pool resized between them, lose no piece") {
    const KeepThreads keep;
    std::vector<int64_t> sums(8);
    int64_t expected = 0;
    for (int job = 0; job < 20000; ++job) {
        if (job % 1000 == 0) set_thread_count(1 + job / 1000 % 4);
        parallel_for(8, [&](int64_t piece) { sums[static_cast<size_t>(piece)] += piece + job; });
        expected += 28 + 8 * job;
    }
    REQUIRE(std::accumulate(sums.begin(), sums.end(), int64_t{0}) == expected);
}

TEST_CASE("two threads may use the pool at once") {
    const KeepThreads keep;
    set_thread_count(3);
    const auto jobs = [](std::vector<int64_t>& sums) {
        for (int job = 0; job < 3000; ++job)
            parallel_for(8, [&](int64_t piece) { sums[static_cast<size_t>(piece)] += piece; });
    };
    std::vector<int64_t> one(8), two(8);
    std::thread other([&] { jobs(two); });
    jobs(one);
    other.join();
    REQUIRE(one == two);
    REQUIRE(one[7] == 21000);
}
