// One thread of each process makes all calls of MPI. It carries out the exchanges that the others ask for, and sends
// signs of life whatever else the process is doing: a step that takes minutes is no failure, and a process that was
// killed or stopped is noticed by all others. While it waits it sleeps, for MPI's own way of waiting takes a core.

#include "train/program/ranks/mpi_ranks.h"

#include "core/error.h"
#include "train/loop/recipe.h"
#include "train/program/console/output.h"

#include <mpi.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace swingrad {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int tag_of_data = 1, tag_of_life = 2;
constexpr size_t longest_message = size_t{1} << 30;  // counts are int

// What a rank tells the others every now and then. One that failed has said why.
enum class State : int32_t { trains, ended, failed };
struct SignOfLife {
    int64_t step = 0;
    State state = State::trains;
};

struct Peer {
    int pid = 0;
    char host[64] = {};
    bool is_seen = false;  // on this machine, by its number; a container may hide it
    SignOfLife last;
    Clock::time_point heard;
    MPI_Request sending = MPI_REQUEST_NULL;
    SignOfLife sent;

    std::string name(int rank) const { return fmt::format("rank {} (process {} on {})", rank, pid, host); }
};

class MpiRanks : public Ranks {
  public:
    explicit MpiRanks(double timeout)
        : timeout_(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(timeout))) {
        thread_ = std::thread([this] { run(); });
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ready_; });
        if (error_) {
            lock.unlock();
            thread_.join();
            std::rethrow_exception(error_);
        }
    }

    ~MpiRanks() override {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
            failing_ = std::uncaught_exceptions() > 0;
        }
        changed_.notify_all();
        thread_.join();
    }

    int rank() const override { return rank_; }
    int size() const override { return static_cast<int>(peers_.size()); }
    void at_step(int64_t step) override { step_ = step; }

    void exchange(const std::vector<ConstBytes>& to, const std::vector<Bytes>& from) override {
        std::unique_lock lock(mutex_);
        check(!error_, "[ranks] an exchange has failed before");
        to_ = &to;
        from_ = &from;
        changed_.notify_all();
        changed_.wait(lock, [this] { return to_ == nullptr; });
        if (error_) std::rethrow_exception(error_);
    }

  private:
    void run() {
        try {
            begin();
        } catch (...) {
            error_ = std::current_exception();
        }
        {
            const std::lock_guard lock(mutex_);
            ready_ = true;
        }
        changed_.notify_all();
        if (error_) return;
        for (;;) {
            const std::vector<ConstBytes>* to = nullptr;
            {
                std::unique_lock lock(mutex_);
                changed_.wait_for(lock, interval_of_life, [this] { return to_ != nullptr || ending_; });
                if (ending_) break;
                to = to_;
            }
            tell();
            listen();
            if (!to) continue;
            std::exception_ptr error;
            try {
                carry_out(*to, *from_);
            } catch (...) {
                error = std::current_exception();
            }
            {
                const std::lock_guard lock(mutex_);
                error_ = error;
                to_ = nullptr;
            }
            changed_.notify_all();
        }
        end();
    }

    void begin() {
        int provided = 0, size = 0;
        MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
        MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
        MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
        MPI_Comm_size(MPI_COMM_WORLD, &size);
        peers_.resize(static_cast<size_t>(size));
        struct Place {
            int pid = getpid();
            char host[64] = {};
        } own;
        gethostname(own.host, sizeof own.host - 1);
        std::vector<Place> all(peers_.size());
        MPI_Allgather(&own, sizeof own, MPI_BYTE, all.data(), sizeof own, MPI_BYTE, MPI_COMM_WORLD);
        for (size_t r = 0; r < peers_.size(); ++r) {
            peers_[r].pid = all[r].pid;
            std::memcpy(peers_[r].host, all[r].host, sizeof own.host);
            peers_[r].heard = Clock::now();
            peers_[r].is_seen = std::strcmp(all[r].host, own.host) == 0 && kill(all[r].pid, 0) == 0;
        }
    }

    // One that has lost another leaves by itself, and so does one that fails: the launcher ends the rest.
    void end() {
        if (error_) return;
        state_ = failing_ ? State::failed : State::ended;
        told_ = {};
        tell();
        const auto until = Clock::now() + (failing_ ? Clock::duration(100ms) : timeout_);
        for (bool all = false; !all && Clock::now() < until; std::this_thread::sleep_for(1ms)) {
            listen();
            all = true;
            for (size_t r = 0; r < peers_.size(); ++r)
                all = all && (is_own(r) || peers_[r].last.state != State::trains);
        }
        if (!failing_) MPI_Finalize();
    }

    bool is_own(size_t r) const { return static_cast<int>(r) == rank_; }

    void tell() {
        if (Clock::now() - told_ < interval_of_life) return;
        told_ = Clock::now();
        for (size_t r = 0; r < peers_.size(); ++r) {
            Peer& peer = peers_[r];
            if (is_own(r)) continue;
            if (peer.sending != MPI_REQUEST_NULL) {
                int done = 0;
                MPI_Test(&peer.sending, &done, MPI_STATUS_IGNORE);
                if (!done && state_ == State::trains) continue;  // the one before has not left yet
                if (!done) MPI_Wait(&peer.sending, MPI_STATUS_IGNORE);
            }
            peer.sent = {step_, state_};
            MPI_Isend(&peer.sent, sizeof peer.sent, MPI_BYTE, static_cast<int>(r), tag_of_life, MPI_COMM_WORLD,
                      &peer.sending);
        }
    }

    void listen() {
        for (int there = 1; there;) {
            MPI_Status status;
            MPI_Iprobe(MPI_ANY_SOURCE, tag_of_life, MPI_COMM_WORLD, &there, &status);
            if (!there) break;
            Peer& peer = peers_[static_cast<size_t>(status.MPI_SOURCE)];
            MPI_Recv(&peer.last, sizeof peer.last, MPI_BYTE, status.MPI_SOURCE, tag_of_life, MPI_COMM_WORLD,
                     MPI_STATUS_IGNORE);
            peer.heard = Clock::now();
        }
    }

    void carry_out(const std::vector<ConstBytes>& to, const std::vector<Bytes>& from) {
        std::vector<MPI_Request> open;
        const auto each_piece = [](auto bytes, const auto& body) {
            for (size_t begin = 0; begin < bytes.size(); begin += longest_message)
                body(bytes.subspan(begin, std::min(longest_message, bytes.size() - begin)));
        };
        for (size_t r = 0; r < peers_.size(); ++r)
            each_piece(from[r], [&](Bytes piece) {
                MPI_Irecv(piece.data(), static_cast<int>(piece.size()), MPI_BYTE, static_cast<int>(r), tag_of_data,
                          MPI_COMM_WORLD, &open.emplace_back());
            });
        for (size_t r = 0; r < peers_.size(); ++r)
            each_piece(to[r], [&](ConstBytes piece) {
                MPI_Isend(piece.data(), static_cast<int>(piece.size()), MPI_BYTE, static_cast<int>(r), tag_of_data,
                          MPI_COMM_WORLD, &open.emplace_back());
            });
        const auto start = Clock::now();
        auto looked = start;
        for (;;) {
            int done = 0;
            const int code = MPI_Testall(static_cast<int>(open.size()), open.data(), &done, MPI_STATUSES_IGNORE);
            check(code == MPI_SUCCESS, "[ranks] an exchange of step {} failed in MPI, with code {}", step_.load(),
                  code);
            if (done) return;
            const auto now = Clock::now();
            if (now - looked > interval_of_life / 4) {
                looked = now;
                tell();
                listen();
                require_all();
            }
            // Others that compute as long as this one come within a moment; those that do not are worth no core.
            if (now - start > 200us) std::this_thread::sleep_for(20us);
        }
    }

    // Throws where one has gone.
    void require_all() {
        for (size_t r = 0; r < peers_.size(); ++r) {
            const Peer& peer = peers_[r];
            if (is_own(r)) continue;
            std::string what;
            if (peer.is_seen && kill(peer.pid, 0) != 0 && errno == ESRCH) what = "is gone";
            else if (peer.last.state != State::trains) what = "has ended";
            else if (Clock::now() - peer.heard > timeout_)
                what = fmt::format("was not heard of for {:.0f} s", std::chrono::duration<double>(timeout_).count());
            if (what.empty()) continue;
            // The first of those that are left says so, unless the one that ended has, and as it ends, so do the
            // others.
            if (peer.last.state == State::failed || rank_ != (r == 0 ? 1 : 0)) std::this_thread::sleep_for(3s);
            fail("[ranks] {} {}: rank {} is at step {}, and last heard of step {} there",
                 peer.name(static_cast<int>(r)), what, rank_, step_.load(), peer.last.step);
        }
    }

    static constexpr auto interval_of_life = 200ms;
    const Clock::duration timeout_;
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool ready_ = false, ending_ = false, failing_ = false;
    std::exception_ptr error_;
    const std::vector<ConstBytes>* to_ = nullptr;  // an exchange to be carried out, with:
    const std::vector<Bytes>* from_ = nullptr;
    std::atomic<int64_t> step_{0};

    // Of the thread alone, once it is ready.
    int rank_ = 0;
    std::vector<Peer> peers_;
    State state_ = State::trains;
    Clock::time_point told_{};
};

}  // namespace

JoinedRanks::JoinedRanks(double timeout) {
    require(timeout >= 1 && timeout <= 86400, "timeout", "1 to 86400", timeout);
    if (launched_ranks() == 1) return;
    auto ranks = std::make_unique<MpiRanks>(timeout);
    if (ranks->rank() != 0) be_silent();
    ranks_ = std::move(ranks);
    set_world(*ranks_);
}

JoinedRanks::~JoinedRanks() {
    if (ranks_) set_world(one_rank());
}

}  // namespace swingrad
