#include "libs/storage/rocksdb/rocksdb_engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "rocksdb/cache.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/sst_partitioner.h"
#include "rocksdb/table.h"

namespace egov::storage::internal {
namespace {

constexpr char kMarkFile[] = "/ACKNOWLEDGED";

rocksdb::Slice ToSlice(absl::string_view bytes) { return {bytes.data(), bytes.size()}; }
absl::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// The name of the file that a RocksDB text speaks of; the rest may quote keys.
std::string FileIn(const std::string& text) {
  for (const char* suffix : {".sst", ".log", ".dbtmp", "CURRENT", "IDENTITY"}) {
    const size_t end = text.find(suffix);
    if (end == std::string::npos) continue;
    const size_t slash = text.rfind('/', end);
    const size_t begin = slash == std::string::npos ? end : slash + 1;
    return text.substr(begin, end - begin) + suffix;
  }
  return absl::StrContains(text, "MANIFEST") ? "MANIFEST" : "a file of the store";
}

class RocksDbView final : public Engine::View {
 public:
  explicit RocksDbView(rocksdb::DB* db) : db_(db), snapshot_(db->GetSnapshot()) {}
  ~RocksDbView() override { db_->ReleaseSnapshot(snapshot_); }
  const rocksdb::Snapshot* snapshot() const { return snapshot_; }

 private:
  rocksdb::DB* const db_;
  const rocksdb::Snapshot* const snapshot_;
};

rocksdb::ReadOptions ReadOptionsFor(const Engine::View* view) {
  rocksdb::ReadOptions options;
  if (view != nullptr) options.snapshot = static_cast<const RocksDbView*>(view)->snapshot();
  return options;
}

}  // namespace

// Hears of what flushes and compactions find.
class RocksDbEngine::Listener final : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override {
    const absl::Status status = FromRocksDb(*error);
    if (status.code() != absl::StatusCode::kDataLoss) return;  // the next write meets the others
    std::lock_guard<std::mutex> lock(mutex_);
    found_ = status;
    if (report_) report_(status);
  }

  // RocksDB's own recovery may start while the disk still refuses writes, which makes the error
  // final.
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason reason, rocksdb::Status error,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

  void Report(std::function<void(const absl::Status&)> report) {
    std::lock_guard<std::mutex> lock(mutex_);
    report_ = std::move(report);
    if (report_ && !found_.ok()) report_(found_);
  }

 private:
  std::mutex mutex_;
  absl::Status found_;                               // guarded by mutex_
  std::function<void(const absl::Status&)> report_;  // guarded by mutex_
};

absl::Status FromRocksDb(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  if (status.IsNoSpace()) {
    return base::Error(absl::StatusCode::kResourceExhausted, "DISK_FULL",
                       "the disk refused a write for lack of space")
        .RetryAfter(absl::Seconds(10));
  }
  if (status.IsCorruption()) {
    return base::Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
                       absl::StrCat("damage found in ", FileIn(status.ToString())));
  }
  return base::Error(absl::StatusCode::kUnavailable, "STORE_FAILED",
                     absl::StrCat("RocksDB failed with code ", static_cast<int>(status.code()),
                                  " on ", FileIn(status.ToString())));
}

rocksdb::Options TunedOptions(uint64_t block_cache_bytes, rocksdb::Env* env) {
  rocksdb::Options options;
  options.env = env;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.track_and_verify_wals_in_manifest = true;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;

  // 3 x 32 MiB of memtables and at most 128 MiB of log: bounds memory and what a start must replay.
  options.write_buffer_size = 32 << 20;
  options.max_write_buffer_number = 3;
  options.max_total_wal_size = 128 << 20;
  options.max_background_jobs = 2;
  // A bulk load leaves one small file for each window and index: merge more of them at a time.
  options.level0_file_num_compaction_trigger = 8;
  options.bytes_per_sync = 1 << 20;
  options.compression = rocksdb::kLZ4Compression;
  // A flush holds rows of all tables; cut by table on the way down, so that a busy table does not
  // rewrite its neighbours.
  options.sst_partitioner_factory = rocksdb::NewSstPartitionerFixedPrefixFactory(2);
  // Most reads are of rows long out of the memtable: a small filter spares them its skip list.
  options.memtable_prefix_bloom_size_ratio = 0.02;
  options.memtable_whole_key_filtering = true;
  // Each table goes on where its last row was put: most are written in ascending order.
  options.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(2));

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(block_cache_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.whole_key_filtering = true;
  table.format_version = 5;
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));

  options.skip_stats_update_on_db_open = true;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.max_log_file_size = 4 << 20;
  options.keep_log_file_num = 3;
  return options;
}

RocksDbEngine::RocksDbEngine(const RocksDbOptions& options, rocksdb::Options tuned)
    : options_(options),
      tuned_(std::move(tuned)),
      env_(tuned_.env),
      listener_(std::make_shared<Listener>()) {
  tuned_.listeners.push_back(listener_);
}

RocksDbEngine::~RocksDbEngine() {
  if (db_ != nullptr) db_->Close().PermitUncheckedError();
}

