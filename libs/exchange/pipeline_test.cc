// The way of a request under many threads, without a transport: what the thread sanitizer watches.
#include "libs/exchange/pipeline.h"

#include <atomic>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libs/base/ids.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/exchange/testing/core.h"
#include "libs/proof/wire.h"
#include "libs/storage/table.h"

namespace egov::exchange::testing {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using namespace egov::testing::lending::v1;  // NOLINT: the contract's messages

constexpr char kShop[] = "ee/COM/10000024/shop";
constexpr char kLender[] = "ee/GOV/70000562/lender";

const std::vector<std::string>& Both() {
  static const auto* const items =
      new std::vector<std::string>{"lending.card.blocked", "lending.card.holder"};
  return *items;
}

IssueCardRequest IssueOf(uint64_t number, const std::string& request_id) {
  IssueCardRequest request;
  request.set_request_id(request_id);
  request.mutable_card()->mutable_number()->set_scheme(kScheme);
  request.mutable_card()->mutable_number()->set_value(absl::StrCat(number));
  request.mutable_card()->set_holder(absl::StrCat("Holder ", number));
  return request;
}

GetCardRequest GetOf(uint64_t number) {
  GetCardRequest request;
  request.mutable_number()->set_scheme(kScheme);
  request.mutable_number()->set_value(absl::StrCat(number));
  return request;
}

TEST(PipelineTest, EightThreadsOfReadsWritesAndRevocationsLeaveOneLogThatHoldsThemAll) {
  Core core;
  const CoreMember& shop = core.Member(kShop);
  const CoreMember& lender = core.Member(kLender);
  core.Grant(kLender, "IssueCard", "lending");
  core.Grant(kLender, "FindBlocked", "stocktaking", Both());
  core.Grant(kLender, "GetCard", "lending", Both());
  std::string right = core.Grant(kShop, "GetCard", "sale", Both());

  constexpr int kEach = 60;
  std::mutex mutex;
  std::vector<egov::exchange::v1::Receipt> receipts;  // guarded by mutex
  std::atomic<int> issued{0}, denied{0}, allowed{0};
  const auto keep = [&](const Reply& reply) {
    egov::exchange::v1::Receipt receipt;
    ASSERT_THAT(proof::ParseStrictly(reply.receipt, "BAD_RECEIPT", &receipt), IsOk());
    EGOV_ASSERT_OK_AND_ASSIGN(const proof::Note note, proof::ParseNote(receipt.checkpoint()));
    EXPECT_THAT(proof::VerifyNote(note, core.log_key()), IsOk());
    EGOV_ASSERT_OK_AND_ASSIGN(const pki::Digest root, proof::RootOfReceipt(receipt, note.size));
    EXPECT_EQ(root, note.root);
    const std::lock_guard<std::mutex> lock(mutex);
    receipts.push_back(std::move(receipt));
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        // The three issue the same cards: of each number one is issued, whoever comes first.
        const Reply reply =
            core.Ask(lender, "IssueCard", "lending", {}, IssueOf(1 + i, base::NewUuid()));
        if (reply.status.ok())
          ++issued;
        else
          EXPECT_THAT(reply.status, Fails(StatusCode::kAlreadyExists, "CARD_TAKEN")) << t;
        keep(reply);
      }
    });
  }
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        const Reply reply = core.Ask(shop, "GetCard", "sale", Both(), GetOf(1 + i));
        if (reply.status.code() == StatusCode::kPermissionDenied) {
          ++denied;  // while the right is withdrawn; at the door, perhaps, and then without a
                     // record
          if (!reply.receipt.empty()) keep(reply);
          continue;
        }
        ++allowed;
        EXPECT_TRUE(reply.status.ok() || reply.status.code() == StatusCode::kNotFound)
            << reply.status;
        keep(reply);
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < kEach; ++i)
      keep(core.Ask(lender, "GetCard", "lending", Both(), GetOf(1 + i)));
  });
  threads.emplace_back([&] {
    for (int i = 0; i < 10; ++i) {
      EXPECT_THAT(core.Revoke(right), IsOk());
      EXPECT_THAT(core.Ask(shop, "GetCard", "sale", Both(), GetOf(1)).status,
                  Fails(StatusCode::kPermissionDenied, "NO_RIGHT"))
          << "withdrawn stops the very next call";
      right = core.Grant(kShop, "GetCard", "sale", Both());
    }
  });
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(issued, kEach);
  EXPECT_EQ(denied + allowed, 3 * kEach);
  std::set<uint64_t> positions;
  for (const egov::exchange::v1::Receipt& receipt : receipts) {
    EXPECT_TRUE(positions.insert(receipt.index()).second);
    EGOV_ASSERT_OK_AND_ASSIGN(const auto entry, core.log().At(receipt.index()));
    EXPECT_EQ(entry->record, receipt.record());
  }
}

