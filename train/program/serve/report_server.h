// A run's page for a browser that follows the training: http://127.0.0.1:PORT shows report.html as it is now, and asks
// for it anew every ten seconds. It listens on the loopback alone: no other machine can ask, and a name that some web
// page has made to point here is refused.
//
// It rests on the library cpp-httplib. Where the program is built without it, report_server_missing.cpp stands in the
// place of report_server.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

namespace swingrad {

// Whether there is such a server; without one, the constructor throws a UsageError that says what is missing.
bool has_report_server();

class ReportServer {
  public:
    // Listens at once, on a thread of its own, for as long as it lives. Port 0 takes any that is free. Throws an Error
    // where the port cannot be had. `page` need not be there yet.
    ReportServer(int64_t port, const std::filesystem::path& page);
    ~ReportServer();
    ReportServer(const ReportServer&) = delete;
    ReportServer& operator=(const ReportServer&) = delete;

    int port() const;

  private:
    struct Listening;
    std::unique_ptr<Listening> listening_;
};

// For a flag --serve PORT of a training into `folder`: null where it is not_served, as it was not given. Throws a
// UsageError where it is no port; says where the page is.
std::unique_ptr<ReportServer> serve_report(int64_t port, const std::filesystem::path& folder);

inline constexpr int64_t not_served = INT64_MIN;
inline constexpr const char* serve_help =
    "show the report on http://127.0.0.1:PORT while training, for this machine's browser alone; 0: any free port";

}  // namespace swingrad
