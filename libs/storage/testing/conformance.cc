#include "libs/storage/testing/conformance.h"

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/base/testing/status_matchers.h"

namespace egov::storage {

using base::Fails;
using base::IsOk;

void StoreConformanceTest::SetUp() {
  home_ = GetParam()();
  auto opened = home_->Open();
  ASSERT_THAT(opened, IsOk());
  store_ = *std::move(opened);
}

void StoreConformanceTest::Reopen() {
  store_.reset();
  auto opened = home_->Open();
  ASSERT_THAT(opened, IsOk());
  store_ = *std::move(opened);
}

absl::StatusOr<CommitResult> StoreConformanceTest::Write(absl::string_view key,
                                                         absl::string_view value, bool with_entry) {
  auto transaction = store_->Begin();
  transaction->Put(key, value);
  if (with_entry) transaction->Append(std::make_unique<Entry>());
  return store_->CommitAndWait(std::move(transaction));
}

absl::optional<std::string> StoreConformanceTest::Read(absl::string_view key) {
  auto snapshot = store_->Snapshot();
  EXPECT_THAT(snapshot, IsOk());
  std::string value;
  const auto found = (*snapshot)->Get(key, &value);
  EXPECT_THAT(found, IsOk());
  return found.ok() && *found ? absl::make_optional(value) : absl::nullopt;
}

std::string RowsOf(Reader& reader, absl::string_view begin, absl::string_view end, bool backward) {
  std::string rows;
  const auto visit = [&](absl::string_view key, absl::string_view value) {
    absl::StrAppend(&rows, rows.empty() ? "" : " ", key, "=", value);
    return true;
  };
  EXPECT_THAT(backward ? reader.ScanBackward(begin, end, visit) : reader.Scan(begin, end, visit),
              IsOk());
  return rows;
}

std::string StoreConformanceTest::Rows(absl::string_view begin, absl::string_view end,
                                       bool backward) {
  auto snapshot = store_->Snapshot();
  EXPECT_THAT(snapshot, IsOk());
  return RowsOf(**snapshot, begin, end, backward);
}

namespace {

// ---- one map ----

TEST_P(StoreConformanceTest, WhatIsCommittedIsReadAndWhatIsDroppedIsNot) {
  EXPECT_EQ(Read("aa1"), absl::nullopt);
  ASSERT_THAT(Write("aa1", "one"), IsOk());
  EXPECT_EQ(Read("aa1"), "one");
  {
    auto dropped = store_->Begin();
    dropped->Put("aa1", "two");
    dropped->Put("aa2", "two");
  }
  EXPECT_EQ(Rows("aa", "ab"), "aa1=one");
}

TEST_P(StoreConformanceTest, ATransactionReadsItsOwnWrites) {
  ASSERT_THAT(Write("aa1", "old"), IsOk());
  ASSERT_THAT(Write("aa3", "gone"), IsOk());
  auto transaction = store_->Begin();
  transaction->Put("aa1", "new");
  transaction->Put("aa2", "mine");
  transaction->Delete("aa3");
  transaction->Put("ab0", "out of range");
  std::string value;
  EXPECT_TRUE(*transaction->Get("aa1", &value));
  EXPECT_EQ(value, "new");
  EXPECT_FALSE(*transaction->Get("aa3", &value));
  std::vector<absl::optional<std::string>> values;
  ASSERT_THAT(transaction->MultiGet({"aa3", "aa2", "aa1", "aa9"}, &values), IsOk());
  EXPECT_EQ(values, (std::vector<absl::optional<std::string>>{absl::nullopt, "mine", "new",
                                                              absl::nullopt}));
  EXPECT_EQ(RowsOf(*transaction, "aa", "ab"), "aa1=new aa2=mine");
  EXPECT_EQ(RowsOf(*transaction, "aa", "ab", /*backward=*/true), "aa2=mine aa1=new");
  EXPECT_EQ(Rows("aa", "ab"), "aa1=old aa3=gone");  // nobody else does
  ASSERT_THAT(store_->CommitAndWait(std::move(transaction)), IsOk());
  EXPECT_EQ(Rows("aa", "ab"), "aa1=new aa2=mine");
}

TEST_P(StoreConformanceTest, ScansAreOrderedBoundedAndStopWhenTold) {
  for (const char* key : {"ab3", "ab1", "aa9", "ac0", "ab2"}) ASSERT_THAT(Write(key, "x"), IsOk());
  ASSERT_THAT(Write(absl::string_view("ab\0", 3), "zero"), IsOk());
  EXPECT_EQ(Rows("ab1", "ab3"), "ab1=x ab2=x");
  EXPECT_EQ(Rows("ab1", "ac"), "ab1=x ab2=x ab3=x");
  EXPECT_EQ(Rows("ab1", "", /*backward=*/true), "ac0=x ab3=x ab2=x ab1=x");
  int seen = 0;
  auto snapshot = store_->Snapshot();
  ASSERT_THAT((*snapshot)->Scan(
                  "a", "b", [&](absl::string_view key, absl::string_view) { return ++seen < 2; }),
              IsOk());
  EXPECT_EQ(seen, 2);
}

TEST_P(StoreConformanceTest, ASnapshotStandsStill) {
  ASSERT_THAT(Write("aa1", "old", true), IsOk());
  auto snapshot = store_->Snapshot();
  ASSERT_THAT(snapshot, IsOk());
  ASSERT_THAT(Write("aa1", "new", true), IsOk());
  ASSERT_THAT(Write("aa2", "new", true), IsOk());
  EXPECT_EQ(RowsOf(**snapshot, "aa", "ab"), "aa1=old");
  EXPECT_EQ((*snapshot)->horizon(), 1u);
  EXPECT_EQ(store_->horizon(), 3u);
}

TEST_P(StoreConformanceTest, AnyBytesAreKeysAndValues) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  ASSERT_THAT(Write(all, all), IsOk());
  ASSERT_THAT(Write("k", ""), IsOk());
  EXPECT_EQ(Read(all), all);
  EXPECT_EQ(Read("k"), "");
}

// ---- serializable ----

TEST_P(StoreConformanceTest, ALostUpdateIsRefused) {
  ASSERT_THAT(Write("aa", "1"), IsOk());
  auto first = store_->Begin(), second = store_->Begin();
  std::string value;
  ASSERT_THAT(first->Get("aa", &value), IsOk());
  ASSERT_THAT(second->Get("aa", &value), IsOk());
  first->Put("aa", "2");
  second->Put("aa", "3");
  EXPECT_THAT(store_->CommitAndWait(std::move(first)), IsOk());
  const auto refused = store_->CommitAndWait(std::move(second));
  EXPECT_THAT(refused, Fails(absl::StatusCode::kAborted, "WRITE_CONFLICT"));
  EXPECT_TRUE(IsConflict(refused.status()));
  EXPECT_EQ(Read("aa"), "2");
}

TEST_P(StoreConformanceTest, WriteSkewIsRefused) {
  // Two officers on duty; each may leave when the other stays.
  ASSERT_THAT(Write("duty/1", "on"), IsOk());
  ASSERT_THAT(Write("duty/2", "on"), IsOk());
  auto first = store_->Begin(), second = store_->Begin();
  std::string value;
  ASSERT_THAT(first->Get("duty/2", &value), IsOk());
  ASSERT_THAT(second->Get("duty/1", &value), IsOk());
  first->Put("duty/1", "off");
  second->Put("duty/2", "off");
  EXPECT_THAT(store_->CommitAndWait(std::move(first)), IsOk());
  EXPECT_THAT(store_->CommitAndWait(std::move(second)),
              Fails(absl::StatusCode::kAborted, "WRITE_CONFLICT"));
}

TEST_P(StoreConformanceTest, APhantomInAScanIsRefused) {
  ASSERT_THAT(Write("aa5", "x"), IsOk());
  auto reader = store_->Begin();
  EXPECT_EQ(RowsOf(*reader, "aa1", "aa9"), "aa5=x");
  reader->Put("count", "1");
  ASSERT_THAT(Write("aa7", "phantom"), IsOk());
  EXPECT_THAT(store_->CommitAndWait(std::move(reader)),
              Fails(absl::StatusCode::kAborted, "WRITE_CONFLICT"));
  EXPECT_EQ(Read("count"), absl::nullopt);
}

TEST_P(StoreConformanceTest, ADeletionInAScannedRangeIsRefused) {
  ASSERT_THAT(Write("aa5", "x"), IsOk());
  auto reader = store_->Begin();
  EXPECT_EQ(RowsOf(*reader, "aa1", "aa9", true), "aa5=x");
  reader->Put("count", "1");
  auto deleter = store_->Begin();
  deleter->Delete("aa5");
  ASSERT_THAT(store_->CommitAndWait(std::move(deleter)), IsOk());
  EXPECT_THAT(store_->CommitAndWait(std::move(reader)),
              Fails(absl::StatusCode::kAborted, "WRITE_CONFLICT"));
}

TEST_P(StoreConformanceTest, WhatAScanDidNotReachMayChange) {
  for (const char* key : {"aa1", "aa2", "aa3"}) ASSERT_THAT(Write(key, "x"), IsOk());
  for (const bool backward : {false, true}) {
    auto reader = store_->Begin();
    const auto first_only = [](absl::string_view, absl::string_view) { return false; };
    ASSERT_THAT(backward ? reader->ScanBackward("aa", "ab", first_only)
                         : reader->Scan("aa", "ab", first_only),
                IsOk());
    reader->Put("count", "1");
    ASSERT_THAT(Write("aa2", "changed"), IsOk());
    EXPECT_THAT(store_->CommitAndWait(std::move(reader)), IsOk());
  }
}

TEST_P(StoreConformanceTest, AnAbsentKeyThatAppearsIsAConflict) {
  auto first = store_->Begin();
  std::string value;
  EXPECT_FALSE(*first->Get("unique", &value));
  first->Put("unique", "mine");
  ASSERT_THAT(Write("unique", "theirs"), IsOk());
  EXPECT_THAT(store_->CommitAndWait(std::move(first)),
              Fails(absl::StatusCode::kAborted, "WRITE_CONFLICT"));
}

TEST_P(StoreConformanceTest, BlindWritesAndReadsOfOtherKeysDoNotConflict) {
  ASSERT_THAT(Write("aa", "1"), IsOk());
  auto reads = store_->Begin(), blind = store_->Begin();
  std::string value;
  ASSERT_THAT(reads->Get("aa", &value), IsOk());
  reads->Put("ab", "x");
  blind->Put("ab", "y");
  EXPECT_THAT(store_->CommitAndWait(std::move(reads)), IsOk());
  EXPECT_THAT(store_->CommitAndWait(std::move(blind)), IsOk());
  EXPECT_EQ(Read("ab"), "y");
}

TEST_P(StoreConformanceTest, EightThreadsCountWithoutLosingOne) {
  constexpr int kThreads = 8, kTimes = 25;
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kTimes; ++i) {
        const auto counted = store_->Run(
            [](Transaction& transaction) -> absl::Status {
              std::string value = "0";
              EGOV_RETURN_IF_ERROR(transaction.Get("counter", &value).status());
              int count = 0;
              if (!absl::SimpleAtoi(value, &count)) return absl::InternalError("not a number");
              transaction.Put("counter", absl::StrCat(count + 1));
              return absl::OkStatus();
            },
            /*attempts=*/10000);
        if (!counted.ok()) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(Read("counter"), absl::StrCat(kThreads * kTimes));
}

// Money moves between accounts while others add all up by scan: no sum may ever differ in a
// committed transaction.
TEST_P(StoreConformanceTest, SumsSeenByCommittedTransactionsAreWhole) {
  constexpr int kAccounts = 10;
  for (int i = 0; i < kAccounts; ++i) ASSERT_THAT(Write(absl::StrCat("acc", i), "100"), IsOk());
  std::atomic<bool> stop{false};
  std::vector<std::thread> movers;
  for (int t = 0; t < 3; ++t) {
    movers.emplace_back([&, t] {
      for (unsigned i = t; !stop; i += 7) {
        const std::string from = absl::StrCat("acc", i % kAccounts);
        const std::string to = absl::StrCat("acc", (i * 3 + 1) % kAccounts);
        if (from == to) continue;
        const auto moved = store_->Run([&](Transaction& transaction) -> absl::Status {
          std::string a, b;
          EGOV_RETURN_IF_ERROR(transaction.Get(from, &a).status());
          EGOV_RETURN_IF_ERROR(transaction.Get(to, &b).status());
          transaction.Put(from, absl::StrCat(std::stoi(a) - 1));
          transaction.Put(to, absl::StrCat(std::stoi(b) + 1));
          return absl::OkStatus();
        });
        if (!moved.ok()) {
          EXPECT_TRUE(IsConflict(moved.status())) << moved.status();
        }
      }
    });
  }
  int sums = 0;
  for (int i = 0; i < 300; ++i) {
    auto transaction = store_->Begin();
    int sum = 0;
    std::string value;
    for (int account = 0; account < kAccounts; ++account) {  // point reads, the torn kind
      ASSERT_THAT(transaction->Get(absl::StrCat("acc", account), &value), IsOk());
      sum += std::stoi(value);
    }
    if (!store_->CommitAndWait(std::move(transaction)).ok()) continue;
    EXPECT_EQ(sum, 100 * kAccounts);
    ++sums;
  }
  stop = true;
  for (std::thread& mover : movers) mover.join();
  auto snapshot = store_->Snapshot();
  int sum = 0;
  ASSERT_THAT((*snapshot)->Scan("acc", "acd",
                                [&](absl::string_view, absl::string_view value) {
                                  sum += std::stoi(std::string(value));
                                  return true;
                                }),
              IsOk());
  EXPECT_EQ(sum, 100 * kAccounts);
  RecordProperty("sums_committed", sums);
}

TEST_P(StoreConformanceTest, RunGivesUpAndPassesErrorsOn) {
  int runs = 0;
  const auto conflict = store_->Run(
      [&](Transaction& transaction) -> absl::Status {
        ++runs;
        std::string value;
        EGOV_RETURN_IF_ERROR(transaction.Get("hot", &value).status());
        EXPECT_THAT(Write("hot", "x"), IsOk());
        transaction.Put("mine", "x");
        return absl::OkStatus();
      },
      3);
  EXPECT_TRUE(IsConflict(conflict.status()));
  EXPECT_EQ(runs, 3);
  EXPECT_THAT(store_->Run([](Transaction& transaction) -> absl::Status {
    transaction.Put("mine", "x");
    return base::Error(absl::StatusCode::kNotFound, "NOBODY", "there is nobody");
  }),
              Fails(absl::StatusCode::kNotFound, "NOBODY"));
  EXPECT_EQ(Read("mine"), absl::nullopt);
}

}  // namespace
}  // namespace egov::storage
