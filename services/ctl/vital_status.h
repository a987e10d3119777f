// Asks a population register about a whole file of codes and keeps the answer with its proof: the
// core of `egovctl population vital-status`, callable in process.
//
// Half a million codes are one window of the exchange; more are cut into windows of 2^19. Part
// messages are written directly as protobuf's wire format, because building half a million strings
// first costs more than everything else.
//
// Thread safety: free functions. Cost for 500,000 codes: about 10 ms for the parts, the rest is
// exchange, proof and disk.
#ifndef EGOV_SERVICES_CTL_VITAL_STATUS_H_
#define EGOV_SERVICES_CTL_VITAL_STATUS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/exchange/client.h"
#include "libs/pki/certificate.h"
#include "services/ctl/consistency.h"

namespace egov::ctl {

struct VitalStatusOptions {
  std::string in;   // one code a line; blank lines are passed over; "-": stdin
  std::string out;  // folder of the answer
  std::string scheme = "ee-isikukood";
  exchange::Purpose purpose;
  absl::Duration timeout = absl::Minutes(10);
  std::function<void(uint64_t codes)> progress;  // told when a window was answered; may be null
  Warn warn;                                     // may be null
};

// What was answered, in numbers; the codes themselves are in the files.
struct VitalStatusSummary {
  uint64_t asked = 0;  // lines, repeated codes among them
  // Codes listed, each once.
  uint64_t deceased = 0, unknown = 0, superseded = 0, malformed = 0;
  uint64_t alive = 0;  // lines whose code is not deceased, unknown or malformed
  uint64_t windows = 0;
  absl::Duration exchange, proof, files;  // where the time went; files: what the disk took longer
};

// The items that the question needs a right for.
std::vector<std::string> VitalStatusItems();

// Sends the codes of `options.in`, verifies each window's receipt, asks for the stamps, checks the
// finished evidence against `anchors` as anyone would offline, and writes into `options.out`:
//   deceased.tsv     code, day of death        unknown.txt    code
//   superseded.tsv   code, successor           malformed.tsv  code, reason
//   evidence.egov    proves the whole          checkpoint.txt, checkpoint.tsr   for `openssl ts
//   -verify`
// Errors: those of the exchange; FAILED_PRECONDITION ANSWER_EXISTS (nothing is asked then);
// INVALID_ARGUMENT BAD_LINE (with the line's number, never its
// text), NO_CODES; DATA_LOSS when the answer or its evidence does not prove itself, or
// the register's log was rewritten (CheckLog): then nothing is written.
absl::StatusOr<VitalStatusSummary> AskVitalStatus(exchange::Client& client,
                                                  const std::vector<pki::Certificate>& anchors,
                                                  const VitalStatusOptions& options);

// The windows of parts (VerifyVitalStatusRequest, serialized) for the codes in `text`, one a line.
struct CodeWindow {
  std::vector<std::string> parts;
  uint64_t codes = 0;
};
absl::StatusOr<std::vector<CodeWindow>> WindowsOf(absl::string_view text, absl::string_view scheme);

// How many lines of `text` have a code that stands in none of the lists (first column of each
// line).
uint64_t CountAlive(absl::string_view text, absl::Span<const absl::string_view> lists);

}  // namespace egov::ctl

#endif  // EGOV_SERVICES_CTL_VITAL_STATUS_H_
