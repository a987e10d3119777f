#include "services/identity/common/token.h"

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"

namespace egov::identity {
namespace {

using base::Fails;

TEST(TokenTest, ComesBackFromItsText) {
  const pki::Digest root = pki::Sha256Of("root");
  const std::string text = MakeTokenText(pki::Secret(std::string(32, 's')), root);
  const auto token = ParseToken(" " + text + "\n");
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(token->root, root);
  EXPECT_EQ(token->key.public_key(),
            pki::PrivateKey::FromEd25519Seed(pki::Secret(std::string(32, 's')))->public_key());
}

TEST(TokenTest, AMistypedOneIsSeenAtOnce) {
  const std::string text = MakeTokenText(pki::Secret::Random(32), pki::Sha256Of("root"));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_THAT(ParseToken(changed), Fails(absl::StatusCode::kInvalidArgument, "BAD_TOKEN")) << i;
  }
  EXPECT_THAT(ParseToken(text.substr(0, 50)),
              Fails(absl::StatusCode::kInvalidArgument, "BAD_TOKEN"));
}

}  // namespace
}  // namespace egov::identity
