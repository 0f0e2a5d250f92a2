// Ranks that are threads of one process: what several processes compute, without a launcher.
#pragma once

#include "core/error.h"
#include "train/ranks/ranks.h"

#include <algorithm>
#include <barrier>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace swingrad::test {

// Calls body(ranks) on `count` threads, each as one rank of so many; `in_turns`, as of the emulated device, one at a
// time but for exchanges. Returns how many bytes each has sent. What one throws is thrown here, and must be thrown by
// all: a rank that waits for one that has gone waits for ever.
inline std::vector<size_t> as_ranks(int count, const std::function<void(Ranks&)>& body, bool in_turns = false) {
    struct Shared {
        std::barrier<> meeting;
        std::vector<const std::vector<ConstBytes>*> to;  // of each rank
        std::vector<size_t> sent;
        std::mutex turn;

        explicit Shared(int size) : meeting(size), to(static_cast<size_t>(size)), sent(static_cast<size_t>(size), 0) {}
    } shared(count);
    struct One : Ranks {
        Shared& shared;
        const int number;
        std::unique_lock<std::mutex> turn;

        One(Shared& all, int rank, bool waits) : shared(all), number(rank), turn(all.turn, std::defer_lock) {
            if (waits) turn.lock();
        }
        int rank() const override { return number; }
        int size() const override { return static_cast<int>(shared.to.size()); }
        void exchange(const std::vector<ConstBytes>& to, const std::vector<Bytes>& from) override {
            const auto here = static_cast<size_t>(number);
            const bool waits = turn.owns_lock();
            if (waits) turn.unlock();
            shared.to[here] = &to;
            for (size_t r = 0; r < to.size(); ++r) shared.sent[here] += to[r].size();
            shared.meeting.arrive_and_wait();
            for (size_t r = 0; r < from.size(); ++r) {
                const ConstBytes sent = r == here ? ConstBytes() : (*shared.to[r])[here];
                check(sent.size() == from[r].size(), "rank {} expects {} bytes of rank {}, which sends {}", here,
                      from[r].size(), r, sent.size());
                std::copy(sent.begin(), sent.end(), from[r].begin());
            }
            shared.meeting.arrive_and_wait();
            if (waits) turn.lock();
        }
    };
    std::mutex mutex;
    std::exception_ptr error;
    std::vector<std::thread> threads;
    for (int rank = 0; rank < count; ++rank)
        threads.emplace_back([&, rank] {
            One one(shared, rank, in_turns);
            try {
                body(one);
            } catch (...) {
                const std::lock_guard lock(mutex);
                if (!error) error = std::current_exception();
            }
        });
    for (std::thread& thread : threads) thread.join();
    if (error) std::rethrow_exception(error);
    return shared.sent;
}

}  // namespace swingrad::test
