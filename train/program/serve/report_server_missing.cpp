#include "train/loop/recipe.h"
#include "train/program/serve/report_server.h"

namespace swingrad {

bool has_report_server() { return false; }

struct ReportServer::Listening {};

ReportServer::ReportServer(int64_t port, const std::filesystem::path&) {
    fail_usage(
        "--serve {}: this program was built without the library cpp-httplib: install libcpp-httplib-dev and "
        "pkg-config, and build anew",
        port);
}
ReportServer::~ReportServer() = default;

int ReportServer::port() const { return 0; }

}  // namespace swingrad
