#include "libs/pki/sha256.h"

#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace egov::pki {
namespace {

std::string Hex(const Digest& digest) { return absl::BytesToHexString(AsBytes(digest)); }

// FIPS 180-4's own examples.
TEST(Sha256Test, MatchesThePublishedVectors) {
  EXPECT_EQ(Hex(Sha256Of("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(Sha256Of("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Hex(Sha256Of(std::string(1000000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, PiecesHashAsTheirConcatenation) {
  EXPECT_EQ(Sha256Of({"a", "", "bc"}), Sha256Of("abc"));
  Sha256 hash;
  hash.Update("a").Update("bc");
  EXPECT_EQ(hash.Finish(), Sha256Of("abc"));
}

TEST(Sha256Test, StartsAnewAfterFinishAndKeepsAStateThatIsCopied) {
  Sha256 prefix;
  prefix.Update("ab");
  Sha256 copy = prefix;
  EXPECT_EQ(copy.Update("c").Finish(), Sha256Of("abc"));
  EXPECT_EQ(copy.Update("abc").Finish(), Sha256Of("abc"));
  EXPECT_EQ(prefix.Finish(), Sha256Of("ab"));
}

TEST(Sha256Test, ADigestComesOnlyFromThirtyTwoBytes) {
  Digest digest = Sha256Of("abc");
  EXPECT_FALSE(DigestFromBytes(std::string(31, 'x'), &digest));
  EXPECT_EQ(digest, Sha256Of("abc"));
  EXPECT_TRUE(DigestFromBytes(std::string(32, 'x'), &digest));
  EXPECT_EQ(AsBytes(digest), std::string(32, 'x'));
}

}  // namespace
}  // namespace egov::pki
