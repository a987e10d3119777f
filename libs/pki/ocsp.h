// The Online Certificate Status Protocol, both sides: RFC 6960, with the nonce of RFC 8954 and the
// addresses of RFC 5019 section 5.
//
// Thread safety: OcspResponder is immutable, its Answer may be called from many threads; the rest
// are values and free functions. Cost: reading a question 5 us, answering 25 us (nearly all of it
// the signature), checking an answer about 150 us and as much again for the responder's
// certificate.
#ifndef EGOV_LIBS_PKI_OCSP_H_
#define EGOV_LIBS_PKI_OCSP_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "libs/pki/certificate.h"
#include "libs/pki/crl.h"
#include "libs/pki/key.h"

namespace egov::pki {

// What the two hashes of a CertID are made with. SHA-1 here names and protects nothing; many
// programs know no other.
enum class OcspHash { kSha1, kSha256, kOther };

// Which certificate is meant (RFC 6960 section 4.1.1).
struct OcspCertId {
  OcspHash hash = OcspHash::kSha1;
  std::string issuer;  // hash of the issuer's name, then of its key: raw bytes, 40 or 64 of them
  std::string serial;  // as Certificate::serial()
  std::string der;     // as it came: an answer repeats it byte for byte
};

// The `issuer` of the ids of whatever this authority issues.
std::string OcspIssuer(const Certificate& issuer, OcspHash hash);
// The id of one certificate; `serial` as Certificate::serial(). INVALID_ARGUMENT/BAD_OCSP for a
// serial that is not hexadecimal or a hash that cannot be made.
absl::StatusOr<OcspCertId> OcspIdOf(const Certificate& issuer, absl::string_view serial,
                                    OcspHash hash);

// A question.
struct OcspRequest {
  static constexpr size_t kMaxBytes = 8192;
  static constexpr size_t kMaxIds = 32;
  static constexpr size_t kMaxNonce = 32;  // RFC 8954 section 2.1

  std::vector<OcspCertId> ids;
  std::string nonce;  // empty: none

  // One certificate with a fresh nonce of 32 bytes.
  static absl::StatusOr<OcspRequest> New(const Certificate& certificate, const Certificate& issuer,
                                         OcspHash hash = OcspHash::kSha1);
  // INVALID_ARGUMENT/BAD_OCSP: malformed, other bytes behind it, beyond the bounds above, no
  // certificate asked for, or a critical extension that is not known. A signature of the asker is
  // not looked at.
  static absl::StatusOr<OcspRequest> FromDer(absl::string_view der);
  // The DER of a question that came by GET: the base64 behind the responder's address, percent
  // signs decoded. INVALID_ARGUMENT/BAD_OCSP.
  static absl::StatusOr<std::string> DerOfPath(absl::string_view base64);
  std::string ToDer() const;
};

enum class OcspState { kGood, kRevoked, kUnknown };

// What is said of one certificate.
struct OcspStatus {
  OcspState state = OcspState::kUnknown;
  absl::Time revoked;  // when revoked; a suspension is a revocation for certificateHold
  RevocationReason reason = RevocationReason::kUnspecified;
  absl::Time this_update;                     // known to be so at this moment
  absl::optional<absl::Time> next_update;     // absent: newer word can be had at any time
  absl::optional<absl::Time> archive_cutoff;  // status is kept of what ended since (section 4.4.4)
};

struct OcspAnswer {
  OcspCertId id;
  OcspStatus status;
};

// Unsigned refusals (section 4.2.1), with their numbers.
enum class OcspFailure {
  kMalformedRequest = 1,
  kInternalError = 2,
  kTryLater = 3,
  kSigRequired = 5,
  kUnauthorized = 6,
};
absl::string_view OcspFailureName(OcspFailure failure);  // as RFC 6960 writes it
std::string OcspRefusal(OcspFailure failure);            // OCSPResponse, DER

// Signs answers. Holds the key; knows neither network nor disk.
class OcspResponder {
 public:
  enum class Name { kKeyHash, kSubject };  // how it names itself (ResponderID)

  // `certificate` is the issuer's own or one that the issuer made for Purpose::kOcsp, else
  // WRONG_USAGE or UNAUTHENTICATED/UNKNOWN_RESPONDER; KEY_MISMATCH when the key is not its key. A
  // certificate other than the issuer's goes along with each answer.
  static absl::StatusOr<OcspResponder> Create(const Certificate& issuer, Certificate certificate,
                                              PrivateKey key, Name name = Name::kKeyHash);
  OcspResponder(OcspResponder&&) noexcept;
  OcspResponder& operator=(OcspResponder&&) noexcept;
  ~OcspResponder();

  const Certificate& certificate() const;

  // A successful OCSPResponse, DER; times are cut to whole seconds. The nonce is left out when
  // empty.
  absl::StatusOr<std::string> Answer(absl::Span<const OcspAnswer> answers, absl::string_view nonce,
                                     absl::Time produced_at) const;

 private:
  struct Impl;
  explicit OcspResponder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What an answer has to agree with.
struct OcspExpectation {
  absl::optional<std::string> nonce;  // as asked; absent: any or none will do
  absl::Time at;                      // the moment at which the answer must count
  absl::Duration skew = absl::Minutes(1);
  // How old thisUpdate may be in an answer without nextUpdate.
  absl::Duration max_age = absl::Minutes(15);
};

// What a verified answer says.
struct OcspVerdict {
  OcspStatus status;
  absl::Time produced_at;
  std::string nonce;      // empty: none
  Certificate responder;  // whose signature it is
};

// Verifies an OCSPResponse (DER) about `certificate`, which `issuer` issued: exactly one answer for
// it and no two for any other; signature by the issuer or by a responder whose certificate this
// very issuer made (Purpose::kOcsp, in force at producedAt); nonce; moments. It says nothing of
// whether `issuer` is to be trusted: see verify.h. Errors:
//   INVALID_ARGUMENT/BAD_OCSP          malformed, or a critical extension that is not known
//   UNAVAILABLE/OCSP_REFUSED           not successful; the failure's name in metadata "failure"
//   UNAUTHENTICATED
//     UNKNOWN_ISSUER                   `issuer` did not issue `certificate`
//     NOT_ANSWERED, AMBIGUOUS_ANSWER   no answer for this certificate; two for one certificate
//     UNKNOWN_RESPONDER, BAD_SIGNATURE not the issuer's or a responder's of it
//     WRONG_NONCE                      answers another question
//     STALE, FROM_THE_FUTURE           does not count at `at`
absl::StatusOr<OcspVerdict> VerifyOcsp(absl::string_view response, const Certificate& certificate,
                                       const Certificate& issuer,
                                       const OcspExpectation& expectation);

}  // namespace egov::pki

#endif  // EGOV_LIBS_PKI_OCSP_H_