TEST(PipelineTest, OneActSentByManyAtOnceIsDoneOnceAndAnsweredAlike) {
  Core core;
  const CoreMember& lender = core.Member(kLender);
  core.Grant(kLender, "IssueCard", "lending");
  const IssueCardRequest act = IssueOf(7, base::NewUuid());
  std::mutex mutex;
  std::set<std::string> answers;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      const Reply reply = core.Ask(lender, "IssueCard", "lending", {}, act);
      ASSERT_THAT(reply.status, IsOk());
      const std::lock_guard<std::mutex> lock(mutex);
      answers.insert(reply.parts.at(0));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answers.size(), 1u);
}

TEST(PipelineTest, WhoMeetsOthersWritesAgainAndAgainIsToldToComeBackAndNothingWasDone) {
  Core core;
  const CoreMember& lender = core.Member(kLender);
  core.Grant(kLender, "GetCard", "lending", Both());
  const storage::Table<uint64_t, Card> cards(0x0100);
  int written = 0;
  const auto write = [&] {
    Card card;
    card.mutable_number()->set_scheme(kScheme);
    card.mutable_number()->set_value("7");
    card.set_holder(absl::StrCat("Holder ", ++written));
    auto transaction = core.store().Begin();
    ASSERT_THAT(cards.Put(*transaction, 7, card), IsOk());
    ASSERT_THAT(core.store().CommitAndWait(std::move(transaction)), IsOk());
  };
  write();
  core.set_between(write);
  const uint64_t before = core.log().Newest().size;
  const Reply busy = core.Ask(lender, "GetCard", "lending", Both(), GetOf(7));
  EXPECT_THAT(busy.status, Fails(StatusCode::kUnavailable, "BUSY"));
  EXPECT_GT(base::DetailOf(busy.status)->retry_after, absl::ZeroDuration());
  EXPECT_TRUE(busy.receipt.empty() && busy.parts.empty());
  EXPECT_GT(written, 3) << "it was tried more than once";
  EXPECT_EQ(core.log().Newest().size, before);
  core.set_between(nullptr);
  EXPECT_THAT(core.Ask(lender, "GetCard", "lending", Both(), GetOf(7)).status, IsOk());
}

LoadCardsRequest LoadOf(uint64_t first, int count) {
  LoadCardsRequest request;
  request.set_request_id(base::NewUuid());
  for (int i = 0; i < count; ++i) *request.add_cards() = IssueOf(first + i, "").card();
  return request;
}

// The windows of one stream, made by hand.
class Windows {
 public:
  Windows(Core& core, const CoreMember& member) : core_(core), member_(member) {}

  Question Next(const LoadCardsRequest& request, bool last = false) {
    const std::string bytes = request.SerializeAsString();
    const std::string salt = base::RandomBytes(proof::kSaltSize);
    auto header = core_.Header(member_, "LoadCards", "lending", {}, bytes, salt);
    header.set_window(next_++);
    header.set_previous(previous_);
    header.set_last(last);
    Question question = core_.Seal(member_, "LoadCards", header, bytes, salt);
    question.stream = &state_;
    previous_ = std::string(pki::AsBytes(pki::Sha256Of(question.sealed_header)));
    return question;
  }

 private:
  Core& core_;
  const CoreMember& member_;
  StreamState state_;
  uint64_t next_ = 0;
  std::string previous_;
};

TEST(PipelineTest, WindowsPreparedWhileTheOneBeforeIsServedAreTakenInInOrder) {
  Core core;
  const CoreMember& lender = core.Member(kLender);
  core.Grant(kLender, "LoadCards", "lending");
  core.Grant(kLender, "GetCard", "lending", Both());
  constexpr int kWindows = 8;
  constexpr int kCards = 300;
  Windows windows(core, lender);
  auto ready = core.Prepare(windows.Next(LoadOf(1, kCards)));
  for (int w = 0; w < kWindows; ++w) {
    Question next = windows.Next(LoadOf(1 + (w + 1) * kCards, kCards), w + 2 == kWindows);
    std::shared_ptr<Pipeline::Attempt> prepared;
    std::thread ahead([&] { prepared = core.Prepare(std::move(next)); });
    const uint64_t before = core.log().Newest().size;
    const Reply reply = core.Serve(std::move(ready));
    ASSERT_THAT(reply.status, IsOk()) << w;
    EXPECT_EQ(core.log().Newest().size, before + 1) << "only what is served is recorded";
    ahead.join();
    ready = std::move(prepared);
  }
  EXPECT_THAT(core.Ask(lender, "GetCard", "lending", Both(), GetOf(kWindows * kCards)).status,
              IsOk());
  EXPECT_THAT(core.Ask(lender, "GetCard", "lending", Both(), GetOf(kWindows * kCards + 1)).status,
              Fails(StatusCode::kNotFound, "UNKNOWN_CARD"));
  EXPECT_THAT(core.Serve(std::move(ready)).status,
              Fails(StatusCode::kInvalidArgument, "BAD_WINDOW"))
      << "after the last one";
}

