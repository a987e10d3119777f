// What sequencing costs: one group as the store's committer hands it over, without the store.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>

#include "libs/base/ids.h"
#include "libs/evidence/testing/fixture.h"

namespace egov::evidence {
namespace {

// Takes rows as a write batch would: copied behind one another.
class MemoryGroup final : public storage::Group {
 public:
  MemoryGroup(uint64_t first, std::vector<storage::Entry*> entries)
      : first_(first), entries_(std::move(entries)) {
    rows_.reserve(1 << 20);
  }
  uint64_t first_position() const override { return first_; }
  absl::Span<storage::Entry* const> entries() const override { return entries_; }
  void Put(absl::string_view key, absl::string_view value) override {
    rows_.append(key.data(), key.size());
    rows_.append(value.data(), value.size());
  }
  void Delete(absl::string_view) override {}

 private:
  const uint64_t first_;
  const std::vector<storage::Entry*> entries_;
  std::string rows_;
};

void BM_Group(benchmark::State& state) {
  setenv("TEST_TMPDIR", "/tmp", 0);
  const testing::House house;
  base::ManualClock clock(house.now);
  testing::LogOnDisk disk(house, &clock);
  Log& log = disk.log();
  const int size = static_cast<int>(state.range(0));
  uint64_t position = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<LogEntry> entries(size);
    std::vector<storage::Entry*> pointers;
    for (LogEntry& entry : entries) {
      entry.id = base::RandomBytes(16);
      entry.record = std::string(250, 'r');
      entry.sealed_header = std::string(700, 'h');
      entry.position = position++;
      pointers.push_back(&entry);
    }
    MemoryGroup group(entries[0].position, std::move(pointers));
    state.ResumeTiming();
    for (const LogEntry& entry : entries) (void)log.Admit(entry);
    if (!log.OnGroup(group).ok()) state.SkipWithError("refused");
    log.AfterGroup(absl::OkStatus());
    for (const LogEntry& entry : entries) benchmark::DoNotOptimize(entry.Receipt());
  }
  state.counters["us_per_entry"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * size * 1e-6,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_Group)->Arg(1)->Arg(8)->Arg(64)->Arg(512);

}  // namespace
}  // namespace egov::evidence

BENCHMARK_MAIN();
