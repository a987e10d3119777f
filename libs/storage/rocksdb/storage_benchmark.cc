// What the store costs over RocksDB itself: the same rows, the same options, the same run.
//
//   bazel run -c opt --config=opt //libs/storage/rocksdb:storage_benchmark
//
// `cpu_us` is the processor time of the whole process (committer and compactions too) for each
// iteration or row.
#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "benchmark/benchmark.h"
#include "google/protobuf/api.pb.h"
#include "libs/base/bytes.h"
#include "libs/storage/rocksdb/rocksdb_engine.h"
#include "libs/storage/rocksdb/rocksdb_store.h"
#include "libs/storage/rocksdb/testing/temporary_directory.h"
#include "libs/storage/table.h"
#include "rocksdb/sst_file_writer.h"

namespace egov::storage {
namespace {

constexpr uint64_t kPeople = 1000000;
constexpr uint64_t kWindow = 65536;
constexpr uint64_t kCache = 256ull << 20;

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
         1e-6 * (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

void Require(bool ok, const std::string& what) {
  if (ok) return;
  fprintf(stderr, "benchmark cannot go on: %s\n", what.c_str());
  std::abort();
}

// The codes of all people in the order of their arrival: each once, at random.
const std::vector<uint64_t>& Codes() {
  static const auto* codes = [] {
    auto* all = new std::vector<uint64_t>(kPeople);
    for (uint64_t i = 0; i < kPeople; ++i) (*all)[i] = 30000000000ull + i * 29;
    std::shuffle(all->begin(), all->end(), std::mt19937_64(1));
    return all;
  }();
  return *codes;
}

// A row of about 220 bytes, partly compressible as people's records are.
void PersonRow(uint64_t person, std::string* value) {
  static const std::string filler(128, 'n');
  value->clear();
  uint64_t state = person;
  for (int i = 0; i < 11; ++i) {  // splitmix64: making rows must not be what is measured
    state += 0x9e3779b97f4a7c15;
    uint64_t mixed = (state ^ state >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    base::AppendU64(mixed ^ mixed >> 31, value);
  }
  value->append(filler);
}
void PersonKey(uint64_t person, std::string* key) {
  *key = std::string("\x01\x01", 2);
  base::AppendU64(person, key);
}
void CodeKey(uint64_t code, std::string* key) { *key = absl::StrCat("\x01\x02", code); }
void EventKey(uint64_t person, std::string* key) {
  *key = std::string("\x01\x03", 2);
  base::AppendU64(person, key);
}
void SmallValue(uint64_t person, size_t size, std::string* value) {
  value->clear();
  base::AppendU64(person, value);
  value->resize(size, 'e');
}

std::unique_ptr<Store> OpenStore(const std::string& directory) {
  RocksDbOptions options;
  options.directory = directory;
  options.block_cache_bytes = kCache;
  auto store = OpenRocksDb(options);
  Require(store.ok(), store.status().ToString());
  return *std::move(store);
}

// ---- bulk ----

void BM_BulkThroughStore(benchmark::State& state) {
  Codes();
  for (auto _ : state) {
    TemporaryDirectory directory;
    auto store = OpenStore(directory.path());
    const double cpu = CpuSeconds();
    const auto start = std::chrono::steady_clock::now();
    std::string key, value;
    for (uint64_t first = 0; first < kPeople; first += kWindow) {
      auto window = store->Begin();
      for (uint64_t i = first; i < std::min(first + kWindow, kPeople); ++i) {
        PersonKey(i, &key);
        PersonRow(i, &value);
        window->Put(key, value);
        CodeKey(Codes()[i], &key);
        SmallValue(i, 17, &value);
        window->Put(key, value);
        EventKey(i, &key);
        SmallValue(i, 40, &value);
        window->Put(key, value);
      }
      window->Append(std::make_unique<Entry>());
      Require(store->CommitAndWait(std::move(window)).ok(), "a window");
    }
    state.SetIterationTime(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    store.reset();  // waits for compactions that run
    state.counters["cpu_s"] = CpuSeconds() - cpu;
  }
}
BENCHMARK(BM_BulkThroughStore)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1)
    ->Repetitions(3);

void BM_BulkSortedFiles(benchmark::State& state) {
  std::vector<std::pair<uint64_t, uint64_t>> sorted;
  for (uint64_t i = 0; i < kPeople; ++i) sorted.emplace_back(Codes()[i], i);
  std::sort(sorted.begin(), sorted.end());
  for (auto _ : state) {
    TemporaryDirectory directory;
    const auto options = internal::TunedOptions(kCache, rocksdb::Env::Default());
    rocksdb::DB* raw = nullptr;
    Require(rocksdb::DB::Open(options, directory.path() + "/db", &raw).ok(), "open");
    const std::unique_ptr<rocksdb::DB> db(raw);
    const double cpu = CpuSeconds();
    const auto start = std::chrono::steady_clock::now();
    std::string key, value;
    std::vector<std::string> paths;
    for (int table = 0; table < 3; ++table) {
      paths.push_back(absl::StrCat(directory.path(), "/", table, ".sst"));
      rocksdb::SstFileWriter file(rocksdb::EnvOptions(), options);
      Require(file.Open(paths.back()).ok(), "open file");
      for (uint64_t i = 0; i < kPeople; ++i) {
        if (table == 0) {
          PersonKey(i, &key);
          PersonRow(i, &value);
        } else if (table == 1) {
          CodeKey(sorted[i].first, &key);
          SmallValue(sorted[i].second, 17, &value);
        } else {
          EventKey(i, &key);
          SmallValue(i, 40, &value);
        }
        file.Put(key, value).PermitUncheckedError();
      }
      Require(file.Finish().ok(), "finish");
    }
    rocksdb::IngestExternalFileOptions ingest;
    ingest.move_files = true;
    ingest.write_global_seqno = false;
    Require(db->IngestExternalFile(paths, ingest).ok(), "ingest");
    state.SetIterationTime(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    state.counters["cpu_s"] = CpuSeconds() - cpu;
  }
}
BENCHMARK(BM_BulkSortedFiles)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1)
    ->Repetitions(3);

// ---- one nation for the rest ----

using Row = google::protobuf::Method;  // strings and flags, as a person's row has
using People = Table<uint64_t, Row>;

Row MakeRow(uint64_t person) {
  Row row;
  row.set_name(absl::StrCat("family-", person, "-given-", person * 7));
  row.set_request_type_url(std::string(90, 'a' + person % 26));
  row.set_response_type_url(std::string(80, 'b'));
  row.set_request_streaming(true);
  return row;
}

struct Nation {
  TemporaryDirectory directory;
  People people{0x0101};
  std::unique_ptr<Store> store;

  Nation() : store(OpenStore(directory.path())) {
    for (uint64_t first = 0; first < kPeople; first += kWindow) {
      auto window = store->Begin();
      for (uint64_t i = first; i < std::min(first + kWindow, kPeople); ++i) {
        Require(people.Insert(*window, i, MakeRow(i)).ok(), "insert");
      }
      Require(store->CommitAndWait(std::move(window)).ok(), "window");
    }
    store.reset();  // opened by each benchmark in its own way
  }
  static Nation& Get() {
    static auto* nation = new Nation;
    return *nation;
  }
};

void BM_LookupRawGet(benchmark::State& state) {
  Nation& nation = Nation::Get();
  rocksdb::DB* raw = nullptr;
  Require(rocksdb::DB::Open(internal::TunedOptions(kCache, rocksdb::Env::Default()),
                            nation.directory.path(), &raw)
              .ok(),
          "open");
  const std::unique_ptr<rocksdb::DB> db(raw);
  const bool parse = state.range(0) != 0;
  std::mt19937_64 random(2);
  std::string key, value;
  Row row;
  for (int i = -200000; i < 0; ++i) {  // warm
    PersonKey(random() % kPeople, &key);
    db->Get(rocksdb::ReadOptions(), key, &value).PermitUncheckedError();
  }
  for (auto _ : state) {
    PersonKey(random() % kPeople, &key);
    Require(db->Get(rocksdb::ReadOptions(), key, &value).ok(), "get");
    if (parse) Require(row.ParseFromArray(value.data() + 1, value.size() - 1), "parse");
  }
}
BENCHMARK(BM_LookupRawGet)->ArgName("parsed")->Arg(0)->Arg(1)->Repetitions(3);

void BM_LookupThroughTable(benchmark::State& state) {
  Nation& nation = Nation::Get();
  auto store = OpenStore(nation.directory.path());
  const bool snapshot = state.range(0) != 0;
  std::mt19937_64 random(2);
  Row row;
  auto view = *store->Snapshot();
  for (int i = -200000; i < 0; ++i) {
    Require(*nation.people.Get(*view, random() % kPeople, &row), "get");
  }
  auto transaction = store->Begin();
  int in_transaction = 0;
  for (auto _ : state) {
    if (!snapshot && ++in_transaction % 3 == 0) transaction = store->Begin();
    Reader& reader = snapshot ? *view : static_cast<Reader&>(*transaction);
    Require(*nation.people.Get(reader, random() % kPeople, &row), "get");
  }
  transaction.reset();
  view.reset();
}
BENCHMARK(BM_LookupThroughTable)->ArgName("snapshot")->Arg(0)->Arg(1)->Repetitions(3);

void BM_Open(benchmark::State& state) {
  Nation& nation = Nation::Get();
  for (auto _ : state) OpenStore(nation.directory.path());
}
BENCHMARK(BM_Open)->Unit(benchmark::kMillisecond)->Iterations(5);

// ---- commits ----

// A call's worth: three reads of people, three new rows of 220 bytes.
constexpr int kRows = 3;

void BM_CommitThroughStore(benchmark::State& state) {
  Nation& nation = Nation::Get();
  auto store = OpenStore(nation.directory.path());
  const int writers = static_cast<int>(state.range(0));
  std::mutex mutex;
  std::condition_variable changed;
  int in_flight = 0;
  uint64_t failed = 0, next = 0;
  std::mt19937_64 random(3);
  std::string key, value, read;
  PersonRow(1, &value);
  Require((*store->Snapshot())
              ->Scan("\x01", "\x02", [](absl::string_view, absl::string_view) { return true; })
              .ok(),
          "warm");
  const StoreStatistics before = store->Statistics();
  const double cpu = CpuSeconds();
  for (auto _ : state) {
    {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [&] { return in_flight < writers; });
      ++in_flight;
    }
    auto transaction = store->Begin();
    for (int i = 0; i < kRows; ++i) {
      PersonKey(random() % kPeople, &key);
      Require(*transaction->Get(key, &read), "get");
    }
    for (int i = 0; i < kRows; ++i) {
      EventKey(next++, &key);
      transaction->Put(key, value);
    }
    transaction->Append(std::make_unique<Entry>());
    store->Commit(std::move(transaction), [&](absl::StatusOr<CommitResult> result) {
      std::lock_guard<std::mutex> lock(mutex);
      failed += !result.ok() && !IsConflict(result.status());
      --in_flight;
      changed.notify_one();
    });
  }
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return in_flight == 0; });
  const StoreStatistics after = store->Statistics();
  Require(failed == 0, "a commit failed");
  state.counters["cpu_us"] = 1e6 * (CpuSeconds() - cpu) / state.iterations();
  state.counters["conflicts"] = after.conflicts - before.conflicts;  // slots shared by chance
  state.counters["per_group"] =
      double(after.commits - before.commits) / double(after.groups - before.groups);
}
BENCHMARK(BM_CommitThroughStore)
    ->ArgName("writers")
    ->Arg(1)
    ->Arg(8)
    ->Arg(64)
    ->UseRealTime()
    ->MinTime(2);

// The same reads and rows by RocksDB alone: one thread, `writers` calls' rows in one batch with one
// sync.
void BM_CommitRawBatches(benchmark::State& state) {
  Nation& nation = Nation::Get();
  rocksdb::DB* raw = nullptr;
  Require(rocksdb::DB::Open(internal::TunedOptions(kCache, rocksdb::Env::Default()),
                            nation.directory.path(), &raw)
              .ok(),
          "open");
  const std::unique_ptr<rocksdb::DB> db(raw);
  const int writers = static_cast<int>(state.range(0));
  uint64_t next = 0;
  std::mt19937_64 random(3);
  std::string key, value, read;
  PersonRow(1, &value);
  {
    const std::unique_ptr<rocksdb::Iterator> warm(db->NewIterator(rocksdb::ReadOptions()));
    for (warm->SeekToFirst(); warm->Valid(); warm->Next()) continue;
  }
  rocksdb::WriteBatch batch;
  rocksdb::WriteOptions options;
  options.sync = true;
  int gathered = 0;
  const double cpu = CpuSeconds();
  for (auto _ : state) {
    for (int i = 0; i < kRows; ++i) {
      PersonKey(random() % kPeople, &key);
      Require(db->Get(rocksdb::ReadOptions(), key, &read).ok(), "get");
    }
    for (int i = 0; i < kRows; ++i) {
      EventKey(next++, &key);
      batch.Put(key, value).PermitUncheckedError();
    }
    if (++gathered < writers) continue;
    gathered = 0;
    Require(db->Write(options, &batch).ok(), "write");
    batch.Clear();
  }
  state.counters["cpu_us"] = 1e6 * (CpuSeconds() - cpu) / state.iterations();
}
BENCHMARK(BM_CommitRawBatches)
    ->ArgName("writers")
    ->Arg(1)
    ->Arg(8)
    ->Arg(64)
    ->UseRealTime()
    ->MinTime(2);

}  // namespace
}  // namespace egov::storage

BENCHMARK_MAIN();
