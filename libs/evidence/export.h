// Puts together the file that proves one exchange, from what a caller kept and what the service
// gave.
//
// Thread safety: free functions. Cost: that of proof::Verify.
#ifndef EGOV_LIBS_EVIDENCE_EXPORT_H_
#define EGOV_LIBS_EVIDENCE_EXPORT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "egov/evidence/v1/evidence_service.pb.h"
#include "libs/pki/certificate.h"

namespace egov::evidence {

// What a caller keeps of a window. Without its salt a side of the conversation is only committed
// to.
struct KeptWindow {
  std::string sealed_header;
  std::string receipt;  // egov.exchange.v1.Receipt
  std::vector<std::string> request_parts;
  std::string request_salt;
  std::vector<std::string> response_parts;
  std::string response_salt;
  std::string end_user;  // the assertion, when one was sent
  std::string details;   // google.rpc.Status of a refusal
};

// What the service answered about them (EvidenceService).
struct Proofs {
  evidence::v1::StampResponse stamps;     // for the windows' positions, in order
  std::vector<std::string> certificates;  // DER; what is not needed is left out
  std::vector<std::string> revocations;   // likewise
};

struct ExportOptions {
  std::vector<pki::Certificate> anchors;  // certificates up to these go into the file
  absl::Time now;
  // Write a file also when the exchange goes on, or nothing was stamped before it (see
  // proof::VerifyOptions::partial).
  bool partial = false;
};

// The positions to ask stamps for: those of the windows' records, in order. INVALID_ARGUMENT
// BAD_RECEIPT.
absl::StatusOr<std::vector<uint64_t>> PositionsOf(const std::vector<KeptWindow>& windows);

// The file's bytes, which have passed proof::Verify: its errors are this function's. Besides:
// INVALID_ARGUMENT BAD_STAMPS when the stamps are not for these windows.
absl::StatusOr<std::string> Export(const std::vector<KeptWindow>& windows, const Proofs& proofs,
                                   const ExportOptions& options);

}  // namespace egov::evidence

#endif  // EGOV_LIBS_EVIDENCE_EXPORT_H_
