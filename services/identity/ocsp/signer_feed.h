// Follows the signer: every certificate it issued, every change within milliseconds, and when it
// was last heard of.
#ifndef EGOV_SERVICES_IDENTITY_OCSP_SIGNER_FEED_H_
#define EGOV_SERVICES_IDENTITY_OCSP_SIGNER_FEED_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/identity/ocsp/status_table.h"

namespace egov::identity {

// Thread safe. Owns one thread, which asks the status socket again and again and waits there for
// what is new. A signer that started anew is read from its beginning, beside the table in use,
// which goes on until the new one is whole.
class SignerFeed {
 public:
  SignerFeed(std::string socket, const base::Clock& clock);
  ~SignerFeed();

  struct View {
    std::shared_ptr<const StatusTable> table;  // null before the first whole reading
    // When the question was asked whose answer said that this is all.
    absl::Time heard;
    absl::Duration silence;  // since then, by the slower of two clocks; infinite before
    uint64_t version = 0;    // grows whenever anything in the table changes
  };
  View Now() const;

 private:
  void Run();
  absl::Status Step();

  const std::string socket_;
  const base::Clock& clock_;
  // Of the thread alone: what is being read.
  std::shared_ptr<StatusTable> reading_ = std::make_shared<StatusTable>();
  std::string epoch_;
  uint64_t cursor_ = 0;

  mutable std::mutex mutex_;
  std::shared_ptr<const StatusTable> table_;
  absl::Time heard_;
  std::chrono::steady_clock::time_point heard_steady_;
  uint64_t version_ = 0;
  std::condition_variable stop_signal_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_OCSP_SIGNER_FEED_H_
