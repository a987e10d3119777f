#include "services/identity/directory/directory.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/pki/testing/authority.h"
#include "services/identity/common/files.h"

namespace egov::identity {
namespace {

using base::Fails;
using base::IsOk;
using directory::v1::Directory;
using directory::v1::SignedDirectory;
using pki::testing::Must;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
const absl::Time kNow = absl::FromUnixSeconds(1800000000);

class DirectoryTest : public ::testing::Test {
 protected:
  DirectoryTest() {
    for (int i = 0; i < 3; ++i) {
      private_.push_back(Must(pki::PrivateKey::Generate()));
      keys_.keys.push_back(private_.back().public_key());
    }
    keys_.threshold = 2;
  }

  Directory Edition(uint64_t version) {
    Directory directory;
    directory.set_instance("ee");
    directory.set_version(version);
    directory.set_issued(absl::ToUnixSeconds(kNow));
    directory.set_expires(absl::ToUnixSeconds(kNow + absl::Hours(24)));
    auto* member = directory.add_members();
    member->set_member_class("GOV");
    member->set_code("70000310");
    member->add_subsystems()->set_code("pensions");
    auto* service = directory.add_services();
    service->set_audience("spiffe://ee/GOV/70000562/population");
    service->add_addresses("127.0.0.1:9090");
    auto* authority = directory.add_authorities();
    authority->set_role(directory::v1::AUTHORITY_ROLE_SEAL);
    authority->set_certificate(authority_.certificate.ToDer());
    return directory;
  }

  SignedDirectory Signed(const Directory& directory, std::vector<int> signers = {0, 1}) {
    SignedDirectory result = Must(PrepareDirectory(directory));
    for (const int i : signers) EXPECT_THAT(SignDirectory(private_[i], &result), IsOk());
    return result;
  }

  absl::Status Verify(const SignedDirectory& directory, uint64_t last = 0, absl::Time now = kNow) {
    return VerifyDirectory(directory, keys_, now, last, absl::Hours(1)).status();
  }

  std::unique_ptr<DirectoryCache> Open(const std::string& name, const base::Clock& clock) {
    return Must(
        DirectoryCache::Open(::testing::TempDir() + "/" + name, keys_, absl::Hours(1), clock));
  }

