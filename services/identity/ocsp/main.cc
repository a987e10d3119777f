// egov-ocsp: answers how certificates stand (RFC 6960). See README.md.
#include <iostream>

#include "libs/base/status.h"
#include "services/identity/common/config.h"
#include "services/identity/common/process.h"
#include "services/identity/ocsp/ocsp.h"

namespace egov::identity {
namespace {

constexpr char kUsage[] =
    "egov-ocsp --config FILE [--check-config]\n"
    "  Answers how certificates stand (RFC 6960): POST application/ocsp-request, or GET /BASE64.\n"
    "  --config FILE    JSON; services/identity/ocsp/config.proto says what each field means\n"
    "  --check-config   reads the configuration, says what is wrong with it, and ends\n";

absl::Status Run(const CommandLine& line) {
  ocsp::Config config;
  EGOV_RETURN_IF_ERROR(ReadConfig(line.Get("config"), &config));
  EGOV_RETURN_IF_ERROR(CheckOcspConfig(config));
  if (line.Has("check-config")) return absl::OkStatus();

  BlockSignals();
  rpc::Logger log(rpc::LogOptions{});
  rpc::Metrics metrics;
  rpc::Readiness readiness;
  EGOV_ASSIGN_OR_RETURN(auto ocsp,
                        Ocsp::Open(config, base::Clock::Real(), log, metrics, readiness));
  EGOV_ASSIGN_OR_RETURN(auto ops, rpc::OpsServer::Start(config.ops_listen(), readiness, metrics));
  http::ServerOptions options;
  options.listen = config.listen();
  options.max_body = pki::OcspRequest::kMaxBytes;
  options.threads = config.threads() > 0 ? config.threads() : 32;
  EGOV_ASSIGN_OR_RETURN(auto server,
                        http::Server::Start(options, [&ocsp](const http::Request& request) {
                          return ocsp->Answer(request);
                        }));
  log.Info("egov-ocsp answers", {{"port", server->port()}, {"ops_port", ops->port()}});
  WaitForSignal();
  readiness.StartDraining();
  log.Info("egov-ocsp stops");
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
