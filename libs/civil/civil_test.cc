#include <type_traits>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/civil/date.h"
#include "libs/civil/times.h"

namespace egov::civil {
namespace {

using ::egov::base::Fails;
using ::egov::base::IsOk;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

Date Day(absl::string_view text) { return Date::Parse(text).value(); }
PartialDate Part(absl::string_view text) { return PartialDate::Parse(text).value(); }

TEST(DateTest, LeapDaysExistInLeapYearsOnly) {
  EXPECT_THAT(Date::Of(2000, 2, 29), IsOk());
  EXPECT_THAT(Date::Of(2024, 2, 29), IsOk());
  EXPECT_THAT(Date::Of(1900, 2, 29), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Date::Of(1981, 2, 29), Fails(kInvalid, "BAD_DATE"));
  EXPECT_EQ(DaysInMonth(2100, 2), 28);
}

TEST(DateTest, DaysOutsideTheCalendarAndTheYearsAreRefused) {
  EXPECT_THAT(Date::Of(1000, 1, 1), IsOk());
  EXPECT_THAT(Date::Of(9999, 12, 31), IsOk());
  EXPECT_THAT(Date::Of(999, 12, 31), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Date::Of(10000, 1, 1), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Date::Of(1985, 4, 31), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Date::Of(1985, 13, 1), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Date::Of(1985, 0, 1), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Date::Of(1985, 1, 0), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Date::FromDays(Day("1000-01-01").DaysSinceEpoch() - 1), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Date::FromDays(Day("9999-12-31").DaysSinceEpoch() + 1), Fails(kInvalid, "BAD_DATE"));
}

TEST(DateTest, EveryDayComesBackFromItsNumberAndIsFollowedByTheNext) {
  EXPECT_EQ(Day("1970-01-01").DaysSinceEpoch(), 0);
  EXPECT_EQ(Day("2000-03-01").DaysSinceEpoch(), 11017);
  Date before = Day("1000-01-01");
  for (int days = before.DaysSinceEpoch() + 1; days <= Day("9999-12-31").DaysSinceEpoch(); ++days) {
    const Date date = Date::FromDays(days).value();
    ASSERT_EQ(date.DaysSinceEpoch(), days);
    ASSERT_TRUE(Date::Exists(date.year(), date.month(), date.day()));
    ASSERT_LT(before, date);
    before = date;
  }
}

TEST(DateTest, OnlyTheIsoFormIsRead) {
  EXPECT_EQ(Day("1985-03-17").ToString(), "1985-03-17");
  for (const char* text : {"", "1985", "1985-03", "1985-3-17", "1985/03/17", "19850317",
                           "1985-03-17 ", "1985-02-30", "+985-03-17", "1985-00-17", "1985-03-00"}) {
    EXPECT_THAT(Date::Parse(text), Fails(kInvalid, "BAD_DATE")) << text;
  }
}

TEST(DateTest, AgeIsCountedInCompletedYears) {
  EXPECT_EQ(AgeOn(Day("1985-03-17"), Day("2026-03-16")), 40);
  EXPECT_EQ(AgeOn(Day("1985-03-17"), Day("2026-03-17")), 41);
  EXPECT_EQ(AgeOn(Day("2004-02-29"), Day("2022-02-28")), 17);
  EXPECT_EQ(AgeOn(Day("2004-02-29"), Day("2022-03-01")), 18);
  EXPECT_EQ(AgeOn(Day("2004-02-29"), Day("2024-02-29")), 20);
  EXPECT_LT(AgeOn(Day("2004-02-29"), Day("2004-02-28")), 0);
  EXPECT_EQ(DaysBetween(Day("2024-02-28"), Day("2024-03-01")), 2);
}

TEST(DateTest, TheDayOfAnInstantDependsOnTheZone) {
  const absl::Time evening = absl::FromUnixSeconds(1767220200);  // 2025-12-31 22:30 UTC
  EXPECT_EQ(DayOf(evening, absl::UTCTimeZone()).value(), Day("2025-12-31"));
  EXPECT_EQ(DayOf(evening, absl::FixedTimeZone(2 * 3600)).value(), Day("2026-01-01"));
  EXPECT_THAT(DayOf(absl::InfiniteFuture(), absl::UTCTimeZone()), Fails(kInvalid, "BAD_DATE"));
}

TEST(PartialDateTest, TextSaysWhatIsKnown) {
  using Precision = PartialDate::Precision;
  EXPECT_EQ(Part("").precision(), Precision::kUnknown);
  EXPECT_EQ(Part("1985").precision(), Precision::kYear);
  EXPECT_EQ(Part("1985-03").precision(), Precision::kMonth);
  EXPECT_EQ(Part("1985-03-17").precision(), Precision::kDay);
  for (const char* text : {"", "1985", "1985-03", "1985-03-17"})
    EXPECT_EQ(Part(text).ToString(), text);
  for (const char* text :
       {"85", "0000", "1985-00", "1985-13", "1985-3", "1985-", "1985-02-29", "x"}) {
    EXPECT_THAT(PartialDate::Parse(text), Fails(kInvalid, "BAD_DATE")) << text;
  }
}

TEST(PartialDateTest, TheBrpFormHasZerosForUnknownParts) {
  EXPECT_EQ(PartialDate::ParseBrp("19850317").value(), Part("1985-03-17"));
  EXPECT_EQ(PartialDate::ParseBrp("19850300").value(), Part("1985-03"));
  EXPECT_EQ(PartialDate::ParseBrp("19850000").value(), Part("1985"));
  EXPECT_EQ(PartialDate::ParseBrp("00000000").value(), PartialDate());
  for (const char* text : {"19850317", "19850300", "19850000", "00000000"}) {
    EXPECT_EQ(PartialDate::ParseBrp(text).value().ToBrpString(), text);
  }
  for (const char* text : {"", "05", "1985-03-1", "19850017", "00000317", "19850229", "1985031x"}) {
    EXPECT_THAT(PartialDate::ParseBrp(text), Fails(kInvalid, "BAD_DATE")) << text;
  }
}

TEST(PartialDateTest, ADeathIsRefusedOnlyWhenItIsCertainlyBeforeTheBirth) {
  EXPECT_TRUE(CertainlyBefore(Part("1984"), Part("1985-03-17")));
  EXPECT_TRUE(CertainlyBefore(Part("1985-02"), Part("1985-03-17")));
  EXPECT_TRUE(CertainlyBefore(Part("1985-03-16"), Part("1985-03-17")));
  EXPECT_FALSE(CertainlyBefore(Part("1985-03-17"), Part("1985-03-17")));
  EXPECT_FALSE(CertainlyBefore(Part("1985-03"), Part("1985-03-17")));
  EXPECT_FALSE(CertainlyBefore(Part("1985"), Part("1985")));
  EXPECT_FALSE(CertainlyBefore(Part(""), Part("1985")));
  EXPECT_FALSE(CertainlyBefore(Part("1984"), Part("")));
}

TEST(PartialDateTest, WhatIsNotCertainMayBePossible) {
  EXPECT_TRUE(PossiblyBefore(Part("1985-03"), Part("1985-03-17")));
  EXPECT_FALSE(PossiblyBefore(Part("1985-03-17"), Part("1985-03-17")));
  EXPECT_FALSE(PossiblyBefore(Part("1986"), Part("1985")));
  EXPECT_TRUE(PossiblyBefore(Part(""), Part("")));
  EXPECT_TRUE(PossiblySame(Part("1985"), Part("1985-03-17")));
  EXPECT_FALSE(PossiblySame(Part("1985-04"), Part("1985-03-17")));
  EXPECT_EQ(Part("1984-02").latest(), Day("1984-02-29"));
  EXPECT_EQ(Part("1984").earliest(), Day("1984-01-01"));
}

TEST(TimesTest, ValidAndRecordTimeCannotBeSwapped) {
  static_assert(!std::is_convertible<ValidTime, RecordTime>::value, "");
  static_assert(!std::is_convertible<RecordTime, ValidTime>::value, "");
  static_assert(!std::is_convertible<PartialDate, ValidTime>::value, "");
  static_assert(!std::is_convertible<absl::Time, RecordTime>::value, "");
  static_assert(!std::is_constructible<ValidTime, absl::Time>::value, "");
  static_assert(!std::is_constructible<RecordTime, PartialDate>::value, "");
  const RecordTime at(absl::FromUnixMicros(1767220200123456));
  EXPECT_EQ(at.micros(), 1767220200123456);
  EXPECT_EQ(RecordTime(at.time()), at);
  EXPECT_EQ(ValidTime(Part("1985")).date(), Part("1985"));
}

}  // namespace
}  // namespace egov::civil
