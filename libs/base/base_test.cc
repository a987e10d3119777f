#include <set>

#include "gtest/gtest.h"
#include "libs/base/bytes.h"
#include "libs/base/clock.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/base/testing/status_matchers.h"

namespace egov::base {
namespace {

using absl::StatusCode;

TEST(ErrorTest, KeepsReasonFieldExpectationAndDelayWhateverTheyContain) {
  const absl::Status status = Error(StatusCode::kInvalidArgument, "BAD_CODE", "the code is malformed")
                                  .Field("codes[3]")
                                  .Expected("11 digits: with 5:colons: and 3:")
                                  .RetryAfter(absl::Seconds(2))
                                  .With("limit", "");
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "the code is malformed");
  const auto detail = DetailOf(status);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->reason, "BAD_CODE");
  EXPECT_EQ(detail->field, "codes[3]");
  EXPECT_EQ(detail->expected, "11 digits: with 5:colons: and 3:");
  EXPECT_EQ(detail->retry_after, absl::Seconds(2));
  EXPECT_EQ(detail->metadata.at("limit"), "");
}

TEST(ErrorTest, StatusesFromElsewhereHaveNoDetail) {
  EXPECT_FALSE(DetailOf(absl::OkStatus()).has_value());
  EXPECT_FALSE(DetailOf(absl::NotFoundError("gone")).has_value());
}

TEST(ErrorTest, AFieldInsideAMessageIsNamedByItsWholePath) {
  const absl::Status inner = Error(StatusCode::kInvalidArgument, "BAD_DATE", "impossible").Field("date");
  EXPECT_THAT(InField("death", inner), Fails(StatusCode::kInvalidArgument, "BAD_DATE", "death.date"));
  const absl::Status whole = Error(StatusCode::kInvalidArgument, "EMPTY", "empty");
  EXPECT_THAT(InField("death", whole), Fails(StatusCode::kInvalidArgument, "EMPTY", "death"));
}

TEST(HexTest, RefusesWhatIsNotHex) {
  EXPECT_EQ(*FromHex("00fFa0"), std::string("\x00\xff\xa0", 3));
  EXPECT_EQ(ToHex(std::string("\x00\xff\xa0", 3)), "00ffa0");
  EXPECT_THAT(FromHex("0"), Fails(StatusCode::kInvalidArgument, "BAD_HEX"));
  EXPECT_THAT(FromHex("0g"), Fails(StatusCode::kInvalidArgument, "BAD_HEX"));
}

TEST(BytesTest, IntegersAreBigEndianSoThatTheirBytesSortAsTheyDo) {
  std::string low, high;
  AppendU64(255, &low);
  AppendU64(256, &high);
  EXPECT_LT(low, high);
  EXPECT_EQ(ReadU64(high), 256u);
  std::string mixed;
  AppendU16(0xfffe, &mixed);
  AppendU32(0xfffffffd, &mixed);
  EXPECT_EQ(ReadU16(mixed), 0xfffe);
  EXPECT_EQ(ReadU32(absl::string_view(mixed).substr(2)), 0xfffffffdu);
}

TEST(IdsTest, UuidsAreRandomVersion4) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewUuid();
    EXPECT_TRUE(IsUuid(id)) << id;
    EXPECT_EQ(id[14], '4');
    EXPECT_TRUE(seen.insert(id).second);
  }
  EXPECT_FALSE(IsUuid("12345678-1234-1234-1234-12345678901"));
  EXPECT_FALSE(IsUuid("12345678-1234-1234-1234-12345678901g"));
  EXPECT_FALSE(IsUuid("123456781234-1234-1234-12345678901-a"));
}

TEST(IdsTest, NoTwoDrawsOfRandomBytesShareAnything) {
  std::set<std::string> seen;
  for (const size_t size : {16, 32, 255, 256, 257, 2000}) {
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(seen.insert(RandomBytes(size)).second);
  }
}

TEST(ManualClockTest, MovesOnlyWhenTold) {
  ManualClock clock(absl::UnixEpoch());
  EXPECT_EQ(clock.Now(), absl::UnixEpoch());
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(clock.Now(), absl::UnixEpoch() + absl::Hours(1));
  clock.Set(absl::UnixEpoch());
  EXPECT_EQ(clock.Now(), absl::UnixEpoch());
}

}  // namespace
}  // namespace egov::base
