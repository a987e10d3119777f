#include <map>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libs/storage/internal/conflicts.h"
#include "libs/storage/internal/write_buffer.h"

namespace egov::storage::internal {
namespace {

// Any mixture of writes and reads is as a std::map would have it, in small buffers and in ones that
// sort and hash.
TEST(WriteBufferTest, IsTheMapThatItStandsFor) {
  for (const unsigned keys : {5u, 100u, 5000u}) {
    for (unsigned seed = 0; seed < 5; ++seed) {
      std::mt19937 random(seed);
      WriteBuffer buffer;
      std::map<std::string, absl::optional<std::string>> model;
      const auto key_of = [&] {
        return std::string(1 + random() % 2, 'a') + absl::StrCat(random() % keys);
      };
      for (unsigned i = 0; i < 3 * keys; ++i) {
        const std::string key = key_of();
        switch (random() % 5) {
          case 0:
            buffer.Delete(key);
            model[key] = absl::nullopt;
            break;
          case 1: {
            const Item* item = buffer.Find(key);
            const auto expected = model.find(key);
            ASSERT_EQ(item != nullptr, expected != model.end());
            if (item == nullptr) break;
            ASSERT_EQ(item->deleted, !expected->second.has_value());
            if (!item->deleted) {
              ASSERT_EQ(std::string(item->value()), *expected->second);
            }
            break;
          }
          default:
            buffer.Put(key, absl::StrCat(i));
            model[key] = absl::StrCat(i);
        }
        if (random() % keys == 0) buffer.Range("", "");  // sorts in the middle
      }
      auto expected = model.begin();
      for (const Item& item : buffer.Range("", "")) {
        ASSERT_NE(expected, model.end());
        ASSERT_EQ(std::string(item.key()), expected->first);
        ASSERT_EQ(item.deleted, !expected->second.has_value());
        ++expected;
      }
      ASSERT_EQ(expected, model.end());
      const std::string low = key_of(), high = low + "5";
      EXPECT_EQ(buffer.Range(low, high).size(),
                size_t(std::distance(model.lower_bound(low), model.lower_bound(high))));
    }
  }
}

TEST(WriteBufferTest, KeysShorterThanATableIdKeepTheirOrder) {
  WriteBuffer buffer;
  for (const char* key : {"b", "ab", "a", "", "aa", "a\x01"}) buffer.Put(key, "");
  buffer.Put(absl::string_view("a\0", 2), "");
  std::string before;
  size_t seen = 0;
  for (const Item& item : buffer.Range("", "")) {
    if (seen++ > 0) {
      EXPECT_LT(before, std::string(item.key()));
    }
    before = std::string(item.key());
  }
  EXPECT_EQ(seen, 7u);
}

TEST(ConflictsTest, AReadDuringAFlushIsRefused) {
  Conflicts conflicts;
  WriteBuffer rows;
  rows.Put("key", "");
  conflicts.BeginGroup();
  conflicts.Written(rows);
  const auto during = conflicts.ObservePoint("key");  // may see either side
  const auto beside = conflicts.ObservePoint("other");
  conflicts.Publish();
  EXPECT_FALSE(conflicts.Unchanged(during));
  EXPECT_TRUE(conflicts.Unchanged(beside));
  EXPECT_TRUE(conflicts.Unchanged(conflicts.ObservePoint("key")));
}

TEST(ConflictsTest, AScanOlderThanWhatIsKeptIsRefused) {
  Conflicts conflicts;
  Conflicts::RangeRead read{"x", "y", conflicts.ObserveRange()};
  for (int i = 0; i < 5000; ++i) {
    conflicts.BeginGroup();
    conflicts.Publish();
    if (i == 100) {
      EXPECT_TRUE(conflicts.Unchanged(read));
    }
  }
  EXPECT_FALSE(conflicts.Unchanged(read));
}

}  // namespace
}  // namespace egov::storage::internal
