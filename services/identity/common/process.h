// What the identity binaries' main functions share.
#ifndef EGOV_SERVICES_IDENTITY_COMMON_PROCESS_H_
#define EGOV_SERVICES_IDENTITY_COMMON_PROCESS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace egov::identity {

// A command line of words and "--name value" or "--name=value" options.
struct CommandLine {
  std::vector<std::string> words;
  std::map<std::string, std::vector<std::string>> options;

  bool Has(const std::string& name) const { return options.count(name) > 0; }
  // The last value given, or `otherwise`.
  std::string Get(const std::string& name, const std::string& otherwise = "") const;
};

// `switches` are options without value. INVALID_ARGUMENT/BAD_COMMAND_LINE for anything not in
// `switches` or `options`.
absl::StatusOr<CommandLine> ParseCommandLine(int argc, char** argv,
                                             const std::vector<std::string>& switches,
                                             const std::vector<std::string>& options);

// Prints the error for people on standard error and returns the exit code: 2 for a usage error,
// else 1.
int ExitWith(const absl::Status& status);

// Call before any thread is made: SIGTERM and SIGINT then wait for WaitForSignal.
void BlockSignals();
int WaitForSignal();

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_COMMON_PROCESS_H_
