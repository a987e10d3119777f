#include "libs/exchange/prove.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "egov/evidence/v1/evidence_service.pb.h"
#include "libs/base/status.h"
#include "libs/evidence/export.h"
#include "libs/proof/wire.h"

namespace egov::exchange {
namespace {

using namespace egov::evidence::v1;  // NOLINT: this file is about these messages

constexpr char kService[] = "/egov.evidence.v1.EvidenceService/";

evidence::KeptWindow Keep(const Exchange& window, bool with_content) {
  evidence::KeptWindow kept;
  kept.sealed_header = window.sealed_header;
  kept.receipt = window.receipt.SerializeAsString();
  kept.details = window.details;
  if (!with_content) return kept;
  // A feed's later windows have the question of the first: only the first proves it.
  if (!window.request_parts.empty()) {
    kept.request_parts = window.request_parts;
    kept.request_salt = window.request_salt;
    kept.end_user = window.end_user;
  }
  kept.response_parts = window.response_parts;
  kept.response_salt = window.response_salt;
  return kept;
}

absl::Status AddCertificates(Client& client, const std::set<std::string>& wanted,
                             absl::Duration timeout, evidence::Proofs* proofs) {
  GetCertificatesRequest request;
  for (const std::string& digest : wanted) request.add_sha256(digest);
  GetCertificatesResponse response;
  EGOV_RETURN_IF_ERROR(
      client.CallPlain(absl::StrCat(kService, "GetCertificates"), request, &response, timeout));
  proofs->certificates.insert(proofs->certificates.end(), response.certificates().begin(),
                              response.certificates().end());
  proofs->revocations.insert(proofs->revocations.end(), response.revocations().begin(),
                             response.revocations().end());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<EvidenceFile> BuildEvidence(Client& client,
                                           const std::vector<pki::Certificate>& anchors,
                                           absl::Span<const Exchange> windows, bool with_content,
                                           absl::Duration timeout) {
  if (windows.empty()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "NO_WINDOWS",
                       "there is nothing to prove");
  }
  // The log is the one that the receipts are from: windows may have been kept by an earlier
  // process.
  EGOV_ASSIGN_OR_RETURN(const proof::Note note, proof::ParseNote(windows[0].receipt.checkpoint()));
  StampRequest stamp;
  stamp.set_origin(note.origin);
  std::set<std::string> wanted;
  std::vector<evidence::KeptWindow> kept;
  for (const Exchange& window : windows) {
    EGOV_ASSIGN_OR_RETURN(const proof::OpenedHeader opened,
                          proof::OpenHeader(window.sealed_header));
    EGOV_ASSIGN_OR_RETURN(const auto record, proof::OpenRecord(window.receipt.record()));
    wanted.insert(opened.header.seal_certificate());
    if (!record.revocation().empty()) wanted.insert(record.revocation());
    stamp.add_indexes(window.receipt.index());
    kept.push_back(Keep(window, with_content));
  }
  evidence::Proofs proofs;
  EGOV_RETURN_IF_ERROR(
      client.CallPlain(absl::StrCat(kService, "Stamp"), stamp, &proofs.stamps, timeout));
  EGOV_RETURN_IF_ERROR(AddCertificates(client, {}, timeout, &proofs));  // the log's own
  EGOV_RETURN_IF_ERROR(AddCertificates(client, wanted, timeout, &proofs));
  return evidence::Assemble(std::move(kept), proofs, anchors);
}

}  // namespace egov::exchange
