// egov-tsa: grants RFC 3161 time-stamps over HTTP. See README.md.
#include "libs/base/status.h"
#include "services/identity/common/config.h"
#include "services/identity/common/http_process.h"
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
  Operations operations;
  EGOV_ASSIGN_OR_RETURN(auto tsa, Tsa::Open(config, MachineClock::Real(), operations.log,
                                            operations.metrics, operations.readiness));
  http::ServerOptions options;
  options.listen = config.listen();
  options.max_body = 16 << 10;  // a question takes about a hundred bytes
  if (config.threads() > 0) options.threads = config.threads();
  return ServeHttp("egov-tsa", operations, config.ops_listen(), options,
                   [&tsa](const http::Request& request) { return tsa->Answer(request); });
}

}  // namespace
}  // namespace egov::identity

int main(int argc, char** argv) {
  return egov::identity::HttpProcessMain(argc, argv, egov::identity::kUsage, egov::identity::Run);
}
