#include "libs/civil/date.h"

#include <cstddef>

#include "absl/time/civil_time.h"
#include "libs/base/status.h"

namespace egov::civil {
namespace {

absl::Status BadDate() {
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_DATE",
                     "There is no such date in the years 1000 to 9999.");
}

// Reads exactly text[begin, begin + length) as decimal digits.
bool Digits(absl::string_view text, size_t begin, size_t length, int* value) {
  *value = 0;
  for (size_t i = begin; i < begin + length; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    *value = *value * 10 + (text[i] - '0');
  }
  return true;
}

void Append(int value, int width, std::string* out) {
  for (int unit = width == 4 ? 1000 : 10; unit > 0; unit /= 10) {
    out->push_back(static_cast<char>('0' + value / unit % 10));
  }
}

}  // namespace

bool IsLeapYear(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int DaysInMonth(int year, int month) {
  static constexpr int8_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && IsLeapYear(year) ? 29 : kDays[month - 1];
}

bool Date::Exists(int year, int month, int day) {
  return year >= kMinYear && year <= kMaxYear && month >= 1 && month <= 12 && day >= 1 &&
         day <= DaysInMonth(year, month);
}

absl::StatusOr<Date> Date::Of(int year, int month, int day) {
  if (!Exists(year, month, day)) return BadDate();
  return Date(year, month, day);
}

absl::StatusOr<Date> Date::Parse(absl::string_view text) {
  EGOV_ASSIGN_OR_RETURN(const PartialDate date, PartialDate::Parse(text));
  if (date.precision() != PartialDate::Precision::kDay) return BadDate();
  return Date(date.year(), date.month(), date.day());
}

absl::StatusOr<Date> Date::FromDays(int64_t days) {
  static constexpr int64_t kFirst = -354285;  // 1000-01-01
  static constexpr int64_t kLast = 2932896;   // 9999-12-31
  if (days < kFirst || days > kLast) return BadDate();
  // Years counted from 1 March of year 0, so that the leap day is a year's last.
  const int32_t z = static_cast<int32_t>(days) + 719468;
  const int32_t era = z / 146097;
  const int32_t day_of_era = z - era * 146097;
  const int32_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int32_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int32_t march_month = (5 * day_of_year + 2) / 153;
  const int32_t day = day_of_year - (153 * march_month + 2) / 5 + 1;
  const int32_t month = march_month < 10 ? march_month + 3 : march_month - 9;
  return Date(year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day);
}

int32_t Date::DaysSinceEpoch() const {
  const int32_t year = year_ - (month_ <= 2 ? 1 : 0);
  const int32_t era = year / 400;
  const int32_t year_of_era = year - era * 400;
  const int32_t day_of_year = (153 * (month_ + (month_ > 2 ? -3 : 9)) + 2) / 5 + day_ - 1;
  const int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

std::string Date::ToString() const { return PartialDate(*this).ToString(); }

int AgeOn(Date birth, Date day) {
  const bool had_birthday =
      day.month() > birth.month() || (day.month() == birth.month() && day.day() >= birth.day());
  return day.year() - birth.year() - (had_birthday ? 0 : 1);
}

absl::StatusOr<Date> DayOf(absl::Time instant, const absl::TimeZone& zone) {
  const absl::CivilDay day = absl::ToCivilDay(instant, zone);
  if (day.year() < kMinYear || day.year() > kMaxYear) return BadDate();
  return Date::Of(static_cast<int>(day.year()), day.month(), day.day());
}

absl::StatusOr<PartialDate> PartialDate::OfYear(int year) { return OfParts(year, 0, 0); }

absl::StatusOr<PartialDate> PartialDate::OfMonth(int year, int month) {
  if (month == 0) return BadDate();
  return OfParts(year, month, 0);
}

absl::StatusOr<PartialDate> PartialDate::OfParts(int year, int month, int day) {
  PartialDate date;
  if (year == 0 && month == 0 && day == 0) return date;
  if (month == 0 && day != 0) return BadDate();
  if (!Date::Exists(year, month == 0 ? 1 : month, day == 0 ? 1 : day)) return BadDate();
  date.year_ = static_cast<int16_t>(year);
  date.month_ = static_cast<int8_t>(month);
  date.day_ = static_cast<int8_t>(day);
  return date;
}

absl::StatusOr<PartialDate> PartialDate::Parse(absl::string_view text) {
  if (text.empty()) return PartialDate();
  int year = 0, month = 0, day = 0;
  const bool well_formed = (text.size() == 4 || (text.size() == 7 && text[4] == '-') ||
                            (text.size() == 10 && text[4] == '-' && text[7] == '-')) &&
                           Digits(text, 0, 4, &year) &&
                           (text.size() < 7 || Digits(text, 5, 2, &month)) &&
                           (text.size() < 10 || Digits(text, 8, 2, &day));
  // Zeros are another form's way to say "unknown"; here the part is left out.
  if (!well_formed || year == 0 || (text.size() >= 7 && month == 0) ||
      (text.size() == 10 && day == 0)) {
    return BadDate();
  }
  return OfParts(year, month, day);
}

absl::StatusOr<PartialDate> PartialDate::ParseBrp(absl::string_view text) {
  int year = 0, month = 0, day = 0;
  if (text.size() != 8 || !Digits(text, 0, 4, &year) || !Digits(text, 4, 2, &month) ||
      !Digits(text, 6, 2, &day)) {
    return BadDate();
  }
  return OfParts(year, month, day);
}

PartialDate::Precision PartialDate::precision() const {
  if (year_ == 0) return Precision::kUnknown;
  if (month_ == 0) return Precision::kYear;
  return day_ == 0 ? Precision::kMonth : Precision::kDay;
}

Date PartialDate::earliest() const {
  if (year_ == 0) return Date(kMinYear, 1, 1);
  return Date(year_, month_ == 0 ? 1 : month_, day_ == 0 ? 1 : day_);
}

Date PartialDate::latest() const {
  if (year_ == 0) return Date(kMaxYear, 12, 31);
  const int month = month_ == 0 ? 12 : month_;
  return Date(year_, month, day_ == 0 ? DaysInMonth(year_, month) : day_);
}

std::string PartialDate::ToString() const {
  std::string out;
  if (year_ == 0) return out;
  Append(year_, 4, &out);
  if (month_ == 0) return out;
  out.push_back('-');
  Append(month_, 2, &out);
  if (day_ == 0) return out;
  out.push_back('-');
  Append(day_, 2, &out);
  return out;
}

std::string PartialDate::ToBrpString() const {
  std::string out;
  Append(year_, 4, &out);
  Append(month_, 2, &out);
  Append(day_, 2, &out);
  return out;
}

bool CertainlyBefore(const PartialDate& a, const PartialDate& b) {
  return a.latest() < b.earliest();
}

bool PossiblyBefore(const PartialDate& a, const PartialDate& b) {
  return a.earliest() < b.latest();
}

bool PossiblySame(const PartialDate& a, const PartialDate& b) {
  return a.earliest() <= b.latest() && b.earliest() <= a.latest();
}

}  // namespace egov::civil
