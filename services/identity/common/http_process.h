// What the processes that answer over HTTP share, from the command line to the last answer.
#ifndef EGOV_SERVICES_IDENTITY_COMMON_HTTP_PROCESS_H_
#define EGOV_SERVICES_IDENTITY_COMMON_HTTP_PROCESS_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "libs/http/http.h"
#include "libs/rpc/log.h"
#include "libs/rpc/metrics.h"
#include "libs/rpc/ops.h"
#include "services/identity/common/process.h"

namespace egov::identity {

// Where the process writes what it does and how it is.
struct Operations {
  rpc::Logger log{rpc::LogOptions{}};
  rpc::Metrics metrics;
  rpc::Readiness readiness;
};

// Serves on the two addresses until a signal comes, then lets the questions under way be answered.
// `name` stands in the log. Errors: an address that cannot be had.
absl::Status ServeHttp(const std::string& name, Operations& operations,
                       const std::string& ops_listen, const http::ServerOptions& options,
                       std::function<http::Response(const http::Request&)> answer);

// The main function of "NAME --config FILE [--check-config]": prints `usage` when asked, else runs
// with the command line. Returns the exit code: 0, 1 failed, 2 wrong command line or configuration.
int HttpProcessMain(int argc, char** argv, const char* usage,
                    absl::Status (*run)(const CommandLine&));

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_COMMON_HTTP_PROCESS_H_
