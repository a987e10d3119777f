// How every certificate came to stand, in order, kept in memory for those who follow it
// (egov-ocsp). 40 bytes an entry. Made anew by each start of the signer from its journal.
//
// Thread safe.
#ifndef EGOV_SERVICES_IDENTITY_CA_STATUS_LOG_H_
#define EGOV_SERVICES_IDENTITY_CA_STATUS_LOG_H_

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "libs/pki/crl.h"
#include "services/identity/ca/signer.pb.h"

namespace egov::identity {

class StatusLog {
 public:
  StatusLog();

  // `serial` as Certificate::serial(), at most 20 bytes (RFC 5280 section 4.1.2.2).
  void Append(size_t authority, absl::string_view serial,
              const absl::optional<pki::RevokedCertificate>& revoked);

  // At most kMost changes from the asker's place on; waits as asked when there is none. Everything
  // but `authorities`.
  static constexpr size_t kMost = 4000;  // what the socket's frame holds
  ca::StatusChanges Watch(const ca::WatchStatusRequest& request);

 private:
  struct Change {
    int64_t revoked_us;
    std::array<char, 20> serial;
    uint8_t serial_size, authority, reason;
  };
  const std::string epoch_;
  std::mutex mutex_;
  std::condition_variable grown_;
  std::vector<Change> changes_;
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_CA_STATUS_LOG_H_
