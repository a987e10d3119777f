#include "libs/exchange/seals.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/pki/testing/authority.h"

namespace egov::exchange {
namespace {

using base::Fails;
using base::IsOk;

pki::testing::Identity Authority() { return pki::testing::MakeRoot("Seal CA", absl::Now()); }

// Sealed headers as they come, and the sizes of their batches.
class SealsTest : public ::testing::Test {
 protected:
  SealsTest()
      : member_(pki::testing::MakeMember(Authority(), pki::Purpose::kSeal, "ee/GOV/70000310/x",
                                         absl::Now())),
        maker_(
            &member_.key, [this] { return under_way_.load(); },
            [this](const absl::Status& status, std::vector<SealMaker::Header> batch) {
              EXPECT_THAT(status, IsOk());
              const std::lock_guard<std::mutex> lock(mutex_);
              for (const SealMaker::Header& one : batch) {
                egov::exchange::v1::SealedHeader sealed;
                if (sealed.ParseFromString(one.bytes)) sizes_.push_back(sealed.size());
              }
              came_.notify_all();
            }) {}

  void Seal(const std::string& header) { maker_.Seal({header, nullptr}); }
  std::vector<uint32_t> Sizes(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    came_.wait_for(lock, std::chrono::seconds(30), [&] { return sizes_.size() >= count; });
    return sizes_;
  }

  const pki::testing::Identity member_;
  std::atomic<size_t> under_way_{0};
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<uint32_t> sizes_;  // guarded by mutex_
  SealMaker maker_;
};

TEST_F(SealsTest, WhileFewCallsAreUnderWayEachIsSealedAtOnceAndAlone) {
  under_way_ = 3;
  for (uint32_t i = 1; i <= 3; ++i) {
    Seal("header");
    EXPECT_EQ(Sizes(0), std::vector<uint32_t>(i, 1)) << "before Seal returned";
  }
}

TEST_F(SealsTest, WhoeverMakesABatchFullSealsForAll) {
  under_way_ = 12;
  for (int i = 0; i < 4; ++i) Seal(absl::StrCat("header ", i));
  EXPECT_EQ(Sizes(4), std::vector<uint32_t>(4, 4));
}

TEST_F(SealsTest, ABatchThatDoesNotFillIsSealedAllTheSame) {
  under_way_ = 300;
  for (int round = 1; round <= 3; ++round) {
    Seal("one");
    Seal("two");
    EXPECT_EQ(Sizes(2 * round).size(), 2u * round);
  }
}

TEST_F(SealsTest, ABatchKeepsEverySealedHeaderWithinItsBound) {
  under_way_ = 3000;
  const std::string header(900, 'h');
  for (int i = 0; i < 64; ++i) Seal(header);
  for (const uint32_t size : Sizes(64)) EXPECT_LE(size, 2u);
}

// What a service keeps of its signers.
TEST(SealCheckerTest, CallsOfOneBatchThatArriveTogetherAreAllTakenAndOfAForgedOneNone) {
  const auto member =
      pki::testing::MakeMember(Authority(), pki::Purpose::kSeal, "ee/GOV/70000310/x", absl::Now());
  const Signer signer{member.certificate, {member.certificate}, "spiffe://ee/GOV/70000310/x"};
  SealChecker checker;
  for (int round = 0; round < 20; ++round) {
    proof::OpenedHeader good;
    good.size = 8;
    good.root = pki::Sha256Of(absl::StrCat("root ", round));
    good.signature = *member.key.Sign(proof::SealedBytes(good.size, good.root));
    proof::OpenedHeader forged = good;
    forged.size = 7;
    std::vector<std::thread> calls;
    std::atomic<int> taken{0}, refused{0};
    for (int i = 0; i < 8; ++i) {
      calls.emplace_back([&, i] {
        const absl::Status status = checker.Check(i % 2 == 0 ? good : forged, signer);
        if (status.ok()) ++taken;
        if (status.code() == absl::StatusCode::kUnauthenticated) ++refused;
      });
    }
    for (std::thread& call : calls) call.join();
    EXPECT_EQ(taken, 4);
    EXPECT_EQ(refused, 4);
  }
}

}  // namespace
}  // namespace egov::exchange
