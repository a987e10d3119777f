// Dense numbers for surrogate keys, without a hot row.
#ifndef EGOV_LIBS_STORAGE_SEQUENCE_H_
#define EGOV_LIBS_STORAGE_SEQUENCE_H_

#include <cstdint>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/storage/store.h"

namespace egov::storage {

// Hands out numbers 1, 2, 3, ... each once, ever. Blocks of them are reserved durably, in
// transactions of their own: a number is used at most once even when its user's transaction fails
// (it is then never used), and a restart skips what was left of a block. Thread safe. Next() costs
// a commit once in a block, so not from a hook, follower or `done`.
class Sequence {
 public:
  // `key` is the row that keeps it, table id included; one Sequence object for each key in a
  // process.
  Sequence(Store* store, absl::string_view key, uint64_t block = 4096);

  absl::StatusOr<uint64_t> Next();

  // The first of `count` consecutive numbers: for a window of a bulk load.
  absl::StatusOr<uint64_t> Take(uint64_t count);

 private:
  Store* const store_;
  const std::string key_;
  const uint64_t block_;
  std::mutex mutex_;
  uint64_t next_ = 1;  // guarded by mutex_
  uint64_t end_ = 1;   // guarded by mutex_: reserved up to here, exclusive
};

}  // namespace egov::storage

#endif  // EGOV_LIBS_STORAGE_SEQUENCE_H_
