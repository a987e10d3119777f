// The embedded engine: RocksDB, one process owns the directory, one committer thread, one sync for
// each group.
#ifndef EGOV_LIBS_STORAGE_ROCKSDB_ROCKSDB_STORE_H_
#define EGOV_LIBS_STORAGE_ROCKSDB_ROCKSDB_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libs/storage/store.h"

namespace rocksdb {
class Env;
}

namespace egov::storage {

struct RocksDbOptions {
  std::string directory;                       // made when it is missing
  uint64_t block_cache_bytes = 256ull << 20;   // data blocks, indexes and filters
  uint64_t reserve_bytes = 512ull << 20;       // less free disk than this: mutations stop
  uint64_t last_reserve_bytes = 128ull << 20;  // less than this: disclosures stop too
  uint64_t bulk_bytes = 4ull << 20;            // larger transactions go past log and memtable

  // Called on the committer's thread, or a reader's, when the state changes: for the log and for
  // readiness.
  std::function<void(StoreState state, const absl::Status& why)> on_state;

  // For tests only: without sync a power cut loses what was acknowledged.
  bool sync = true;
  rocksdb::Env* env = nullptr;  // not owned, outlives the store; null: the machine's
};

// Opens or makes a store. Errors: FAILED_PRECONDITION STORE_IN_USE (another process has it),
// DATA_LOSS STORE_CORRUPT (damaged, or less is there than was acknowledged), UNAVAILABLE
// STORE_FAILED (the file system).
absl::StatusOr<std::unique_ptr<Store>> OpenRocksDb(RocksDbOptions options);

}  // namespace egov::storage

#endif  // EGOV_LIBS_STORAGE_ROCKSDB_ROCKSDB_STORE_H_
