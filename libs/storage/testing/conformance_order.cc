// The order of commits, hooks, followers, large transactions, reopening.
#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/storage/sequence.h"
#include "libs/storage/testing/conformance.h"

namespace egov::storage {
namespace {

using base::Fails;
using base::IsOk;

// A hook that writes one row for each entry and can be told to fail.
class RecordingHook final : public GroupHook {
 public:
  absl::Status Admit(const Entry& entry) override {
    if (refuse) return base::Error(absl::StatusCode::kResourceExhausted, "QUOTA", "no more");
    ++admitted;
    return absl::OkStatus();
  }
  void Withdraw(const Entry& entry) override { --admitted; }
  absl::Status OnGroup(Group& group) override {
    if (fail) return base::Error(absl::StatusCode::kInternal, "HOOK", "told to fail");
    uint64_t position = group.first_position();
    for (Entry* entry : group.entries()) {
      EXPECT_EQ(entry->position, position);
      group.Put(absl::StrFormat("log/%06d", position++), "record");
    }
    return absl::OkStatus();
  }
  void AfterGroup(const absl::Status& outcome) override { ++(outcome.ok() ? succeeded : failed); }

  bool fail = false;
  bool refuse = false;
  int admitted = 0, succeeded = 0, failed = 0;
};

class RecordingFollower final : public Follower {
 public:
  void OnCommitted(uint64_t position, absl::string_view key,
                   absl::optional<absl::string_view> value) override {
    std::lock_guard<std::mutex> lock(mutex);
    absl::StrAppend(&seen, position, ":", key, value ? "=" : "-", value.value_or(""), " ");
  }
  void OnHorizon(uint64_t position) override { horizon = position; }

