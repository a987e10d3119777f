// lookup: one row through Table and a transaction, beside RocksDB's own Get on the same files.
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/storage/rocksdb/rocksdb_store.h"
#include "libs/storage/table.h"
#include "tests/load/raw_store.h"
#include "tests/load/rows.h"

namespace egov::load {
namespace {

// People's rows (services/population/store.h), as they are: parsing is not the store's work.
using PersonBytes = storage::Table<uint64_t, std::string, storage::BytesCodec>;
constexpr storage::TableId kPersons = 0x0101;
constexpr int kReadsInTransaction = 8;

}  // namespace

absl::Status LookupRows(const Bench& bench) {
  if (!bench.Wants({"lookup"})) return absl::OkStatus();
  // A copy of its own: a store writes a little even when it is only read.
  const std::string directory = bench.Folder("lookup") + "/store";
  std::filesystem::copy(bench.frozen, directory, std::filesystem::copy_options::recursive);
  storage::RocksDbOptions options;
  options.directory = directory;
  options.block_cache_bytes = kCacheBytes;
  EGOV_ASSIGN_OR_RETURN(const auto store, storage::OpenRocksDb(options));
  EGOV_ASSIGN_OR_RETURN(const auto db, OpenFrozen(bench.frozen));
  const PersonBytes persons(kPersons);

  std::vector<uint64_t> keys;
  {
    EGOV_ASSIGN_OR_RETURN(const auto reader, store->Snapshot());
    EGOV_RETURN_IF_ERROR(
        persons.Scan(*reader, persons.All(), [&](const uint64_t& key, const std::string&) {
          keys.push_back(key);
          return true;
        }));
  }
  std::mt19937_64 random(7);
  std::shuffle(keys.begin(), keys.end(), random);
  const size_t count = std::min<size_t>(keys.size(), 400 * 1000);

  std::vector<double> through, raw;
  std::string value;
  // The first round fills both caches.
  for (int round = 0; round <= bench.rounds; ++round) {
    absl::Time begun = absl::Now();
    std::unique_ptr<storage::Transaction> transaction;
    for (size_t i = 0; i < count; ++i) {
      if (i % kReadsInTransaction == 0) transaction = store->Begin();
      EGOV_ASSIGN_OR_RETURN(const bool found, persons.Get(*transaction, keys[i], &value));
      if (!found) return absl::DataLossError("a row is missing");
    }
    transaction.reset();
    const double table = absl::ToDoubleMicroseconds(absl::Now() - begun) / count;
    begun = absl::Now();
    for (size_t i = 0; i < count; ++i) {
      const std::string key = persons.EncodeRowKey(keys[i]);
      if (!db->Get(rocksdb::ReadOptions(), key, &value).ok())
        return absl::DataLossError("a row is missing");
    }
    const double own = absl::ToDoubleMicroseconds(absl::Now() - begun) / count;
    if (round == 0) continue;
    through.push_back(table);
    raw.push_back(own);
  }
  const double table = Median(through), own = Median(raw);
  bench.report->Add({"lookup", table, "us", own, table / own,
                     absl::StrFormat("%d random people of %d, %d to a transaction", count,
                                     keys.size(), kReadsInTransaction)});
  return absl::OkStatus();
}

}  // namespace egov::load
