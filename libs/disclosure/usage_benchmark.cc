// What noting and finding cost: 500,000 people of a nation of a million, and one of them after a
// thousand such queries.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>

#include "libs/disclosure/usage.h"
#include "libs/storage/rocksdb/rocksdb_store.h"
#include "libs/storage/rocksdb/testing/temporary_directory.h"

namespace egov::disclosure {
namespace {

constexpr int64_t kNovember = 1795000000000000;

struct World {
  World() {
    storage::RocksDbOptions options;
    options.directory = directory.path() + "/store";
    options.sync = false;
    store = *storage::OpenRocksDb(options);
    usage = *Usage::Open(directory.path() + "/keys");
    for (SubjectKey s = 1; s <= 1000000; ++s) people.push_back(s);
    std::shuffle(people.begin(), people.end(), std::mt19937_64(1));
    people.resize(500000);
  }
  storage::TemporaryDirectory directory;
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<Usage> usage;
  std::vector<SubjectKey> people;
};

void Note500000(benchmark::State& state) {
  World world;
  if (state.range(0) == 1) std::sort(world.people.begin(), world.people.end());
  for (auto _ : state) {
    auto transaction = world.store->Begin();
    if (!world.usage->Note(*transaction, kNovember, "0123456789abcdef", world.people).ok())
      state.SkipWithError("note");
  }
}
BENCHMARK(Note500000)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void NoteOne(benchmark::State& state) {
  World world;
  const std::vector<SubjectKey> one{7};
  auto transaction = world.store->Begin();
  int n = 0;
  for (auto _ : state) {
    if (++n % 1024 == 0) transaction = world.store->Begin();
    if (!world.usage->Note(*transaction, kNovember + n, "0123456789abcdef", one).ok())
      state.SkipWithError("note");
  }
}
BENCHMARK(NoteOne);

// Arg 0: Find; 1: the scan of the same blocks alone.
void FindAfter1000MassQueries(benchmark::State& state) {
  World world;
  for (int i = 0; i < 1000; ++i) {
    const auto noted = world.store->Run([&](storage::Transaction& t) {
      return world.usage->Note(t, kNovember + i, "0123456789abcdef", world.people);
    });
    if (!noted.ok()) return state.SkipWithError("note");
  }
  const SubjectKey person = world.people[0];
  std::string begin("\x00\x31\x00\x00\x00\x00\x00\x00", 8);
  begin += static_cast<char>(person >> 21);
  begin += static_cast<char>(person >> 13 & 0xff);
  for (auto _ : state) {
    auto reader = *world.store->Snapshot();
    if (state.range(0) == 0) {
      const auto page = world.usage->Find(*reader, person, 1000, "");
      if (!page.ok() || page->looks.size() != 1000) state.SkipWithError("find");
    } else {
      size_t rows = 0, bytes = 0;
      std::string end = begin + std::string(24, '\xff');
      if (!reader
               ->Scan(begin, end,
                      [&](absl::string_view, absl::string_view value) {
                        bytes += value.size();
                        return ++rows < 2000;
                      })
               .ok() ||
          rows != 1000)
        state.SkipWithError("scan");
      benchmark::DoNotOptimize(bytes);
    }
  }
}
BENCHMARK(FindAfter1000MassQueries)->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace egov::disclosure

BENCHMARK_MAIN();
