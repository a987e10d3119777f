#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/pki/aead.h"
#include "libs/pki/secret.h"

namespace egov::pki {
namespace {

using base::Fails;
using base::IsOk;

TEST(SecretTest, MovesLeaveNothingBehind) {
  Secret a("abc");
  Secret b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT: that is what is tested
  EXPECT_TRUE(b.Equals("abc"));
  EXPECT_FALSE(b.Equals("abd"));
  EXPECT_FALSE(b.Equals("ab"));
  EXPECT_TRUE(b.Clone().Equals("abc"));
  EXPECT_EQ(Secret::Random(32).size(), 32u);
  EXPECT_FALSE(Secret::Random(32).Equals(Secret::Random(32).Reveal()));
}

AesGcm Key(char fill) { return *AesGcm::Create(Secret(std::string(32, fill))); }

TEST(AesGcmTest, OpensWhatItSealed) {
  for (const std::string& text : {std::string(), std::string("a"), std::string(100000, 'x')}) {
    const std::string sealed = Key('k').Seal(text, "about");
    EXPECT_EQ(sealed.size(), text.size() + AesGcm::kOverhead);
    const auto opened = Key('k').Open(sealed, "about");
    ASSERT_THAT(opened, IsOk());
    EXPECT_EQ(*opened, text);
  }
}

TEST(AesGcmTest, TheSameTextNeverLooksTheSame) {
  EXPECT_NE(Key('k').Seal("text", ""), Key('k').Seal("text", ""));
}

TEST(AesGcmTest, AnyChangedBitIsRefused) {
  const std::string sealed = Key('k').Seal("text", "about");
  for (size_t i = 0; i < sealed.size() * 8; ++i) {
    std::string changed = sealed;
    changed[i / 8] ^= 1 << (i % 8);
    EXPECT_THAT(Key('k').Open(changed, "about"),
                Fails(absl::StatusCode::kDataLoss, "NOT_AUTHENTIC"));
  }
  EXPECT_THAT(Key('k').Open(sealed, "other"), Fails(absl::StatusCode::kDataLoss, "NOT_AUTHENTIC"));
  EXPECT_THAT(Key('j').Open(sealed, "about"), Fails(absl::StatusCode::kDataLoss, "NOT_AUTHENTIC"));
  EXPECT_THAT(Key('k').Open(sealed.substr(0, 27), "about"),
              Fails(absl::StatusCode::kDataLoss, "NOT_AUTHENTIC"));
}

TEST(AesGcmTest, AnOpenerOpensManyAndARefusedOneHarmsNoOther) {
  const AesGcm key = Key('k');
  AesGcm::Opener opener(key);
  for (int i = 0; i < 3; ++i) {
    for (const std::string text : {"", "text", "a longer text than the one before"}) {
      std::string sealed = key.Seal(text, "about");
      EXPECT_EQ(*opener.Open(sealed, "about"), text);
      sealed.back() ^= 1;
      EXPECT_THAT(opener.Open(sealed, "about"),
                  Fails(absl::StatusCode::kDataLoss, "NOT_AUTHENTIC"));
    }
  }
}

TEST(AesGcmTest, AKeyOfAnotherLengthIsRefused) {
  EXPECT_THAT(AesGcm::Create(Secret(std::string(16, 'k'))),
              Fails(absl::StatusCode::kInvalidArgument, "BAD_KEY"));
}

}  // namespace
}  // namespace egov::pki
