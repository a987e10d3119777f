// Is a signature what it claims to be? Validation after ETSI EN 319 102-1 of ASiC-E containers with
// XAdES signatures, ours or anybody's, against pinned anchors, offline: all that is believed is in
// the container, in the anchors, and the moment.
//
// Strict where readers differ (see container.h), and where a signature carries a part that does not
// hold: a broken time-stamp is not passed over.
//
// Validity is one thing, legal quality another: QcStatements are reported as the certificate's own
// words, and no trusted list is asked whether its issuer may say so.
//
// Thread safety: free functions; a Container belongs to one thread. Cost: digests of the data
// files, about 1.3 ms for each signature besides.
#ifndef EGOV_LIBS_SIGNATURE_VALIDATE_H_
#define EGOV_LIBS_SIGNATURE_VALIDATE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/pki/certificate.h"
#include "libs/signature/container.h"
#include "libs/signature/sign.h"
#include "libs/signature/trust.h"

namespace egov::signature {

// EN 319 102-1 table 5.
enum class Indication { kTotalPassed, kTotalFailed, kIndeterminate };

// EN 319 102-1 table 6, as far as they are given here.
enum class SubIndication {
  kNone,  // with kTotalPassed
  // kTotalFailed
  kFormatFailure,     // not a signature that can be read in one way only
  kHashFailure,       // a data file or the signed properties are other than what was signed
  kSigCryptoFailure,  // the value is not the signer's
  kNotYetValid,       // proven to be older than the signer's certificate
  // kIndeterminate
  kSignedDataNotFound,              // a signed data file is not in the container
  kNoSigningCertificateFound,       // none, or another than the signature names
  kNoCertificateChainFound,         // to no anchor
  kChainConstraintsFailure,         // the certificate is not for this, or one of the chain is not
  kCertificateChainGeneralFailure,  // the chain does not hold
  kCryptoConstraintsFailureNoPoe,   // an algorithm that is not accepted
  kSigConstraintsFailure,           // a part of the signature does not hold: its time-stamp
  kTimestampOrderFailure,           // the time-stamp lies in the future
  kOutOfBoundsNoPoe,                // the certificate is not in force, and nothing shows it was
  kRevokedNoPoe,                    // revoked, and nothing shows that the signature is older
  kTryLater,  // what would show that the certificate was in force is missing, too old, or on hold
};

absl::string_view IndicationName(Indication indication);            // "TOTAL_PASSED"
absl::string_view SubIndicationName(SubIndication sub_indication);  // "HASH_FAILURE"

struct Verdict {
  Indication indication = Indication::kIndeterminate;
  SubIndication sub_indication = SubIndication::kNone;
  // More exactly, for machines: EMPTY, or OCSP_BEFORE_TIME_STAMP, STALE_STATUS, ON_HOLD,
  // NO_STATUS, TIME_STAMP_WRONG_IMPRINT ...
  std::string reason;
  std::string text;  // for people

  bool passed() const { return indication == Indication::kTotalPassed; }
};

// XAdES baseline (EN 319 132-1 clause 6): what was found and holds.
enum class Level { kNone, kB, kT, kLt };
absl::string_view LevelName(Level level);  // "XAdES-BASELINE-LT", "" for none

// What the signer's certificate says of itself (RFC 3739 section 3.2.6, ETSI EN 319 412-5).
struct QcStatements {
  bool compliance = false;          // QcCompliance: an EU qualified certificate
  bool sscd = false;                // QcSSCD: the key is in a qualified device
  std::vector<std::string> types;   // "esign", "eseal", "web", else dotted
  std::vector<std::string> others;  // object identifiers of other statements
};
// Empty when there are none or they are malformed.
QcStatements QcStatementsOf(const pki::Certificate& certificate);

struct Warning {
  // NOT_ALL_FILES_SIGNED, MEDIA_TYPE_DIFFERS, LATE_STATUS (more than 15 minutes after the stamp),
  // CLAIMED_TIME_AFTER_TIME_STAMP, NO_CLAIMED_TIME, TIME_STAMP_AUTHORITY_EXPIRED,
  // ARCHIVE_TIME_STAMP_NOT_CHECKED, UNKNOWN_PROPERTIES
  std::string code;
  std::string text;
};

struct SignatureReport {
  std::string name;  // of its file in the container
  std::string id;
  Verdict verdict;
  Level level = Level::kNone;
  absl::optional<pki::Certificate> signer;
  QcStatements qc_statements;
  absl::optional<absl::Time> claimed_time;  // by the signer; proves nothing
  absl::optional<absl::Time> proven_time;   // of a time-stamp that holds: it existed then
  std::string time_stamp_authority;         // subject; empty without such a time-stamp
  absl::optional<absl::Time> status_time;   // when the signer's certificate was shown in force
  std::vector<std::string> roles;           // claimed
  Place place;                              // claimed
  std::vector<std::string> files;           // covered
  std::vector<std::string> uncovered;       // data files that this signature does not speak of
  std::vector<Warning> warnings;
};

struct Report {
  std::vector<SignatureReport> signatures;
  // At least one signature, every one TOTAL_PASSED, and each covers every data file.
  bool passed() const;
};

// Judges every signature of the container as of `now`. Never fails: what is wrong is in the
// verdicts. INVALID_ARGUMENT/NO_ANCHOR when either list of anchors is empty.
absl::StatusOr<Report> Validate(const Container& container, const TrustAnchors& anchors,
                                absl::Time now);

}  // namespace egov::signature

#endif  // EGOV_LIBS_SIGNATURE_VALIDATE_H_
