#include "libs/proof/verify.h"

#include <algorithm>
#include <future>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/merkle/merkle.h"
#include "libs/pki/crl.h"
#include "libs/pki/verify.h"
#include "libs/proof/stamp.h"
#include "libs/proof/wire.h"

namespace egov::proof {
namespace {

using egov::evidence::v1::EvidenceFile;
using egov::evidence::v1::EvidenceWindow;
using egov::evidence::v1::StampedCheckpoint;
using egov::exchange::v1::Header;
using egov::exchange::v1::Record;

constexpr absl::string_view kFirstLine = "egov evidence 1\n";
constexpr size_t kDigestSize = 32;
// From here on hashing a file takes longer than starting a thread for it.
constexpr size_t kLarge = size_t{1} << 20;

base::Error Invalid(absl::string_view reason, absl::string_view text) {
  return base::Error(absl::StatusCode::kInvalidArgument, reason, text);
}

bool Matches(absl::string_view committed, const pki::Digest& digest) {
  return committed == pki::AsBytes(digest);
}

pki::Digest CommitAll(absl::string_view salt,
                      const google::protobuf::RepeatedPtrField<std::string>& parts) {
  Commitment commitment(salt);
  for (const std::string& part : parts) commitment.Add(part);
  return commitment.Finish();
}

// A checkpoint whose signature and stamp hold.
struct StampedNote {
  Note note;
  pki::Certificate log_certificate;
  pki::TimeStamp stamp;
};

class Verification {
 public:
  Verification(const EvidenceFile& file, pki::ChainVerifier trust, const VerifyOptions& options)
      : file_(file), trust_(std::move(trust)), options_(options) {}

  absl::StatusOr<Report> Run(absl::Time now) {
    report_.verified = now;
    report_.origin = file_.origin();
    EGOV_RETURN_IF_ERROR(ParseCertificates());
    EGOV_RETURN_IF_ERROR(CheckLog(now));
    if (file_.windows().empty()) return Invalid("BAD_EVIDENCE", "the file has no window");
    for (int i = 0; i < file_.windows_size(); ++i) {
      const absl::Status status = CheckWindow(i);
      if (!status.ok()) return base::InField(absl::StrCat("windows[", i, "]"), status);
    }
    EGOV_RETURN_IF_ERROR(CheckEnd());
    EGOV_RETURN_IF_ERROR(CheckAllUsed());
    return std::move(report_);
  }

 private:
  absl::Status ParseCertificates() {
    for (int i = 0; i < file_.certificates_size(); ++i) {
      auto certificate = pki::Certificate::FromDer(file_.certificates(i));
      if (!certificate.ok()) {
        return base::InField(absl::StrCat("certificates[", i, "]"), certificate.status());
      }
      if (!by_fingerprint_.emplace(certificate->fingerprint(), certificates_.size()).second) {
        return Invalid("NOT_NEEDED", "a certificate is there twice").Field("certificates");
      }
      certificates_.push_back(*std::move(certificate));
    }
    for (int i = 0; i < file_.revocations_size(); ++i) {
      auto list = pki::Crl::FromDer(file_.revocations(i));
      if (!list.ok()) return base::InField(absl::StrCat("revocations[", i, "]"), list.status());
      if (!lists_.emplace(list->digest(), *list).second) {
        return Invalid("NOT_NEEDED", "a revocation list is there twice").Field("revocations");
      }
    }
    return absl::OkStatus();
  }

  // The chain of a certificate, marking what it used.
  absl::StatusOr<std::vector<pki::Certificate>> Chain(const pki::Certificate& leaf,
                                                      pki::Purpose purpose, absl::Time at) {
    EGOV_ASSIGN_OR_RETURN(auto chain, trust_.Verify(leaf, certificates_, purpose, at));
    Use(chain);
    return chain;
  }

  void Use(const std::vector<pki::Certificate>& chain) {
    for (const pki::Certificate& certificate : chain) used_.insert(certificate.fingerprint());
  }

