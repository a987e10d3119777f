// Making certificates: a signing request proves that its sender has the key; an authority decides
// everything else.
//
// Thread safety: free functions and values. Cost: about 200 us each.
#ifndef EGOV_LIBS_PKI_ISSUE_H_
#define EGOV_LIBS_PKI_ISSUE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/pki/certificate.h"
#include "libs/pki/key.h"

namespace egov::pki {

// A PKCS #10 request (RFC 2986). Only the key counts: names and extensions asked for are not read,
// because what a certificate says is decided by the authority from what it knows of the sender.
class Csr {
 public:
  // A request for `key`; the common name is for people.
  static absl::StatusOr<Csr> Create(const PrivateKey& key, absl::string_view common_name);

  // INVALID_ARGUMENT/BAD_CSR when malformed or when the signature does not prove possession of the
  // key.
  static absl::StatusOr<Csr> FromDer(absl::string_view der);
  static absl::StatusOr<Csr> FromPem(absl::string_view pem);

  const std::string& ToDer() const { return der_; }
  std::string ToPem() const;
  const PublicKey& public_key() const { return public_key_; }

 private:
  Csr(std::string der, PublicKey key) : der_(std::move(der)), public_key_(std::move(key)) {}
  std::string der_;
  PublicKey public_key_;
};

// What a new certificate shall say. Key usages follow from the purpose.
struct CertificateProfile {
  Purpose purpose = Purpose::kTransport;
  std::string country;  // ISO 3166-1 alpha-2; left out when empty, like the others
  std::string organisation;
  std::string common_name;          // required
  absl::optional<SpiffeId> spiffe;  // required for transport, seal and log; refused for the others
  std::vector<std::string> dns_names;  // transport only
  std::vector<std::string> ip_names;   // transport only; IPv4 or IPv6 text
  absl::Time not_before;
  absl::Time not_after;               // cut to the issuer's own end
  int path_length = 0;                // authority only: how many authorities may stand below it
  std::vector<std::string> crl_urls;  // where the issuer's revocation list is
  std::string ocsp_url;    // where a responder answers for the issuer; left out when empty
  std::string issuer_url;  // where the issuer's certificate is, DER; left out when empty
};

// Issues a certificate for `key`. The serial is 20 bytes: 159 random bits, never zero.
// INVALID_ARGUMENT/BAD_PROFILE when the profile does not hold together.
absl::StatusOr<Certificate> Issue(const CertificateProfile& profile, const PublicKey& key,
                                  const Certificate& issuer, const PrivateKey& issuer_key);

// A root: an authority that signs itself.
absl::StatusOr<Certificate> IssueRoot(const CertificateProfile& profile, const PrivateKey& key);

}  // namespace egov::pki

#endif  // EGOV_LIBS_PKI_ISSUE_H_
