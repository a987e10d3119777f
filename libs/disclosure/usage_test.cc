#include "libs/disclosure/usage.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/disclosure/page_token.h"
#include "libs/disclosure/usage_block.h"
#include "libs/storage/rocksdb/rocksdb_store.h"
#include "libs/storage/rocksdb/testing/temporary_directory.h"

namespace egov::disclosure {
namespace {

using base::Fails;
using base::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr int64_t kNovember = 1795000000000000;  // 2026-11-18
constexpr int64_t kDay = 86400000000;

std::string Id(uint64_t number) {
  std::string id(16, 'i');
  for (int i = 0; i < 8; ++i) id[i] = static_cast<char>(number >> (8 * (7 - i)));
  return id;
}

std::vector<SubjectKey> Range(SubjectKey from, SubjectKey to, SubjectKey step = 1) {
  std::vector<SubjectKey> subjects;
  for (SubjectKey s = from; s < to; s += step) subjects.push_back(s);
  return subjects;
}

class UsageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    storage::RocksDbOptions options;
    options.directory = directory_.path() + "/store";
    options.sync = false;
    options.reserve_bytes = options.last_reserve_bytes = 0;
    EGOV_ASSERT_OK_AND_ASSIGN(store_, storage::OpenRocksDb(options));
    Reopen();
  }
  void TearDown() override { store_.reset(); }

  void Reopen() { EGOV_ASSERT_OK_AND_ASSIGN(usage_, Usage::Open(keys_)); }

  absl::Status Note(int64_t received, const std::string& id,
                    const std::vector<SubjectKey>& subjects) {
    return store_
        ->Run([&](storage::Transaction& t) { return usage_->Note(t, received, id, subjects); })
        .status();
  }
  absl::StatusOr<LookPage> Find(SubjectKey subject, int size = 0, std::string token = "") {
    auto reader = *store_->Snapshot();
    return usage_->Find(*reader, subject, size, token);
  }
  std::vector<std::string> Ids(SubjectKey subject) {
    std::vector<std::string> ids;
    const auto page = Find(subject, Usage::kLargestPage);
    EXPECT_THAT(page, IsOk());
    if (page.ok()) {
      EXPECT_EQ(page->next_page_token, "");
      for (const Look& look : page->looks) ids.push_back(look.message_id);
    }
    return ids;
  }
  // All rows of both tables.
  std::map<std::string, std::string> Rows() {
    std::map<std::string, std::string> rows;
    auto reader = *store_->Snapshot();
    EXPECT_THAT(reader->Scan(absl::string_view("\x00\x30", 2), absl::string_view("\x00\x32", 2),
                             [&](absl::string_view key, absl::string_view value) {
                               rows.emplace(key, value);
                               return true;
                             }),
                IsOk());
    return rows;
  }

  storage::TemporaryDirectory directory_;
  const std::string keys_ = directory_.path() + "/keys";
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<Usage> usage_;
};

TEST_F(UsageTest, AFewSubjectsFindTheirLookAndNobodyElseDoes) {
  ASSERT_THAT(Note(kNovember, Id(1), {7, 0, 9, 7}), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const LookPage page, Find(7));
  ASSERT_THAT(page.looks, SizeIs(1));
  EXPECT_EQ(page.looks[0].received_micros, kNovember);
  EXPECT_EQ(page.looks[0].message_id, Id(1));
  EXPECT_FALSE(page.looks[0].mass_query);
  EXPECT_THAT(Ids(9), ElementsAre(Id(1)));
  EXPECT_THAT(Ids(8), IsEmpty());
  EXPECT_THAT(Ids(0), IsEmpty());
  EXPECT_THAT(Rows(), SizeIs(2));
}

TEST_F(UsageTest, MoreThanAHundredBecomeBlocksAndRepeatsDoNotCount) {
  std::vector<SubjectKey> repeated = Range(1, 101);
  for (const SubjectKey s : Range(0, 101)) repeated.push_back(s);
  ASSERT_THAT(Note(kNovember, Id(1), repeated), IsOk());
  EXPECT_THAT(Rows(), SizeIs(100));
  EXPECT_FALSE(Find(100)->looks[0].mass_query);
  ASSERT_THAT(Note(kNovember, Id(2), Range(1, 102)), IsOk());
  EXPECT_THAT(Rows(), SizeIs(101));
  EXPECT_TRUE(Find(101)->looks[0].mass_query);
  // The same far up, where no bitmap of everybody is made.
  const SubjectKey far = uint64_t{1} << 50;
  repeated.assign(1, far);
  repeated.resize(500, 0);
  ASSERT_THAT(Note(kNovember, Id(3), repeated), IsOk());
  EXPECT_FALSE(Find(far)->looks[0].mass_query);
}

