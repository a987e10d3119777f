#include "services/identity/ca/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "services/identity/common/files.h"

namespace egov::identity {
namespace {

constexpr size_t kHeader = 8;  // length and its check

std::string LengthCheck(const pki::Digest& chain, absl::string_view length) {
  const pki::Digest digest = pki::Sha256Of({pki::AsBytes(chain), length});
  return std::string(pki::AsBytes(digest).substr(0, 4));
}

// Nothing that was ever in the journal is deleted, not even what cannot be an entry.
absl::Status MoveAside(int file, const std::string& path, size_t at, absl::string_view tail) {
  std::string aside;
  for (int number = 1; aside.empty() || Exists(aside); ++number) {
    aside = absl::StrCat(path, ".torn-", number);
  }
  EGOV_RETURN_IF_ERROR(WriteFile(aside, tail, 0600));
  if (ftruncate(file, static_cast<off_t>(at)) == 0 && fsync(file) == 0) return absl::OkStatus();
  return base::Error(absl::StatusCode::kUnavailable, "JOURNAL_FAILED",
                     absl::StrCat("cannot cut the unfinished end off ", path));
}

}  // namespace

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
  journal->chain_ = pki::Sha256Of("egov-ca journal 2");
  absl::string_view rest = bytes;
  while (!rest.empty()) {
    const size_t at = bytes.size() - rest.size();
    const auto damaged = [&] {
      return base::Error(absl::StatusCode::kDataLoss, "JOURNAL_DAMAGED",
                         absl::StrCat(path, " was changed at or before byte ", at))
          .Expected("the whole journal, from its backup; without it revocations are forgotten")
          .status();
    };
    const bool header = rest.size() >= kHeader;
    // Only a length that is what was written may say that the file ends too early.
    if (header && rest.substr(4, 4) != LengthCheck(journal->chain_, rest.substr(0, 4))) {
      return damaged();
    }
    const uint64_t length = header ? base::ReadU32(rest) : 0;
    if (!header || rest.size() < kHeader + length + 32) {
      EGOV_RETURN_IF_ERROR(MoveAside(file, path, at, rest));
      journal->torn_bytes_ = rest.size();
      break;
    }
    const absl::string_view body = rest.substr(kHeader, length);
    const pki::Digest chain = pki::Sha256Of({pki::AsBytes(journal->chain_), body});
    ca::Entry entry;
    if (rest.substr(kHeader + length, 32) != pki::AsBytes(chain) ||
        !entry.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
      return damaged();
    }
    replay(entry);
    journal->chain_ = chain;
    rest.remove_prefix(kHeader + length + 32);
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
  absl::StrAppend(&frame, LengthCheck(chain_, frame), body, pki::AsBytes(chain));
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
