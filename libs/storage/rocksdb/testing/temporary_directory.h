// A directory for one test, gone with it.
#ifndef EGOV_LIBS_STORAGE_ROCKSDB_TESTING_TEMPORARY_DIRECTORY_H_
#define EGOV_LIBS_STORAGE_ROCKSDB_TESTING_TEMPORARY_DIRECTORY_H_

#include <cstdlib>
#include <filesystem>
#include <string>

namespace egov::storage {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const char* base = std::getenv("TEST_TMPDIR");
    path_ = std::string(base != nullptr ? base : "/tmp") + "/store.XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace egov::storage

#endif  // EGOV_LIBS_STORAGE_ROCKSDB_TESTING_TEMPORARY_DIRECTORY_H_
