#include "libs/pki/spiffe.h"

#include <string>

#include "absl/hash/hash.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"

namespace egov::pki {
namespace {

using base::Fails;
using base::IsOk;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

TEST(SpiffeIdTest, TheTwoSpellingsNameTheSameIdentity) {
  const auto from_uri = SpiffeId::Parse("spiffe://ee/GOV/70000310/pensions");
  const auto from_xroad = SpiffeId::FromXRoad("ee/GOV/70000310/pensions");
  ASSERT_THAT(from_uri, IsOk());
  ASSERT_THAT(from_xroad, IsOk());
  EXPECT_EQ(*from_uri, *from_xroad);
  EXPECT_EQ(from_uri->ToXRoad(), "ee/GOV/70000310/pensions");
  EXPECT_EQ(from_uri->Escaped(), "ee/GOV/70000310/pensions");
  EXPECT_EQ(from_uri->instance(), "ee");
  EXPECT_EQ(from_uri->member_class(), "GOV");
  EXPECT_EQ(from_uri->member(), "70000310");
  EXPECT_EQ(from_uri->subsystem(), "pensions");
}

TEST(SpiffeIdTest, WhatSpiffeDoesNotAllowIsEscapedAndComesBack) {
  const struct {
    const char* xroad;
    const char* uri;
  } cases[] = {{"ee/GOV/1/my sub", "spiffe://ee/GOV/1/my.20sub"},
               {"ee/GOV/1/v1.2", "spiffe://ee/GOV/1/v1.2e2"},
               {"EE/GOV/1/x", "spiffe://.45.45/GOV/1/x"},
               {"ee/GOV/1/...", "spiffe://ee/GOV/1/.2e.2e.2e"},
               {"ee/GOV/1/a_b-C", "spiffe://ee/GOV/1/a_b-C"},
               {"ee/GOV/1/r\xC3\xB5hk", "spiffe://ee/GOV/1/r.c3.b5hk"},
               {"ee/GOV/1/a+b", "spiffe://ee/GOV/1/a.2bb"}};
  for (const auto& one : cases) {
    const auto id = SpiffeId::FromXRoad(one.xroad);
    ASSERT_THAT(id, IsOk()) << one.xroad;
    EXPECT_EQ(id->ToUri(), one.uri);
    const auto back = SpiffeId::Parse(one.uri);
    ASSERT_THAT(back, IsOk()) << one.uri;
    EXPECT_EQ(back->ToXRoad(), one.xroad);
  }
}

TEST(SpiffeIdTest, AnIdentityHasOnlyOneSpelling) {
  for (const char* uri :
       {"spiffe://ee/GOV/1/.61", "spiffe://ee/GOV/1/a.2E", "SPIFFE://ee/GOV/1/a",
        "spiffe://EE/GOV/1/a", "spiffe://ee/GOV/1/a%20b", "spiffe://ee/GOV/1/a."}) {
    EXPECT_THAT(SpiffeId::Parse(uri), Fails(kInvalid, "BAD_SPIFFE_ID")) << uri;
  }
}

TEST(SpiffeIdTest, MalformedIdentitiesAreRefused) {
  const std::string long_part(2048, 'a');
  for (const std::string& uri : {std::string(),
                                 std::string("spiffe://"),
                                 std::string("spiffe://ee"),
                                 std::string("spiffe://ee/GOV/1"),
                                 std::string("spiffe://ee/GOV/1/a/b"),
                                 std::string("spiffe://ee/GOV//a"),
                                 std::string("spiffe:///GOV/1/a"),
                                 std::string("spiffe://ee/GOV/1/a/"),
                                 std::string("spiffe://ee/GOV/1/a?q"),
                                 std::string("spiffe://ee/GOV/1/a#f"),
                                 std::string("spiffe://ee:80/GOV/1/a"),
                                 std::string("spiffe://u@ee/GOV/1/a"),
                                 std::string("https://ee/GOV/1/a"),
                                 std::string("spiffe://ee/GOV/1/.2f"),
                                 std::string("spiffe://ee/GOV/1/.00"),
                                 std::string("spiffe://ee/GOV/./a"),
                                 std::string("spiffe://ee/GOV/../a"),
                                 std::string("spiffe://ee/GOV/1/.ff"),
                                 "spiffe://ee/GOV/1/" + long_part,
                                 "spiffe://" + std::string(256, 'e') + "/GOV/1/a"}) {
    EXPECT_THAT(SpiffeId::Parse(uri), Fails(kInvalid, "BAD_SPIFFE_ID")) << uri;
  }
}

TEST(SpiffeIdTest, WhatXRoadForbidsIsRefusedInEveryPart) {
  for (const char* part : {"", ".", "..", "a:b", "a;b", "a\\b", "a%b", "a\nb", "a\x7f", "\xC2\x85",
                           "\xE2\x80\x8B", "\xEF\xBB\xBF", "\xC0\xAF", "\xED\xA0\x80", "\xFF"}) {
    EXPECT_THAT(SpiffeId::Make("ee", "GOV", "1", part), Fails(kInvalid, "BAD_SPIFFE_ID")) << part;
    EXPECT_THAT(SpiffeId::Make(part, "GOV", "1", "a"), Fails(kInvalid, "BAD_SPIFFE_ID")) << part;
    EXPECT_THAT(SpiffeId::Make("ee", part, "1", "a"), Fails(kInvalid, "BAD_SPIFFE_ID")) << part;
    EXPECT_THAT(SpiffeId::Make("ee", "GOV", part, "a"), Fails(kInvalid, "BAD_SPIFFE_ID")) << part;
  }
}

TEST(SpiffeIdTest, AMembersSubsystemsShareTheMemberAndNothingElse) {
  const auto pensions = *SpiffeId::FromXRoad("ee/GOV/1/pensions");
  EXPECT_TRUE(pensions.SameMember(*SpiffeId::FromXRoad("ee/GOV/1/officers")));
  EXPECT_FALSE(pensions.SameMember(*SpiffeId::FromXRoad("ee/GOV/2/pensions")));
  EXPECT_FALSE(pensions.SameMember(*SpiffeId::FromXRoad("ee/COM/1/pensions")));
  EXPECT_FALSE(SpiffeId().SameMember(SpiffeId()));
  EXPECT_NE(pensions, *SpiffeId::FromXRoad("ee/GOV/1/officers"));
  EXPECT_EQ(absl::Hash<SpiffeId>()(pensions),
            absl::Hash<SpiffeId>()(*SpiffeId::Parse(pensions.ToUri())));
}

}  // namespace
}  // namespace egov::pki