TEST_F(UsageTest, MassQueriesAreExactForEverybody) {
  std::mt19937_64 random(20261123);
  struct Shape {
    SubjectKey people;
    size_t asked;
  };
  std::map<SubjectKey, std::set<std::string>> expected;
  std::set<SubjectKey> probes;
  int query = 0;
  for (const Shape& shape : {Shape{50000, 25000}, Shape{50000, 101}, Shape{50000, 49999},
                             Shape{8192, 5000}, Shape{uint64_t{1} << 40, 3000}}) {
    for (const bool sorted : {false, true}) {
      std::vector<SubjectKey> subjects;
      for (size_t i = 0; i < shape.asked; ++i) subjects.push_back(random() % shape.people);
      if (sorted) std::sort(subjects.begin(), subjects.end());
      ++query;
      ASSERT_THAT(Note(kNovember + query, Id(query), subjects), IsOk());
      for (const SubjectKey s : subjects) {
        if (s != 0) expected[s].insert(Id(query));
      }
      for (int i = 0; i < 300; ++i) probes.insert(subjects[random() % subjects.size()]);
      for (int i = 0; i < 300; ++i) probes.insert(random() % shape.people);
      for (const SubjectKey edge : {0, 1, 8191, 8192, 8193, 16383, 49999}) probes.insert(edge);
    }
  }
  for (const SubjectKey s : probes) {
    const auto ids = Ids(s);
    EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()), expected[s]) << s;
  }
}

TEST_F(UsageTest, PagesWalkRowsAndBlocksNewestFirst) {
  std::vector<std::string> expected;
  // Among equal times ids ascend.
  for (int i = 0; i < 57; ++i) {
    const int64_t received = kNovember + i / 2 * 10;
    ASSERT_THAT(Note(received, Id(i), i % 3 == 0 ? Range(1, 300) : std::vector<SubjectKey>{5}),
                IsOk());
  }
  expected.push_back(Id(56));
  for (int i = 54; i >= 0; i -= 2) {
    expected.push_back(Id(i));
    expected.push_back(Id(i + 1));
  }
  for (const int size : {1, 4, 56, 57, 58}) {
    std::vector<std::string> seen;
    std::string token;
    do {
      EGOV_ASSERT_OK_AND_ASSIGN(const LookPage page, Find(5, size, token));
      EXPECT_LE(page.looks.size(), size);
      for (const Look& look : page.looks) {
        seen.push_back(look.message_id);
        EXPECT_EQ(look.mass_query, static_cast<uint8_t>(look.message_id[7]) % 3 == 0);
      }
      token = page.next_page_token;
    } while (!token.empty());
    EXPECT_EQ(seen, expected) << size;
  }
}

TEST_F(UsageTest, ALookThatComesBetweenTwoPagesMovesNothing) {
  for (int i = 0; i < 4; ++i) ASSERT_THAT(Note(kNovember + i, Id(i), {5}), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const LookPage first, Find(5, 2));
  ASSERT_THAT(Note(kNovember + 9, Id(9), {5}), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const LookPage second, Find(5, 2, first.next_page_token));
  ASSERT_THAT(second.looks, SizeIs(2));
  EXPECT_EQ(second.looks[0].message_id, Id(1));
}

TEST_F(UsageTest, OnePageLooksIntoABoundedNumberOfBlocks) {
  // One old row behind more blocks of others than one page looks into.
  ASSERT_THAT(Note(kNovember - kDay, Id(1), {300}), IsOk());
  const auto others = Range(1, 200);
  ASSERT_THAT(store_->Run([&](storage::Transaction& t) {
    for (int i = 0; i <= Usage::kBlocksAPage; ++i)
      EGOV_RETURN_IF_ERROR(usage_->Note(t, kNovember + i, Id(100 + i), others));
    return absl::OkStatus();
  }),
              IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const LookPage first, Find(300));
  EXPECT_THAT(first.looks, IsEmpty());
  ASSERT_NE(first.next_page_token, "");
  EGOV_ASSERT_OK_AND_ASSIGN(const LookPage second, Find(300, 0, first.next_page_token));
  ASSERT_THAT(second.looks, SizeIs(1));
  EXPECT_EQ(second.next_page_token, "");
}

