#include "services/identity/ca/journal.h"

#include <string>
#include <vector>

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

TEST_F(JournalTest, AnUnfinishedEndIsCutOffAndWritingGoesOn) {
  WriteThree();
  const std::string whole = *ReadFile(path_);
  for (const size_t cut : {1u, 20u, 33u}) {
    ASSERT_THAT(WriteFile(path_, whole.substr(0, whole.size() - cut), 0600), IsOk());
    {
      auto journal = Open();
      ASSERT_THAT(journal, IsOk());
      EXPECT_EQ(numbers_, (std::vector<uint64_t>{1, 2}));
      EXPECT_GT((*journal)->torn_bytes(), 0u);
      ASSERT_THAT((*journal)->Append(Entry(4)), IsOk());
    }
    ASSERT_THAT(Open(), IsOk());
    EXPECT_EQ(numbers_, (std::vector<uint64_t>{1, 2, 4}));
  }
  ASSERT_THAT(WriteFile(path_, whole + std::string(100, '\0'), 0600), IsOk());
  ASSERT_THAT(Open(), IsOk());
  EXPECT_EQ(numbers_, (std::vector<uint64_t>{1, 2, 3}));
}

TEST_F(JournalTest, AChangedByteAnywhereStopsTheStart) {
  WriteThree();
  const std::string whole = *ReadFile(path_);
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] ^= 4;
    ASSERT_THAT(WriteFile(path_, changed, 0600), IsOk());
    const auto journal = Open();
    // A length that now points beyond the end looks like an unfinished entry; nothing false is read
    // all the same.
    if (journal.ok()) {
      EXPECT_LT(numbers_.size(), 3u) << i;
    } else {
      EXPECT_THAT(journal, Fails(absl::StatusCode::kDataLoss, "JOURNAL_DAMAGED")) << i;
    }
  }
}

TEST_F(JournalTest, OneProcessWritesAtATime) {
  auto journal = Open();
  ASSERT_THAT(journal, IsOk());
  EXPECT_THAT(Open(), Fails(absl::StatusCode::kFailedPrecondition, "JOURNAL_LOCKED"));
}

}  // namespace
}  // namespace egov::identity
