// The page for a browser, asked for as a browser does.

#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"
#include "train/program/serve/report_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// What the server answers, head and body.
std::string asked(int port, const std::string& path, const std::string& host) {
    const int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(socket_ >= 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
    REQUIRE(send(socket_, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()));
    std::string answer;
    char bytes[4096];
    for (ssize_t got = 0; (got = recv(socket_, bytes, sizeof bytes, 0)) > 0;)
        answer.append(bytes, static_cast<size_t>(got));
    close(socket_);
    return answer;
}

}  // namespace

TEST_CASE("the report is served as it is now, on this machine alone, and to who asks it by its own name") {
    const TemporaryDirectory directory;
    if (!has_report_server()) {
        REQUIRE(
            contains(error_of([&] { ReportServer(0, directory / "report.html"); }), "without the library cpp-httplib"));
        return;
    }
    struct sigaction before {
    }, now{};
    sigaction(SIGPIPE, nullptr, &before);
    const ReportServer server(0, directory / "report.html");
    sigaction(SIGPIPE, nullptr, &now);
    REQUIRE(now.sa_handler == before.sa_handler);
    REQUIRE(server.port() > 0);

    const std::string none = asked(server.port(), "/", "127.0.0.1");
    REQUIRE(contains(none, "200 OK"));
    REQUIRE(contains(none, "No report yet"));
    write_file_plainly(directory / "report.html", std::string("<p>first</p>"));
    const std::string first = asked(server.port(), "/", "localhost:80");
    REQUIRE(contains(first, "<p>first</p>"));
    REQUIRE(contains(first, "Refresh: 10"));
    REQUIRE(contains(first, "Cache-Control: no-store"));
    write_file_plainly(directory / "report.html", std::string("<p>second</p>"));
    REQUIRE(contains(asked(server.port(), "/", "127.0.0.1"), "<p>second</p>"));

    REQUIRE(contains(asked(server.port(), "/", "rebound.example"), " 403 "));
    write_file_plainly(directory / "config.json", std::string("secret"));
    for (const char* path : {"/config.json", "/../report.html", "/report.html"})
        REQUIRE_FALSE(contains(asked(server.port(), path, "127.0.0.1"), "secret"));
    REQUIRE(contains(asked(server.port(), "/config.json", "127.0.0.1"), " 404 "));
    REQUIRE(contains(error_of([&] { ReportServer(server.port(), directory / "report.html"); }),
                     "cannot listen on 127.0.0.1:"));
}

TEST_CASE("the flag --serve takes a port or nothing") {
    REQUIRE(serve_report(not_served, "runs/a") == nullptr);
    REQUIRE(contains(error_of([] { serve_report(65536, "runs/a"); }), "--serve must be 0 to 65535, got 65536"));
    REQUIRE(contains(error_of([] { serve_report(-1, "runs/a"); }), "--serve must be 0 to 65535, got -1"));
}