TEST_F(UsageTest, ATokenIsForItsSubjectOnly) {
  for (int i = 0; i < 3; ++i) ASSERT_THAT(Note(kNovember + i, Id(i), {5, 6}), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const LookPage page, Find(5, 1));
  const std::string token = page.next_page_token;
  EXPECT_THAT(Find(5, 1, token), IsOk());
  EXPECT_THAT(Find(6, 1, token), Fails(kInvalid, "BAD_PAGE_TOKEN", "page_token"));
  for (const std::string& bad : {std::string("x"), token + "00", token.substr(2),
                                 std::string(66, '0'), std::string(66, 'z')}) {
    EXPECT_THAT(Find(5, 1, bad), Fails(kInvalid, "BAD_PAGE_TOKEN", "page_token"));
  }
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == '7' ? '8' : '7';
    EXPECT_THAT(Find(5, 1, changed), Fails(kInvalid, "BAD_PAGE_TOKEN", "page_token")) << i;
  }
}

TEST_F(UsageTest, AForgottenMonthIsSilentAndItsRowsAndOtherMonthsStay) {
  const int64_t december = kNovember + 30 * kDay;
  ASSERT_THAT(Note(kNovember, Id(1), Range(1, 500)), IsOk());
  ASSERT_THAT(Note(kNovember + 1, Id(2), {5}), IsOk());
  ASSERT_THAT(Note(december, Id(3), Range(1, 500)), IsOk());
  ASSERT_THAT(Ids(5), ElementsAre(Id(3), Id(2), Id(1)));
  ASSERT_THAT(usage_->Forget("2026-11"), IsOk());
  EXPECT_THAT(Ids(5), ElementsAre(Id(3), Id(2)));
  EXPECT_THAT(usage_->Forget("2026-11"), IsOk());
  EXPECT_FALSE(std::filesystem::exists(keys_ + "/2026-11.key"));
  // No second key for it: entries under that would hide that the first ones are gone.
  EXPECT_THAT(Note(kNovember + 2, Id(4), Range(1, 500)),
              Fails(absl::StatusCode::kFailedPrecondition, "MONTH_FORGOTTEN"));
  EXPECT_THAT(Note(kNovember + 2, Id(4), {5}), IsOk());
  Reopen();
  EXPECT_THAT(Ids(5), ElementsAre(Id(3), Id(4), Id(2)));
  EXPECT_THAT(Ids(6), ElementsAre(Id(3)));
}

TEST_F(UsageTest, AMonthWhoseForgettingWasCutShortIsForgotten) {
  for (const bool zeroed : {false, true}) {
    const int64_t month = zeroed ? kNovember : kNovember + 30 * kDay;
    const std::string name = keys_ + (zeroed ? "/2026-11" : "/2026-12");
    ASSERT_THAT(Note(month, Id(1), Range(1, 500)), IsOk());
    std::ofstream(name + ".forgotten");
    if (zeroed) std::ofstream(name + ".key") << std::string(32, '\0');
    Reopen();
    EXPECT_THAT(Ids(5), IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(name + ".key"));
    EXPECT_THAT(Note(month, Id(2), Range(1, 500)),
                Fails(absl::StatusCode::kFailedPrecondition, "MONTH_FORGOTTEN"));
  }
}

TEST_F(UsageTest, AKeyOfZerosIsNone) {
  ASSERT_THAT(Note(kNovember, Id(1), Range(1, 500)), IsOk());
  std::ofstream(keys_ + "/2026-11.key") << std::string(32, '\0');
  Reopen();
  EXPECT_THAT(Note(kNovember, Id(2), Range(1, 500)),
              Fails(absl::StatusCode::kDataLoss, "BAD_KEY_FILE"));
  EXPECT_THAT(Find(5), Fails(absl::StatusCode::kDataLoss, "BAD_KEY_FILE"));
}

TEST_F(UsageTest, OnlyMonthsThatHadAKeyCanBeForgotten) {
  EXPECT_THAT(usage_->Forget("2026-10"), Fails(absl::StatusCode::kNotFound, "UNKNOWN_MONTH"));
  for (const char* bad : {"", "2026-1", "2026-13", "2026-00", "26-11", "2026/11", "../../11"})
    EXPECT_THAT(usage_->Forget(bad), Fails(kInvalid, "BAD_MONTH", "month"));
}

TEST_F(UsageTest, AChangedBlockIsDataLoss) {
  ASSERT_THAT(Note(kNovember, Id(1), Range(1, 500)), IsOk());
  const auto rows = Rows();
  ASSERT_THAT(rows, SizeIs(1));
  const auto& [key, value] = *rows.begin();
  for (const size_t at : {size_t{0}, value.size() / 2, value.size() - 1}) {
    std::string changed = value;
    changed[at] ^= 1;
    ASSERT_THAT(store_->Run([&, k = key](storage::Transaction& t) {
      t.Put(k, changed);
      return absl::OkStatus();
    }),
                IsOk());
    EXPECT_THAT(Find(5), Fails(absl::StatusCode::kDataLoss, "NOT_AUTHENTIC"));
  }
}

