// An X.509 certificate (RFC 5280), parsed and immutable. Parsing proves nothing: see verify.h.
//
// Thread safety: a cheap value that shares its content; const use from many threads. Cost: parsing
// about 150 us (keep what was parsed), everything else is a look at what parsing found.
#ifndef EGOV_LIBS_PKI_CERTIFICATE_H_
#define EGOV_LIBS_PKI_CERTIFICATE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/pki/key.h"
#include "libs/pki/sha256.h"
#include "libs/pki/spiffe.h"

namespace egov::pki {

namespace internal {
struct CertificateImpl;
}

// Bits of the key usage extension (RFC 5280 section 4.2.1.3).
enum KeyUsage : uint32_t {
  kDigitalSignature = 1 << 0,
  kContentCommitment = 1 << 1,  // formerly nonRepudiation
  kKeyCertSign = 1 << 5,
  kCrlSign = 1 << 6,
};

// What a certificate of the platform is for; each has one profile (issue.h) and one check
// (verify.h).
enum class Purpose {
  kTransport,  // mutual TLS: digitalSignature, server and client authentication, one SPIFFE URI
  kSeal,       // a member's seal: contentCommitment alone, one SPIFFE URI
  kLog,        // an evidence log's checkpoints: as a seal, and the subject's unit is "log"
  kTimeStamp,  // RFC 3161 section 2.3: extended key usage timeStamping alone, critical
  // An authority's OCSP responder (RFC 6960 section 4.2.2.2): extended key usage OCSPSigning alone,
  // and id-pkix-ocsp-nocheck, since nobody else could tell its own status.
  kOcsp,
  // An electronic signature's or e-seal's: contentCommitment among the key usages (ETSI EN 319
  // 412-2 section 4.3.2). Whose it is stands in the subject; needs no SPIFFE id, and gives none.
  kSignature,
  kAuthority,  // a CA
};
absl::string_view PurposeName(Purpose purpose);

class Certificate {
 public:
  // INVALID_ARGUMENT/BAD_CERTIFICATE when malformed, followed by other bytes, or with a key of an
  // unknown kind.
  static absl::StatusOr<Certificate> FromDer(absl::string_view der);
  // Exactly one certificate. Text around the PEM block is allowed.
  static absl::StatusOr<Certificate> FromPem(absl::string_view pem);
  // One or more, in their order.
  static absl::StatusOr<std::vector<Certificate>> ChainFromPem(absl::string_view pem);

  const std::string& ToDer() const;
  std::string ToPem() const;

  const Digest& fingerprint() const;       // SHA-256 of the DER
  const std::string& subject() const;      // RFC 2253 text
  const std::string& issuer() const;       // RFC 2253 text
  const std::string& common_name() const;  // empty when there is none; never an identity
  const std::string& unit() const;         // the subject's organisationalUnitName
  const std::string& serial() const;       // lower-case hexadecimal, no leading zeros
  absl::Time not_before() const;
  absl::Time not_after() const;  // the last second in which it is valid
  const PublicKey& public_key() const;

  uint32_t key_usage() const;  // KeyUsage bits; 0 when the extension is absent
  // Object identifiers in dotted form; empty when the extension is absent.
  const std::vector<std::string>& extended_key_usage() const;
  bool extended_key_usage_critical() const;
  bool is_authority() const;  // basicConstraints cA

  const std::vector<std::string>& uri_names() const;
  const std::vector<std::string>& dns_names() const;

  // The identity: fails with UNAUTHENTICATED/NO_SPIFFE_ID unless the certificate has exactly one
  // URI name and that is a SPIFFE id of ours (X.509-SVID section 2: more than one URI name must be
  // refused).
  const absl::StatusOr<pki::SpiffeId>& SpiffeId() const;

  // Whether the certificate's own fields fit the purpose: PERMISSION_DENIED/WRONG_USAGE says what
  // does not.
  absl::Status CheckPurpose(Purpose purpose) const;

  friend bool operator==(const Certificate& a, const Certificate& b) {
    return a.fingerprint() == b.fingerprint();
  }
  friend bool operator!=(const Certificate& a, const Certificate& b) { return !(a == b); }

 private:
  friend struct internal::Access;
  explicit Certificate(std::shared_ptr<const internal::CertificateImpl> impl)
      : impl_(std::move(impl)) {}
  std::shared_ptr<const internal::CertificateImpl> impl_;
};

// The certificates one behind the other in PEM.
std::string ToPem(const std::vector<Certificate>& chain);

}  // namespace egov::pki

#endif  // EGOV_LIBS_PKI_CERTIFICATE_H_
