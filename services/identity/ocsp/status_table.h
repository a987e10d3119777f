// How every certificate of the instance stands, in memory: about 30 bytes for each, ten million in
// 300 MB.
//
// Thread safe; Find from many threads at once, about 0.2 us.
#ifndef EGOV_SERVICES_IDENTITY_OCSP_STATUS_TABLE_H_
#define EGOV_SERVICES_IDENTITY_OCSP_STATUS_TABLE_H_

#include <array>
#include <cstdint>
#include <shared_mutex>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/pki/ocsp.h"
#include "libs/pki/sha256.h"
#include "services/identity/ca/signer.pb.h"

namespace egov::identity {

class StatusTable {
 public:
  // Changes that name an authority out of their list are left out.
  void Apply(const ca::StatusChanges& changes);

  // State, and time and reason of a revocation; kUnknown for what was never issued. `authority` is
  // its certificate's fingerprint, `serial` as Certificate::serial().
  pki::OcspStatus Find(const pki::Digest& authority, absl::string_view serial) const;

  // How many certificates were issued.
  size_t size() const;

 private:
  // The first half of SHA-256(authority | serial): two certificates with one key are not to be
  // found.
  using Key = std::array<uint64_t, 2>;
  static Key KeyOf(absl::string_view authority, absl::string_view serial);
  struct Revoked {
    int64_t us;
    int32_t reason;
  };

  mutable std::shared_mutex mutex_;
  absl::flat_hash_set<Key> issued_;
  absl::flat_hash_map<Key, Revoked> revoked_;
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_OCSP_STATUS_TABLE_H_
