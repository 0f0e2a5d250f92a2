#include "train/program/serve/report_server.h"

#include "core/error.h"
#include "core/io/file.h"
#include "train/program/report/page.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

namespace swingrad {
namespace {

constexpr const char* loopback = "127.0.0.1";
constexpr int seconds_to_wait = 2;  // for a browser that sends or takes nothing
constexpr const char* refresh_after = "10";

// The library's constructor has SIGPIPE ignored by the whole program, which would no longer notice that a reader has
// gone (train/program/console/interrupt.h).
std::unique_ptr<httplib::Server> server_that_leaves_signals() {
    struct sigaction before {};
    sigaction(SIGPIPE, nullptr, &before);
    auto server = std::make_unique<httplib::Server>();
    sigaction(SIGPIPE, &before, nullptr);
    return server;
}

// While one of these lives, threads are started that no signal reaches: those are the training's, and a browser that
// has gone is no reason to stop.
struct NoSignals {
    sigset_t before{};
    NoSignals() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
};

bool is_of_this_machine(const std::string& host) {
    const std::string name = host.substr(0, host.find(':'));
    return name == loopback || name == "localhost";
}

std::string page_now(const std::filesystem::path& page) {
    std::error_code unknown;
    if (std::filesystem::exists(page, unknown)) return read_file(page);
    return html_page("No report yet", "It comes after the first epoch.", "", "");
}

}  // namespace

bool has_report_server() { return true; }

struct ReportServer::Listening {
    const std::unique_ptr<httplib::Server> owned = server_that_leaves_signals();
    httplib::Server& server = *owned;
    int port = 0;
    std::atomic<bool> ended = false;
    std::thread thread;

    Listening(int wanted, const std::filesystem::path& page) {
        server.new_task_queue = [] { return new httplib::ThreadPool(2); };
        server.set_keep_alive_max_count(1);  // who keeps a connection open would keep the program from ending
        server.set_read_timeout(seconds_to_wait);
        server.set_write_timeout(seconds_to_wait);
        server.set_payload_max_length(1024);
        // The library's own would let two programs have one port.
        server.set_socket_options([](int socket) {
            const int yes = 1;
            setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
            fcntl(socket, F_SETFD, FD_CLOEXEC);
        });
        server.Get("/", [page](const httplib::Request& request, httplib::Response& response) {
            if (!is_of_this_machine(request.get_header_value("Host"))) {
                response.status = 403;
                return;
            }
            response.set_header("Refresh", refresh_after);
            response.set_header("Cache-Control", "no-store");
            try {
                response.set_content(page_now(page), "text/html; charset=utf-8");
            } catch (const std::exception&) {
                response.status = 500;
            }
        });
        if (wanted == 0) port = server.bind_to_any_port(loopback);
        else if (server.bind_to_port(loopback, wanted)) port = wanted;
        check(port > 0, "--serve {}: cannot listen on {}:{}; is another program doing so?", wanted, loopback, wanted);
        {
            const NoSignals none;
            thread = std::thread([this] {
                server.listen_after_bind();
                ended = true;
            });
        }
        // Until then it could not be stopped.
        while (!server.is_running() && !ended) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
};

ReportServer::ReportServer(int64_t port, const std::filesystem::path& page)
    : listening_(std::make_unique<Listening>(static_cast<int>(port), page)) {}

ReportServer::~ReportServer() {
    listening_->server.stop();
    listening_->thread.join();
}

int ReportServer::port() const { return listening_->port; }

}  // namespace swingrad
