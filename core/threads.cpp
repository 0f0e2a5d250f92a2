#include "core/threads.h"

#include "core/error.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace swingrad {
namespace {

thread_local bool inside_a_piece = false;

// One parallel_for. Held by every thread that works on it, so that a worker that wakes late may look at it, find
// no piece left and go back to sleep: the others do not wait for it. `body` is touched only with a piece in hand,
// and until all pieces are finished the caller, who owns it, is waiting.
struct Job {
    const std::function<void(int64_t)>* body = nullptr;
    int64_t pieces = 0;
    std::atomic<int64_t> next{0}, finished{0};
    std::atomic<bool> failed{false};
    std::mutex error_mutex;
    std::exception_ptr error;

    void work() {
        inside_a_piece = true;
        for (int64_t piece = next.fetch_add(1); piece < pieces; piece = next.fetch_add(1)) {
            try {
                if (!failed) (*body)(piece);
            } catch (...) {
                const std::lock_guard lock(error_mutex);
                if (!error) error = std::current_exception();
                failed = true;
            }
            finished.fetch_add(1, std::memory_order_release);
        }
        inside_a_piece = false;
    }
    bool done() const { return finished.load(std::memory_order_acquire) == pieces; }
};

class Pool {
  public:
    ~Pool() { stop(); }

    int threads() const { return static_cast<int>(workers_.size()) + 1; }

    void resize(int threads) {
        stop();
        stopping_ = false;
        try {
            for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { loop(); });
        } catch (const std::system_error& error) {  // those that did start go on working
            fail("[threads] the system gives {} of {} threads: {}", this->threads(), threads, error.code().message());
        }
    }

    void run(const std::shared_ptr<Job>& job) {
        {
            const std::lock_guard lock(mutex_);
            job_ = job;
            generation_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        job->work();
        // The others finish their last pieces within microseconds, as a rule: spin, then give way.
        for (int spin = 0; !job->done(); ++spin)
            if (spin < spins) pause();
            else std::this_thread::yield();
    }

  private:
    static constexpr int spins = 2000;  // some tens of microseconds: about what sleeping and waking costs

    static void pause() {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }

    void loop() {
        uint64_t seen = 0;
        for (;;) {
            for (int spin = 0; spin < spins && generation_.load(std::memory_order_acquire) == seen; ++spin) pause();
            std::shared_ptr<Job> job;
            {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [&] { return stopping_ || generation_.load() != seen; });
                if (stopping_) return;
                seen = generation_.load();
                job = job_;
            }
            job->work();
        }
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
        for (auto& worker : workers_) worker.join();
        workers_.clear();
        generation_ = 0;
        job_ = nullptr;
    }

    std::vector<std::thread> workers_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::atomic<uint64_t> generation_{0};
    std::shared_ptr<Job> job_;
    bool stopping_ = false;
};

int usable_cores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
    return std::max(1u, std::thread::hardware_concurrency());
}

// How many threads the pool has, or will have once there is work for them.
std::atomic<int>& wanted_threads() {
    static std::atomic<int> wanted{usable_cores()};
    return wanted;
}

Pool& unstarted_pool() {
    static Pool instance;
    return instance;
}

// Its threads start with the first work: whoever asks for fewer before that never needs the others. Where that throws,
// the next call tries again.
Pool& pool() {
    static const bool started = (unstarted_pool().resize(wanted_threads()), true);
    (void)started;
    return unstarted_pool();
}

}  // namespace

int thread_count() { return wanted_threads(); }

void set_thread_count(int threads) {
    check(threads >= 1 && threads <= 1024, "[threads] expects 1 to 1024 threads, got {}", threads);
    check(!inside_a_piece, "[threads] the number of threads cannot change inside a parallel_for");
    wanted_threads() = threads;
    try {
        if (threads != pool().threads()) pool().resize(threads);
    } catch (const Error&) {
        wanted_threads() = unstarted_pool().threads();
        throw;
    }
}

void parallel_for(int64_t pieces, const std::function<void(int64_t)>& body) {
    if (pieces <= 1 || inside_a_piece || pool().threads() == 1) {
        for (int64_t piece = 0; piece < pieces; ++piece) body(piece);
        return;
    }
    const auto job = std::make_shared<Job>();
    job->body = &body;
    job->pieces = pieces;
    pool().run(job);
    if (job->error) std::rethrow_exception(job->error);
}

void parallel_chunks(int64_t count, int64_t chunk, const std::function<void(int64_t, int64_t)>& body) {
    check(chunk >= 1, "[threads] a chunk must hold at least one element, got {}", chunk);
    parallel_for((count + chunk - 1) / chunk,
                 [&](int64_t piece) { body(piece * chunk, std::min(count, (piece + 1) * chunk)); });
}

}  // namespace swingrad
