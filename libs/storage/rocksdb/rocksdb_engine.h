// RocksDB behind the Engine interface. Only for this folder.
#ifndef EGOV_LIBS_STORAGE_ROCKSDB_ROCKSDB_ENGINE_H_
#define EGOV_LIBS_STORAGE_ROCKSDB_ROCKSDB_ENGINE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "libs/storage/internal/engine.h"
#include "libs/storage/rocksdb/rocksdb_store.h"
#include "rocksdb/db.h"
#include "rocksdb/listener.h"
#include "rocksdb/options.h"
#include "rocksdb/write_batch.h"

namespace egov::storage::internal {

// The status that the store's users see. RocksDB's text is not passed on: it may quote keys.
absl::Status FromRocksDb(const rocksdb::Status& status);

// The options that stores are opened with; the benchmark opens its raw database with the same.
rocksdb::Options TunedOptions(uint64_t block_cache_bytes, rocksdb::Env* env);

class RocksDbEngine final : public Engine {
 public:
  static absl::StatusOr<std::unique_ptr<RocksDbEngine>> Open(const RocksDbOptions& options);
  ~RocksDbEngine() override;

  absl::StatusOr<bool> Get(const View* view, absl::string_view key, std::string* value) override;
  absl::Status MultiGet(const View* view, absl::Span<const absl::string_view> keys,
                        std::vector<absl::optional<std::string>>* values) override;
  absl::Status Scan(const View* view, absl::string_view begin, absl::string_view end, bool backward,
                    Visitor visit) override;
  absl::StatusOr<std::unique_ptr<View>> Snapshot() override;
  absl::Status Write(absl::Span<WriteBuffer* const> buffers, const Head& head, bool bulk,
                     absl::FunctionRef<void()> before_visible) override;
  absl::Status Recover() override;
  uint64_t FreeBytes() override;
  void AddStatistics(StoreStatistics* statistics) override;
  void OnDamage(std::function<void(const absl::Status&)> report) override;

 private:
  class Listener;

  RocksDbEngine(const RocksDbOptions& options, rocksdb::Options tuned);

  absl::Status OpenDatabase();
  // The mark beside the database: the newest acknowledged group, to notice that recovery stopped
  // before it. Written after each sync and not synced itself: after a kill it is exact, after a
  // power cut it may be behind, never ahead.
  absl::Status CheckMark();
  void WriteMark(uint64_t group);
  absl::Status WriteBatch(absl::Span<WriteBuffer* const> buffers);
  absl::Status Ingest(absl::Span<WriteBuffer* const> buffers,
                      absl::FunctionRef<void()> before_visible);
  absl::Status WriteFile(const std::vector<Item>& items, const std::string& path);

  const RocksDbOptions options_;
  rocksdb::Options tuned_;
  rocksdb::Env* const env_;
  std::shared_ptr<Listener> listener_;
  std::unique_ptr<rocksdb::DB> db_;
  std::unique_ptr<rocksdb::RandomRWFile> mark_;
  rocksdb::WriteBatch batch_;
  uint64_t next_bulk_file_ = 0;
};

}  // namespace egov::storage::internal

#endif  // EGOV_LIBS_STORAGE_ROCKSDB_ROCKSDB_ENGINE_H_
