#include "libs/pki/key.h"

#include <sys/stat.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"

namespace egov::pki {
namespace {

using base::Fails;
using base::IsOk;
constexpr KeyType kAllTypes[] = {KeyType::kP256, KeyType::kP384, KeyType::kRsa, KeyType::kEd25519};

std::string TemporaryPath(const std::string& name) { return ::testing::TempDir() + "/" + name; }

TEST(KeyTest, EveryKindSignsWhatItsPublicKeyVerifies) {
  for (const KeyType type : kAllTypes) {
    const PrivateKey key = *PrivateKey::Generate(type);
    EXPECT_EQ(key.type(), type);
    const auto signature = key.Sign("message");
    ASSERT_THAT(signature, IsOk());
    EXPECT_THAT(key.public_key().Verify("message", *signature), IsOk());
    EXPECT_THAT(key.public_key().Verify("massage", *signature),
                Fails(absl::StatusCode::kUnauthenticated, "BAD_SIGNATURE"));
    EXPECT_THAT(PrivateKey::Generate(type)->public_key().Verify("message", *signature),
                Fails(absl::StatusCode::kUnauthenticated, "BAD_SIGNATURE"));
  }
}

TEST(KeyTest, ASignatureWithAnyOtherByteIsRefused) {
  const PrivateKey key = *PrivateKey::Generate();
  const std::string signature = *key.Sign("message");
  for (size_t i = 0; i < signature.size(); ++i) {
    std::string changed = signature;
    changed[i] ^= 1;
    EXPECT_FALSE(key.public_key().Verify("message", changed).ok()) << i;
  }
  EXPECT_FALSE(key.public_key().Verify("message", signature + '\0').ok());
  EXPECT_FALSE(key.public_key().Verify("message", "").ok());
}

TEST(KeyTest, SigningTheDigestIsSigningTheMessage) {
  for (const KeyType type : {KeyType::kP256, KeyType::kRsa}) {
    const PrivateKey key = *PrivateKey::Generate(type);
    EXPECT_THAT(key.public_key().Verify("message", *key.SignDigest(Sha256Of("message"))), IsOk());
    EXPECT_THAT(key.public_key().VerifyDigest(Sha256Of("message"), *key.Sign("message")), IsOk());
  }
  for (const KeyType type : {KeyType::kP384, KeyType::kEd25519}) {
    EXPECT_THAT(PrivateKey::Generate(type)->SignDigest(Digest{}),
                Fails(absl::StatusCode::kUnimplemented, "NO_DIGEST_SIGNATURE"));
  }
}

TEST(KeyTest, PemAndDerComeBackAsTheSameKey) {
  for (const KeyType type : kAllTypes) {
    const PrivateKey key = *PrivateKey::Generate(type);
    const auto again = PrivateKey::FromPem(key.ToPem().Reveal());
    ASSERT_THAT(again, IsOk());
    EXPECT_EQ(again->public_key(), key.public_key());
    EXPECT_EQ(*PublicKey::FromDer(key.public_key().ToDer()), key.public_key());
    EXPECT_EQ(*PublicKey::FromPem(key.public_key().ToPem()), key.public_key());
    EXPECT_EQ(key.public_key().digest(), Sha256Of(key.public_key().ToDer()));
  }
}

TEST(KeyTest, ASeedGivesTheKeyOfTheStandard) {
  // RFC 8032 section 7.1, test 1.
  const std::string seed =
      absl::HexStringToBytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  const PrivateKey key = *PrivateKey::FromEd25519Seed(Secret(seed));
  EXPECT_EQ(
      key.public_key().ToDer().substr(12),
      absl::HexStringToBytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
  EXPECT_THAT(PrivateKey::FromEd25519Seed(Secret("short")),
              Fails(absl::StatusCode::kInvalidArgument, "BAD_KEY"));
}

TEST(KeyTest, WeakAndForeignKeysAreRefused) {
  // secp256k1: well-formed, not accepted.
  const char* kSecp256k1 =
      "-----BEGIN PUBLIC KEY-----\n"
      "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEMlPkCZcfXNrImktxyrBEOcgu2JQB0w5k\n"
      "v8msp0pDmCGmu5SfKko9kLK2vu46xjT65zw/F20EvQraK0+bZJPvEw==\n"
      "-----END PUBLIC KEY-----\n";
  EXPECT_THAT(PublicKey::FromPem(kSecp256k1), Fails(absl::StatusCode::kInvalidArgument, "BAD_KEY"));
  EXPECT_THAT(PublicKey::FromPem("nothing"), Fails(absl::StatusCode::kInvalidArgument, "BAD_KEY"));
  EXPECT_THAT(PublicKey::FromDer(PrivateKey::Generate()->public_key().ToDer() + "x"),
              Fails(absl::StatusCode::kInvalidArgument, "BAD_KEY"));
  EXPECT_THAT(PrivateKey::FromPem("nothing"), Fails(absl::StatusCode::kInvalidArgument, "BAD_KEY"));
}

TEST(KeyTest, ASavedKeyIsForItsOwnerAlone) {
  const PrivateKey key = *PrivateKey::Generate();
  const std::string path = TemporaryPath("saved.key");
  ASSERT_THAT(key.Save(path), IsOk());
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(PrivateKey::LoadFile(path)->public_key(), key.public_key());
}

TEST(KeyTest, AKeyFileThatOthersMayReadIsRefused) {
  const std::string path = TemporaryPath("exposed.key");
  ASSERT_THAT(PrivateKey::Generate()->Save(path), IsOk());
  for (const int mode : {0640, 0604, 0620}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    EXPECT_THAT(PrivateKey::LoadFile(path),
                Fails(absl::StatusCode::kFailedPrecondition, "KEY_FILE_EXPOSED"));
  }
  EXPECT_THAT(PrivateKey::LoadFile(TemporaryPath("absent.key")),
              Fails(absl::StatusCode::kNotFound, "NO_KEY_FILE"));
}

TEST(KeyTest, OneKeyServesManyThreads) {
  const PrivateKey key = *PrivateKey::Generate();
  std::vector<std::thread> threads;
  std::vector<int> verified(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const std::string message = std::to_string(t * 1000 + i);
        verified[t] += key.public_key().Verify(message, *key.Sign(message)).ok();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(verified, std::vector<int>(4, 200));
}

}  // namespace
}  // namespace egov::pki
