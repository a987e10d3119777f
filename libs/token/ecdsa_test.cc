#include "libs/token/internal/ecdsa.h"

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"

namespace egov::token::internal {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using pki::KeyType;

class EcdsaTest : public ::testing::TestWithParam<KeyType> {
 protected:
  static std::string Point(const pki::PublicKey& key) {
    return key.ToDer().substr(key.ToDer().size() - 1 - 2 * Size());
  }
  static size_t Size() { return GetParam() == KeyType::kP384 ? 48 : 32; }
  static std::string Wrapped(const std::string& point) {
    return std::string("\x04") + static_cast<char>(point.size()) + point;
  }
  const pki::PrivateKey key_ = *pki::PrivateKey::Generate(GetParam());
  const std::string parameters_ = CurveParameters(GetParam());
};

TEST_P(EcdsaTest, APointIsReadBareOrInItsOctetString) {
  const std::string point = Point(key_.public_key());
  for (const std::string& form : {point, Wrapped(point)}) {
    EGOV_ASSERT_OK_AND_ASSIGN(const pki::PublicKey key, PublicKeyOf(parameters_, form));
    EXPECT_EQ(key, key_.public_key());
  }
}

TEST_P(EcdsaTest, WhatIsNoPointOfTheCurveIsRefused) {
  const auto bad = Fails(StatusCode::kInvalidArgument, "BAD_KEY");
  const std::string point = Point(key_.public_key());
  std::string off = point;
  off.back() ^= 1;
  EXPECT_THAT(PublicKeyOf(parameters_, off), bad);
  EXPECT_THAT(PublicKeyOf(parameters_, Wrapped(off)), bad);
  EXPECT_THAT(PublicKeyOf(parameters_, ""), bad);
  EXPECT_THAT(PublicKeyOf(parameters_, point.substr(1)), bad);
  EXPECT_THAT(PublicKeyOf(parameters_, point + "x"), bad);
  EXPECT_THAT(PublicKeyOf("", point), bad);
  EXPECT_THAT(PublicKeyOf(parameters_ + "x", point), bad);
  const KeyType other = GetParam() == KeyType::kP256 ? KeyType::kP384 : KeyType::kP256;
  EXPECT_THAT(PublicKeyOf(CurveParameters(other), point), bad);
}

TEST_P(EcdsaTest, OnlyARawSignatureThatVerifiesBecomesOne) {
  const auto wrong = Fails(StatusCode::kInternal, "SIGNATURE_WRONG");
  const std::string digest(Size(), 'd');
  EXPECT_THAT(SignatureOf(std::string(2 * Size(), '\0'), key_.public_key(), digest), wrong);
  EXPECT_THAT(SignatureOf(std::string(2 * Size(), '\xff'), key_.public_key(), digest), wrong);
  EXPECT_THAT(SignatureOf("", key_.public_key(), digest), wrong);
  EXPECT_THAT(SignatureOf(std::string(2 * Size() - 1, '1'), key_.public_key(), digest), wrong);
}

INSTANTIATE_TEST_SUITE_P(Curves, EcdsaTest, ::testing::Values(KeyType::kP256, KeyType::kP384),
                         [](const auto& info) {
                           return info.param == KeyType::kP256 ? "P256" : "P384";
                         });

}  // namespace
}  // namespace egov::token::internal
