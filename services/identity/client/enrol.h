// A party's side of enrolment: certificates in with a token, kept fresh afterwards.
//
// Folder of a party:
//   anchors.pem, authorities.pem            whom to trust, and what stands between
//   crl/NAME.pem (and OpenSSL's hashed name)  the revocation lists
//   KIND/current -> KIND/vN, with key.pem and cert.pem (leaf first, then its authority); KIND is
//   transport, seal, log, time-stamp, ocsp-transport, ocsp-seal or ocsp-time-stamp. Key and
//   certificate change together, by the link: gRPC's watcher never sees a mismatched pair.
//
// Thread safety: free functions; two for one folder must not run at once, RenewIfDue excepted.
#ifndef EGOV_SERVICES_IDENTITY_CLIENT_ENROL_H_
#define EGOV_SERVICES_IDENTITY_CLIENT_ENROL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "egov/identity/v1/enrolment.pb.h"
#include "libs/pki/certificate.h"
#include "libs/pki/spiffe.h"

namespace egov::identity {

struct EnrolOptions {
  std::string url;         // of the enrolment front, "http://host:port"
  pki::SpiffeId identity;  // as the token says
  std::vector<v1::CertificateKind> kinds = {v1::CERTIFICATE_KIND_TRANSPORT,
                                            v1::CERTIFICATE_KIND_SEAL};
  std::string folder;
};

// Makes keys, gets certificates, checks them against the root that the token names, and writes the
// folder. After a lost reply or a crash the same call again finishes what was begun. Errors:
// BAD_TOKEN; FAILED_PRECONDITION/ALREADY_ENROLLED when a kind is there; those of the authority
// (services/identity/ca/ca.h); UNAUTHENTICATED/WRONG_AUTHORITY for an answer that does not lead to
// the token's root; those of libs/http.
absl::Status Enrol(absl::string_view token, const EnrolOptions& options, absl::Time now);

// Replaces one certificate of the folder, with a new key, by the authority of the old one. A log
// keeps its key, since receipts name it and a running register holds it.
absl::Status Renew(const std::string& url, const std::string& folder, v1::CertificateKind kind,
                   absl::Time now);

// Whether the last third of a certificate's life has begun.
bool InLastThird(const pki::Certificate& certificate, absl::Time now);

// Renew, when the last third of the certificate's life has begun; true when it did. For those who
// run now and then, several at once perhaps: they wait for one another, and one of them renews.
absl::StatusOr<bool> RenewIfDue(const std::string& url, const std::string& folder,
                                v1::CertificateKind kind, absl::Time now);

// Gets the revocation lists. A name has one authority: "root" the anchor of the folder, another the
// certificate of authorities.pem whose common name ends in " NAME authority". A list that is not
// signed by just that one, or older than the one here, is not taken; the first such error is
// returned after all were tried.
absl::Status FetchLists(const std::string& url, const std::string& folder);

// The certificate in use of that kind.
absl::StatusOr<pki::Certificate> CurrentCertificate(const std::string& folder,
                                                    v1::CertificateKind kind);

// The folder's word for a kind, as listed above.
absl::string_view FolderOf(v1::CertificateKind kind);

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_CLIENT_ENROL_H_
