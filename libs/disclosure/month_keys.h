// The keys under which mass entries are sealed: one a month, in a file of its own, so that
// destroying the file destroys the entries.
#ifndef EGOV_LIBS_DISCLOSURE_MONTH_KEYS_H_
#define EGOV_LIBS_DISCLOSURE_MONTH_KEYS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/pki/aead.h"

namespace egov::disclosure::internal {

// Years and months as one number: 2026-11 is 2026 * 12 + 10.
int32_t MonthOf(int64_t unix_micros);
// The first microsecond of a month.
int64_t BeginOf(int32_t month);

// Files `YYYY-MM.key` (32 bytes, mode 0600) and, when a key was destroyed, `YYYY-MM.forgotten`.
// Thread safe.
class MonthKeys {
 public:
  // Makes the directory (0700) when it is missing. UNAVAILABLE KEY_DIRECTORY.
  static absl::StatusOr<std::unique_ptr<MonthKeys>> Open(std::string directory);

  // The key to seal with; made, and durable, when it is the month's first. FAILED_PRECONDITION
  // MONTH_FORGOTTEN.
  absl::StatusOr<std::shared_ptr<const pki::AesGcm>> ForSealing(int32_t month);
  // The key to read with; null when it was destroyed.
  absl::StatusOr<std::shared_ptr<const pki::AesGcm>> ForReading(int32_t month);
  // As Usage::Forget.
  absl::Status Forget(absl::string_view month);

 private:
  explicit MonthKeys(std::string directory) : directory_(std::move(directory)) {}
  std::string Path(absl::string_view month, absl::string_view ending) const;
  // Whether the month is noted as forgotten. It is gone from then on, whatever is left of its key:
  // a power cut may have come between the note and the end.
  bool Forgotten(absl::string_view month) const;
  // Overwrites and removes the month's key file, if it is there still. With mutex_ held.
  absl::Status Destroy(absl::string_view month);
  // Null when there is no such file or the month is forgotten. DATA_LOSS BAD_KEY_FILE: another
  // size, or all zeros. With mutex_ held.
  absl::StatusOr<std::shared_ptr<const pki::AesGcm>> Load(int32_t month);
  absl::Status Make(absl::string_view month);

  const std::string directory_;
  std::mutex mutex_;
  std::map<int32_t, std::shared_ptr<const pki::AesGcm>> keys_;  // guarded by mutex_
};

}  // namespace egov::disclosure::internal

#endif  // EGOV_LIBS_DISCLOSURE_MONTH_KEYS_H_
