#include "services/identity/ca/status_log.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"

namespace egov::identity {
namespace {

std::string NewEpoch() {
  std::string epoch(16, '\0');
  base::RandomBytes(&epoch[0], epoch.size());
  return epoch;
}

}  // namespace

StatusLog::StatusLog() : epoch_(NewEpoch()) {}

void StatusLog::Append(size_t authority, absl::string_view serial,
                       const absl::optional<pki::RevokedCertificate>& revoked) {
  const auto bytes = base::FromHex(absl::StrCat(serial.size() % 2 == 0 ? "" : "0", serial));
  Change change = {};
  if (!bytes.ok() || bytes->empty() || bytes->size() > change.serial.size()) return;
  std::copy(bytes->begin(), bytes->end(), change.serial.begin());
  change.serial_size = static_cast<uint8_t>(bytes->size());
  change.authority = static_cast<uint8_t>(authority);
  if (revoked) {
    change.revoked_us = absl::ToUnixMicros(revoked->revoked);
    change.reason = static_cast<uint8_t>(revoked->reason);
  }
  std::lock_guard<std::mutex> lock(mutex_);
  changes_.push_back(change);
  grown_.notify_all();
}

ca::StatusChanges StatusLog::Watch(const ca::WatchStatusRequest& request) {
  ca::StatusChanges result;
  result.set_epoch(epoch_);
  std::unique_lock<std::mutex> lock(mutex_);
  // A place that this run never gave out says nothing about it.
  size_t at = request.epoch() == epoch_ && request.cursor() <= changes_.size()
                  ? static_cast<size_t>(request.cursor())
                  : 0;
  grown_.wait_for(lock, std::chrono::milliseconds(std::min<uint32_t>(request.wait_ms(), 1000)),
                  [&] { return changes_.size() > at; });
  const size_t end = std::min(changes_.size(), at + kMost);
  for (; at < end; ++at) {
    const Change& change = changes_[at];
    ca::StatusChange* one = result.add_changes();
    one->set_authority(change.authority);
    one->set_serial(change.serial.data(), change.serial_size);
    one->set_revoked_us(change.revoked_us);
    one->set_reason(change.reason);
  }
  result.set_cursor(at);
  result.set_more(at < changes_.size());
  return result;
}

}  // namespace egov::identity