absl::StatusOr<std::unique_ptr<RocksDbEngine>> RocksDbEngine::Open(const RocksDbOptions& options) {
  rocksdb::Env* const env = options.env != nullptr ? options.env : rocksdb::Env::Default();
  std::unique_ptr<RocksDbEngine> engine(
      new RocksDbEngine(options, TunedOptions(options.block_cache_bytes, env)));
  EGOV_RETURN_IF_ERROR(engine->OpenDatabase());
  EGOV_RETURN_IF_ERROR(engine->CheckMark());
  return engine;
}

absl::Status RocksDbEngine::OpenDatabase() {
  EGOV_RETURN_IF_ERROR(FromRocksDb(env_->CreateDirIfMissing(options_.directory)));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = rocksdb::DB::Open(tuned_, options_.directory, &db);
  if (!opened.ok()) {
    const std::string text = opened.ToString();
    if (opened.IsIOError() && absl::StrContains(text, "lock")) {
      return base::Error(absl::StatusCode::kFailedPrecondition, "STORE_IN_USE",
                         absl::StrCat("another process has the store ", options_.directory))
          .Expected("one process for each store");
    }
    return FromRocksDb(opened);
  }
  db_.reset(db);

  // Files of a bulk commit that was not finished: nobody was told that it was.
  const std::string bulk = options_.directory + "/bulk";
  EGOV_RETURN_IF_ERROR(FromRocksDb(env_->CreateDirIfMissing(bulk)));
  std::vector<std::string> left;
  EGOV_RETURN_IF_ERROR(FromRocksDb(env_->GetChildren(bulk, &left)));
  for (const std::string& name : left) {
    if (absl::EndsWith(name, ".sst")) env_->DeleteFile(bulk + "/" + name).PermitUncheckedError();
  }
  return absl::OkStatus();
}

absl::Status RocksDbEngine::CheckMark() {
  const std::string path = options_.directory + kMarkFile;
  std::string bytes;
  uint64_t acknowledged = 0;
  if (env_->FileExists(path).ok()) {
    EGOV_RETURN_IF_ERROR(FromRocksDb(rocksdb::ReadFileToString(env_, path, &bytes)));
    // A mark that does not agree with itself was torn by a power cut: it says nothing.
    if (bytes.size() >= 16 && base::ReadU64(bytes) == ~base::ReadU64(bytes.substr(8))) {
      acknowledged = base::ReadU64(bytes);
    }
  }
  Head head;
  std::string row;
  EGOV_ASSIGN_OR_RETURN(const bool found, Get(nullptr, HeadKey(), &row));
  if (found) {
    EGOV_ASSIGN_OR_RETURN(head, DecodeHead(row));
  }
  if (head.group < acknowledged) {
    return base::Error(
        absl::StatusCode::kDataLoss, "STORE_CORRUPT",
        absl::StrCat("commit group ", acknowledged,
                     " was acknowledged, but the store ends at group ", head.group,
                     ": its log is damaged, or the directory is not all of one store"));
  }
  if (bytes.size() < 16) {
    EGOV_RETURN_IF_ERROR(
        FromRocksDb(rocksdb::WriteStringToFile(env_, std::string(16, '\0'), path)));
  }
  EGOV_RETURN_IF_ERROR(FromRocksDb(env_->NewRandomRWFile(path, &mark_, rocksdb::EnvOptions())));
  return absl::OkStatus();
}

void RocksDbEngine::WriteMark(uint64_t group) {
  std::string bytes;
  base::AppendU64(group, &bytes);
  base::AppendU64(~group, &bytes);
  // Only a check: the data is durable already, so a failure here loses nothing but the check.
  mark_->Write(0, bytes).PermitUncheckedError();
}

absl::StatusOr<bool> RocksDbEngine::Get(const View* view, absl::string_view key,
                                        std::string* value) {
  const rocksdb::Status status = db_->Get(ReadOptionsFor(view), ToSlice(key), value);
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return FromRocksDb(status);
}

absl::Status RocksDbEngine::MultiGet(const View* view, absl::Span<const absl::string_view> keys,
                                     std::vector<absl::optional<std::string>>* values) {
  const size_t count = keys.size();
  values->assign(count, absl::nullopt);
  // In order, RocksDB takes each block once.
  std::vector<uint32_t> order(count);
  for (uint32_t i = 0; i < count; ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });

  constexpr size_t kAtOnce = 256;  // bounds the blocks that are pinned at a time
  const rocksdb::ReadOptions options = ReadOptionsFor(view);
  std::vector<rocksdb::Slice> slices(std::min(count, kAtOnce));
  std::vector<rocksdb::PinnableSlice> found(slices.size());
  std::vector<rocksdb::Status> statuses(slices.size());
  for (size_t start = 0; start < count; start += kAtOnce) {
    const size_t size = std::min(kAtOnce, count - start);
    for (size_t i = 0; i < size; ++i) slices[i] = ToSlice(keys[order[start + i]]);
    db_->MultiGet(options, db_->DefaultColumnFamily(), size, slices.data(), found.data(),
                  statuses.data(), /*sorted_input=*/true);
    for (size_t i = 0; i < size; ++i) {
      if (statuses[i].ok()) {
        (*values)[order[start + i]].emplace(found[i].data(), found[i].size());
      } else if (!statuses[i].IsNotFound()) {
        return FromRocksDb(statuses[i]);
      }
      found[i].Reset();
    }
  }
  return absl::OkStatus();
}

