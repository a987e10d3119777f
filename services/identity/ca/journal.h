// The authority's append-only journal: what is not in it did not happen.
//
// File: frames of u32 length | first 4 bytes of SHA-256(chain before | length) | Entry |
// SHA-256(chain before | Entry); the first chain value is SHA-256("egov-ca journal 2"). An entry is
// synced before Append returns. An unfinished last frame (a crash while writing) is moved to
// PATH.torn-N at the next start and said so in the Started entry. Any other damage stops the start:
// the length has a check of its own, because a changed one would else pass for an unfinished frame
// and take every revocation after it along. What no chain can show is a file that was cut just
// between two frames.
//
// Thread safety: one thread at a time.
#ifndef EGOV_SERVICES_IDENTITY_CA_JOURNAL_H_
#define EGOV_SERVICES_IDENTITY_CA_JOURNAL_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/pki/sha256.h"
#include "services/identity/ca/journal.pb.h"

namespace egov::identity {

class Journal {
 public:
  // Reads all entries in order into `replay` and is then ready to append. One process only:
  // FAILED_PRECONDITION/JOURNAL_LOCKED. DATA_LOSS/JOURNAL_DAMAGED names the byte;
  // the file is left as it was.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(
      const std::string& path, const base::Clock& clock,
      const std::function<void(const ca::Entry&)>& replay);
  ~Journal();

  // Gives the entry its time and writes it. After an error nothing more is accepted
  // (UNAVAILABLE/JOURNAL_FAILED).
  absl::Status Append(ca::Entry entry);

  uint64_t torn_bytes() const { return torn_bytes_; }

 private:
  Journal(int file, std::string path, const base::Clock& clock)
      : file_(file), path_(std::move(path)), clock_(clock) {}

  const int file_;
  const std::string path_;
  const base::Clock& clock_;
  pki::Digest chain_{};
  uint64_t torn_bytes_ = 0;
  bool failed_ = false;
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_CA_JOURNAL_H_
