// Time as a dependency, so that tests can move it.
#ifndef EGOV_LIBS_BASE_CLOCK_H_
#define EGOV_LIBS_BASE_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace egov::base {

// Tells the time. Thread safe. The wall clock can step; what must not go back is guarded by its user.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;

  // The machine's real-time clock. Lives for the whole process.
  static const Clock& Real();
};

// A clock that stands still until a test moves it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(absl::Time start) : micros_(absl::ToUnixMicros(start)) {}
  absl::Time Now() const override { return absl::FromUnixMicros(micros_.load()); }
  void Advance(absl::Duration by) { micros_ += absl::ToInt64Microseconds(by); }
  void Set(absl::Time to) { micros_ = absl::ToUnixMicros(to); }

 private:
  std::atomic<int64_t> micros_;
};

}  // namespace egov::base

#endif  // EGOV_LIBS_BASE_CLOCK_H_
