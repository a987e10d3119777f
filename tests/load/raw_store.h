// RocksDB itself, opened as the register opens it: for the baselines.
#ifndef EGOV_TESTS_LOAD_RAW_STORE_H_
#define EGOV_TESTS_LOAD_RAW_STORE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libs/storage/rocksdb/rocksdb_engine.h"

namespace egov::load {

constexpr uint64_t kCacheBytes = 256ull << 20;  // as the register has

// For reading only: nobody writes there.
inline absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenFrozen(const std::string& directory) {
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(
      storage::internal::TunedOptions(kCacheBytes, rocksdb::Env::Default()), directory, &opened);
  if (!status.ok()) return absl::UnavailableError("a store's copy cannot be opened");
  return std::unique_ptr<rocksdb::DB>(opened);
}

}  // namespace egov::load

#endif  // EGOV_TESTS_LOAD_RAW_STORE_H_
