// egov-ocsp: answers how certificates stand (RFC 6960). See README.md.
#include "libs/base/status.h"
#include "services/identity/common/config.h"
#include "services/identity/common/http_process.h"
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
  Operations operations;
  EGOV_ASSIGN_OR_RETURN(auto ocsp, Ocsp::Open(config, base::Clock::Real(), operations.log,
                                              operations.metrics, operations.readiness));
  http::ServerOptions options;
  options.listen = config.listen();
  options.max_body = pki::OcspRequest::kMaxBytes;
  options.threads = config.threads() > 0 ? config.threads() : 32;
  return ServeHttp("egov-ocsp", operations, config.ops_listen(), options,
                   [&ocsp](const http::Request& request) { return ocsp->Answer(request); });
}

}  // namespace
}  // namespace egov::identity

int main(int argc, char** argv) {
  return egov::identity::HttpProcessMain(argc, argv, egov::identity::kUsage, egov::identity::Run);
}
