// The signed directory: who is a member, which services exist and where, which authorities count.
//
// Made offline: edit JSON, FromJson, Sign with each of M of N directory keys. Read by everyone:
// Verify, or a DirectoryCache that also remembers.
//
// Errors, by reason: BAD_DIRECTORY (INVALID_ARGUMENT) malformed or contradicting itself;
// NOT_ENOUGH_SIGNATURES (UNAUTHENTICATED); OLD_DIRECTORY (FAILED_PRECONDITION) an edition before
// the last accepted; DIRECTORY_EXPIRED (FAILED_PRECONDITION) past its end and the grace;
// DIRECTORY_FROM_FUTURE (FAILED_PRECONDITION) issued more than 5 minutes ahead of the clock.
#ifndef EGOV_SERVICES_IDENTITY_DIRECTORY_DIRECTORY_H_
#define EGOV_SERVICES_IDENTITY_DIRECTORY_DIRECTORY_H_

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "egov/directory/v1/directory.pb.h"
#include "libs/base/clock.h"
#include "libs/pki/key.h"
#include "libs/pki/verify.h"

namespace egov::identity {

// The offline keys, and how many of them must sign.
struct DirectoryKeys {
  std::vector<pki::PublicKey> keys;
  size_t threshold = 1;  // at least 1
};

// The strict JSON form (field names as in the contract, certificates in base64).
absl::StatusOr<directory::v1::Directory> DirectoryFromJson(absl::string_view json);
std::string DirectoryToJson(const directory::v1::Directory& directory);

// Whether it holds together: one instance, no member, service or subsystem twice, certificates that
// parse and are what their role says.
absl::Status CheckDirectory(const directory::v1::Directory& directory);

// Fixes the bytes of a checked directory; Sign adds a signature (again by the same key replaces
// it).
absl::StatusOr<directory::v1::SignedDirectory> PrepareDirectory(
    const directory::v1::Directory& directory);
absl::Status SignDirectory(const pki::PrivateKey& key, directory::v1::SignedDirectory* directory);

// Verifies signatures, edition (`last_version` is the newest accepted so far, 0 for none; the same
// edition is fine) and time.
absl::StatusOr<directory::v1::Directory> VerifyDirectory(
    const directory::v1::SignedDirectory& signed_directory, const DirectoryKeys& keys,
    absl::Time now, uint64_t last_version, absl::Duration grace);

// A verifier from the directory's authorities of one role (and the roots), as they are valid at
// `at`.
absl::StatusOr<pki::ChainVerifier> VerifierOf(const directory::v1::Directory& directory,
                                              directory::v1::AuthorityRole role, absl::Time at,
                                              std::vector<pki::Crl> lists = {});

// The directory of a process: on disk, so that a start needs no network, and never going back.
// Thread safe.
class DirectoryCache {
 public:
  // `path` holds the last accepted edition (a SignedDirectory); it need not exist. One that is
  // there must verify by itself, expiry excepted: DATA_LOSS/BAD_DIRECTORY_CACHE.
  static absl::StatusOr<std::unique_ptr<DirectoryCache>> Open(std::string path, DirectoryKeys keys,
                                                              absl::Duration grace,
                                                              const base::Clock& clock);

  // Takes a new edition (serialised SignedDirectory): verified, written to disk, then in force.
  absl::Status Update(absl::string_view signed_directory);

  // The edition in force. FAILED_PRECONDITION: NO_DIRECTORY when there is none yet,
  // DIRECTORY_EXPIRED.
  absl::StatusOr<std::shared_ptr<const directory::v1::Directory>> Current() const;

 private:
  DirectoryCache(std::string path, DirectoryKeys keys, absl::Duration grace,
                 const base::Clock& clock)
      : path_(std::move(path)), keys_(std::move(keys)), grace_(grace), clock_(clock) {}

  const std::string path_;
  const DirectoryKeys keys_;
  const absl::Duration grace_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;
  std::shared_ptr<const directory::v1::Directory> current_;
  std::string
      current_bytes_;  // the signed bytes, so that one edition number cannot have two contents
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_DIRECTORY_DIRECTORY_H_
