#include "services/ctl/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/common.h"
#include "libs/base/status.h"

namespace egov::ctl {
namespace {

absl::Status Failed(const std::string& path, absl::string_view doing) {
  const int error = errno;
  return base::Error(
      error == ENOENT ? absl::StatusCode::kNotFound : absl::StatusCode::kFailedPrecondition,
      error == ENOENT ? "NO_FILE" : "FILE_FAILED",
      absl::StrCat("cannot ", doing, " ", path, ": ", std::strerror(error)));
}

bool WriteAll(int file, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(written);
  }
  return true;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const bool standard = path == "-";
  const int file = standard ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return Failed(path, "open");
  std::string content;
  struct stat about = {};
  size_t room = 1 << 16;
  if (fstat(file, &about) == 0 && about.st_size > 0) room = about.st_size + 1;
  size_t size = 0;
  for (;;) {
    if (content.size() < size + room) content.resize(size + room);
    const ssize_t got = read(file, &content[size], content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const absl::Status status = Failed(path, "read");
      if (!standard) close(file);
      return status;
    }
    if (got == 0) break;
    size += got;
    room = size == content.size() ? size : content.size() - size;
  }
  if (!standard) close(file);
  content.resize(size);
  return content;
}

bool IsText(absl::string_view bytes) {
  return google::protobuf::internal::IsStructurallyValidUTF8(bytes.data(),
                                                             static_cast<int>(bytes.size()));
}

NewFile::NewFile(const std::string& path)
    : path_(path), beside_(absl::StrCat(path, ".", getpid(), ".new")) {}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)), beside_(std::exchange(other.beside_, std::string())) {}

NewFile::~NewFile() {
  if (!beside_.empty()) unlink(beside_.c_str());
}

absl::StatusOr<NewFile> NewFile::Write(const std::string& path,
                                       const std::vector<absl::string_view>& pieces, bool durable) {
  NewFile fresh(path);
  const int file = open(fresh.beside_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return Failed(path, "write");
  bool good = true;
  for (absl::string_view piece : pieces) good = good && WriteAll(file, piece);
  good = good && (!durable || fdatasync(file) == 0);
  if (close(file) != 0) good = false;
  if (!good) return Failed(path, "write");
  return fresh;
}

absl::Status NewFile::Publish() {
  if (rename(beside_.c_str(), path_.c_str()) != 0) return Failed(path_, "write");
  beside_.clear();
  return absl::OkStatus();
}

absl::Status WriteFile(const std::string& path, const std::vector<absl::string_view>& pieces,
                       bool durable) {
  absl::StatusOr<NewFile> file = NewFile::Write(path, pieces, durable);
  return file.ok() ? file->Publish() : file.status();
}

absl::Status MakeFolder(const std::string& path) {
  for (size_t at = 1; at <= path.size(); ++at) {
    if (at != path.size() && path[at] != '/') continue;
    if (mkdir(path.substr(0, at).c_str(), 0700) != 0 && errno != EEXIST)
      return Failed(path, "make");
  }
  return absl::OkStatus();
}

bool FileExists(const std::string& path) {
  struct stat about = {};
  return stat(path.c_str(), &about) == 0;
}

}  // namespace egov::ctl
