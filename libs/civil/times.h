// The two times of a bitemporal register, as types of their own so that they cannot be swapped.
//
//   ValidTime    the day from which a fact held in the world; often known in part only
//   RecordTime   the instant at which the register took it down; given by the log's sequencer,
//   never by a caller
//
// "As we knew it on day D" asks by record time, "as it was on day D" by valid time.
#ifndef EGOV_LIBS_CIVIL_TIMES_H_
#define EGOV_LIBS_CIVIL_TIMES_H_

#include <cstdint>

#include "absl/time/time.h"
#include "libs/civil/date.h"

namespace egov::civil {

class ValidTime {
 public:
  ValidTime() = default;  // unknown
  explicit ValidTime(PartialDate from) : from_(from) {}
  const PartialDate& date() const { return from_; }

  friend bool operator==(const ValidTime& a, const ValidTime& b) { return a.from_ == b.from_; }

 private:
  PartialDate from_;
};

// Whole microseconds since 1970-01-01 UTC: what the log stores, so nothing is lost on the way.
class RecordTime {
 public:
  RecordTime() = default;  // 1970-01-01
  explicit RecordTime(absl::Time at) : micros_(absl::ToUnixMicros(at)) {}
  static RecordTime FromMicros(int64_t micros) {
    RecordTime time;
    time.micros_ = micros;
    return time;
  }

  int64_t micros() const { return micros_; }
  absl::Time time() const { return absl::FromUnixMicros(micros_); }

  friend bool operator==(RecordTime a, RecordTime b) { return a.micros_ == b.micros_; }
  friend bool operator!=(RecordTime a, RecordTime b) { return a.micros_ != b.micros_; }
  friend bool operator<(RecordTime a, RecordTime b) { return a.micros_ < b.micros_; }
  friend bool operator<=(RecordTime a, RecordTime b) { return a.micros_ <= b.micros_; }

 private:
  int64_t micros_ = 0;
};

}  // namespace egov::civil

#endif  // EGOV_LIBS_CIVIL_TIMES_H_
