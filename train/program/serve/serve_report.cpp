#include "train/loop/recipe.h"
#include "train/program/console/output.h"
#include "train/program/serve/report_server.h"
#include "train/ranks/ranks.h"

namespace swingrad {

std::unique_ptr<ReportServer> serve_report(int64_t port, const std::filesystem::path& folder) {
    if (port == not_served || world().rank() != 0) return nullptr;
    require(port >= 0 && port <= 65535, "serve", "0 to 65535", port);
    auto server = std::make_unique<ReportServer>(port, std::filesystem::absolute(folder) / "report.html");
    print_line(fmt::format("report while training on http://127.0.0.1:{}", server->port()));
    return server;
}

}  // namespace swingrad
