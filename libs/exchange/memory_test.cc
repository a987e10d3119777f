// What a caller remembers of a log, in a file that several processes share.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/exchange/receipts.h"
#include "libs/proof/wire.h"

namespace egov::exchange {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;

constexpr char kLog[] = "ee/GOV/70000310/population/log/0";
constexpr char kOther[] = "ee/GOV/70000311/vehicles/log/0";

class MemoryTest : public ::testing::Test {
 protected:
  MemoryTest() : key_(*pki::PrivateKey::Generate()) {
    std::string name = absl::StrCat(std::getenv("TEST_TMPDIR"), "/memory.XXXXXX");
    path_ = absl::StrCat(mkdtemp(name.data()), "/memory");
  }

  std::unique_ptr<CheckpointMemory> Open() const { return *CheckpointMemory::Open(path_); }
  std::string Note(uint64_t size, absl::string_view tree = "one", const char* origin = kLog) const {
    return *proof::SignNote(origin, size, pki::Sha256Of(absl::StrCat(tree, size)), key_);
  }
  // Of the checkpoint kept; 0 when there is none.
  static uint64_t Size(const CheckpointMemory& memory, const std::string& origin = kLog) {
    const auto note = proof::ParseNote(memory.Get(origin));
    return note.ok() ? note->size : 0;
  }

  const pki::PrivateKey key_;
  std::string path_;
};

TEST_F(MemoryTest, WhatAnotherProcessSawIsNotForgotten) {
  const auto early = Open();
  const auto late = Open();
  ASSERT_THAT(late->Put(kLog, Note(9)), IsOk());
  ASSERT_THAT(early->Put(kLog, Note(5)), IsOk());
  EXPECT_EQ(Size(*early), 9) << "and is what the next check goes by";
  EXPECT_EQ(Size(*Open()), 9);
  ASSERT_THAT(early->Put(kOther, Note(3, "one", kOther)), IsOk());
  ASSERT_THAT(late->Put(kLog, Note(10)), IsOk());
  EXPECT_EQ(Size(*Open()), 10);
  EXPECT_EQ(Size(*Open(), kOther), 3);
}

TEST_F(MemoryTest, ASmallerCheckpointIsNotKeptWithoutAFileEither) {
  path_.clear();
  const auto memory = Open();
  ASSERT_THAT(memory->Put(kLog, Note(9)), IsOk());
  ASSERT_THAT(memory->Put(kLog, Note(5)), IsOk());
  EXPECT_EQ(Size(*memory), 9);
}

TEST_F(MemoryTest, TwoTreesOfOneSizeAreTold) {
  const auto mine = Open();
  const std::string seen = Note(9);
  ASSERT_THAT(Open()->Put(kLog, seen), IsOk());
  EXPECT_THAT(mine->Put(kLog, Note(9, "two")), Fails(StatusCode::kDataLoss, "LOG_SPLIT"));
  EXPECT_EQ(Open()->Get(kLog), seen);
}

TEST_F(MemoryTest, ProcessesThatWriteAtOnceLoseNothing) {
  constexpr int kProcesses = 4, kRounds = 25;
  std::vector<pid_t> children;
  for (int who = 0; who < kProcesses; ++who) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto memory = Open();
      const std::string own = absl::StrCat("ee/GOV/", who, "/own/log/0");
      bool good = true;
      for (int round = 1; round <= kRounds; ++round) {
        good &= memory->Put(own, Note(round, "one", own.c_str())).ok();
        good &= memory->Put(kLog, Note(round * kProcesses + who)).ok();
      }
      _exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  const auto memory = Open();
  EXPECT_EQ(Size(*memory), kRounds * kProcesses + kProcesses - 1);
  for (int who = 0; who < kProcesses; ++who) {
    EXPECT_EQ(Size(*memory, absl::StrCat("ee/GOV/", who, "/own/log/0")), kRounds);
  }
}

TEST_F(MemoryTest, ADamagedFileIsToldAndLeftAsItIs) {
  const auto memory = Open();
  std::ofstream(path_) << kLog << " bm8gbm90ZQ==\n";
  EXPECT_THAT(CheckpointMemory::Open(path_), Fails(StatusCode::kDataLoss, "BAD_MEMORY"));
  EXPECT_THAT(memory->Put(kLog, Note(9)), Fails(StatusCode::kDataLoss, "BAD_MEMORY"));
  EXPECT_THAT(CheckpointMemory::Open(path_), Fails(StatusCode::kDataLoss, "BAD_MEMORY"));
}

}  // namespace
}  // namespace egov::exchange
