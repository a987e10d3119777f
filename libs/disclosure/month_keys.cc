#include "libs/disclosure/month_keys.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/pki/secret.h"

namespace egov::disclosure::internal {
namespace {

constexpr size_t kKeySize = pki::AesGcm::kKeySize;

class File {
 public:
  File(const std::string& path, int flags, mode_t mode = 0)
      : descriptor_(open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  bool ok() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

 private:
  const int descriptor_;
};

absl::Status Failed(absl::string_view what) {
  return base::Error(absl::StatusCode::kUnavailable, "KEY_DIRECTORY",
                     absl::StrCat(what, ": ", std::strerror(errno)));
}

absl::Status SyncDirectory(const std::string& directory) {
  File file(directory, O_RDONLY | O_DIRECTORY);
  if (!file.ok() || fsync(file.get()) != 0) return Failed("a directory of keys cannot be synced");
  return absl::OkStatus();
}

std::string NameOf(int32_t month) {
  return absl::StrFormat("%04d-%02d", month / 12, month % 12 + 1);
}

absl::StatusOr<int32_t> ParseMonth(absl::string_view name) {
  int year = 0, month = 0;
  if (name.size() == 7 && name[4] == '-' && absl::ascii_isdigit(name[0]) &&
      absl::ascii_isdigit(name[5]) && absl::SimpleAtoi(name.substr(0, 4), &year) &&
      absl::SimpleAtoi(name.substr(5), &month) && month >= 1 && month <= 12) {
    return year * 12 + month - 1;
  }
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_MONTH", "that is no month")
      .Field("month")
      .Expected("YYYY-MM");
}

}  // namespace

int32_t MonthOf(int64_t unix_micros) {
  const absl::CivilDay day =
      absl::ToCivilDay(absl::FromUnixMicros(unix_micros), absl::UTCTimeZone());
  return static_cast<int32_t>(day.year() * 12 + day.month() - 1);
}

int64_t BeginOf(int32_t month) {
  return absl::ToUnixMicros(
      absl::FromCivil(absl::CivilMonth(month / 12, month % 12 + 1), absl::UTCTimeZone()));
}

absl::StatusOr<std::unique_ptr<MonthKeys>> MonthKeys::Open(std::string directory) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return Failed("a directory of keys cannot be made");
  File file(directory, O_RDONLY | O_DIRECTORY);
  if (!file.ok()) return Failed("a directory of keys cannot be opened");
  return std::unique_ptr<MonthKeys>(new MonthKeys(std::move(directory)));
}

std::string MonthKeys::Path(absl::string_view month, absl::string_view ending) const {
  return absl::StrCat(directory_, "/", month, ".", ending);
}

absl::StatusOr<std::shared_ptr<const pki::AesGcm>> MonthKeys::Load(int32_t month) {
  if (const auto known = keys_.find(month); known != keys_.end()) return known->second;
  const std::string name = NameOf(month);
  if (Forgotten(name)) {
    EGOV_RETURN_IF_ERROR(Destroy(name));
    return nullptr;
  }
  File file(Path(name, "key"), O_RDONLY | O_NOFOLLOW);
  if (!file.ok()) {
    if (errno == ENOENT) return nullptr;
    return Failed("a month's key cannot be opened");
  }
  struct stat about;
  if (fstat(file.get(), &about) != 0) return Failed("a month's key cannot be read");
  if ((about.st_mode & 077) != 0) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "KEY_FILE_OPEN_TO_OTHERS",
                       absl::StrCat("the key of ", name, " can be read by others"))
        .Expected("mode 0600");
  }
  char bytes[kKeySize + 1];
  const ssize_t size = read(file.get(), bytes, sizeof(bytes));
  if (size < 0) return Failed("a month's key cannot be read");
  // Zeros are what a key is overwritten with: no key that Make has drawn.
  const bool zeros = std::all_of(bytes, bytes + size, [](char byte) { return byte == 0; });
  auto key = pki::AesGcm::Create(pki::Secret(absl::string_view(bytes, size)));
  explicit_bzero(bytes, sizeof(bytes));
  if (!key.ok() || zeros) {
    return base::Error(
        absl::StatusCode::kDataLoss, "BAD_KEY_FILE",
        absl::StrCat("the key of ", name, " has not ", kKeySize, " bytes, or only zeros"));
  }
  return keys_[month] = std::make_shared<const pki::AesGcm>(*std::move(key));
}