  absl::StatusOr<StampedNote> CheckStamped(const StampedCheckpoint& stamped) {
    auto note = ParseNote(stamped.checkpoint());
    if (!note.ok()) return base::InField("checkpoint", note.status());
    if (note->origin != file_.origin()) {
      return Invalid("NOT_THE_SERVICES_LOG", "the checkpoint is of another log")
          .Field("checkpoint")
          .Expected(file_.origin());
    }
    auto stamp = VerifyStamp(stamped.time_stamp(), stamped.checkpoint(), absl::nullopt, trust_,
                             certificates_);
    if (!stamp.ok()) return base::InField("time_stamp", stamp.status());
    Use(stamp->chain);
    // A key may have had several certificates, one after the other: the first in the file that held
    // at that moment counts.
    absl::Status missing =
        Invalid("UNKNOWN_CERTIFICATE", "the log's certificate is not in the file")
            .Field("checkpoint");
    for (const pki::Certificate& certificate : certificates_) {
      if (NoteKeyId(certificate.public_key()) != note->key_id) continue;
      const absl::Status signature = VerifyNote(*note, certificate.public_key());
      if (!signature.ok()) return base::InField("checkpoint", signature);
      auto chain = Chain(certificate, pki::Purpose::kLog, stamp->stamp.time);
      if (chain.ok()) return StampedNote{*std::move(note), certificate, std::move(stamp->stamp)};
      missing = base::InField("checkpoint", chain.status());
    }
    return missing;
  }

  absl::Status CheckLog(absl::Time now) {
    auto after = CheckStamped(file_.after());
    if (!after.ok()) return base::InField("after", after.status());
    after_.emplace(*std::move(after));
    report_.after = Finding(*after_);
    if (after_->stamp.time - after_->stamp.accuracy > now + options_.clock_tolerance) {
      return Invalid("TIMES_CONTRADICT", "the stamp is from the future").Field("after.time_stamp");
    }
    EGOV_ASSIGN_OR_RETURN(const pki::SpiffeId service, after_->log_certificate.SpiffeId());
    report_.audience = service.ToUri();
    report_.service_certificate = after_->log_certificate.subject();
    absl::string_view number = file_.origin();
    uint64_t log = 0;
    if (!absl::ConsumePrefix(&number, service.Escaped()) ||
        !absl::ConsumePrefix(&number, "/log/") || !absl::SimpleAtoi(number, &log) ||
        absl::StrCat(log) != number) {
      return Invalid("NOT_THE_SERVICES_LOG", "the log's certificate names another service")
          .Field("origin")
          .Expected(absl::StrCat(service.Escaped(), "/log/<number>"));
    }
    if (!file_.has_before()) {
      if (!options_.partial || file_.consistency_size() > 0) {
        return Invalid("NO_STAMP_BEFORE", "nothing says after which moment this took place")
            .Field("before");
      }
      return absl::OkStatus();
    }
    auto before = CheckStamped(file_.before());
    if (!before.ok()) return base::InField("before", before.status());
    before_.emplace(*std::move(before));
    report_.before = Finding(*before_);
    EGOV_ASSIGN_OR_RETURN(const pki::SpiffeId earlier, before_->log_certificate.SpiffeId());
    if (earlier != service) {
      return Invalid("NOT_THE_SERVICES_LOG", "the log's certificate names another service")
          .Field("before");
    }
    if (before_->stamp.time - before_->stamp.accuracy >
        after_->stamp.time + after_->stamp.accuracy) {
      return Invalid("TIMES_CONTRADICT", "the stamp before is later than the one after")
          .Field("before.time_stamp");
    }
    auto path = PathOf(file_.consistency(), "NOT_CONSISTENT");
    if (!path.ok() || !merkle::VerifyConsistency(before_->note.size, before_->note.root,
                                                 after_->note.size, after_->note.root, *path)
                           .ok()) {
      return Invalid("NOT_CONSISTENT", "the log after does not extend the log before")
          .Field("consistency");
    }
    return absl::OkStatus();
  }

  static StampFinding Finding(const StampedNote& stamped) {
    return {stamped.stamp.time, stamped.stamp.accuracy, stamped.stamp.authority,
            stamped.stamp.policy, stamped.note.size};
  }

  absl::Status CheckWindow(int i) {
    const EvidenceWindow& window = file_.windows(i);
    EGOV_ASSIGN_OR_RETURN(const OpenedHeader opened, OpenHeader(window.sealed_header()));
    EGOV_ASSIGN_OR_RETURN(const Record record, OpenRecord(window.record()));
    if (!Matches(record.request(), pki::Sha256Of(window.sealed_header()))) {
      return Invalid("WRONG_ANSWER", "the record answers another question").Field("record");
    }
    EGOV_RETURN_IF_ERROR(CheckPlace(window));
    EGOV_RETURN_IF_ERROR(CheckOrder(i, opened.header, record));
    WindowFinding finding;
    finding.recorded = absl::FromUnixMicros(window.recorded_micros());
    EGOV_RETURN_IF_ERROR(CheckTime(finding.recorded));
    EGOV_RETURN_IF_ERROR(CheckSeal(opened, record, &finding));
    EGOV_RETURN_IF_ERROR(CheckContent(window, opened.header, record, &finding));
    Tell(opened.header, record, window.index(), &finding);
    report_.windows.push_back(std::move(finding));
    previous_header_ = opened.header;
    previous_record_ = record;
    return absl::OkStatus();
  }

