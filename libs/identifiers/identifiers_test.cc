#include "libs/identifiers/identifiers.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"

namespace egov::identifiers {
namespace {

using ::egov::base::Fails;
using ::egov::base::IsOk;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

civil::Date Day(absl::string_view text) { return civil::Date::Parse(text).value(); }

TEST(IsikukoodTest, PublishedCodesAreWellFormed) {
  for (const char* code :
       {"36805280109", "51205280105", "36204130100", "46104090101", "38411280151", "60001019906",
        "60001017869", "39901012239", "51307149560", "50001029996", "30303039914", "60001018800",
        "10101010005"}) {
    EXPECT_THAT(Isikukood().Check(code), IsOk()) << code;
  }
}

TEST(IsikukoodTest, TheSecondStageOfTheCheckDigitIsUsedWhenTheFirstGivesTen) {
  EXPECT_THAT(Isikukood().Check("36703010079"), IsOk());
  EXPECT_THAT(Isikukood().Check("36003050128"), IsOk());
  EXPECT_THAT(Isikukood().Check("36703010070"), Fails(kInvalid, "BAD_CHECK_DIGIT"));
}

TEST(IsikukoodTest, EachFaultHasItsReason) {
  EXPECT_THAT(Isikukood().Check("36805280108"), Fails(kInvalid, "BAD_CHECK_DIGIT"));
  EXPECT_THAT(Isikukood().Check("06805280106"), Fails(kInvalid, "BAD_FIRST_DIGIT"));
  EXPECT_THAT(Isikukood().Check("98102290101"), Fails(kInvalid, "BAD_FIRST_DIGIT"));
  EXPECT_THAT(Isikukood().Check("38102290106"), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Isikukood().Check("36813280109"), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Isikukood().Check("36800280109"), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Isikukood().Check("36805000109"), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Isikukood().Check("36804310109"), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Isikukood().Check("368052801099"), Fails(kInvalid, "BAD_LENGTH"));
  EXPECT_THAT(Isikukood().Check(""), Fails(kInvalid, "BAD_LENGTH"));
  EXPECT_THAT(Isikukood().Check("3680528010x"), Fails(kInvalid, "BAD_CHARACTER"));
  EXPECT_THAT(Isikukood().Check(" 6805280109"), Fails(kInvalid, "BAD_CHARACTER"));
}

TEST(IsikukoodTest, OnlyTheTenDigitCharactersAreDigits) {
  for (size_t place = 0; place < 11; ++place) {
    for (int c = 0; c < 256; ++c) {
      std::string code = "36805280109";
      code[place] = static_cast<char>(c);
      const bool digit = c >= '0' && c <= '9';
      EXPECT_EQ(Isikukood().Examine(code) == Fault::kBadCharacter, !digit) << place << " " << c;
    }
  }
}

TEST(IsikukoodTest, ABirthInTheFutureIsRefusedOnTheDayGivenByTheCaller) {
  EXPECT_THAT(Isikukood().Check("81205280108"), IsOk());
  EXPECT_THAT(Isikukood().CheckIssued("81205280108", Day("2026-01-01")),
              Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Isikukood().CheckIssued("51307149560", Day("2013-07-13")),
              Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(Isikukood().CheckIssued("51307149560", Day("2013-07-14")), IsOk());
  EXPECT_THAT(Isikukood().CheckIssued("36805280108", Day("2026-01-01")),
              Fails(kInvalid, "BAD_CHECK_DIGIT"));
}

TEST(IsikukoodTest, ClaimsAreReadFromTheCode) {
  EGOV_ASSERT_OK_AND_ASSIGN(const Claims claims, ClaimsOf("60001019906"));
  EXPECT_EQ(claims.sex, Sex::kFemale);
  EXPECT_EQ(claims.birth_date, Day("2000-01-01"));
  EXPECT_EQ(ClaimsOf("10101010005")->birth_date, Day("1801-01-01"));
  EXPECT_EQ(ClaimsOf("10101010005")->sex, Sex::kMale);
  EXPECT_THAT(ClaimsOf("60001019905"), Fails(kInvalid, "BAD_CHECK_DIGIT"));
}

TEST(IsikukoodTest, EveryMadeCodeIsWellFormedAndClaimsWhatItWasMadeFrom) {
  for (const char* day : {"1800-01-01", "1899-12-31", "1900-02-28", "1904-02-29", "2000-02-29",
                          "2026-11-23", "2199-12-31"}) {
    for (const Sex sex : {Sex::kMale, Sex::kFemale}) {
      for (int serial = 0; serial <= 999; ++serial) {
        EGOV_ASSERT_OK_AND_ASSIGN(const std::string code, MakeIsikukood(sex, Day(day), serial));
        EGOV_ASSERT_OK_AND_ASSIGN(const Claims claims, ClaimsOf(code));
        ASSERT_EQ(claims.sex, sex);
        ASSERT_EQ(claims.birth_date, Day(day));
      }
    }
  }
  EXPECT_EQ(MakeIsikukood(Sex::kFemale, Day("2000-01-01"), 990).value(), "60001019906");
  EXPECT_THAT(MakeIsikukood(Sex::kMale, Day("2000-01-01"), 1000), Fails(kInvalid, "BAD_SERIAL"));
  EXPECT_THAT(MakeIsikukood(Sex::kMale, Day("2000-01-01"), -1), Fails(kInvalid, "BAD_SERIAL"));
  EXPECT_THAT(MakeIsikukood(Sex::kMale, Day("1799-12-31"), 0), Fails(kInvalid, "BAD_DATE"));
  EXPECT_THAT(MakeIsikukood(Sex::kMale, Day("2200-01-01"), 0), Fails(kInvalid, "BAD_DATE"));
}

TEST(BsnTest, TheElevenTestDecides) {
  for (const char* code : {"111222333", "999993653", "000000024", "000000152", "999995108"}) {
    EXPECT_THAT(Bsn().Check(code), IsOk()) << code;
  }
  EXPECT_THAT(Bsn().Check("111252333"), Fails(kInvalid, "BAD_CHECK_DIGIT"));
  EXPECT_THAT(Bsn().Check("000000000"), Fails(kInvalid, "BAD_CHECK_DIGIT"));
  EXPECT_THAT(Bsn().Check("11122233x"), Fails(kInvalid, "BAD_CHARACTER"));
  EXPECT_THAT(Bsn().CheckIssued("111222333", Day("2026-01-01")), IsOk());
}

TEST(BsnTest, ANumberThatLostItsLeadingZeroIsRefusedAndNotGuessed) {
  EXPECT_THAT(Bsn().Check("00000024"), Fails(kInvalid, "BAD_LENGTH"));
  EXPECT_THAT(Bsn().Check("24"), Fails(kInvalid, "BAD_LENGTH"));
}

TEST(BsnTest, EveryMadeNumberPassesAndOneInElevenCannotBeMade) {
  int made = 0;
  for (uint32_t i = 1; i <= 1100; ++i) {
    const auto code = MakeBsn(i);
    if (!code.ok()) {
      EXPECT_THAT(code, Fails(kInvalid, "BAD_SERIAL"));
      continue;
    }
    ++made;
    ASSERT_THAT(Bsn().Check(*code), IsOk());
  }
  EXPECT_EQ(made, 1000);
  EXPECT_EQ(MakeBsn(11122233).value(), "111222333");
  EXPECT_THAT(MakeBsn(0), Fails(kInvalid, "BAD_SERIAL"));
  EXPECT_THAT(MakeBsn(100000000), Fails(kInvalid, "BAD_SERIAL"));
}

TEST(SchemeTest, PackedFormsOrderAsTheValuesAndComeBackWithLeadingZeros) {
  const std::vector<std::string> bsns = {"000000024", "000000152", "111222333", "999993653",
                                         "999995108"};
  const std::vector<std::string> codes = {"10101010005", "30303039914", "36805280109",
                                          "51307149560", "60001019906"};
  const auto in_order = [](const Scheme& scheme, const std::vector<std::string>& values) {
    uint64_t before = 0;
    for (const std::string& value : values) {
      uint64_t packed = 0;
      ASSERT_EQ(scheme.Pack(value, &packed), Fault::kNone);
      EXPECT_GT(packed, before);
      EXPECT_LT(packed, uint64_t{1} << 40);
      EXPECT_EQ(scheme.Unpack(packed), value);
      before = packed;
    }
  };
  in_order(Bsn(), bsns);
  in_order(Isikukood(), codes);
  uint64_t packed = 42;
  EXPECT_EQ(Bsn().Pack("111252333", &packed), Fault::kBadCheckDigit);
  EXPECT_EQ(packed, 42);
}

TEST(SchemeTest, SchemesAreFoundByNameAndOnlyThese) {
  EXPECT_EQ(Find("ee-isikukood"), &Isikukood());
  EXPECT_EQ(Find("nl-bsn"), &Bsn());
  EXPECT_EQ(Find("ee-registrikood"), nullptr);
  EXPECT_EQ(Find(""), nullptr);
}

TEST(SchemeTest, AnErrorNeverHoldsTheValue) {
  for (const char* value :
       {"36805280108", "06805280106", "38102290106", "368052801099", "3680528010x"}) {
    const absl::Status status = Isikukood().Check(value);
    EXPECT_EQ(status.ToString().find(value), std::string::npos);
  }
}

}  // namespace
}  // namespace egov::identifiers