  std::vector<pki::PrivateKey> private_;
  DirectoryKeys keys_;
  pki::testing::Identity authority_ = pki::testing::MakeRoot("Seals", kNow);
};

TEST_F(DirectoryTest, CountsWithEnoughSignaturesOnly) {
  EXPECT_THAT(Verify(Signed(Edition(1), {0, 2})), IsOk());
  EXPECT_THAT(Verify(Signed(Edition(1), {0, 1, 2})), IsOk());
  EXPECT_THAT(Verify(Signed(Edition(1), {0})),
              Fails(absl::StatusCode::kUnauthenticated, "NOT_ENOUGH_SIGNATURES"));
}

TEST_F(DirectoryTest, OneKeyCannotSignTwice) {
  SignedDirectory directory = Signed(Edition(1), {0});
  *directory.add_signatures() = directory.signatures(0);
  directory.mutable_signatures(1)->set_key_digest(
      std::string(pki::AsBytes(keys_.keys[1].digest())));
  EXPECT_THAT(Verify(directory),
              Fails(absl::StatusCode::kUnauthenticated, "NOT_ENOUGH_SIGNATURES"));
  keys_.keys = {keys_.keys[0], keys_.keys[0]};
  EXPECT_THAT(Verify(directory),
              Fails(absl::StatusCode::kUnauthenticated, "NOT_ENOUGH_SIGNATURES"));
}

TEST_F(DirectoryTest, AChangedByteOrAStrangersSignatureDoesNotCount) {
  SignedDirectory directory = Signed(Edition(1));
  directory.mutable_directory()->back() ^= 1;
  EXPECT_THAT(Verify(directory),
              Fails(absl::StatusCode::kUnauthenticated, "NOT_ENOUGH_SIGNATURES"));
  directory = Signed(Edition(1), {0});
  ASSERT_THAT(SignDirectory(Must(pki::PrivateKey::Generate()), &directory), IsOk());
  EXPECT_THAT(Verify(directory),
              Fails(absl::StatusCode::kUnauthenticated, "NOT_ENOUGH_SIGNATURES"));
}

TEST_F(DirectoryTest, AnOlderEditionIsRefusedAndTheSameIsNot) {
  EXPECT_THAT(Verify(Signed(Edition(4)), 5), Fails(kPrecondition, "OLD_DIRECTORY"));
  EXPECT_THAT(Verify(Signed(Edition(5)), 5), IsOk());
}

TEST_F(DirectoryTest, ExpiryHasAGraceAndThenAnEnd) {
  const SignedDirectory directory = Signed(Edition(1));
  EXPECT_THAT(Verify(directory, 0, kNow + absl::Minutes(24 * 60 + 59)), IsOk());
  EXPECT_THAT(Verify(directory, 0, kNow + absl::Minutes(25 * 60 + 1)),
              Fails(kPrecondition, "DIRECTORY_EXPIRED"));
  EXPECT_THAT(Verify(directory, 0, kNow - absl::Hours(1)),
              Fails(kPrecondition, "DIRECTORY_FROM_FUTURE"));
}

TEST_F(DirectoryTest, WhatContradictsItselfIsNotSigned) {
  Directory twice = Edition(1);
  *twice.add_members() = twice.members(0);
  EXPECT_THAT(PrepareDirectory(twice), Fails(kInvalid, "BAD_DIRECTORY"));
  Directory foreign = Edition(1);
  foreign.mutable_services(0)->set_audience("spiffe://fi/GOV/1/population");
  EXPECT_THAT(PrepareDirectory(foreign), Fails(kInvalid, "BAD_DIRECTORY", "services[0]"));
  Directory leaf = Edition(1);
  leaf.mutable_authorities(0)->set_certificate(
      pki::testing::MakeMember(authority_, pki::Purpose::kSeal, "ee/GOV/1/a", kNow)
          .certificate.ToDer());
  EXPECT_THAT(PrepareDirectory(leaf), Fails(kInvalid, "BAD_DIRECTORY", "authorities[0]"));
  Directory unversioned = Edition(0);
  EXPECT_THAT(PrepareDirectory(unversioned), Fails(kInvalid, "BAD_DIRECTORY", "version"));
}

TEST_F(DirectoryTest, JsonComesBackAndUnknownFieldsAreRefused) {
  const std::string json = DirectoryToJson(Edition(7));
  EXPECT_EQ(DirectoryFromJson(json)->SerializeAsString(), Edition(7).SerializeAsString());
  EXPECT_THAT(DirectoryFromJson("{\"instanse\": \"ee\"}"), Fails(kInvalid, "BAD_DIRECTORY"));
}

TEST_F(DirectoryTest, TheCacheNeverGoesBackAlsoAfterARestart) {
  base::ManualClock clock(kNow);
  {
    auto cache = Open("back", clock);
    EXPECT_THAT(cache->Current(), Fails(kPrecondition, "NO_DIRECTORY"));
    ASSERT_THAT(cache->Update(Signed(Edition(5)).SerializeAsString()), IsOk());
    EXPECT_EQ((*cache->Current())->version(), 5u);
  }
  auto cache = Open("back", clock);
  EXPECT_EQ((*cache->Current())->version(), 5u);
  EXPECT_THAT(cache->Update(Signed(Edition(4)).SerializeAsString()),
              Fails(kPrecondition, "OLD_DIRECTORY"));
  Directory other = Edition(5);
  other.mutable_members()->Clear();
  EXPECT_THAT(cache->Update(Signed(other).SerializeAsString()),
              Fails(kPrecondition, "OLD_DIRECTORY"));
  EXPECT_THAT(cache->Update(Signed(Edition(6)).SerializeAsString()), IsOk());
}

TEST_F(DirectoryTest, AnExpiredCacheAnswersNothingButStillForbidsOlderEditions) {
  base::ManualClock clock(kNow);
  ASSERT_THAT(Open("expired", clock)->Update(Signed(Edition(5)).SerializeAsString()), IsOk());
  clock.Advance(absl::Hours(48));
  auto cache = Open("expired", clock);
  EXPECT_THAT(cache->Current(), Fails(kPrecondition, "DIRECTORY_EXPIRED"));
  EXPECT_THAT(cache->Update(Signed(Edition(4)).SerializeAsString()),
              Fails(kPrecondition, "OLD_DIRECTORY"));
}

TEST_F(DirectoryTest, ACacheThatSomeoneChangedIsNotRead) {
  base::ManualClock clock(kNow);
  ASSERT_THAT(Open("changed", clock)->Update(Signed(Edition(5)).SerializeAsString()), IsOk());
  const std::string path = ::testing::TempDir() + "/changed";
  std::string bytes = Must(ReadFile(path));
  bytes[10] ^= 1;
  ASSERT_THAT(WriteFile(path, bytes), IsOk());
  EXPECT_THAT(DirectoryCache::Open(path, keys_, absl::Hours(1), clock),
              Fails(absl::StatusCode::kDataLoss, "BAD_DIRECTORY_CACHE"));
}

TEST_F(DirectoryTest, AnAuthorityCountsInItsTimeOnly) {
  Directory directory = Edition(1);
  directory.mutable_authorities(0)->set_valid_to(absl::ToUnixSeconds(kNow));
  const auto role = directory::v1::AUTHORITY_ROLE_SEAL;
  EXPECT_THAT(VerifierOf(directory, role, kNow - absl::Seconds(1)), IsOk());
  EXPECT_THAT(VerifierOf(directory, role, kNow), Fails(kInvalid, "NO_ANCHOR"));
}

}  // namespace
}  // namespace egov::identity