  absl::Status CheckPlace(const EvidenceWindow& window) {
    auto path = PathOf(window.path(), "NOT_IN_THE_LOG");
    if (!path.ok() ||
        !merkle::VerifyInclusion(RecordLeaf(window.recorded_micros(), window.record()),
                                 window.index(), after_->note.size, *path, after_->note.root)
             .ok()) {
      return Invalid("NOT_IN_THE_LOG", "the record is not in the log at this place").Field("path");
    }
    if (before_ && window.index() < before_->note.size) {
      return Invalid("TIMES_CONTRADICT", "the record is older than the stamp before")
          .Field("index");
    }
    return absl::OkStatus();
  }

  absl::Status CheckTime(absl::Time recorded) {
    const absl::Duration slack = options_.clock_tolerance;
    if (recorded > after_->stamp.time + after_->stamp.accuracy + slack ||
        (before_ && recorded < before_->stamp.time - before_->stamp.accuracy - slack)) {
      return Invalid("TIMES_CONTRADICT", "the service's clock and the stamps contradict each other")
          .Field("recorded_micros");
    }
    return absl::OkStatus();
  }

  // Whether this window follows the one before: a new question, or a further answer to the same.
  absl::Status CheckOrder(int i, const Header& header, const Record& record) {
    const auto broken = [](absl::string_view text) {
      return Invalid("WINDOWS_BROKEN", text).Field("sealed_header");
    };
    if (record.window() != static_cast<uint64_t>(i)) return broken("an answer window is missing");
    if (i == 0) {
      if (header.window() != 0) return broken("the first window is missing");
      report_.caller = header.caller();
      report_.method = header.method();
      if (header.audience() != report_.audience) {
        return Invalid("NOT_THE_SERVICES_LOG", "the question was put to another service")
            .Field("sealed_header")
            .Expected(report_.audience);
      }
      return absl::OkStatus();
    }
    const EvidenceWindow& before = file_.windows(i - 1);
    const EvidenceWindow& window = file_.windows(i);
    if (!Matches(record.previous(), pki::Sha256Of(before.record()))) {
      return broken("the record names another one before it");
    }
    if (window.index() <= before.index() || window.recorded_micros() < before.recorded_micros()) {
      return broken("the records are not in the log's order");
    }
    if (header.caller() != report_.caller || header.audience() != report_.audience ||
        header.method() != report_.method) {
      return broken("the window is of another exchange");
    }
    if (previous_record_.code() != 0) return broken("a refusal ends the exchange");
    if (previous_record_.more()) {
      if (window.sealed_header() == before.sealed_header()) return absl::OkStatus();
      return broken("a further answer was announced");
    }
    if (previous_header_.last()) return broken("the question before was the last");
    if (header.window() != previous_header_.window() + 1 ||
        !Matches(header.previous(), pki::Sha256Of(before.sealed_header()))) {
      return broken("the header names another one before it");
    }
    return absl::OkStatus();
  }

  absl::Status CheckSeal(const OpenedHeader& opened, const Record& record, WindowFinding* finding) {
    const auto at = [](base::Error error) { return error.Field("sealed_header"); };
    pki::Digest fingerprint;
    pki::DigestFromBytes(opened.header.seal_certificate(), &fingerprint);
    const auto found = by_fingerprint_.find(fingerprint);
    if (found == by_fingerprint_.end()) {
      return at(Invalid("UNKNOWN_CERTIFICATE", "the seal's certificate is not in the file"));
    }
    const pki::Certificate& seal = certificates_[found->second];
    if (!seal.public_key().Verify(SealedBytes(opened.size, opened.root), opened.signature).ok()) {
      return at(Invalid("BAD_SEAL", "the seal does not cover this header"));
    }
    const auto& owner = seal.SpiffeId();
    if (!owner.ok() || owner->ToUri() != opened.header.caller()) {
      return at(Invalid("NOT_THE_CALLERS_SEAL", "the seal is not that of the caller named"));
    }
    // The service's own clock may lie within the tolerance; the stamps bound it.
    absl::Time moment = std::min(finding->recorded, after_->stamp.time);
    if (before_) moment = std::max(moment, before_->stamp.time);
    auto chain = Chain(seal, pki::Purpose::kSeal, moment);
    if (!chain.ok()) return base::InField("sealed_header", chain.status());
    report_.caller_certificate = seal.subject();
    return CheckRevocation(*chain, record, moment, finding);
  }

