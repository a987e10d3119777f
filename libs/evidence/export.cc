#include "libs/evidence/export.h"

#include <algorithm>
#include <set>
#include <utility>

#include "egov/exchange/v1/exchange.pb.h"
#include "libs/base/status.h"
#include "libs/pki/verify.h"
#include "libs/proof/stamp.h"
#include "libs/proof/wire.h"

namespace egov::evidence {
namespace {

using egov::evidence::v1::EvidenceFile;
using egov::evidence::v1::EvidenceWindow;
using egov::evidence::v1::StampedCheckpoint;
using egov::exchange::v1::Receipt;

base::Error Invalid(absl::string_view reason, absl::string_view text) {
  return base::Error(absl::StatusCode::kInvalidArgument, reason, text);
}

absl::StatusOr<Receipt> OpenReceipt(const KeptWindow& window) {
  Receipt receipt;
  EGOV_RETURN_IF_ERROR(proof::ParseStrictly(window.receipt, "BAD_RECEIPT", &receipt));
  return receipt;
}

// Chooses among all certificates at hand those that the file needs.
class Chooser {
 public:
  Chooser(std::vector<pki::Certificate> all, const pki::ChainVerifier& trust, EvidenceFile* file)
      : all_(std::move(all)), trust_(trust), file_(file) {}

  // The one with this digest and its chain. What is missing is named by the verification later.
  void Seal(absl::string_view digest, absl::Time at) {
    for (const pki::Certificate& certificate : all_) {
      if (digest == pki::AsBytes(certificate.fingerprint())) {
        Chain(certificate, pki::Purpose::kSeal, at);
      }
    }
  }

  void Stamped(const StampedCheckpoint& stamped) {
    const auto stamp =
        proof::VerifyStamp(stamped.time_stamp(), stamped.checkpoint(), absl::nullopt, trust_, all_);
    const auto note = proof::ParseNote(stamped.checkpoint());
    if (!stamp.ok() || !note.ok()) return;
    // What the token carries need not be in the file too.
    for (const pki::Certificate& certificate : stamp->chain) {
      if (stamped.time_stamp().find(certificate.ToDer()) == std::string::npos) Add(certificate);
    }
    // A key may have had several certificates, one after the other: the one that held then. The
    // verification takes the first in the file that did, which is the first here too.
    const pki::Certificate* unfit = nullptr;
    for (const pki::Certificate& certificate : all_) {
      if (proof::NoteKeyId(certificate.public_key()) != note->key_id) continue;
      if (trust_.Verify(certificate, all_, pki::Purpose::kLog, stamp->stamp.time).ok())
        return Chain(certificate, pki::Purpose::kLog, stamp->stamp.time);
      if (unfit == nullptr) unfit = &certificate;
    }
    if (unfit != nullptr) Add(*unfit);
  }

 private:
  void Chain(const pki::Certificate& leaf, pki::Purpose purpose, absl::Time at) {
    const auto chain = trust_.Verify(leaf, all_, purpose, at);
    if (!chain.ok()) return Add(leaf);
    for (const pki::Certificate& certificate : *chain) Add(certificate);
  }

  void Add(const pki::Certificate& certificate) {
    const auto& anchors = trust_.anchors();
    if (std::find(anchors.begin(), anchors.end(), certificate) != anchors.end()) return;
    if (added_.insert(certificate.fingerprint()).second) {
      file_->add_certificates(certificate.ToDer());
    }
  }

  const std::vector<pki::Certificate> all_;
  const pki::ChainVerifier& trust_;
  EvidenceFile* const file_;
  std::set<pki::Digest> added_;
};

void Fill(KeptWindow kept, const Receipt& receipt, const v1::InclusionPath& path,
          EvidenceWindow* out) {
  out->set_sealed_header(kept.sealed_header);
  out->set_record(receipt.record());
  out->set_recorded_micros(receipt.recorded_micros());
  out->set_index(receipt.index());
  *out->mutable_path() = path.hashes();
  if (!kept.request_salt.empty()) {
    for (std::string& part : kept.request_parts) out->add_request_parts(std::move(part));
    out->set_request_salt(kept.request_salt);
    out->set_end_user(kept.end_user);
  }
  if (!kept.response_salt.empty()) {
    for (std::string& part : kept.response_parts) out->add_response_parts(std::move(part));
    out->set_response_salt(kept.response_salt);
    out->set_details(kept.details);
  }
}

}  // namespace

absl::StatusOr<std::vector<uint64_t>> PositionsOf(const std::vector<KeptWindow>& windows) {
  std::vector<uint64_t> positions;
  for (const KeptWindow& window : windows) {
    EGOV_ASSIGN_OR_RETURN(const Receipt receipt, OpenReceipt(window));
    positions.push_back(receipt.index());
  }
  return positions;
}

absl::StatusOr<EvidenceFile> Assemble(std::vector<KeptWindow> windows, const Proofs& proofs,
                                      const std::vector<pki::Certificate>& anchors) {
  if (proofs.stamps.paths_size() != static_cast<int>(windows.size())) {
    return Invalid("BAD_STAMPS", "the stamps are not for these windows");
  }
  EGOV_ASSIGN_OR_RETURN(const auto trust, pki::ChainVerifier::Create(anchors));
  EvidenceFile file;
  std::vector<pki::Certificate> all;
  for (const std::string& der : proofs.certificates) {
    EGOV_ASSIGN_OR_RETURN(const auto certificate, pki::Certificate::FromDer(der));
    all.push_back(certificate);
  }
  Chooser chooser(std::move(all), trust, &file);
  std::set<std::string> revocations;  // as the records name them
  for (size_t i = 0; i < windows.size(); ++i) {
    EGOV_ASSIGN_OR_RETURN(const Receipt receipt, OpenReceipt(windows[i]));
    EGOV_ASSIGN_OR_RETURN(const auto opened, proof::OpenHeader(windows[i].sealed_header));
    EGOV_ASSIGN_OR_RETURN(const auto record, proof::OpenRecord(receipt.record()));
    Fill(std::move(windows[i]), receipt, proofs.stamps.paths(static_cast<int>(i)),
         file.add_windows());
    chooser.Seal(opened.header.seal_certificate(), absl::FromUnixMicros(receipt.recorded_micros()));
    if (!record.revocation().empty()) revocations.insert(record.revocation());
  }
  EGOV_ASSIGN_OR_RETURN(const proof::Note note,
                        proof::ParseNote(proofs.stamps.after().checkpoint()));
  file.set_origin(note.origin);
  *file.mutable_after() = proofs.stamps.after();
  chooser.Stamped(file.after());
  if (proofs.stamps.has_before()) {
    *file.mutable_before() = proofs.stamps.before();
    chooser.Stamped(file.before());
    *file.mutable_consistency() = proofs.stamps.consistency();
  }
  for (const std::string& der : proofs.revocations) {
    if (revocations.erase(std::string(pki::AsBytes(pki::Sha256Of(der)))) > 0) {
      file.add_revocations(der);
    }
  }
  return file;
}

}  // namespace egov::evidence
