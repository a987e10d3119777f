#include "services/identity/tsa/time_guard.h"

#include <sys/timex.h>
#include <time.h>

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/pki/sha256.h"
#include "services/identity/common/files.h"

namespace egov::identity {
namespace {

constexpr uint64_t kSerialsAhead = 100000;
// Steering speeds a clock up or down by at most 500 ppm (adjtimex); twice that is no steering any
// more.
constexpr double kSteering = 0.001;

base::Error Unavailable(absl::string_view reason, absl::string_view text) {
  return base::Error(absl::StatusCode::kUnavailable, reason, text);
}

class RealMachineClock final : public MachineClock {
 public:
  Reading Read() override {
    timespec wall = {}, boot = {};
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    return {absl::TimeFromTimespec(wall), absl::DurationFromTimespec(boot)};
  }

  absl::StatusOr<absl::Duration> KernelError() override {
    timex state = {};
    const int result = adjtimex(&state);
    if (result < 0 || result == TIME_ERROR || (state.status & STA_UNSYNC) != 0) {
      return Unavailable("CLOCK_NOT_SYNCHRONISED", "the kernel's clock is not synchronised");
    }
    return absl::Microseconds(state.maxerror);
  }
};

std::string StateLine(absl::Time time, uint64_t serial) {
  const std::string body = absl::StrCat("egov-tsa 1 ", absl::ToUnixMicros(time), " ", serial);
  const pki::Digest digest = pki::Sha256Of(body);
  return absl::StrCat(body, " ", absl::Hex(digest[0], absl::kZeroPad2),
                      absl::Hex(digest[1], absl::kZeroPad2), absl::Hex(digest[2], absl::kZeroPad2),
                      absl::Hex(digest[3], absl::kZeroPad2), "\n");
}

}  // namespace

MachineClock& MachineClock::Real() {
  static RealMachineClock clock;
  return clock;
}

absl::StatusOr<std::unique_ptr<TimeGuard>> TimeGuard::Open(Options options, MachineClock& clock) {
  std::unique_ptr<TimeGuard> guard(new TimeGuard(std::move(options), clock));
  if (Exists(guard->options_.state)) {
    EGOV_ASSIGN_OR_RETURN(const std::string line, ReadFile(guard->options_.state));
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    int64_t micros = 0;
    uint64_t serial = 0;
    if (words.size() != 5 || !absl::SimpleAtoi(words[2], &micros) ||
        !absl::SimpleAtoi(words[3], &serial) ||
        line != StateLine(absl::FromUnixMicros(micros), serial)) {
      return base::Error(absl::StatusCode::kDataLoss, "BAD_STATE",
                         absl::StrCat(guard->options_.state, " cannot be understood"));
    }
    guard->last_ = guard->reserved_ = absl::FromUnixMicros(micros);
    guard->next_serial_ = guard->reserved_serial_ = serial;
  } else {
    // 31 random bits above the counter: a state that was lost does not give serials twice.
    uint32_t random = 0;
    base::RandomBytes(&random, sizeof(random));
    guard->next_serial_ = guard->reserved_serial_ = uint64_t{random >> 1 | 1} << 32;
  }
  guard->previous_ = clock.Read();
  return absl::StatusOr<std::unique_ptr<TimeGuard>>(std::move(guard));
}

absl::StatusOr<absl::Time> TimeGuard::Look() {
  const MachineClock::Reading now = clock_.Read();
  const absl::Duration elapsed = now.since_boot - previous_.since_boot;
  const absl::Duration moved = (now.wall - previous_.wall) - elapsed;
  const absl::Duration slack =
      std::max(options_.accuracy / 4, absl::Milliseconds(10)) + elapsed * kSteering;
  previous_ = now;
  if (absl::AbsDuration(moved) > slack) stepped_ = true;
  if (stepped_) {
    return Unavailable("CLOCK_STEPPED",
                       "the clock was set while running; check it, then start again");
  }
  if (options_.kernel) {
    if (kernel_asked_ == absl::InfinitePast() ||
        absl::AbsDuration(now.wall - kernel_asked_) >= absl::Seconds(1)) {
      const auto error = clock_.KernelError();
      kernel_asked_ = now.wall;
      kernel_status_ = !error.ok() ? error.status()
                       : *error > options_.accuracy
                           ? Unavailable("CLOCK_NOT_SYNCHRONISED",
                                         "the kernel's error is greater than the stated accuracy")
                                 .status()
                           : absl::OkStatus();
    }
    EGOV_RETURN_IF_ERROR(kernel_status_);
  }
  const absl::Time time = absl::FromUnixMicros(absl::ToUnixMicros(now.wall));
  // A hair before is not: under load stamps are spread a microsecond apart and may run ahead of the
  // clock by a few.
  if (time + absl::Milliseconds(1) < last_) {
    return Unavailable("CLOCK_BEHIND_LAST_STAMP",
                       "the clock lies before a moment for which a stamp may have been given");
  }
  return time;
}

absl::Status TimeGuard::Reserve(absl::Time time, uint64_t serial) {
  EGOV_RETURN_IF_ERROR(WriteFile(options_.state, StateLine(time, serial), 0600));
  reserved_ = time;
  reserved_serial_ = serial;
  return absl::OkStatus();
}

absl::StatusOr<absl::Time> TimeGuard::NextTime() {
  std::lock_guard<std::mutex> lock(mutex_);
  EGOV_ASSIGN_OR_RETURN(absl::Time time, Look());
  // Two questions within a microsecond: the order of stamps is their order in time (RFC 3161's
  // ordering field).
  if (time <= last_) time = last_ + absl::Microseconds(1);
  if (time > reserved_) {
    EGOV_RETURN_IF_ERROR(Reserve(time + options_.ahead, std::max(reserved_serial_, next_serial_)));
  }
  last_ = time;
  return time;
}

absl::StatusOr<uint64_t> TimeGuard::NextSerial() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (next_serial_ >= reserved_serial_) {
    EGOV_RETURN_IF_ERROR(Reserve(reserved_, next_serial_ + kSerialsAhead));
  }
  return next_serial_++;
}

absl::Status TimeGuard::Check() {
  std::lock_guard<std::mutex> lock(mutex_);
  return Look().status();
}

}  // namespace egov::identity
