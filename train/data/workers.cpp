#include "train/data/workers.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace swingrad {
namespace {

// Each takes the next one that is not taken, so one that takes long keeps nobody waiting. After a failure none is
// taken; those before it were, so the lowest failure of all is known.
class Work {
  public:
    Work(int64_t count, const std::function<void(int64_t)>& body) : count_(count), body_(body) {}

    void take_all() {
        for (int64_t i; (i = next_++) < count_;) {
            try {
                body_(i);
            } catch (...) {
                const std::lock_guard lock(mutex_);
                if (!failure_ || i < failed_) failure_ = std::current_exception(), failed_ = i;
                next_ = count_;
            }
        }
    }
    void rethrow() const {
        if (failure_) std::rethrow_exception(failure_);
    }

  private:
    const int64_t count_;
    const std::function<void(int64_t)>& body_;
    std::atomic<int64_t> next_{0};
    std::mutex mutex_;
    std::exception_ptr failure_;
    int64_t failed_ = 0;
};

}  // namespace

void by_workers(int64_t count, int64_t workers, const std::function<void(int64_t)>& body) {
    Work work(count, body);
    std::vector<std::thread> threads;
    for (int64_t i = 1; i < std::min(workers, count); ++i) {
        try {
            threads.emplace_back([&work] { work.take_all(); });
        } catch (const std::system_error&) {
            break;
        }
    }
    work.take_all();
    for (std::thread& thread : threads) thread.join();
    work.rethrow();
}

}  // namespace swingrad
