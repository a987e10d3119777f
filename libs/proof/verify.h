// Offline checking of an evidence file (egov.evidence.v1.EvidenceFile): what a court's expert runs,
// with nothing but the file and the certificates he trusts.
//
// Every byte of the file counts: messages are canonical and without unknown fields, certificates
// and revocation lists are all needed, the rest is under a signature. A file that was changed in
// any way is refused, also when its closing digest was computed anew.
//
// Not checked: revocation of the certificates of the log, of the time-stamping authorities and of
// issuers. Their lists are not in the file; the report says so.
//
// Thread safety: free functions. Cost: about 1 ms for each window, 0.5 ms for each MiB of content
// and 2 ms for the rest; the closing digest of a file from 1 MiB on is computed on a thread of its
// own.
#ifndef EGOV_LIBS_PROOF_VERIFY_H_
#define EGOV_LIBS_PROOF_VERIFY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "egov/evidence/v1/evidence.pb.h"
#include "libs/pki/certificate.h"

namespace egov::proof {

// What is known of one window of the exchange.
struct WindowFinding {
  std::string id;  // message id, hexadecimal
  uint64_t question_window = 0, answer_window = 0;
  absl::Time issued;    // says the caller
  absl::Time received;  // says the service
  absl::Time recorded;  // says the service; lies between the stamps
  uint64_t index = 0;
  uint64_t revision = 0;
  std::vector<std::string> items;
  std::string purpose, act, provision, version, case_reference;
  bool end_user = false;         // a citizen stood behind the call
  bool end_user_proven = false;  // and the assertion is in the file
  uint32_t code = 0;
  std::string reason;  // of a refusal
  bool question_proven =
      false;  // its messages are in the file and match; else only their commitment
  bool answer_proven = false;
  size_t question_messages = 0, answer_messages = 0;  // as far as proven
  bool revocation_checked = false;  // the list that the record names is in the file, and good
  bool revocation_overdue = false;  // that list was older than it should be
};

struct StampFinding {
  absl::Time time;
  absl::Duration accuracy;
  std::string authority;  // subject of its certificate
  std::string policy;     // object identifier
  uint64_t size = 0;      // records in the log at that checkpoint
};

// What an intact file proves.
struct Report {
  std::string origin;
  std::string caller, caller_certificate;     // SPIFFE URI; subject of the seal certificate
  std::string audience, service_certificate;  // likewise, of the log's certificate
  std::string method;
  std::vector<WindowFinding> windows;
  absl::optional<StampFinding> before;  // absent only where a partial file was allowed
  StampFinding after;
  bool complete = false;  // from the first window to the last, nothing missing
  absl::Time verified;

  // For people: what is proven, and what is not. Lines of text.
  std::string ToText() const;
  // For machines.
  std::string ToJson() const;
};

struct VerifyOptions {
  // Accept a file whose exchange goes on after its last window (a feed), or that has no stamp from
  // before; the report says so.
  bool partial = false;
  // How far the service's clock may be from the authorities'.
  absl::Duration clock_tolerance = absl::Minutes(1);
};

// Verifies a file. Errors by reason; the field says where in the EvidenceFile:
//   NOT_EVIDENCE, DAMAGED            no such file; the closing digest does not match (DATA_LOSS)
//   BAD_EVIDENCE, BAD_HEADER, BAD_RECORD, BAD_CHECKPOINT, BAD_CERTIFICATE, BAD_CRL, BAD_TIME_STAMP
//                                    not in its form
//   UNKNOWN_CERTIFICATE, NOT_NEEDED  missing from the file; in it and not used
//   BAD_SEAL, NOT_THE_CALLERS_SEAL, REVOKED, REVOCATION_MISSING, BAD_REVOCATION
//   BAD_SIGNATURE, NOT_THE_SERVICES_LOG, NOT_IN_THE_LOG, NOT_CONSISTENT
//   WRONG_ANSWER                     a record that answers another question
//   WINDOWS_BROKEN, WINDOWS_MISSING, NO_STAMP_BEFORE
//   CONTENT_MISMATCH                 content that is not what was committed to
//   TIMES_CONTRADICT
// and those of pki::ChainVerifier and pki::VerifyTimeStamp.
absl::StatusOr<Report> Verify(absl::string_view file, const std::vector<pki::Certificate>& anchors,
                              absl::Time now, const VerifyOptions& options = {});

// The file of a message: first line, message, closing digest.
std::string WriteFile(const egov::evidence::v1::EvidenceFile& message);
// The message of a file: NOT_EVIDENCE, DAMAGED, BAD_EVIDENCE.
absl::StatusOr<egov::evidence::v1::EvidenceFile> ReadFile(absl::string_view file);

}  // namespace egov::proof

#endif  // EGOV_LIBS_PROOF_VERIFY_H_
