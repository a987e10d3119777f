#include "services/population/code_run.h"

#include <algorithm>
#include <map>
#include <random>

#include "gtest/gtest.h"

namespace egov::population {
namespace {

std::vector<CodeRun::Entry> Entries(const std::map<uint64_t, uint32_t>& map) {
  return {map.begin(), map.end()};
}

TEST(CodeRunTest, AnEmptyRunHasNobody) {
  const auto run = CodeRun::Build({});
  EXPECT_EQ(run->Find(5), 0u);
  EXPECT_EQ(CodeRun::Merge(*run, *run)->size(), 0u);
}

TEST(CodeRunTest, FindsExactlyWhatIsThereHoweverTheCodesLie) {
  std::mt19937_64 random(3);
  for (const uint64_t spread : {1ull, 100ull, 1ull << 20, 1ull << 33, (1ull << 40) - 1}) {
    for (const size_t size : {1u, 2u, 5u, 300u, 20000u}) {
      std::map<uint64_t, uint32_t> map;
      for (size_t i = 0; i < size; ++i)
        map[1 + random() % spread] = static_cast<uint32_t>(1 + random() % 1000000);
      const auto run = CodeRun::Build(Entries(map));
      EXPECT_EQ(run->size(), map.size());
      std::vector<uint64_t> asked;
      for (const auto& entry : map) {
        for (const uint64_t code :
             {entry.first - 1, entry.first, entry.first + 1, entry.first + (uint64_t{1} << 32)}) {
          asked.push_back(code);
        }
      }
      std::shuffle(asked.begin(), asked.end(), random);
      std::vector<uint64_t> found(asked.size(), 0);
      run->FindMany(asked, absl::MakeSpan(found));
      for (size_t i = 0; i < asked.size(); ++i) {
        const auto there = map.find(asked[i]);
        const uint32_t expected = there == map.end() ? 0 : there->second;
        ASSERT_EQ(found[i], expected) << asked[i];
        ASSERT_EQ(run->Find(asked[i]), expected) << asked[i];
      }
    }
  }
}

TEST(CodeRunTest, AMergedRunHasBothAndTheNewerOfEqualCodes) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 50; ++round) {
    std::map<uint64_t, uint32_t> older, newer;
    const uint64_t spread = round % 2 == 0 ? 500 : 1ull << 38;
    for (int i = 0; i < round * 10; ++i) older[1 + random() % spread] = 1;
    for (int i = 0; i < 100 - round; ++i) newer[1 + random() % spread] = 2;
    const auto merged =
        CodeRun::Merge(*CodeRun::Build(Entries(older)), *CodeRun::Build(Entries(newer)));
    std::map<uint64_t, uint32_t> expected = newer;
    expected.insert(older.begin(), older.end());
    std::map<uint64_t, uint32_t> told;
    merged->ForEach([&](uint64_t code, uint32_t person) { told[code] = person; });
    EXPECT_EQ(told, expected);
  }
}

}  // namespace
}  // namespace egov::population
