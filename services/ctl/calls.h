// What every command that calls a register has in common: who calls, whom, what for.
//
// Thread safety: one thread.
#ifndef EGOV_SERVICES_CTL_CALLS_H_
#define EGOV_SERVICES_CTL_CALLS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "egov/civil/v1/date.pb.h"
#include "egov/identifiers/v1/identifier.pb.h"
#include "libs/exchange/client.h"
#include "libs/pki/certificate.h"
#include "services/ctl/command.h"
#include "services/ctl/consistency.h"
#include "services/ctl/dates.h"

namespace egov::ctl {

// `more`, then --as, --service, --purpose, --basis, --case, --keep, --timeout.
std::vector<Option> CallOptions(std::vector<Option> more = {});

// Someone who can call one service.
struct Caller {
  std::unique_ptr<exchange::Client> client;
  exchange::Purpose purpose;
  absl::Duration timeout;
  std::vector<pki::Certificate> anchors;
  std::vector<pki::Certificate> authorities;
  std::string audience;  // the service's SPIFFE URI
  std::string keep;      // --keep: file for the exchange; empty: it is not kept
  Warn warn;             // says what does not stop a command, on stderr
};

// Opens a client by the options and the context (context.h), after renewing those of the identity's
// certificates whose last third has begun. `items`: what will be asked for.
absl::StatusOr<Caller> OpenCaller(const Arguments& arguments, std::vector<std::string> items);

// A personal code is given as an argument, in a file, or on stdin ("-"), which no list of processes
// shows.
std::vector<Option> CodeOptions();
absl::StatusOr<egov::identifiers::v1::Identifier> CodeOf(const Arguments& arguments);
// The lines of a file of codes (or "-"), blank ones left out.
absl::StatusOr<std::vector<std::string>> LinesOf(const std::string& path);

// "1985-03-17", "1985-03", "1985"; "" is the absent date. USAGE names the option.
absl::StatusOr<egov::civil::v1::PartialDate> DateOf(absl::string_view text,
                                                    absl::string_view option);

// The request_id of a write: --request-id, or a new one.
Option RequestIdOption();
std::string RequestIdOf(const Arguments& arguments);

}  // namespace egov::ctl

#endif  // EGOV_SERVICES_CTL_CALLS_H_
