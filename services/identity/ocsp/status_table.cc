#include "services/identity/ocsp/status_table.h"

#include <cstring>
#include <mutex>

#include "libs/base/bytes.h"

namespace egov::identity {

StatusTable::Key StatusTable::KeyOf(absl::string_view authority, absl::string_view serial) {
  const pki::Digest digest = pki::Sha256Of({authority, serial});
  Key key;
  std::memcpy(key.data(), digest.data(), sizeof(key));
  return key;
}

void StatusTable::Apply(const ca::StatusChanges& changes) {
  std::lock_guard<std::shared_mutex> lock(mutex_);
  for (const ca::StatusChange& change : changes.changes()) {
    if (change.authority() >= static_cast<uint32_t>(changes.authorities_size())) continue;
    std::string serial = base::ToHex(change.serial());
    serial.erase(0, serial.find_first_not_of('0'));
    const Key key = KeyOf(changes.authorities(static_cast<int>(change.authority())), serial);
    issued_.insert(key);
    if (change.revoked_us() != 0) {
      revoked_[key] = {change.revoked_us(), change.reason()};
    } else {
      revoked_.erase(key);
    }
  }
}

pki::OcspStatus StatusTable::Find(const pki::Digest& authority, absl::string_view serial) const {
  const Key key = KeyOf(pki::AsBytes(authority), serial);
  pki::OcspStatus status;
  std::shared_lock<std::shared_mutex> lock(mutex_);
  if (issued_.count(key) == 0) return status;
  status.state = pki::OcspState::kGood;
  const auto revoked = revoked_.find(key);
  if (revoked != revoked_.end()) {
    status.state = pki::OcspState::kRevoked;
    status.revoked = absl::FromUnixMicros(revoked->second.us);
    status.reason = static_cast<pki::RevocationReason>(revoked->second.reason);
  }
  return status;
}

size_t StatusTable::size() const {
  std::shared_lock<std::shared_mutex> lock(mutex_);
  return issued_.size();
}

}  // namespace egov::identity