TEST(PipelineTest, AWindowWhoseHeaderGrewOldWhileItWaitedForItsTurnIsRefused) {
  Core core;
  const CoreMember& lender = core.Member(kLender);
  core.Grant(kLender, "LoadCards", "lending");
  core.Grant(kLender, "GetCard", "lending", Both());
  Windows windows(core, lender);
  const LoadCardsRequest load = LoadOf(1, 1);
  auto prepared = core.Prepare(windows.Next(load, true));
  core.StepClock(absl::Minutes(6));
  const Reply refused = core.Serve(std::move(prepared));
  EXPECT_THAT(refused.status, Fails(StatusCode::kInvalidArgument, "STALE_HEADER"));
  EXPECT_FALSE(refused.receipt.empty());
  core.StepClock(-absl::Minutes(6));
  EXPECT_THAT(core.Ask(lender, "GetCard", "lending", Both(), GetOf(1)).status,
              Fails(StatusCode::kNotFound, "UNKNOWN_CARD"));
}

// A year on, the seal's certificate has expired.
TEST(PipelineTest, TheSealsCertificateIsAskedForWhenAPreparedWindowIsServed) {
  Core core;
  const CoreMember& lender = core.Member(kLender);
  core.Grant(kLender, "LoadCards", "lending");
  Windows windows(core, lender);
  const LoadCardsRequest load = LoadOf(1, 1);
  auto prepared = core.Prepare(windows.Next(load, true));
  core.StepClock(absl::Hours(24 * 365));
  const Reply refused = core.Serve(std::move(prepared));
  EXPECT_EQ(refused.status.code(), StatusCode::kUnauthenticated) << refused.status;
  EXPECT_TRUE(refused.receipt.empty());
}

TEST(PipelineTest, TheRightIsAskedForWhenAPreparedWindowIsServed) {
  Core core;
  const CoreMember& lender = core.Member(kLender);
  const std::string right = core.Grant(kLender, "LoadCards", "lending");
  core.Grant(kLender, "GetCard", "lending", Both());
  Windows windows(core, lender);
  const LoadCardsRequest load = LoadOf(1, 1);
  auto prepared = core.Prepare(windows.Next(load, true));
  ASSERT_THAT(core.Revoke(right), IsOk());
  const Reply refused = core.Serve(std::move(prepared));
  EXPECT_THAT(refused.status, Fails(StatusCode::kPermissionDenied, "NO_RIGHT"));
  EXPECT_FALSE(refused.receipt.empty());
  EXPECT_THAT(core.Ask(lender, "GetCard", "lending", Both(), GetOf(1)).status,
              Fails(StatusCode::kNotFound, "UNKNOWN_CARD"));
}

TEST(PipelineTest, AWindowSentAgainIsAnsweredAsAtFirst) {
  Core core;
  const CoreMember& lender = core.Member(kLender);
  core.Grant(kLender, "LoadCards", "lending");
  const LoadCardsRequest load = LoadOf(1, 2);
  Windows once(core, lender), twice(core, lender);
  const Reply first = core.Serve(core.Prepare(once.Next(load, true)));
  ASSERT_THAT(first.status, IsOk());
  const Reply again = core.Serve(core.Prepare(twice.Next(load, true)));
  ASSERT_THAT(again.status, IsOk());
  EXPECT_EQ(again.parts, first.parts);
}

TEST(PipelineTest, OneHeaderSentByManyAtOnceIsAnsweredOnce) {
  Core core;
  const CoreMember& lender = core.Member(kLender);
  core.Grant(kLender, "GetCard", "lending", Both());
  const std::string bytes = GetOf(7).SerializeAsString();
  const std::string salt = base::RandomBytes(proof::kSaltSize);
  const Question question =
      core.Seal(lender, "GetCard", core.Header(lender, "GetCard", "lending", Both(), bytes, salt),
                bytes, salt);
  std::atomic<int> answered{0}, replayed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      const Reply reply = core.Serve(question);
      if (reply.status.code() == StatusCode::kNotFound) ++answered;
      if (reply.status.code() == StatusCode::kAlreadyExists) ++replayed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 1);
  EXPECT_EQ(replayed, 7);
}

}  // namespace
}  // namespace egov::exchange::testing
