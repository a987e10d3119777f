// egov-tsa: grants RFC 3161 time-stamps over HTTP. See README.md.
#include <iostream>

#include "libs/base/status.h"
#include "services/identity/common/config.h"
#include "services/identity/common/process.h"
#include "services/identity/tsa/tsa.h"

namespace egov::identity {
namespace {

constexpr char kUsage[] =
    "egov-tsa --config FILE [--check-config]\n"
    "  Grants RFC 3161 time-stamps: POST application/timestamp-query to the configured port.\n"
    "  --config FILE    JSON; services/identity/tsa/config.proto says what each field means\n"
    "  --check-config   reads the configuration, says what is wrong with it, and ends\n";

absl::Status Run(const CommandLine& line) {
  tsa::Config config;
  EGOV_RETURN_IF_ERROR(ReadConfig(line.Get("config"), &config));
  EGOV_RETURN_IF_ERROR(CheckTsaConfig(config));
  if (line.Has("check-config")) return absl::OkStatus();

  BlockSignals();
  rpc::Logger log(rpc::LogOptions{});
  rpc::Metrics metrics;
  rpc::Readiness readiness;
  EGOV_ASSIGN_OR_RETURN(auto tsa, Tsa::Open(config, MachineClock::Real(), log, metrics, readiness));
  EGOV_ASSIGN_OR_RETURN(auto ops, rpc::OpsServer::Start(config.ops_listen(), readiness, metrics));
  http::ServerOptions options;
  options.listen = config.listen();
  options.max_body = 16 << 10;  // a question takes about a hundred bytes
  if (config.threads() > 0) options.threads = config.threads();
  EGOV_ASSIGN_OR_RETURN(auto server,
                        http::Server::Start(options, [&tsa](const http::Request& request) {
                          return tsa->Answer(request);
                        }));
  log.Info("egov-tsa grants time-stamps", {{"port", server->port()}, {"ops_port", ops->port()}});
  WaitForSignal();
  readiness.StartDraining();
  log.Info("egov-tsa stops");
  server.reset();  // waits for the questions under way
  ops.reset();
  return absl::OkStatus();
}

}  // namespace
}  // namespace egov::identity

int main(int argc, char** argv) {
  using namespace egov::identity;  // NOLINT: main has no other names
  const auto line = ParseCommandLine(argc, argv, {"check-config", "help"}, {"config"});
  if (!line.ok()) return ExitWith(line.status());
  if (line->Has("help") || !line->Has("config")) {
    std::cout << kUsage;
    return line->Has("help") ? 0 : 2;
  }
  return ExitWith(Run(*line));
}
