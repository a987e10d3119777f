// egov-enrolment: what of the authority is reached over the network. See README.md.
#include <iostream>

#include "libs/base/status.h"
#include "libs/rpc/ops.h"
#include "services/identity/common/config.h"
#include "services/identity/common/process.h"
#include "services/identity/enrolment/front.h"

namespace egov::identity {
namespace {

constexpr char kUsage[] =
    "egov-enrolment --config FILE [--check-config]\n"
    "  Passes enrolment and renewal to the signer's socket; serves lists, certificates and the "
    "directory.\n"
    "  --config FILE    JSON; services/identity/enrolment/config.proto says what each field means\n"
    "  --check-config   reads the configuration, says what is wrong with it, and ends\n";

absl::Status Run(const CommandLine& line) {
  enrolment::Config config;
  EGOV_RETURN_IF_ERROR(ReadConfig(line.Get("config"), &config));
  EGOV_RETURN_IF_ERROR(CheckFrontConfig(config));
  if (line.Has("check-config")) return absl::OkStatus();

  BlockSignals();
  rpc::Logger log(rpc::LogOptions{});
  rpc::Metrics metrics;
  rpc::Readiness readiness;
  EnrolmentFront front(config, log, metrics);
  // Its one task is to pass on to the signer beside it; the published files are served also
  // without.
  readiness.Add("signer", [&front] { return front.Check(); });
  EGOV_ASSIGN_OR_RETURN(auto ops, rpc::OpsServer::Start(config.ops_listen(), readiness, metrics));
  http::ServerOptions options;
  options.listen = config.listen();
  options.threads = 8;
  EGOV_ASSIGN_OR_RETURN(auto server,
                        http::Server::Start(options, [&front](const http::Request& request) {
                          return front.Answer(request);
                        }));
  log.Info("egov-enrolment serves", {{"port", server->port()}, {"ops_port", ops->port()}});
  WaitForSignal();
  readiness.StartDraining();
  log.Info("egov-enrolment stops");
  server.reset();
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
