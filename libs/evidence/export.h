// Puts together the file that proves one exchange, from what a caller kept and what the service
// gave.
//
// Thread safety: free functions. Cost: about 1 ms, and a copy of the content.
#ifndef EGOV_LIBS_EVIDENCE_EXPORT_H_
#define EGOV_LIBS_EVIDENCE_EXPORT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "egov/evidence/v1/evidence.pb.h"
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

// The positions to ask stamps for: those of the windows' records, in order. INVALID_ARGUMENT
// BAD_RECEIPT.
absl::StatusOr<std::vector<uint64_t>> PositionsOf(const std::vector<KeptWindow>& windows);

// The message of the file (proof::WriteFile makes its bytes), with the certificates up to `anchors`
// that it needs. Whether it proves anything is proof::Verify's to say. INVALID_ARGUMENT BAD_STAMPS
// when the stamps are not for these windows.
absl::StatusOr<evidence::v1::EvidenceFile> Assemble(std::vector<KeptWindow> windows,
                                                    const Proofs& proofs,
                                                    const std::vector<pki::Certificate>& anchors);

}  // namespace egov::evidence

#endif  // EGOV_LIBS_EVIDENCE_EXPORT_H_
