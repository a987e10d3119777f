// Days and partial dates of civil life.
//
// `Date` is one day of the proleptic Gregorian calendar, year 1000..9999. `PartialDate` is what a
// register may know of a day: nothing, the year, year and month, or all of it. Comparing partial
// dates has three answers, so the words are "certainly" and "possibly": a rule refuses only what is
// certainly wrong.
//
// Thread safety: values. Cost: no allocation except for text. Errors: INVALID_ARGUMENT BAD_DATE,
// never with the date in it.
#ifndef EGOV_LIBS_CIVIL_DATE_H_
#define EGOV_LIBS_CIVIL_DATE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace egov::civil {

inline constexpr int kMinYear = 1000;
inline constexpr int kMaxYear = 9999;

bool IsLeapYear(int year);
// Days of a month (1..12) of a year.
int DaysInMonth(int year, int month);

// One day. A default Date is the first one, 1000-01-01.
class Date {
 public:
  Date() = default;

  // The day, when there is one: BAD_DATE for 30 February, month 13, year 999 or 10000.
  static absl::StatusOr<Date> Of(int year, int month, int day);
  // Whether Of would give one.
  static bool Exists(int year, int month, int day);
  // "1985-03-17" (ISO 8601 calendar date, extended form) and nothing else.
  static absl::StatusOr<Date> Parse(absl::string_view text);
  // Days since 1970-01-01, negative before; BAD_DATE outside the years.
  static absl::StatusOr<Date> FromDays(int64_t days);

  int year() const { return year_; }
  int month() const { return month_; }
  int day() const { return day_; }

  int32_t DaysSinceEpoch() const;
  std::string ToString() const;  // "1985-03-17"

  friend bool operator==(Date a, Date b) { return a.Order() == b.Order(); }
  friend bool operator!=(Date a, Date b) { return a.Order() != b.Order(); }
  friend bool operator<(Date a, Date b) { return a.Order() < b.Order(); }
  friend bool operator<=(Date a, Date b) { return a.Order() <= b.Order(); }
  friend bool operator>(Date a, Date b) { return a.Order() > b.Order(); }
  friend bool operator>=(Date a, Date b) { return a.Order() >= b.Order(); }

 private:
  friend class PartialDate;
  Date(int year, int month, int day)
      : year_(static_cast<int16_t>(year)),
        month_(static_cast<int8_t>(month)),
        day_(static_cast<int8_t>(day)) {}
  int Order() const { return (year_ * 16 + month_) * 32 + day_; }

  int16_t year_ = kMinYear;
  int8_t month_ = 1;
  int8_t day_ = 1;
};

// to - from in days.
inline int32_t DaysBetween(Date from, Date to) {
  return to.DaysSinceEpoch() - from.DaysSinceEpoch();
}

// Completed years on `day` of somebody born on `birth`; negative before the birth. Who is born on
// 29 February completes a year at the end of 28 February when the year has no such day, so on 1
// March.
int AgeOn(Date birth, Date day);

// The day that the calendar on the wall shows in `zone` at `instant`. BAD_DATE outside the years.
absl::StatusOr<Date> DayOf(absl::Time instant, const absl::TimeZone& zone);

// What is known of a day.
class PartialDate {
 public:
  enum class Precision : uint8_t { kUnknown, kYear, kMonth, kDay };

  PartialDate() = default;                                                             // unknown
  PartialDate(Date date) : year_(date.year_), month_(date.month_), day_(date.day_) {}  // NOLINT

  static absl::StatusOr<PartialDate> OfYear(int year);
  static absl::StatusOr<PartialDate> OfMonth(int year, int month);
  // Parts that are not known are 0; a day without its month, or a month without its year, is
  // BAD_DATE.
  static absl::StatusOr<PartialDate> OfParts(int year, int month, int day);

  // "1985", "1985-03", "1985-03-17"; empty text is the unknown date.
  static absl::StatusOr<PartialDate> Parse(absl::string_view text);
  // The form of the Dutch base register: YYYYMMDD with 00 for an unknown part, 00000000 when
  // nothing is known.
  static absl::StatusOr<PartialDate> ParseBrp(absl::string_view text);

  Precision precision() const;
  bool known() const { return year_ != 0; }
  int year() const { return year_; }    // 0 when unknown
  int month() const { return month_; }  // 0 when unknown
  int day() const { return day_; }      // 0 when unknown

  // The first and last day it can be; for the unknown date, the first and last of all.
  Date earliest() const;
  Date latest() const;

  std::string ToString() const;     // as Parse reads it
  std::string ToBrpString() const;  // as ParseBrp reads it

  // The same knowledge, not the same day: two different days can both be "1985".
  friend bool operator==(const PartialDate& a, const PartialDate& b) {
    return a.year_ == b.year_ && a.month_ == b.month_ && a.day_ == b.day_;
  }
  friend bool operator!=(const PartialDate& a, const PartialDate& b) { return !(a == b); }

 private:
  int16_t year_ = 0;
  int8_t month_ = 0;
  int8_t day_ = 0;
};

// Whether a lies before b whatever the unknown parts are. "A death before birth" is
// CertainlyBefore(death, birth).
bool CertainlyBefore(const PartialDate& a, const PartialDate& b);
// Whether a can lie before b, for some value of the unknown parts.
bool PossiblyBefore(const PartialDate& a, const PartialDate& b);
// Whether a and b can be the same day.
bool PossiblySame(const PartialDate& a, const PartialDate& b);

}  // namespace egov::civil

#endif  // EGOV_LIBS_CIVIL_DATE_H_
