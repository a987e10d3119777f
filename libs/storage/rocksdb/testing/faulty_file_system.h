// A file system whose disk fills up and whose power fails, for tests of what the store promises
// then.
#ifndef EGOV_LIBS_STORAGE_ROCKSDB_TESTING_FAULTY_FILE_SYSTEM_H_
#define EGOV_LIBS_STORAGE_ROCKSDB_TESTING_FAULTY_FILE_SYSTEM_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "rocksdb/file_system.h"

namespace egov::storage {

// Passes everything on to the machine's file system, and remembers for each file how much of it was
// synced and whether its name was. Thread safe.
class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultyFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyFileSystem"; }

  // The power fails: from now on every change is refused.
  void CutPower() { powered_ = false; }

  // What a disk looks like after that: of bytes that were not synced the first `kept` (0 to 1) part
  // is there, files whose directory was not synced are gone, overwritten bytes are as before. To be
  // called when the store is closed.
  void DropUnsynced(double kept);

  void set_full(bool full) { full_ = full; }
  void set_free_bytes(uint64_t bytes) { free_bytes_ = bytes; }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomRWFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                 uint64_t* bytes, rocksdb::IODebugContext* debug) override;

  // For the files that this opens.
  rocksdb::IOStatus CheckWrite() const;
  void Appended(const std::string& name, uint64_t bytes);
  void Truncated(const std::string& name, uint64_t size);
  void Synced(const std::string& name);
  void DirectorySynced(const std::string& name);

 private:
  struct File {
    uint64_t size = 0;
    uint64_t synced = 0;
    bool named = false;  // its directory was synced after it was made
  };

  std::atomic<bool> powered_{true};
  std::atomic<bool> full_{false};
  std::atomic<uint64_t> free_bytes_{~0ull};
  std::mutex mutex_;
  std::map<std::string, File> files_;  // guarded by mutex_
  std::map<std::string, std::string>
      overwritten_;  // guarded by mutex_: first content of random-access files
};

}  // namespace egov::storage

#endif  // EGOV_LIBS_STORAGE_ROCKSDB_TESTING_FAULTY_FILE_SYSTEM_H_