TEST_F(UsageTest, ABlockPutUnderAnotherKeyIsDataLoss) {
  ASSERT_THAT(Note(kNovember, Id(1), Range(1, 500)), IsOk());
  const auto rows = Rows();
  std::string key = rows.begin()->first;
  key.back() ^= 1;  // another exchange
  ASSERT_THAT(store_->Run([&](storage::Transaction& t) {
    t.Put(key, rows.begin()->second);
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_THAT(Find(5), Fails(absl::StatusCode::kDataLoss, "NOT_AUTHENTIC"));
}

TEST_F(UsageTest, TheStoreAloneDoesNotTellWhoWasAskedAbout) {
  const auto subjects = Range(3, 8000, 2);
  ASSERT_THAT(Note(kNovember, Id(1), subjects), IsOk());
  ASSERT_THAT(Note(kNovember, Id(2), subjects), IsOk());
  uint64_t bitmap[internal::kBitmapWords] = {};
  for (const SubjectKey s : subjects) bitmap[s / 64] |= uint64_t{1} << (s % 64);
  const std::string plain = internal::EncodeBlock(bitmap);
  ASSERT_EQ(plain.size(), 1025);
  std::vector<std::string> values;
  for (const auto& [key, value] : Rows()) {
    values.push_back(value);
    // No eight bytes of the plain set stand in what is stored, nor do its bits agree with it beyond
    // chance.
    for (size_t i = 1; i + 8 <= plain.size(); ++i)
      EXPECT_EQ(value.find(plain.substr(i, 8)), std::string::npos);
    int agree = 0;
    for (size_t i = 0; i < 1024; ++i)
      agree += 8 - __builtin_popcount(static_cast<uint8_t>(value[12 + 1 + i] ^ plain[1 + i]));
    EXPECT_NEAR(agree, 4096, 400);
  }
  ASSERT_THAT(values, SizeIs(2));
  EXPECT_NE(values[0], values[1]);
}

TEST_F(UsageTest, KeysAreForTheServiceAlone) {
  ASSERT_THAT(Note(kNovember, Id(1), Range(1, 500)), IsOk());
  struct stat about;
  const std::string path = keys_ + "/2026-11.key";
  ASSERT_EQ(stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600);
  EXPECT_EQ(about.st_size, 32);
  ASSERT_EQ(stat(keys_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700);
  // Nothing is left beside it.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(keys_), {}), 1);

  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  Reopen();
  EXPECT_THAT(Find(5), Fails(absl::StatusCode::kFailedPrecondition, "KEY_FILE_OPEN_TO_OTHERS"));
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  EXPECT_THAT(Ids(5), ElementsAre(Id(1)));
  ASSERT_EQ(truncate(path.c_str(), 31), 0);
  Reopen();
  EXPECT_THAT(Find(5), Fails(absl::StatusCode::kDataLoss, "BAD_KEY_FILE"));
}

TEST_F(UsageTest, WhatIsNoLookIsRefused) {
  EXPECT_THAT(Note(kNovember, "short", {5}), Fails(kInvalid, "BAD_MESSAGE_ID"));
  EXPECT_THAT(Note(-1, Id(1), {5}), Fails(kInvalid, "BAD_TIME"));
  EXPECT_THAT(Note(kNovember, Id(1), {}), IsOk());
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST(UsageBlockTest, BothFormsAreExactAndTheSmallerIsTaken) {
  std::mt19937_64 random(7);
  for (const int count : {1, 2, 100, 1000, 1023, 1024, 4096, 8192}) {
    uint64_t bitmap[internal::kBitmapWords] = {};
    for (int i = 0; i < count; ++i) {
      const uint64_t number = count == 8192 ? i : random() % internal::kRange;
      bitmap[number / 64] |= uint64_t{1} << (number % 64);
    }
    const std::string block = internal::EncodeBlock(bitmap);
    EXPECT_LE(block.size(), 1025);
    if (count < 500) {
      EXPECT_LE(block.size(), 1 + 2 * count);
    }
    for (uint32_t n = 0; n < internal::kRange; ++n) {
      const auto has = internal::BlockHas(block, n);
      ASSERT_TRUE(has.has_value());
      ASSERT_EQ(*has, (bitmap[n / 64] >> (n % 64) & 1) != 0) << count << " " << n;
    }
    EXPECT_FALSE(internal::BlockHas(block, internal::kRange).has_value());
  }
}

}  // namespace
}  // namespace egov::disclosure
