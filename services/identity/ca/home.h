// The folder of an authority:
//   root/        root.key (take it offline), root.pem
//   authorities/ transport, seal, time-stamp: NAME.key, NAME.pem
//   published/   what everyone may have: root.pem, anchors.pem (the root), authorities.pem,
//   NAME.pem,
//                crl/NAME.pem and the same under OpenSSL's hashed name, crl-der/NAME.crl
//   journal      what was issued and revoked
//   ca.json      the configuration
#ifndef EGOV_SERVICES_IDENTITY_CA_HOME_H_
#define EGOV_SERVICES_IDENTITY_CA_HOME_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "egov/identity/v1/enrolment.pb.h"
#include "libs/pki/certificate.h"
#include "libs/pki/crl.h"
#include "libs/pki/key.h"

namespace egov::identity {

// An authority with its key.
struct AuthorityKey {
  std::string name;  // "transport", "seal", "time-stamp"
  pki::PrivateKey key;
  pki::Certificate certificate;
};

// Which authority issues a kind; empty for an unknown kind.
absl::string_view AuthorityOf(v1::CertificateKind kind);
// The word for a kind: "transport", "seal", "log", "time-stamp", "ocsp-transport", "ocsp-seal",
// "ocsp-time-stamp"; UNSPECIFIED for an unknown word.
absl::string_view KindName(v1::CertificateKind kind);
v1::CertificateKind KindOfName(absl::string_view name);

// Makes root and authorities. FAILED_PRECONDITION/ALREADY_MADE when there is one: nothing is ever
// overwritten.
absl::Status MakeHome(const std::string& home, absl::string_view instance,
                      absl::string_view organisation, absl::Time now);

struct Home {
  pki::Certificate root;
  std::vector<AuthorityKey> authorities;
};
// Loads what the signer needs; the root's key is not among it.
absl::StatusOr<Home> LoadHome(const std::string& home);

// Puts a list where everyone finds it.
absl::Status PublishList(const std::string& home, absl::string_view authority,
                         const pki::Crl& list);

// Signs the root's list anew with its key from `root_folder`, valid a year; `revoke` names an
// authority to add, or nothing.
absl::Status SignRootList(const std::string& home, const std::string& root_folder,
                          absl::string_view revoke, pki::RevocationReason reason, absl::Time now);

// A certificate for whoever answers for the root (RFC 6960), valid as long as a list of the root's:
// for the key of a signing request, made with the root's key from `root_folder`. With the root's
// own certificate behind it, PEM.
absl::StatusOr<std::string> IssueRootResponder(const std::string& root_folder,
                                               absl::string_view csr_pem, absl::Time now);

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_CA_HOME_H_
