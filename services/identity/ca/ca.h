// The authority itself: who may have which certificate, and what became of it. No sockets, no
// threads of its own.
//
// Every issuance is two journal entries, intent and result; a certificate leaves only after its
// result is on disk. All state is the journal's replay.
//
// Errors, by reason. Enrolment: TOKEN_UNKNOWN, BAD_SIGNATURE (UNAUTHENTICATED); TOKEN_USED,
// TOKEN_EXPIRED (FAILED_PRECONDITION); NOT_IN_TOKEN (PERMISSION_DENIED); BAD_ORDER, BAD_CSR,
// KEY_NOT_ACCEPTED, KEY_REUSED (INVALID_ARGUMENT). Renewal besides: CERTIFICATE_UNKNOWN, REVOKED,
// EXPIRED, ORDER_TOO_OLD (UNAUTHENTICATED); RENEWED_TOO_OFTEN (RESOURCE_EXHAUSTED).
//
// Thread safe. Cost: about 2 ms an issuance, most of it two syncs.
#ifndef EGOV_SERVICES_IDENTITY_CA_CA_H_
#define EGOV_SERVICES_IDENTITY_CA_CA_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/base/clock.h"
#include "libs/pki/issue.h"
#include "libs/pki/sha256.h"
#include "services/identity/ca/config.pb.h"
#include "services/identity/ca/home.h"
#include "services/identity/ca/journal.h"
#include "services/identity/ca/signer.pb.h"
#include "services/identity/ca/status_log.h"

namespace egov::identity {

class Ca {
 public:
  // Loads keys and journal, and publishes fresh lists where those there are missing or half over.
  static absl::StatusOr<std::unique_ptr<Ca>> Open(const ca::Config& config,
                                                  const base::Clock& clock);

  absl::StatusOr<v1::IssuedCertificates> Enrol(const v1::EnrolRequest& request,
                                               const std::string& actor);
  absl::StatusOr<v1::IssuedCertificates> Renew(const v1::RenewRequest& request,
                                               const std::string& actor);

  // Officers only.
  absl::StatusOr<std::string> MakeToken(const ca::MakeTokenRequest& request,
                                        const std::string& actor);
  absl::StatusOr<uint32_t> Revoke(const ca::RevokeRequest& request, const std::string& actor);
  std::vector<ca::Listed> List(const ca::ListRequest& request) const;

  // How the certificates stand, from a place on, and what changes next; waits when nothing is new.
  ca::StatusChanges WatchStatus(const ca::WatchStatusRequest& request);

  // Signs the lists that are half over. Call each minute.
  absl::Status Maintain();
  // Reads the root's list for how the authorities stand: what it says is told as status. Call each
  // second; after an error what was known stays.
  absl::Status FollowRootList();

 private:
  struct Token {
    ca::TokenMade made;
    bool withdrawn = false;
    std::string used_by;  // the request's digest
    v1::IssuedCertificates issued;
  };
  struct Record {
    ca::Scope scope;
    std::string serial;
    absl::Time not_after;
    absl::optional<pki::PublicKey> key;
    absl::optional<pki::RevokedCertificate> revoked;
    int renewals = 0;
  };
  struct ListState {
    uint64_t number = 0;
    absl::Time next_update = absl::InfinitePast();
    absl::Time this_update = absl::InfinitePast();
  };

  Ca(const ca::Config& config, const base::Clock& clock) : config_(config), clock_(clock) {}
  void Replay(const ca::Entry& entry);
  void Remember(const ca::Issued& issued);
  absl::Status CheckKey(const pki::PublicKey& key, const ca::Scope& scope) const;
  absl::StatusOr<v1::IssuedCertificates> IssueAll(const std::string& request,
                                                  const std::string& authorisation, bool by_token,
                                                  const std::vector<ca::Scope>& scopes,
                                                  const std::vector<pki::PublicKey>& keys,
                                                  const std::string& actor);
  absl::StatusOr<pki::Certificate> IssueOne(const ca::Scope& scope, const pki::PublicKey& key,
                                            const AuthorityKey& authority) const;
  const AuthorityKey& Authority(v1::CertificateKind kind) const;
  size_t AuthorityIndex(v1::CertificateKind kind) const;
  v1::IssuedCertificates Answer(const ca::Issued& issued) const;
  absl::Status SignList(const AuthorityKey& authority);
  absl::Status Append(ca::Entry entry, const std::string& actor);

  const ca::Config config_;
  const base::Clock& clock_;
  absl::optional<Home> home_;
  mutable std::mutex mutex_;
  std::unique_ptr<Journal> journal_;
  std::map<std::string, Token> tokens_;            // by key digest
  std::map<std::string, Record> certificates_;     // by fingerprint
  std::map<std::string, std::string> key_owners_;  // key digest -> "kind SPIFFE id"
  std::map<std::string, ListState> lists_;         // by authority
  // How the authorities stood at the last look, by serial: since when revoked.
  std::map<std::string, absl::optional<absl::Time>> authorities_;
  StatusLog status_;  // has its own lock
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_CA_CA_H_
