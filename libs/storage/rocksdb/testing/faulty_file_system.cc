#include "libs/storage/rocksdb/testing/faulty_file_system.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace egov::storage {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

std::string Normal(const std::string& name) {
  return std::filesystem::path(name).lexically_normal().string();
}

// RocksDB's own log for people is never synced, and nothing depends on it.
bool IsLogForPeople(const std::string& name) {
  return std::filesystem::path(name).filename().string().rfind("LOG", 0) == 0;
}

class WatchedFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WatchedFile(FaultyFileSystem* system, std::string name, std::unique_ptr<FSWritableFile>&& file)
      : FSWritableFileOwnerWrapper(std::move(file)), system_(system), name_(std::move(name)) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    IOStatus status = system_->CheckWrite();
    if (status.ok()) status = FSWritableFileOwnerWrapper::Append(data, options, debug);
    if (status.ok()) system_->Appended(name_, data.size());
    return status;
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& info, IODebugContext* debug) override {
    IOStatus status = system_->CheckWrite();
    if (status.ok()) status = FSWritableFileOwnerWrapper::Append(data, options, info, debug);
    if (status.ok()) system_->Appended(name_, data.size());
    return status;
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = system_->CheckWrite();
    if (status.ok()) status = FSWritableFileOwnerWrapper::Truncate(size, options, debug);
    if (status.ok()) system_->Truncated(name_, size);
    return status;
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    IOStatus status = system_->CheckWrite();
    if (status.ok()) status = FSWritableFileOwnerWrapper::Flush(options, debug);
    if (status.ok()) system_->Synced(name_);
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }

 private:
  FaultyFileSystem* const system_;
  const std::string name_;
};

class WatchedRandomFile final : public rocksdb::FSRandomRWFileOwnerWrapper {
 public:
  WatchedRandomFile(FaultyFileSystem* system, std::unique_ptr<rocksdb::FSRandomRWFile>&& file)
      : FSRandomRWFileOwnerWrapper(std::move(file)), system_(system) {}

  IOStatus Write(uint64_t offset, const rocksdb::Slice& data, const IOOptions& options,
                 IODebugContext* debug) override {
    const IOStatus status = system_->CheckWrite();
    if (!status.ok()) return status;
    return FSRandomRWFileOwnerWrapper::Write(offset, data, options, debug);
  }

 private:
  FaultyFileSystem* const system_;
};

class WatchedDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  WatchedDirectory(FaultyFileSystem* system, std::string name,
                   std::unique_ptr<rocksdb::FSDirectory>&& directory)
      : FSDirectoryWrapper(std::move(directory)), system_(system), name_(std::move(name)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    const IOStatus status = system_->CheckWrite();
    if (status.ok()) system_->DirectorySynced(name_);
    return status;
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, debug);
  }

 private:
  FaultyFileSystem* const system_;
  const std::string name_;
};

}  // namespace

IOStatus FaultyFileSystem::CheckWrite() const {
  if (!powered_) return IOStatus::IOError("the power is off");
  if (full_) return IOStatus::NoSpace("the disk is full");
  return IOStatus::OK();
}

void FaultyFileSystem::Appended(const std::string& name, uint64_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  files_[name].size += bytes;
}

void FaultyFileSystem::Truncated(const std::string& name, uint64_t size) {
  std::lock_guard<std::mutex> lock(mutex_);
  files_[name].size = size;
}

void FaultyFileSystem::Synced(const std::string& name) {
  std::lock_guard<std::mutex> lock(mutex_);
  files_[name].synced = files_[name].size;
}

void FaultyFileSystem::DirectorySynced(const std::string& name) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto& [file, state] : files_) {
    if (std::filesystem::path(file).parent_path().string() == name) state.named = true;
  }
}

