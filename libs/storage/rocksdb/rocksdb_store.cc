#include "libs/storage/rocksdb/rocksdb_store.h"

#include <utility>

#include "libs/base/status.h"
#include "libs/storage/internal/optimistic_store.h"
#include "libs/storage/rocksdb/rocksdb_engine.h"

namespace egov::storage {

absl::StatusOr<std::unique_ptr<Store>> OpenRocksDb(RocksDbOptions options) {
  EGOV_ASSIGN_OR_RETURN(auto engine, internal::RocksDbEngine::Open(options));
  internal::OptimisticOptions store_options;
  store_options.reserve_bytes = options.reserve_bytes;
  store_options.last_reserve_bytes = options.last_reserve_bytes;
  store_options.bulk_bytes = options.bulk_bytes;
  store_options.on_state = std::move(options.on_state);
  return internal::OptimisticStore::Open(std::move(engine), std::move(store_options));
}

}  // namespace egov::storage
