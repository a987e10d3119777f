#include "libs/storage/testing/conformance.h"

#include <cstdlib>
#include <string>

#include "libs/storage/rocksdb/rocksdb_store.h"
#include "libs/storage/rocksdb/testing/temporary_directory.h"

namespace egov::storage {
namespace {

class RocksDbHome final : public StoreHome {
 public:
  absl::StatusOr<std::unique_ptr<Store>> Open() override {
    RocksDbOptions options;
    options.directory = directory_.path();
    options.block_cache_bytes = 8 << 20;
    options.reserve_bytes = options.last_reserve_bytes = 0;
    return OpenRocksDb(options);
  }

 private:
  TemporaryDirectory directory_;
};

std::unique_ptr<StoreHome> MakeHome() { return std::make_unique<RocksDbHome>(); }

INSTANTIATE_TEST_SUITE_P(RocksDb, StoreConformanceTest, testing::Values(&MakeHome));

}  // namespace
}  // namespace egov::storage