  std::mutex mutex;
  std::string seen;
  std::atomic<uint64_t> horizon{0};
};

// ---- the order ----

TEST_P(StoreConformanceTest, PositionsAreDenseAndInCommitOrder) {
  constexpr int kThreads = 4, kEach = 25;
  std::mutex mutex;
  std::vector<uint64_t> in_order_of_done;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        auto transaction = store_->Begin();
        transaction->PutStamped("st", absl::StrCat("/", t), "x");
        transaction->Append(std::make_unique<Entry>());
        store_->Commit(std::move(transaction), [&](absl::StatusOr<CommitResult> result) {
          std::lock_guard<std::mutex> lock(mutex);
          ASSERT_THAT(result, IsOk());
          EXPECT_GT(result->horizon, result->entry->position);
          in_order_of_done.push_back(result->entry->position);
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_THAT(Write("end", ""), IsOk());  // behind all of them
  ASSERT_EQ(in_order_of_done.size(), kThreads * kEach);
  for (uint64_t i = 0; i < in_order_of_done.size(); ++i) EXPECT_EQ(in_order_of_done[i], i);
  EXPECT_EQ(store_->horizon(), kThreads * kEach);
}

TEST_P(StoreConformanceTest, AStampedKeyHoldsThePosition) {
  ASSERT_THAT(Write("aa", "0", true), IsOk());
  auto transaction = store_->Begin();
  transaction->PutStamped("ev/", "/tail", "value");
  transaction->Append(std::make_unique<Entry>());
  const auto result = store_->CommitAndWait(std::move(transaction));
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->entry->position, 1u);
  std::string key = "ev/";
  base::AppendU64(1, &key);
  EXPECT_EQ(Read(key + "/tail"), "value");
}

TEST_P(StoreConformanceTest, AStampWithoutAnEntryIsRefused) {
  auto transaction = store_->Begin();
  transaction->PutStamped("ev/", "", "value");
  transaction->Put("aa", "x");
  EXPECT_THAT(store_->CommitAndWait(std::move(transaction)),
              Fails(absl::StatusCode::kInvalidArgument, "STAMP_WITHOUT_ENTRY"));
  EXPECT_EQ(Read("aa"), absl::nullopt);
}

TEST_P(StoreConformanceTest, AScanOverStampedRowsConflictsWithANewOne) {
  auto reader = store_->Begin();
  EXPECT_EQ(RowsOf(*reader, "ev", "ew"), "");
  reader->Put("aa", "x");
  auto writer = store_->Begin();
  writer->PutStamped("ev", "", "x");
  writer->Append(std::make_unique<Entry>());
  ASSERT_THAT(store_->CommitAndWait(std::move(writer)), IsOk());
  EXPECT_TRUE(IsConflict(store_->CommitAndWait(std::move(reader)).status()));
}

// ---- hooks and followers ----

TEST_P(StoreConformanceTest, AHooksRowsAreInTheSameBatch) {
  RecordingHook hook;
  store_->AddHook(&hook);
  ASSERT_THAT(Write("aa1", "x", true), IsOk());
  ASSERT_THAT(Write("aa2", "x", false), IsOk());  // no entry, no record
  ASSERT_THAT(Write("aa3", "x", true), IsOk());
  EXPECT_EQ(Rows("log/", "log0"), "log/000000=record log/000001=record");
  EXPECT_EQ(hook.succeeded, 2);
  Reopen();
  EXPECT_EQ(Rows("log/", "log0"), "log/000000=record log/000001=record");
}

TEST_P(StoreConformanceTest, AFailedHookChangesNothing) {
  RecordingHook hook;
  store_->AddHook(&hook);
  ASSERT_THAT(Write("aa1", "x", true), IsOk());
  hook.fail = true;
  EXPECT_THAT(Write("aa2", "x", true), Fails(absl::StatusCode::kInternal, "HOOK"));
  EXPECT_EQ(hook.failed, 1);
  EXPECT_EQ(store_->horizon(), 1u);
  EXPECT_EQ(Read("aa2"), absl::nullopt);
  hook.fail = false;
  const auto next = Write("aa3", "x", true);
  ASSERT_THAT(next, IsOk());
  EXPECT_EQ(next->entry->position, 1u);  // the refused one has used no position
}

TEST_P(StoreConformanceTest, AHookRefusesOneTransactionAlone) {
  RecordingHook counts, refuses;
  store_->AddHook(&counts);
  store_->AddHook(&refuses);
  refuses.refuse = true;
  EXPECT_THAT(Write("aa1", "x", true), Fails(absl::StatusCode::kResourceExhausted, "QUOTA"));
  EXPECT_EQ(counts.admitted, 0);  // taken back
  EXPECT_THAT(Write("aa2", "x", false), IsOk());
  EXPECT_EQ(Rows("aa", "ab"), "aa2=x");
  EXPECT_EQ(store_->horizon(), 0u);
}

TEST_P(StoreConformanceTest, AHooksRowsConflictWithThoseWhoReadThem) {
  RecordingHook hook;
  store_->AddHook(&hook);
  auto reader = store_->Begin();
  std::string value;
  EXPECT_FALSE(*reader->Get("log/000000", &value));
  reader->Put("aa", "x");
  ASSERT_THAT(Write("ab", "x", true), IsOk());
  EXPECT_TRUE(IsConflict(store_->CommitAndWait(std::move(reader)).status()));
}

TEST_P(StoreConformanceTest, FollowersSeeCommittedRowsBeforeTheCallersHear) {
  RecordingFollower follower;
  store_->AddFollower("aa", &follower);
  auto transaction = store_->Begin();
  transaction->Put("aa2", "x");
  transaction->Put("aa1", "y");
  transaction->Put("ab1", "z");
  transaction->Append(std::make_unique<Entry>());
  std::promise<std::pair<std::string, uint64_t>> when_done;
  store_->Commit(std::move(transaction), [&](absl::StatusOr<CommitResult> result) {
    EXPECT_THAT(result, IsOk());
    std::lock_guard<std::mutex> lock(follower.mutex);
    when_done.set_value({follower.seen, follower.horizon});
  });
  const auto [seen_when_done, horizon_when_done] = when_done.get_future().get();
  ASSERT_THAT(Write("aa3", "later", true), IsOk());
  EXPECT_EQ(seen_when_done, "0:aa1=y 0:aa2=x ");
  EXPECT_EQ(horizon_when_done, 1u);
  auto deleter = store_->Begin();
  deleter->Delete("aa1");
  ASSERT_THAT(store_->CommitAndWait(std::move(deleter)), IsOk());
  EXPECT_EQ(follower.seen, "0:aa1=y 0:aa2=x 1:aa3=later 2:aa1- ");
}

TEST_P(StoreConformanceTest, WhoseWritesWereDroppedCommitsNothingButWhatItReadMustStillBeSo) {
  std::string value;
  auto refusing = store_->Begin();
  EXPECT_FALSE(*refusing->Get("aa1", &value));
  refusing->Put("ab1", "what the refused command wrote");
  refusing->PutStamped("ab2", "", "and this");
  refusing->Append(std::make_unique<Entry>());
  refusing->DropWrites();
  refusing->Put("ac1", "why");
  EXPECT_FALSE(*refusing->Get("ab1", &value));
  ASSERT_THAT(store_->CommitAndWait(std::move(refusing)), IsOk());
  EXPECT_EQ(Rows("ab", "ad"), "ac1=why");
  EXPECT_EQ(store_->horizon(), 0u);

  auto outdated = store_->Begin();
  EXPECT_FALSE(*outdated->Get("aa1", &value));
  ASSERT_THAT(Write("aa1", "x", true), IsOk());
  outdated->DropWrites();
  outdated->Put("ac1", "of what is no longer so");
  EXPECT_TRUE(IsConflict(store_->CommitAndWait(std::move(outdated)).status()));
}

TEST_P(StoreConformanceTest, WhoDependsOnAFollowedRowConflictsWithItsWriter) {
  RecordingFollower follower;
  store_->AddFollower("aa", &follower);
  ASSERT_THAT(Write("aa1", "x", true), IsOk());
  auto before = store_->Begin();
  EXPECT_TRUE(before->DependOn("aa1")) << "the follower has been told";
  before->Put("ab", "by what the follower keeps");
  ASSERT_THAT(Write("aa1", "y", true), IsOk());
  EXPECT_TRUE(IsConflict(store_->CommitAndWait(std::move(before)).status()));
  auto after = store_->Begin();
  EXPECT_TRUE(after->DependOn("aa1"));
  EXPECT_TRUE(after->DependOn("aa2")) << "no row is something to depend on, too";
  after->Put("ab", "by what the follower keeps");
  EXPECT_THAT(store_->CommitAndWait(std::move(after)), IsOk());
}

// The group can be read before its followers are told of it: what they keep is then too old.
TEST_P(StoreConformanceTest, WhatAFollowerKeepsIsNotToBeUsedWhileItIsBeingTold) {
  struct Asking final : Follower {
    Store* store = nullptr;
    std::vector<bool> answers;
    void OnCommitted(uint64_t, absl::string_view key, absl::optional<absl::string_view>) override {
      answers.push_back(store->Begin()->DependOn(key));
    }
  } follower;
  follower.store = store_.get();
  store_->AddFollower("aa", &follower);
  ASSERT_THAT(Write("aa1", "x", true), IsOk());
  EXPECT_EQ(follower.answers, std::vector<bool>{false});
  EXPECT_TRUE(store_->Begin()->DependOn("aa1"));
}

TEST_P(StoreConformanceTest, AFollowerSeesNothingOfARefusedTransaction) {
  RecordingHook hook;
  RecordingFollower follower;
  store_->AddHook(&hook);
  store_->AddFollower("aa", &follower);
  hook.fail = true;
  EXPECT_FALSE(Write("aa1", "x", true).ok());
  EXPECT_EQ(follower.seen, "");
}

// ---- large and lasting ----

TEST_P(StoreConformanceTest, ALargeTransactionIsAtomicAndOrderedWithSmallOnes) {
  RecordingHook hook;
  store_->AddHook(&hook);
  ASSERT_THAT(Write("ab00000007", "before", true), IsOk());
  const std::string value(600, 'v');
  constexpr int kRows = 20000;
  for (int round = 0; round < 2; ++round) {  // the second goes over the first
    auto large = store_->Begin();
    for (int i = 0; i < kRows; ++i) {
      large->Put(absl::StrFormat("aa%08d", i), value);
      large->Put(absl::StrFormat("ab%08d", (i * 7919) % kRows), absl::StrCat("large", round));
    }
    large->Delete("ab00000009");
    large->PutStamped("ev", "", "stamped");
    large->Append(std::make_unique<Entry>());
    absl::StatusOr<CommitResult> large_result;
    store_->Commit(std::move(large),
                   [&](absl::StatusOr<CommitResult> r) { large_result = std::move(r); });
    const auto small = Write("ab00000008", absl::StrCat("after", round), true);
    ASSERT_THAT(small, IsOk());
    ASSERT_THAT(large_result, IsOk());
    EXPECT_EQ(large_result->entry->position, 1 + 2 * round);
    EXPECT_EQ(small->entry->position, 2 + 2 * round);
    EXPECT_EQ(Read("ab00000007"), absl::StrCat("large", round));
    EXPECT_EQ(Read("ab00000008"), absl::StrCat("after", round));
    EXPECT_EQ(Read("ab00000009"), absl::nullopt);
  }
  Reopen();
  int rows = 0;
  auto snapshot = store_->Snapshot();
  ASSERT_THAT((*snapshot)->Scan("aa", "ab",
                                [&](absl::string_view, absl::string_view v) {
                                  rows += v == value;
                                  return true;
                                }),
              IsOk());
  EXPECT_EQ(rows, kRows);
  EXPECT_EQ(Read("ab00000008"), "after1");
  EXPECT_EQ(Rows("log/", "log0"),
            "log/000000=record log/000001=record log/000002=record log/000003=record "
            "log/000004=record");
  EXPECT_EQ(store_->horizon(), 5u);
}

TEST_P(StoreConformanceTest, ALargeTransactionConflictsLikeASmallOne) {
  ASSERT_THAT(Write("aa00000001", "x"), IsOk());
  auto point = store_->Begin(), scan = store_->Begin();
  std::string value;
  ASSERT_THAT(point->Get("aa00000001", &value), IsOk());
  EXPECT_EQ(RowsOf(*scan, "aa00000003", "aa00000005"), "");
  point->Put("p", "x");
  scan->Put("s", "x");
  auto large = store_->Begin();
  for (int i = 0; i < 10000; ++i) large->Put(absl::StrFormat("aa%08d", i), std::string(600, 'v'));
  ASSERT_THAT(store_->CommitAndWait(std::move(large)), IsOk());
  EXPECT_TRUE(IsConflict(store_->CommitAndWait(std::move(point)).status()));
  EXPECT_TRUE(IsConflict(store_->CommitAndWait(std::move(scan)).status()));
}

TEST_P(StoreConformanceTest, ReopeningKeepsEverythingAcknowledged) {
  for (int i = 0; i < 50; ++i) {
    ASSERT_THAT(Write(absl::StrFormat("aa%02d", i), absl::StrCat(i), i % 2 == 0), IsOk());
    if (i % 20 == 19) Reopen();
  }
  Reopen();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Read(absl::StrFormat("aa%02d", i)), absl::StrCat(i));
  EXPECT_EQ(store_->horizon(), 25u);
  EXPECT_EQ(Write("ab", "", true)->entry->position, 25u);
}

TEST_P(StoreConformanceTest, ClosingFinishesWhatWasHandedIn) {
  int done = 0;
  for (int i = 0; i < 20; ++i) {
    auto transaction = store_->Begin();
    transaction->Put(absl::StrFormat("aa%02d", i), "x");
    store_->Commit(std::move(transaction),
                   [&](absl::StatusOr<CommitResult> result) { done += result.ok(); });
  }
  Reopen();
  EXPECT_EQ(done, 20);
  EXPECT_EQ(Read("aa19"), "x");
}

TEST_P(StoreConformanceTest, ASequenceGivesEachNumberOnceAcrossThreadsAndRestarts) {
  std::mutex mutex;
  std::set<uint64_t> given;
  for (int life = 0; life < 2; ++life) {
    Sequence sequence(store_.get(), "seq/people", 16);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 25; ++i) {
          const auto number = sequence.Next();
          ASSERT_THAT(number, IsOk());
          std::lock_guard<std::mutex> lock(mutex);
          EXPECT_TRUE(given.insert(*number).second);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    if (life == 0) {
      EXPECT_EQ(*given.rbegin(), 100u);  // dense
    }
    const auto window = sequence.Take(1000);
    ASSERT_THAT(window, IsOk());
    for (uint64_t i = 0; i < 1000; ++i) EXPECT_TRUE(given.insert(*window + i).second);
    Reopen();
  }
}

TEST_P(StoreConformanceTest, StatisticsCount) {
  ASSERT_THAT(Write("aa", "x", true), IsOk());
  auto late = store_->Begin();
  std::string value;
  ASSERT_THAT(late->Get("aa", &value), IsOk());
  ASSERT_THAT(Write("aa", "y", true), IsOk());
  EXPECT_FALSE(store_->CommitAndWait(std::move(late)).ok());
  const StoreStatistics statistics = store_->Statistics();
  EXPECT_EQ(statistics.commits, 2u);
  EXPECT_EQ(statistics.conflicts, 1u);
  EXPECT_EQ(statistics.groups, 2u);
  EXPECT_EQ(statistics.horizon, 2u);
  EXPECT_EQ(store_->state(), StoreState::kWritable);
}

}  // namespace
}  // namespace egov::storage
