#include "libs/evidence/service.h"

#include <algorithm>
#include <set>
#include <utility>

#include "egov/exchange/v1/exchange.pb.h"
#include "libs/base/status.h"
#include "libs/merkle/merkle.h"
#include "libs/proof/wire.h"

namespace egov::evidence {
namespace {

using egov::evidence::v1::GetCertificatesRequest;
using egov::evidence::v1::GetCertificatesResponse;
using egov::evidence::v1::GetConsistencyRequest;
using egov::evidence::v1::GetConsistencyResponse;
using egov::evidence::v1::GetReceiptRequest;
using egov::evidence::v1::GetReceiptResponse;
using egov::evidence::v1::ListEntriesRequest;
using egov::evidence::v1::ListEntriesResponse;
using egov::evidence::v1::StampedCheckpoint;
using egov::evidence::v1::StampRequest;
using egov::evidence::v1::StampResponse;

constexpr int kMaxPage = 1000;
constexpr int kMaxIndexes = 1024;
constexpr int kMaxCertificates = 64;
constexpr int kMaxChain = 8;
constexpr int kMaxStampsPerPage = 256;

base::Error Invalid(absl::string_view reason, absl::string_view text, absl::string_view field) {
  return base::Error(absl::StatusCode::kInvalidArgument, reason, text).Field(field);
}

void Put(const Stamped& stamped, StampedCheckpoint* out) {
  out->set_checkpoint(stamped.checkpoint.note);
  out->set_time_stamp(stamped.time_stamp);
}

template <typename Field>
void Put(const merkle::Path& path, Field* out) {
  for (const pki::Digest& hash : path) out->Add(std::string(pki::AsBytes(hash)));
}

}  // namespace

EvidenceService::EvidenceService(const Log* log, Stamper* stamper,
                                 std::vector<pki::Certificate> certificates)
    : log_(log), stamper_(stamper), certificates_(std::move(certificates)) {}

absl::Status EvidenceService::CheckOrigin(const std::string& origin) const {
  if (origin == log_->origin()) return absl::OkStatus();
  return base::Error(absl::StatusCode::kNotFound, "UNKNOWN_LOG", "this service has no such log")
      .Field("origin")
      .Expected(log_->origin());
}

absl::StatusOr<GetReceiptResponse> EvidenceService::GetReceipt(const GetReceiptRequest& request,
                                                               const Asker& asker) const {
  if (request.id().size() != proof::kMessageIdSize) {
    return Invalid("BAD_ID", "a message id has 16 bytes", "id");
  }
  EGOV_ASSIGN_OR_RETURN(const auto entry, log_->Find(request.id()));
  if (!asker.may_audit) {
    const auto opened = proof::OpenHeader(entry->sealed_header);
    if (!opened.ok() || opened->header.caller() != asker.spiffe) {
      return base::Error(absl::StatusCode::kNotFound, "NO_SUCH_RECORD",
                         "the log has no such record");
    }
  }
  GetReceiptResponse response;
  response.set_receipt(entry->Receipt());
  return response;
}

absl::StatusOr<GetConsistencyResponse> EvidenceService::GetConsistency(
    const GetConsistencyRequest& request, const Asker&) const {
  EGOV_RETURN_IF_ERROR(CheckOrigin(request.origin()));
  const Checkpoint newest = log_->Newest();
  const uint64_t to = request.to_size() == 0 ? newest.size : request.to_size();
  if (to > newest.size) return Invalid("BAD_SIZE", "the log is not so long", "to_size");
  if (request.from_size() < 1 || request.from_size() > to) {
    return Invalid("BAD_SIZE", "the older size must be between 1 and the newer", "from_size");
  }
  EGOV_ASSIGN_OR_RETURN(const merkle::Path path, log_->Consistency(request.from_size(), to));
  GetConsistencyResponse response;
  Put(path, response.mutable_proof());
  if (request.to_size() == 0) response.set_checkpoint(newest.note);
  return response;
}

absl::StatusOr<StampResponse> EvidenceService::Stamp(const StampRequest& request,
                                                     const Asker& asker) const {
  EGOV_RETURN_IF_ERROR(CheckOrigin(request.origin()));
  const auto& indexes = request.indexes();
  if (indexes.empty() || indexes.size() > kMaxIndexes ||
      std::adjacent_find(indexes.begin(), indexes.end(), std::greater_equal<uint64_t>()) !=
          indexes.end()) {
    return Invalid("BAD_INDEXES", "1 to 1024 positions, ascending", "indexes");
  }
  const uint64_t first = indexes[0], last = indexes[indexes.size() - 1];
  if (last >= log_->Newest().size) return Invalid("BAD_INDEXES", "no such record", "indexes");

  EGOV_ASSIGN_OR_RETURN(absl::optional<Stamped> after, log_->StampedAtLeast(last + 1));
  if (!after) {
    if (stamper_ == nullptr) {
      return base::Error(absl::StatusCode::kUnavailable, "NO_TIME_STAMP",
                         "these records have no time-stamp yet");
    }
    EGOV_ASSIGN_OR_RETURN(after, stamper_->StampNow(last + 1, asker.deadline));
  }
  const uint64_t size = after->checkpoint.size;
  StampResponse response;
  Put(*after, response.mutable_after());
  EGOV_ASSIGN_OR_RETURN(const absl::optional<Stamped> before, log_->StampedAtMost(first));
  if (before) {
    Put(*before, response.mutable_before());
    EGOV_ASSIGN_OR_RETURN(const merkle::Path path,
                          log_->Consistency(before->checkpoint.size, size));
    Put(path, response.mutable_consistency());
  }
  for (const uint64_t index : indexes) {
    EGOV_ASSIGN_OR_RETURN(const merkle::Path path, log_->InclusionPath(index, size));
    Put(path, response.add_paths()->mutable_hashes());
  }
  return response;
}

const pki::Certificate* EvidenceService::Issuer(const pki::Certificate& of) const {
  if (of.subject() == of.issuer()) return nullptr;
  for (const pki::Certificate& certificate : certificates_) {
    if (certificate.is_authority() && certificate.subject() == of.issuer()) return &certificate;
  }
  return nullptr;
}

absl::StatusOr<GetCertificatesResponse> EvidenceService::GetCertificates(
    const GetCertificatesRequest& request, const Asker&) const {
  if (request.sha256_size() > kMaxCertificates) {
    return Invalid("TOO_MANY", "at most 64 at a time", "sha256");
  }
  GetCertificatesResponse response;
  std::set<pki::Digest> given;
  const auto give = [&](const pki::Certificate& first) {
    const pki::Certificate* certificate = &first;
    for (int i = 0; certificate != nullptr && i < kMaxChain; ++i) {
      if (!given.insert(certificate->fingerprint()).second) return;
      response.add_certificates(certificate->ToDer());
      certificate = Issuer(*certificate);
    }
  };
  if (request.sha256().empty()) {
    if (!certificates_.empty()) give(certificates_[0]);
    // Those of keys that the log had before: what they signed is still to be proven.
    EGOV_ASSIGN_OR_RETURN(const std::vector<std::string> own, log_->OwnCertificates());
    for (const std::string& der : own) {
      if (given.insert(pki::Sha256Of(der)).second) response.add_certificates(der);
    }
  }
  for (const std::string& bytes : request.sha256()) {
    pki::Digest digest;
    if (!pki::DigestFromBytes(bytes, &digest)) {
      return Invalid("BAD_DIGEST", "a SHA-256 has 32 bytes", "sha256");
    }
    const auto own = std::find_if(certificates_.begin(), certificates_.end(),
                                  [&](const auto& c) { return c.fingerprint() == digest; });
    if (own != certificates_.end()) {
      give(*own);
      continue;
    }
    EGOV_ASSIGN_OR_RETURN(const absl::optional<Kept> kept, log_->FindKept(digest));
    if (!kept) continue;
    if (kept->kind == Kept::kRevocationList) {
      if (given.insert(digest).second) response.add_revocations(kept->der);
      continue;
    }
    EGOV_ASSIGN_OR_RETURN(const auto certificate, pki::Certificate::FromDer(kept->der));
    give(certificate);
  }
  return response;
}

absl::StatusOr<ListEntriesResponse> EvidenceService::ListEntries(const ListEntriesRequest& request,
                                                                 const Asker& asker) const {
  if (!asker.may_audit) {
    return base::Error(absl::StatusCode::kPermissionDenied, "NO_RIGHT",
                       "listing a log needs the right `audit`");
  }
  EGOV_RETURN_IF_ERROR(CheckOrigin(request.origin()));
  if (request.page_size() < 0 || request.page_size() > kMaxPage) {
    return Invalid("BAD_PAGE_SIZE", "0 to 1000", "page_size");
  }
  const int limit = request.page_size() == 0 ? kMaxPage : request.page_size();
  // The checkpoint first: it covers at least what was there before the entries were read. Entries
  // past it are left to the next page.
  const Checkpoint newest = log_->Newest();
  ListEntriesResponse response;
  response.set_checkpoint(newest.note);
  if (request.from() >= newest.size) return response;
  const int count = static_cast<int>(std::min<uint64_t>(limit, newest.size - request.from()));
  EGOV_ASSIGN_OR_RETURN(auto entries, log_->List(request.from(), count));
  for (auto& entry : entries) {
    auto* out = response.add_entries();
    out->set_index(entry->position);
    out->set_recorded_micros(entry->recorded_micros);
    out->set_record(std::move(entry->record));
    out->set_sealed_header(std::move(entry->sealed_header));
  }
  EGOV_ASSIGN_OR_RETURN(
      const auto stamps,
      log_->StampsBetween(request.from(), request.from() + entries.size(), kMaxStampsPerPage));
  for (const Stamped& stamped : stamps) Put(stamped, response.add_stamps());
  return response;
}

}  // namespace egov::evidence
