// Large commits: sorted files, ingested in one step, past the log and the memtable.
#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "libs/storage/rocksdb/rocksdb_engine.h"
#include "rocksdb/sst_file_writer.h"

namespace egov::storage::internal {
namespace {

// The rows of one table out of several buffers, a later buffer's in place of an earlier one's.
std::vector<Item> Merge(const std::vector<Lane*>& lanes) {
  std::vector<Item> all;
  for (Lane* lane : lanes) {
    const std::vector<Item>& items = lane->Sorted();
    all.insert(all.end(), items.begin(), items.end());
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Item& a, const Item& b) { return a.key() < b.key(); });
  size_t kept = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    if (i + 1 < all.size() && all[i].key() == all[i + 1].key()) continue;
    all[kept++] = all[i];
  }
  all.resize(kept);
  return all;
}

}  // namespace

absl::Status RocksDbEngine::WriteFile(const std::vector<Item>& items, const std::string& path) {
  rocksdb::SstFileWriter file(rocksdb::EnvOptions(), tuned_, /*column_family=*/nullptr,
                              /*invalidate_page_cache=*/false);
  rocksdb::Status status = file.Open(path);
  for (size_t i = 0; i < items.size() && status.ok(); ++i) {
    // The rows lie in the order of their arrival: fetch ahead what is next in the order of keys.
    if (i + 8 < items.size()) {
      __builtin_prefetch(items[i + 8].key_data);
      __builtin_prefetch(items[i + 8].value_data);
    }
    const Item& item = items[i];
    const rocksdb::Slice key(item.key_data, item.key_size);
    status = item.deleted ? file.Delete(key)
                          : file.Put(key, rocksdb::Slice(item.value_data, item.value_size));
  }
  if (status.ok()) status = file.Finish();
  return FromRocksDb(status);
}

absl::Status RocksDbEngine::Ingest(absl::Span<WriteBuffer* const> buffers,
                                   absl::FunctionRef<void()> before_visible) {
  // One file for each table: they do not overlap, and a table whose keys only grow goes straight to
  // the last level.
  std::map<uint16_t, std::vector<Lane*>> tables;
  for (WriteBuffer* buffer : buffers) {
    for (const auto& lane : buffer->lanes()) tables[lane->id()].push_back(lane.get());
  }
  std::vector<std::string> paths;
  absl::Status status;
  for (const auto& [id, lanes] : tables) {
    paths.push_back(absl::StrCat(options_.directory, "/bulk/", ++next_bulk_file_, ".sst"));
    status = lanes.size() == 1 ? WriteFile(lanes[0]->Sorted(), paths.back())
                               : WriteFile(Merge(lanes), paths.back());
    if (!status.ok()) break;
  }
  if (status.ok()) {
    before_visible();
    rocksdb::IngestExternalFileOptions options;
    options.move_files = true;
    options.write_global_seqno = false;
    // All in one version edit, synced before this returns.
    status = FromRocksDb(db_->IngestExternalFile(paths, options));
  }
  if (!status.ok()) {
    for (const std::string& path : paths) env_->DeleteFile(path).PermitUncheckedError();
  }
  return status;
}

}  // namespace egov::storage::internal
