// The time that may be written into a stamp, or the reason why there is none.
//
// Refused (all UNAVAILABLE): CLOCK_STEPPED, the wall clock moved against the time since boot by
// more than a clock that is being steered can: latched until a restart, because which of the two
// times was right nobody here can know. CLOCK_BEHIND_LAST_STAMP, also across restarts: a moment
// beyond every stamp is kept on disk, moved ahead in steps, so that only one stamp in some seconds
// waits for a sync. CLOCK_NOT_SYNCHRONISED (assurance `kernel`).
//
// Thread safe. Cost: 0.3 us; one write and sync each `ahead`.
#ifndef EGOV_SERVICES_IDENTITY_TSA_TIME_GUARD_H_
#define EGOV_SERVICES_IDENTITY_TSA_TIME_GUARD_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace egov::identity {

// The machine's clocks, injected. Thread safe.
class MachineClock {
 public:
  struct Reading {
    absl::Time wall;            // CLOCK_REALTIME
    absl::Duration since_boot;  // CLOCK_BOOTTIME: never set, goes on while asleep
  };
  virtual ~MachineClock() = default;
  virtual Reading Read() = 0;
  // The kernel's greatest error; UNAVAILABLE/CLOCK_NOT_SYNCHRONISED when it does not claim to be
  // synchronised (adjtimex).
  virtual absl::StatusOr<absl::Duration> KernelError() = 0;

  static MachineClock& Real();
};

class TimeGuard {
 public:
  struct Options {
    absl::Duration accuracy = absl::Seconds(1);
    bool kernel = false;  // assurance `kernel`; else `declared`
    std::string state;    // file
    absl::Duration ahead =
        absl::Seconds(2);  // how far a moment is reserved; a restart waits at most so long
  };

  // DATA_LOSS/BAD_STATE when the file is there and cannot be understood.
  static absl::StatusOr<std::unique_ptr<TimeGuard>> Open(Options options, MachineClock& clock);

  // The moment for a stamp, later than any moment given before, ever.
  absl::StatusOr<absl::Time> NextTime();

  // A serial number never given before (a random half, drawn when the state was made, and a
  // counter).
  absl::StatusOr<uint64_t> NextSerial();

  // Whether a stamp could be given now. Called often (each second), so that a step between two
  // questions is seen.
  absl::Status Check();

 private:
  TimeGuard(Options options, MachineClock& clock) : options_(std::move(options)), clock_(clock) {}
  absl::StatusOr<absl::Time> Look();                       // mutex_ held
  absl::Status Reserve(absl::Time time, uint64_t serial);  // mutex_ held

  const Options options_;
  MachineClock& clock_;
  std::mutex mutex_;
  MachineClock::Reading previous_;
  bool stepped_ = false;
  absl::Time kernel_asked_ = absl::InfinitePast();
  absl::Status kernel_status_;
  absl::Time last_ = absl::InfinitePast();      // no stamp at or before this any more
  absl::Time reserved_ = absl::InfinitePast();  // on disk: no stamp given is later
  uint64_t next_serial_ = 0;
  uint64_t reserved_serial_ = 0;  // on disk: no serial given is this or above
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_TSA_TIME_GUARD_H_
