#include "services/identity/ca/journal.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "services/identity/common/files.h"
#include "services/identity/common/testing/subprocess.h"

namespace egov::identity {
namespace {

using base::Fails;
using base::IsOk;

class JournalTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Journal>> Open() {
    numbers_.clear();
    return Journal::Open(path_, clock_, [this](const ca::Entry& entry) {
      numbers_.push_back(entry.list_signed().number());
    });
  }
  static ca::Entry Entry(uint64_t number) {
    ca::Entry entry;
    entry.mutable_list_signed()->set_number(number);
    return entry;
  }
  void WriteThree() {
    auto journal = *Open();
    for (const uint64_t number : {1, 2, 3}) ASSERT_THAT(journal->Append(Entry(number)), IsOk());
  }

  const std::string path_ = TemporaryFolder() + "/journal";
  base::ManualClock clock_{absl::FromUnixSeconds(1800000000)};
  std::vector<uint64_t> numbers_;
};

TEST_F(JournalTest, WhatWasWrittenComesBackInOrder) {
  WriteThree();
  ASSERT_THAT(Open(), IsOk());
  EXPECT_EQ(numbers_, (std::vector<uint64_t>{1, 2, 3}));
}

TEST_F(JournalTest, AnUnfinishedEndIsMovedAsideAndWritingGoesOn) {
  WriteThree();
  const std::string whole = *ReadFile(path_);
  // Within the chain value, within the entry, within the check of the length, within the length.
  const size_t frame = whole.size() / 3;
  int tails = 0;
  for (const size_t cut : {size_t{1}, size_t{20}, size_t{33}, frame - 6, frame - 2}) {
    const std::string torn = whole.substr(0, whole.size() - cut);
    ASSERT_THAT(WriteFile(path_, torn, 0600), IsOk());
    {
      auto journal = Open();
      ASSERT_THAT(journal, IsOk());
      EXPECT_EQ(numbers_, (std::vector<uint64_t>{1, 2}));
      EXPECT_EQ((*journal)->torn_bytes(), frame - cut);
      ASSERT_THAT((*journal)->Append(Entry(4)), IsOk());
    }
    ASSERT_THAT(Open(), IsOk());
    EXPECT_EQ(numbers_, (std::vector<uint64_t>{1, 2, 4}));
    const auto kept = ReadFile(absl::StrCat(path_, ".torn-", ++tails));
    ASSERT_THAT(kept, IsOk());
    EXPECT_EQ(*kept, torn.substr(2 * frame));
  }
}

TEST_F(JournalTest, AChangedByteAnywhereStopsTheStart) {
  WriteThree();
  const std::string whole = *ReadFile(path_);
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const int bit : {0, 2, 7}) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      ASSERT_THAT(WriteFile(path_, changed, 0600), IsOk());
      EXPECT_THAT(Open(), Fails(absl::StatusCode::kDataLoss, "JOURNAL_DAMAGED")) << i;
      EXPECT_EQ(*ReadFile(path_), changed) << i;  // what can still be read is left for the repair
    }
  }
}

// Zeros in place of the last entries would otherwise pass for a file that only grew.
TEST_F(JournalTest, ZerosAtTheEndStopTheStart) {
  WriteThree();
  const std::string whole = *ReadFile(path_);
  const size_t frame = whole.size() / 3;
  for (const std::string& changed :
       {whole + std::string(100, '\0'), whole.substr(0, frame) + std::string(2 * frame, '\0')}) {
    ASSERT_THAT(WriteFile(path_, changed, 0600), IsOk());
    EXPECT_THAT(Open(), Fails(absl::StatusCode::kDataLoss, "JOURNAL_DAMAGED"));
  }
}

TEST_F(JournalTest, OneProcessWritesAtATime) {
  auto journal = Open();
  ASSERT_THAT(journal, IsOk());
  EXPECT_THAT(Open(), Fails(absl::StatusCode::kFailedPrecondition, "JOURNAL_LOCKED"));
}

}  // namespace
}  // namespace egov::identity
