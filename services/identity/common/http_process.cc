#include "services/identity/common/http_process.h"

#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::identity {

absl::Status ServeHttp(const std::string& name, Operations& operations,
                       const std::string& ops_listen, const http::ServerOptions& options,
                       std::function<http::Response(const http::Request&)> answer) {
  EGOV_ASSIGN_OR_RETURN(
      auto ops, rpc::OpsServer::Start(ops_listen, operations.readiness, operations.metrics));
  EGOV_ASSIGN_OR_RETURN(auto server, http::Server::Start(options, std::move(answer)));
  operations.log.Info(absl::StrCat(name, " answers"),
                      {{"port", server->port()}, {"ops_port", ops->port()}});
  WaitForSignal();
  operations.readiness.StartDraining();
  operations.log.Info(absl::StrCat(name, " stops"));
  server.reset();  // waits for the questions under way
  ops.reset();
  return absl::OkStatus();
}

int HttpProcessMain(int argc, char** argv, const char* usage,
                    absl::Status (*run)(const CommandLine&)) {
  const auto line = ParseCommandLine(argc, argv, {"check-config", "help"}, {"config"});
  if (!line.ok()) return ExitWith(line.status());
  if (line->Has("help") || !line->Has("config")) {
    std::cout << usage;
    return line->Has("help") ? 0 : 2;
  }
  return ExitWith(run(*line));
}

}  // namespace egov::identity
