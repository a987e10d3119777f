#include "libs/signature/internal/judge.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/pki/timestamp.h"
#include "libs/pki/verify.h"
#include "libs/signature/internal/digest.h"
#include "libs/signature/internal/status.h"

namespace egov::signature::internal {
namespace {

// How far another's clock may be ahead of ours, and how late a status may come before it is
// remarked.
constexpr absl::Duration kSkew = absl::Minutes(5);
constexpr absl::Duration kLateStatus = absl::Minutes(15);

std::string ReasonOf(const absl::Status& status) {
  const auto detail = base::DetailOf(status);
  return detail ? detail->reason : "UNKNOWN";
}

// A chain that does not hold (clause 5.2.6), `at` being proven or just now.
Verdict ChainVerdict(const absl::Status& status, bool proven, const pki::Certificate& signer,
                     absl::Time at) {
  const std::string reason = ReasonOf(status);
  if (reason == "UNKNOWN_ISSUER") {
    return Open(SubIndication::kNoCertificateChainFound, "", status);
  }
  if (reason == "WRONG_USAGE") return Open(SubIndication::kChainConstraintsFailure, "", status);
  if (reason == "NOT_YET_VALID" && proven && at < signer.not_before()) {
    return Failed(SubIndication::kNotYetValid, reason, status.message());
  }
  if (reason == "EXPIRED" || reason == "NOT_YET_VALID") {
    return Open(SubIndication::kOutOfBoundsNoPoe, "", status);
  }
  return Open(SubIndication::kCertificateChainGeneralFailure, "", status);
}

// In force, from `chain[first]` up to below the anchor.
Verdict ChainStatus(const XadesSignature& signature, const std::vector<pki::Certificate>& chain,
                    absl::Time at, bool stamping, absl::optional<absl::Time>* leaf_known) {
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    const bool signer = i == 0 && !stamping;
    const StatusFound found =
        StatusAt(chain[i], chain[i + 1], signature.ocsp, signature.crls, at,
                 signer ? Freshness::kAfter : Freshness::kInForce, stamping || !signer);
    if (!found.verdict.passed()) return found.verdict;
    if (signer && leaf_known != nullptr) *leaf_known = found.known;
  }
  return Passed();
}

struct Stamp {
  pki::TimeStamp stamp;
  std::vector<pki::Certificate> chain;
};

absl::StatusOr<Stamp> VerifyStamp(const XadesSignature& signature, const TrustAnchors& anchors) {
  const auto bytes = StampedBytes(signature, signature.time_stamp_canonicalization);
  if (!bytes) {
    return base::Error(absl::StatusCode::kUnauthenticated, "UNKNOWN_CANONICALIZATION",
                       "the time-stamp's canonicalization is not accepted");
  }
  EGOV_ASSIGN_OR_RETURN(const auto trust, pki::ChainVerifier::Create(anchors.time_stamping));
  EGOV_ASSIGN_OR_RETURN(
      pki::TimeStamp stamp,
      pki::VerifyTimeStampOf(*bytes, *signature.time_stamp, trust, signature.certificates));
  EGOV_ASSIGN_OR_RETURN(auto chain, trust.Verify(stamp.certificate, signature.certificates,
                                                 pki::Purpose::kTimeStamp, stamp.time));
  return Stamp{std::move(stamp), std::move(chain)};
}

}  // namespace

Verdict Passed() { return {Indication::kTotalPassed, SubIndication::kNone, "", ""}; }
Verdict Failed(SubIndication sub, absl::string_view reason, absl::string_view text) {
  return {Indication::kTotalFailed, sub, std::string(reason), std::string(text)};
}
Verdict Open(SubIndication sub, absl::string_view reason, absl::string_view text) {
  return {Indication::kIndeterminate, sub, std::string(reason), std::string(text)};
}
Verdict Open(SubIndication sub, absl::string_view prefix, const absl::Status& status) {
  return Open(sub, absl::StrCat(prefix, ReasonOf(status)), status.message());
}

absl::optional<pki::Certificate> SignerOf(const XadesSignature& signature) {
  const auto hash = HashOfUri(signature.certificate_digest_algorithm);
  if (!hash) return absl::nullopt;
  for (const pki::Certificate& certificate : signature.key_info) {
    if (DigestOf(*hash, certificate.ToDer()) == signature.certificate_digest) return certificate;
  }
  return absl::nullopt;
}

absl::optional<std::string> StampedBytes(const XadesSignature& signature,
                                         absl::string_view canonicalization) {
  return Canonical(signature.value_node, canonicalization);
}

Verdict JudgeTrust(const XadesSignature& signature, const pki::Certificate& signer,
                   const TrustAnchors& anchors, absl::Time now, SignatureReport* report) {
  const auto warn = [&](absl::string_view code, absl::string_view text) {
    report->warnings.push_back({std::string(code), std::string(text)});
  };
  report->level = Level::kB;

  // The moment at which it is proven to have existed: the stamp's, else just now.
  absl::Time best = now;
  absl::optional<Stamp> stamp;
  if (signature.time_stamp) {
    auto verified = VerifyStamp(signature, anchors);
    if (!verified.ok()) {
      return Open(ReasonOf(verified.status()) == "UNKNOWN_ISSUER"
                      ? SubIndication::kNoCertificateChainFound
                      : SubIndication::kSigConstraintsFailure,
                  "TIME_STAMP_", verified.status());
    }
    stamp = *std::move(verified);
    best = stamp->stamp.time;
    if (best > now + kSkew) {
      return Open(SubIndication::kTimestampOrderFailure, "TIME_STAMP_IN_FUTURE",
                  "the time-stamp lies in the future");
    }
    report->level = Level::kT;
    report->proven_time = best;
    report->time_stamp_authority = stamp->stamp.authority;
    if (signature.claimed_time && *signature.claimed_time > best + kSkew) {
      warn("CLAIMED_TIME_AFTER_TIME_STAMP", "the signer claims a later time than the time-stamp's");
    }
    if (stamp->chain[0].not_after() < now && stamp->chain.size() > 1) {
      warn("TIME_STAMP_AUTHORITY_EXPIRED",
           "the time-stamp's certificate has ended; only its authority's word holds it");
    }
  }

  const auto trust = pki::ChainVerifier::Create(anchors.authorities);
  if (!trust.ok()) return Open(SubIndication::kNoCertificateChainFound, "", trust.status());
  std::vector<pki::Certificate> others = signature.key_info;
  others.insert(others.end(), signature.certificates.begin(), signature.certificates.end());
  const auto chain = trust->Verify(signer, others, pki::Purpose::kSignature, best);
  if (!chain.ok()) return ChainVerdict(chain.status(), stamp.has_value(), signer, best);

  absl::optional<absl::Time> known;
  const Verdict status = ChainStatus(signature, *chain, best, /*stamping=*/false, &known);
  if (!status.passed()) return status;
  // Without a time-stamp nothing is older than now, so no status in it can be new enough.
  if (!stamp) {
    return Open(SubIndication::kTryLater, "NO_TIME_STAMP", "nothing shows when it was made");
  }
  Verdict stamping = ChainStatus(signature, stamp->chain, best, /*stamping=*/true, nullptr);
  if (!stamping.passed()) {
    stamping.reason = absl::StrCat("TIME_STAMP_", stamping.reason);
    return stamping;
  }
  report->level = Level::kLt;
  report->status_time = known;
  if (known && *known > best + kLateStatus) {
    warn("LATE_STATUS",
         "the signer's status was asked for more than 15 minutes after the time-stamp");
  }
  return Passed();
}

}  // namespace egov::signature::internal