  absl::Status CheckRevocation(const std::vector<pki::Certificate>& chain, const Record& record,
                               absl::Time moment, WindowFinding* finding) {
    if (record.revocation().empty()) return absl::OkStatus();
    pki::Digest digest;
    pki::DigestFromBytes(record.revocation(), &digest);
    const auto found = lists_.find(digest);
    if (found == lists_.end()) {
      return Invalid("REVOCATION_MISSING",
                     "the revocation list that the record names is not in "
                     "the file")
          .Field("record");
    }
    const pki::Crl& list = found->second;
    if (chain.size() < 2 || !list.VerifySignature(chain[1]).ok() ||
        list.this_update() > moment + options_.clock_tolerance) {
      return Invalid("BAD_REVOCATION", "the revocation list is not one of the seal's issuer then")
          .Field("record");
    }
    const auto revoked = list.Find(chain[0].serial());
    if (revoked && revoked->revoked <= moment) {
      return Invalid("REVOKED", "the seal's certificate was revoked").Field("sealed_header");
    }
    used_lists_.insert(digest);
    finding->revocation_checked = true;
    finding->revocation_overdue = list.next_update() < moment;
    return absl::OkStatus();
  }

  // Parts and salt are both there, and match, or neither is.
  static absl::Status CheckParts(const google::protobuf::RepeatedPtrField<std::string>& parts,
                                 absl::string_view salt, absl::string_view committed,
                                 absl::string_view field, bool* proven) {
    *proven = !salt.empty();
    if (salt.empty() && parts.empty()) return absl::OkStatus();
    if (salt.size() == kSaltSize && Matches(committed, CommitAll(salt, parts))) {
      return absl::OkStatus();
    }
    return Invalid("CONTENT_MISMATCH", "the content is not what was committed to").Field(field);
  }

  static absl::Status CheckContent(const EvidenceWindow& window, const Header& header,
                                   const Record& record, WindowFinding* finding) {
    EGOV_RETURN_IF_ERROR(CheckParts(window.request_parts(), window.request_salt(), header.request(),
                                    "request_parts", &finding->question_proven));
    EGOV_RETURN_IF_ERROR(CheckParts(window.response_parts(), window.response_salt(),
                                    record.response(), "response_parts", &finding->answer_proven));
    finding->question_messages = window.request_parts_size();
    finding->answer_messages = window.response_parts_size();
    finding->end_user = !header.end_user().empty();
    finding->end_user_proven = finding->end_user && finding->question_proven;
    // The end user's assertion goes with the question, the details with the answer.
    const bool end_user_fits =
        finding->end_user_proven
            ? Matches(header.end_user(), Commit(window.request_salt(), window.end_user()))
            : window.end_user().empty();
    if (!end_user_fits) {
      return Invalid("CONTENT_MISMATCH", "the end user's assertion is not the one committed to")
          .Field("end_user");
    }
    // Details may stand alone: they tell nobody's data, only why there was none.
    const bool details_fit = window.details().empty()
                                 ? record.details().empty() || !finding->answer_proven
                                 : Matches(record.details(), pki::Sha256Of(window.details()));
    if (!details_fit) {
      return Invalid("CONTENT_MISMATCH", "the status details are not the recorded ones")
          .Field("details");
    }
    return absl::OkStatus();
  }

  static void Tell(const Header& header, const Record& record, uint64_t index,
                   WindowFinding* finding) {
    finding->id = base::ToHex(header.id());
    finding->question_window = header.window();
    finding->answer_window = record.window();
    finding->issued = absl::FromUnixMicros(header.issued_micros());
    finding->received = absl::FromUnixMicros(record.received_micros());
    finding->index = index;
    finding->revision = record.revision();
    finding->items.assign(header.items().begin(), header.items().end());
    finding->purpose = header.purpose();
    finding->act = header.legal_basis().act();
    finding->provision = header.legal_basis().provision();
    finding->version = header.legal_basis().version();
    finding->case_reference = header.case_reference();
    finding->code = record.code();
    finding->reason = record.reason();
  }