void FaultyFileSystem::DropUnsynced(double kept) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [name, state] : files_) {
    if (!std::filesystem::exists(name) || IsLogForPeople(name)) continue;
    if (!state.named) {
      std::filesystem::remove(name);
      continue;
    }
    const uint64_t rest = state.size - std::min(state.synced, state.size);
    std::filesystem::resize_file(name, state.synced + static_cast<uint64_t>(rest * kept));
  }
  for (const auto& [name, content] : overwritten_) {
    std::ofstream(name, std::ios::binary | std::ios::trunc) << content;
  }
  files_.clear();
  overwritten_.clear();
}

IOStatus FaultyFileSystem::NewWritableFile(const std::string& name,
                                           const rocksdb::FileOptions& options,
                                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                                           IODebugContext* debug) {
  IOStatus status = CheckWrite();
  if (!status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> opened;
  status = FileSystemWrapper::NewWritableFile(name, options, &opened, debug);
  if (!status.ok()) return status;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    files_[Normal(name)] = File();
  }
  *file = std::make_unique<WatchedFile>(this, Normal(name), std::move(opened));
  return status;
}

IOStatus FaultyFileSystem::ReopenWritableFile(const std::string& name,
                                              const rocksdb::FileOptions& options,
                                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                                              IODebugContext* debug) {
  IOStatus status = CheckWrite();
  if (!status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> opened;
  status = FileSystemWrapper::ReopenWritableFile(name, options, &opened, debug);
  if (status.ok()) *file = std::make_unique<WatchedFile>(this, Normal(name), std::move(opened));
  return status;
}

IOStatus FaultyFileSystem::NewRandomRWFile(const std::string& name,
                                           const rocksdb::FileOptions& options,
                                           std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                                           IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSRandomRWFile> opened;
  const IOStatus status = FileSystemWrapper::NewRandomRWFile(name, options, &opened, debug);
  if (!status.ok()) return status;
  std::ifstream in(name, std::ios::binary);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    overwritten_[Normal(name)] = {std::istreambuf_iterator<char>(in), {}};
  }
  *file = std::make_unique<WatchedRandomFile>(this, std::move(opened));
  return status;
}

IOStatus FaultyFileSystem::NewDirectory(const std::string& name, const IOOptions& options,
                                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                                        IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> opened;
  const IOStatus status = FileSystemWrapper::NewDirectory(name, options, &opened, debug);
  if (status.ok()) {
    *directory = std::make_unique<WatchedDirectory>(this, Normal(name), std::move(opened));
  }
  return status;
}

IOStatus FaultyFileSystem::DeleteFile(const std::string& name, const IOOptions& options,
                                      IODebugContext* debug) {
  if (!powered_) return IOStatus::IOError("the power is off");
  {
    std::lock_guard<std::mutex> lock(mutex_);
    files_.erase(Normal(name));
  }
  return FileSystemWrapper::DeleteFile(name, options, debug);
}

IOStatus FaultyFileSystem::RenameFile(const std::string& from, const std::string& to,
                                      const IOOptions& options, IODebugContext* debug) {
  if (!powered_) return IOStatus::IOError("the power is off");
  const IOStatus status = FileSystemWrapper::RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  std::lock_guard<std::mutex> lock(mutex_);
  const auto moved = files_.find(Normal(from));
  if (moved == files_.end()) return status;
  File state = moved->second;
  state.named =
      true;  // journalling file systems order a rename with its neighbours; CURRENT counts on it
  files_.erase(moved);
  files_[Normal(to)] = state;
  return status;
}

IOStatus FaultyFileSystem::LinkFile(const std::string& from, const std::string& to,
                                    const IOOptions& options, IODebugContext* debug) {
  const IOStatus writable = CheckWrite();
  if (!writable.ok()) return writable;
  const IOStatus status = FileSystemWrapper::LinkFile(from, to, options, debug);
  if (!status.ok()) return status;
  std::lock_guard<std::mutex> lock(mutex_);
  File state = files_[Normal(from)];
  state.named = false;
  files_[Normal(to)] = state;
  return status;
}

IOStatus FaultyFileSystem::GetFreeSpace(const std::string& path, const IOOptions& options,
                                        uint64_t* bytes, IODebugContext* debug) {
  *bytes = free_bytes_;
  return IOStatus::OK();
}

}  // namespace egov::storage