// Whole and durable under its name, or not there: written beside and linked, which never replaces
// another.
absl::Status MonthKeys::Make(absl::string_view month) {
  const pki::Secret key = pki::Secret::Random(kKeySize);
  const std::string beside = Path(month, absl::StrCat(base::NewUuid(), ".new"));
  {
    File file(beside, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (!file.ok() ||
        write(file.get(), key.Reveal().data(), key.size()) != static_cast<ssize_t>(key.size()) ||
        fsync(file.get()) != 0) {
      const absl::Status failed = Failed("a month's key cannot be written");
      unlink(beside.c_str());
      return failed;
    }
  }
  // EEXIST: another process was first, its key is the month's.
  const bool linked = link(beside.c_str(), Path(month, "key").c_str()) == 0 || errno == EEXIST;
  const absl::Status failed =
      linked ? absl::OkStatus() : Failed("a month's key cannot be put in its place");
  unlink(beside.c_str());
  EGOV_RETURN_IF_ERROR(failed);
  return SyncDirectory(directory_);
}

absl::StatusOr<std::shared_ptr<const pki::AesGcm>> MonthKeys::ForSealing(int32_t month) {
  std::lock_guard<std::mutex> lock(mutex_);
  EGOV_ASSIGN_OR_RETURN(auto key, Load(month));
  if (key != nullptr) return key;
  const std::string name = NameOf(month);
  if (Forgotten(name)) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "MONTH_FORGOTTEN",
                       absl::StrCat("the key of ", name, " was destroyed"));
  }
  EGOV_RETURN_IF_ERROR(Make(name));
  return Load(month);
}

absl::StatusOr<std::shared_ptr<const pki::AesGcm>> MonthKeys::ForReading(int32_t month) {
  std::lock_guard<std::mutex> lock(mutex_);
  return Load(month);
}

absl::Status MonthKeys::Forget(absl::string_view name) {
  EGOV_ASSIGN_OR_RETURN(const int32_t month, ParseMonth(name));
  std::lock_guard<std::mutex> lock(mutex_);
  keys_.erase(month);  // whatever comes: the file says from here on whether there is one
  if (!Forgotten(name)) {
    if (access(Path(name, "key").c_str(), F_OK) != 0) {
      if (errno != ENOENT) return Failed("a month's key cannot be looked for");
      return base::Error(absl::StatusCode::kNotFound, "UNKNOWN_MONTH", "the month has no key")
          .Field("month");
    }
    // The note first: from it on the month is gone, and whoever meets it finishes what is left.
    File note(Path(name, "forgotten"), O_WRONLY | O_CREAT, 0600);
    if (!note.ok() || fsync(note.get()) != 0) return Failed("a month cannot be noted as forgotten");
  }
  return Destroy(name);
}

bool MonthKeys::Forgotten(absl::string_view month) const {
  return access(Path(month, "forgotten").c_str(), F_OK) == 0;
}

absl::Status MonthKeys::Destroy(absl::string_view month) {
  const std::string path = Path(month, "key");
  File key(path, O_WRONLY | O_NOFOLLOW);
  if (!key.ok())
    return errno == ENOENT ? absl::OkStatus() : Failed("a month's key cannot be opened");
  EGOV_RETURN_IF_ERROR(SyncDirectory(directory_));  // the note before the key
  const std::string zeros(kKeySize, '\0');
  if (pwrite(key.get(), zeros.data(), zeros.size(), 0) != static_cast<ssize_t>(zeros.size()) ||
      fsync(key.get()) != 0 || unlink(path.c_str()) != 0)
    return Failed("a month's key cannot be destroyed");
  return SyncDirectory(directory_);
}

}  // namespace egov::disclosure::internal
