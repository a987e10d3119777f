#include "services/identity/ca/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "services/identity/common/files.h"

namespace egov::identity {

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(
    const std::string& path, const base::Clock& clock,
    const std::function<void(const ca::Entry&)>& replay) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) {
    return base::Error(absl::StatusCode::kUnavailable, "JOURNAL_FAILED",
                       absl::StrCat("cannot open ", path));
  }
  std::unique_ptr<Journal> journal(new Journal(file, path, clock));
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "JOURNAL_LOCKED",
                       absl::StrCat(path, " is in use by another process"));
  }
  EGOV_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  journal->chain_ = pki::Sha256Of("egov-ca journal 1");
  absl::string_view rest = bytes;
  while (!rest.empty()) {
    const size_t at = bytes.size() - rest.size();
    const uint64_t length = rest.size() >= 4 ? base::ReadU32(rest) : 0;
    const bool zeros = std::all_of(rest.begin(), rest.end(), [](char c) { return c == 0; });
    if (rest.size() < 4 || rest.size() < 4 + length + 32 || zeros) {
      journal->torn_bytes_ = rest.size();
      if (ftruncate(file, static_cast<off_t>(at)) != 0 || fsync(file) != 0) {
        return base::Error(absl::StatusCode::kUnavailable, "JOURNAL_FAILED",
                           absl::StrCat("cannot cut the unfinished end off ", path));
      }
      break;
    }
    const absl::string_view body = rest.substr(4, length);
    const pki::Digest chain = pki::Sha256Of({pki::AsBytes(journal->chain_), body});
    ca::Entry entry;
    if (rest.substr(4 + length, 32) != pki::AsBytes(chain) ||
        !entry.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
      return base::Error(absl::StatusCode::kDataLoss, "JOURNAL_DAMAGED",
                         absl::StrCat(path, " was changed at or before byte ", at));
    }
    replay(entry);
    journal->chain_ = chain;
    rest.remove_prefix(4 + length + 32);
  }
  return absl::StatusOr<std::unique_ptr<Journal>>(std::move(journal));
}

Journal::~Journal() { close(file_); }

absl::Status Journal::Append(ca::Entry entry) {
  const base::Error failed(absl::StatusCode::kUnavailable, "JOURNAL_FAILED",
                           "the journal cannot be written; nothing is signed any more");
  if (failed_) return failed;
  entry.set_time_us(absl::ToUnixMicros(clock_.Now()));
  const std::string body = entry.SerializeAsString();
  const pki::Digest chain = pki::Sha256Of({pki::AsBytes(chain_), body});
  std::string frame;
  base::AppendU32(static_cast<uint32_t>(body.size()), &frame);
  absl::StrAppend(&frame, body, pki::AsBytes(chain));
  // A frame that was written in part would make the next one unreadable: stop for good instead.
  if (write(file_, frame.data(), frame.size()) != static_cast<ssize_t>(frame.size()) ||
      fsync(file_) != 0) {
    failed_ = true;
    return failed;
  }
  chain_ = chain;
  return absl::OkStatus();
}

}  // namespace egov::identity
