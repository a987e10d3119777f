// Certificate revocation lists (RFC 5280 section 5).
//
// Thread safety: a cheap value that shares its content. Cost: parsing about 1 us an entry; a
// look-up is a hash look-up.
#ifndef EGOV_LIBS_PKI_CRL_H_
#define EGOV_LIBS_PKI_CRL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/pki/certificate.h"

namespace egov::pki {

namespace internal {
struct CrlImpl;
}

// CRLReason (RFC 5280 section 5.3.1), with its numbers.
enum class RevocationReason {
  kUnspecified = 0,
  kKeyCompromise = 1,
  kCaCompromise = 2,
  kAffiliationChanged = 3,
  kSuperseded = 4,
  kCessationOfOperation = 5,
  kCertificateHold = 6,
  kPrivilegeWithdrawn = 9,
};

struct RevokedCertificate {
  std::string serial;  // as Certificate::serial()
  absl::Time revoked;
  RevocationReason reason = RevocationReason::kUnspecified;
};

class Crl {
 public:
  // INVALID_ARGUMENT/BAD_CRL when malformed. Signatures are checked by VerifySignature.
  static absl::StatusOr<Crl> FromDer(absl::string_view der);
  static absl::StatusOr<Crl> FromPem(absl::string_view pem);

  // Builds and signs a list. `number` must grow from list to list (section 5.2.3).
  static absl::StatusOr<Crl> Build(const Certificate& issuer, const PrivateKey& issuer_key,
                                   uint64_t number, absl::Time this_update, absl::Time next_update,
                                   const std::vector<RevokedCertificate>& revoked);

  const std::string& ToDer() const;
  std::string ToPem() const;
  const Digest& digest() const;       // SHA-256 of the DER
  const std::string& issuer() const;  // RFC 2253 text
  // The name under which OpenSSL finds the list in a directory (`openssl rehash`): "1a2b3c4d.r0".
  std::string HashName() const;
  uint64_t number() const;  // 0 when the list has none
  absl::Time this_update() const;
  absl::Time next_update() const;  // InfiniteFuture when the list has none
  const std::vector<RevokedCertificate>& revoked() const;

  // The entry of a serial (as Certificate::serial()), if it is listed.
  absl::optional<RevokedCertificate> Find(absl::string_view serial) const;

  // UNAUTHENTICATED/BAD_SIGNATURE unless `issuer` has this list's issuer name, may sign lists, and
  // signed it.
  absl::Status VerifySignature(const Certificate& issuer) const;

 private:
  explicit Crl(std::shared_ptr<const internal::CrlImpl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const internal::CrlImpl> impl_;
};

}  // namespace egov::pki

#endif  // EGOV_LIBS_PKI_CRL_H_