absl::Status RocksDbEngine::Scan(const View* view, absl::string_view begin, absl::string_view end,
                                 bool backward, Visitor visit) {
  const rocksdb::Slice lower = ToSlice(begin), upper = ToSlice(end);
  rocksdb::ReadOptions options = ReadOptionsFor(view);
  options.iterate_lower_bound = &lower;
  if (!end.empty()) options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> rows(db_->NewIterator(options));
  if (backward) {
    for (rows->SeekToLast(); rows->Valid(); rows->Prev()) {
      if (!visit(ToView(rows->key()), ToView(rows->value()))) break;
    }
  } else {
    for (rows->Seek(lower); rows->Valid(); rows->Next()) {
      if (!visit(ToView(rows->key()), ToView(rows->value()))) break;
    }
  }
  return FromRocksDb(rows->status());
}

absl::StatusOr<std::unique_ptr<Engine::View>> RocksDbEngine::Snapshot() {
  return std::unique_ptr<View>(new RocksDbView(db_.get()));
}

absl::Status RocksDbEngine::Write(absl::Span<WriteBuffer* const> buffers, const Head& head,
                                  bool bulk, absl::FunctionRef<void()> before_visible) {
  if (bulk) {
    EGOV_RETURN_IF_ERROR(Ingest(buffers, before_visible));
  } else {
    before_visible();
    EGOV_RETURN_IF_ERROR(WriteBatch(buffers));
  }
  WriteMark(head.group);
  return absl::OkStatus();
}

absl::Status RocksDbEngine::WriteBatch(absl::Span<WriteBuffer* const> buffers) {
  batch_.Clear();
  for (WriteBuffer* buffer : buffers) {
    for (const auto& lane : buffer->lanes()) {
      for (const Item& item : lane->Sorted()) {
        const rocksdb::Status added = item.deleted
                                          ? batch_.Delete(ToSlice(item.key()))
                                          : batch_.Put(ToSlice(item.key()), ToSlice(item.value()));
        EGOV_RETURN_IF_ERROR(FromRocksDb(added));
      }
    }
  }
  rocksdb::WriteOptions options;
  options.sync = options_.sync;
  const absl::Status status = FromRocksDb(db_->Write(options, &batch_));
  constexpr size_t kKept = 1 << 20;
  if (batch_.GetDataSize() > kKept) batch_ = rocksdb::WriteBatch();
  return status;
}

absl::Status RocksDbEngine::Recover() {
  // RocksDB's Resume flushes what is in memory. If that meets a full disk the database is beyond
  // recovery (until a restart), so first see that as much can be written.
  uint64_t needed = 0;
  db_->GetIntProperty(rocksdb::DB::Properties::kSizeAllMemTables, &needed);
  const std::string probe = options_.directory + "/bulk/probe.sst";  // cleared at a start, too
  std::unique_ptr<rocksdb::WritableFile> file;
  rocksdb::Status status = env_->NewWritableFile(probe, &file, rocksdb::EnvOptions());
  const std::string piece(1 << 20, '\0');
  for (uint64_t written = 0; status.ok() && written < needed + 2 * piece.size();
       written += piece.size()) {
    status = file->Append(piece);
  }
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  file.reset();
  env_->DeleteFile(probe).PermitUncheckedError();
  EGOV_RETURN_IF_ERROR(FromRocksDb(status));

  status = db_->Resume();
  if (status.severity() >= rocksdb::Status::kFatalError) {
    return base::Error(absl::StatusCode::kUnavailable, "STORE_FAILED",
                       "the disk filled up again during recovery: only a restart helps now");
  }
  return FromRocksDb(status);
}

uint64_t RocksDbEngine::FreeBytes() {
  uint64_t free = 0;
  return env_->GetFreeSpace(options_.directory, &free).ok() ? free : ~0ull;
}

void RocksDbEngine::AddStatistics(StoreStatistics* statistics) {
  uint64_t value = 0;
  if (db_->GetIntProperty(rocksdb::DB::Properties::kTotalSstFilesSize, &value)) {
    statistics->disk_bytes += value;
  }
  for (const std::string* property :
       {&rocksdb::DB::Properties::kBlockCacheUsage, &rocksdb::DB::Properties::kSizeAllMemTables,
        &rocksdb::DB::Properties::kEstimateTableReadersMem}) {
    if (db_->GetIntProperty(*property, &value)) statistics->memory_bytes += value;
  }
  statistics->free_disk_bytes = FreeBytes();
}

void RocksDbEngine::OnDamage(std::function<void(const absl::Status&)> report) {
  listener_->Report(std::move(report));
}

}  // namespace egov::storage::internal
