#include "libs/exchange/prove.h"

#include <set>

#include "egov/evidence/v1/evidence_service.pb.h"
#include "egov/exchange/v1/exchange.pb.h"
#include "libs/base/status.h"
#include "libs/proof/wire.h"

namespace egov::exchange {
namespace {

using namespace egov::evidence::v1;  // NOLINT: this file is about these messages

absl::Status GetCertificates(Client& client, const std::set<std::string>& wanted,
                             absl::Duration timeout, EvidenceFile* file) {
  GetCertificatesRequest request;
  for (const std::string& digest : wanted) request.add_sha256(digest);
  GetCertificatesResponse response;
  EGOV_RETURN_IF_ERROR(client.CallPlain("/egov.evidence.v1.EvidenceService/GetCertificates",
                                        request, &response, timeout));
  const auto add_new = [](const google::protobuf::RepeatedPtrField<std::string>& from,
                          google::protobuf::RepeatedPtrField<std::string>* to) {
    for (const std::string& der : from) {
      if (std::find(to->begin(), to->end(), der) == to->end()) *to->Add() = der;
    }
  };
  add_new(response.certificates(), file->mutable_certificates());
  add_new(response.revocations(), file->mutable_revocations());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<EvidenceFile> BuildEvidence(Client& client, absl::Span<const Exchange> windows,
                                           bool with_content, absl::Duration timeout) {
  if (windows.empty()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "NO_WINDOWS",
                       "there is nothing to prove");
  }
  // The log is the one that the receipts are from: windows may have been kept by an earlier
  // process.
  EGOV_ASSIGN_OR_RETURN(const proof::Note note, proof::ParseNote(windows[0].receipt.checkpoint()));
  const std::string& origin = note.origin;
  EvidenceFile file;
  file.set_origin(origin);
  StampRequest stamp;
  stamp.set_origin(origin);
  std::set<std::string> wanted;
  for (const Exchange& window : windows) {
    EGOV_ASSIGN_OR_RETURN(const proof::OpenedHeader opened,
                          proof::OpenHeader(window.sealed_header));
    egov::exchange::v1::Record record;
    EGOV_RETURN_IF_ERROR(proof::ParseStrictly(window.receipt.record(), "BAD_RECEIPT", &record));
    wanted.insert(opened.header.seal_certificate());
    if (!record.revocation().empty()) wanted.insert(record.revocation());
    stamp.add_indexes(window.receipt.index());

    EvidenceWindow* const out = file.add_windows();
    out->set_sealed_header(window.sealed_header);
    out->set_record(window.receipt.record());
    out->set_recorded_micros(window.receipt.recorded_micros());
    out->set_index(window.receipt.index());
    out->set_details(window.details);
    if (!with_content) continue;
    if (!window.request_parts.empty()) {
      for (const std::string& part : window.request_parts) out->add_request_parts(part);
      out->set_request_salt(window.request_salt);
      out->set_end_user(window.end_user);
    }
    for (const std::string& part : window.response_parts) out->add_response_parts(part);
    out->set_response_salt(window.response_salt);
  }
  StampResponse stamped;
  EGOV_RETURN_IF_ERROR(
      client.CallPlain("/egov.evidence.v1.EvidenceService/Stamp", stamp, &stamped, timeout));
  if (stamped.paths_size() != file.windows_size()) {
    return base::Error(absl::StatusCode::kDataLoss, "BAD_ANSWER",
                       "the service's stamps do not fit what was asked for");
  }
  for (int i = 0; i < stamped.paths_size(); ++i) {
    file.mutable_windows(i)->mutable_path()->Swap(stamped.mutable_paths(i)->mutable_hashes());
  }
  if (stamped.has_before()) file.mutable_before()->Swap(stamped.mutable_before());
  file.mutable_after()->Swap(stamped.mutable_after());
  file.mutable_consistency()->Swap(stamped.mutable_consistency());
  EGOV_RETURN_IF_ERROR(GetCertificates(client, {}, timeout, &file));  // the log's own
  EGOV_RETURN_IF_ERROR(GetCertificates(client, wanted, timeout, &file));
  return file;
}

}  // namespace egov::exchange
