#include "services/identity/common/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"

namespace egov::identity {
namespace {

absl::Status Failed(absl::string_view what, const std::string& path) {
  return base::Error(absl::StatusCode::kUnavailable, "FILE_FAILED",
                     absl::StrCat("cannot ", what, " ", path, ": ", strerror(errno)));
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return base::Error(absl::StatusCode::kNotFound, "NO_FILE", absl::StrCat("cannot read ", path))
        .Field(path);
  }
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

absl::Status WriteFile(const std::string& path, absl::string_view bytes, int mode) {
  const std::string temporary = absl::StrCat(path, ".", base::NewUuid());
  const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) return Failed("create", temporary);
  bool ok = fchmod(file, mode) == 0;  // whatever the umask
  while (ok && !bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    ok = written > 0;
    if (ok) bytes.remove_prefix(written);
  }
  ok = ok && fsync(file) == 0;
  ok = close(file) == 0 && ok;
  ok = ok && rename(temporary.c_str(), path.c_str()) == 0;
  if (!ok) {
    const absl::Status status = Failed("write", path);
    unlink(temporary.c_str());
    return status;
  }
  return SyncFolder(FolderOf(path));
}

absl::Status MakeFolder(const std::string& path, int mode) {
  if (path.empty() || Exists(path)) return absl::OkStatus();
  EGOV_RETURN_IF_ERROR(MakeFolder(FolderOf(path), 0755));
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return Failed("make the folder", path);
  return absl::OkStatus();
}

absl::Status SwapLink(const std::string& target, const std::string& link) {
  const std::string temporary = absl::StrCat(link, ".", base::NewUuid());
  if (symlink(target.c_str(), temporary.c_str()) != 0) return Failed("link", temporary);
  if (rename(temporary.c_str(), link.c_str()) != 0) {
    const absl::Status status = Failed("link", link);
    unlink(temporary.c_str());
    return status;
  }
  return SyncFolder(FolderOf(link));
}

absl::Status SyncFolder(const std::string& path) {
  const int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return Failed("open the folder", path);
  const bool ok = fsync(folder) == 0;
  close(folder);
  return ok ? absl::OkStatus() : Failed("sync the folder", path);
}

bool Exists(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0;
}

}  // namespace egov::identity
