// egov-enrolment: what of the authority is reached over the network. See README.md.
#include "libs/base/status.h"
#include "services/identity/common/config.h"
#include "services/identity/common/http_process.h"
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
  Operations operations;
  EnrolmentFront front(config, operations.log, operations.metrics);
  // Its one task is to pass on to the signer beside it; the published files are served also
  // without.
  operations.readiness.Add("signer", [&front] { return front.Check(); });
  http::ServerOptions options;
  options.listen = config.listen();
  options.threads = 8;
  return ServeHttp("egov-enrolment", operations, config.ops_listen(), options,
                   [&front](const http::Request& request) { return front.Answer(request); });
}

}  // namespace
}  // namespace egov::identity

int main(int argc, char** argv) {
  return egov::identity::HttpProcessMain(argc, argv, egov::identity::kUsage, egov::identity::Run);
}