  absl::Status CheckEnd() {
    report_.complete =
        previous_record_.code() != 0 || (previous_header_.last() && !previous_record_.more());
    if (report_.complete || options_.partial) return absl::OkStatus();
    return Invalid("WINDOWS_MISSING", "the exchange went on after the last window of this file")
        .Field("windows");
  }

  absl::Status CheckAllUsed() const {
    for (size_t i = 0; i < certificates_.size(); ++i) {
      const auto& anchors = trust_.anchors();
      if (used_.count(certificates_[i].fingerprint()) == 0 &&
          std::find(anchors.begin(), anchors.end(), certificates_[i]) == anchors.end()) {
        return Invalid("NOT_NEEDED", "a certificate of the file is not needed")
            .Field(absl::StrCat("certificates[", i, "]"));
      }
    }
    for (const auto& [digest, list] : lists_) {
      if (used_lists_.count(digest) == 0) {
        return Invalid("NOT_NEEDED", "a revocation list of the file is not needed")
            .Field("revocations");
      }
    }
    return absl::OkStatus();
  }

  const EvidenceFile& file_;
  const pki::ChainVerifier trust_;
  const VerifyOptions& options_;
  Report report_;
  std::vector<pki::Certificate> certificates_;
  std::map<pki::Digest, size_t> by_fingerprint_;
  std::map<pki::Digest, pki::Crl> lists_;
  std::set<pki::Digest> used_, used_lists_;
  absl::optional<StampedNote> before_, after_;
  Header previous_header_;
  Record previous_record_;
};

// All but the closing digest, which is of it. NOT_EVIDENCE.
absl::StatusOr<absl::string_view> Digested(absl::string_view file) {
  if (!absl::StartsWith(file, kFirstLine) || file.size() < kFirstLine.size() + kDigestSize) {
    return Invalid("NOT_EVIDENCE", "this is no evidence file");
  }
  return file.substr(0, file.size() - kDigestSize);
}

absl::Status CheckDigest(absl::string_view file) {
  const size_t size = file.size() - kDigestSize;
  if (Matches(file.substr(size), pki::Sha256Of(file.substr(0, size)))) return absl::OkStatus();
  return base::Error(absl::StatusCode::kDataLoss, "DAMAGED",
                     "the file is not as it was written: its closing digest does not match");
}

absl::StatusOr<EvidenceFile> Parse(absl::string_view digested) {
  EvidenceFile message;
  EGOV_RETURN_IF_ERROR(ParseStrictly(digested.substr(kFirstLine.size()), "BAD_EVIDENCE", &message));
  return message;
}

}  // namespace

std::string WriteFile(const EvidenceFile& message) {
  std::string out;
  out.reserve(kFirstLine.size() + message.ByteSizeLong() + kDigestSize);
  out.append(kFirstLine.data(), kFirstLine.size());
  message.AppendToString(&out);
  const pki::Digest digest = pki::Sha256Of(out);
  out.append(pki::AsBytes(digest).data(), digest.size());
  return out;
}

absl::StatusOr<EvidenceFile> ReadFile(absl::string_view file) {
  EGOV_ASSIGN_OR_RETURN(const absl::string_view digested, Digested(file));
  EGOV_RETURN_IF_ERROR(CheckDigest(file));
  return Parse(digested);
}

absl::StatusOr<Report> Verify(absl::string_view file, const std::vector<pki::Certificate>& anchors,
                              absl::Time now, const VerifyOptions& options) {
  EGOV_ASSIGN_OR_RETURN(const absl::string_view digested, Digested(file));
  // The closing digest costs as much as what the file commits to: a large file's is computed
  // beside.
  std::future<absl::Status> intact =
      std::async(file.size() < kLarge ? std::launch::deferred : std::launch::async,
                 [file] { return CheckDigest(file); });
  const auto check_content = [&]() -> absl::StatusOr<Report> {
    EGOV_ASSIGN_OR_RETURN(const EvidenceFile message, Parse(digested));
    EGOV_ASSIGN_OR_RETURN(pki::ChainVerifier trust, pki::ChainVerifier::Create(anchors));
    return Verification(message, std::move(trust), options).Run(now);
  };
  absl::StatusOr<Report> report = check_content();
  EGOV_RETURN_IF_ERROR(intact.get());
  return report;
}

}  // namespace egov::proof
