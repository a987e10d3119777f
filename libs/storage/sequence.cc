#include "libs/storage/sequence.h"

#include <algorithm>

#include "libs/base/bytes.h"
#include "libs/base/status.h"

namespace egov::storage {

Sequence::Sequence(Store* store, absl::string_view key, uint64_t block)
    : store_(store), key_(key), block_(std::max<uint64_t>(block, 1)) {}

absl::StatusOr<uint64_t> Sequence::Next() { return Take(1); }

absl::StatusOr<uint64_t> Sequence::Take(uint64_t count) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (end_ - next_ < count) {
    const uint64_t size = std::max(count, block_);
    uint64_t first = 0;
    const auto reserved = store_->Run([&](Transaction& transaction) -> absl::Status {
      std::string value;
      EGOV_ASSIGN_OR_RETURN(const bool found, transaction.Get(key_, &value));
      if (found && value.size() != 8) {
        return base::Error(absl::StatusCode::kDataLoss, "ROW_UNREADABLE",
                           "the row of a sequence is not a number");
      }
      first = found ? base::ReadU64(value) : 1;
      std::string next;
      base::AppendU64(first + size, &next);
      transaction.Put(key_, next);
      return absl::OkStatus();
    });
    EGOV_RETURN_IF_ERROR(reserved.status());
    // What is left of the block before is kept when the new one follows it without a gap.
    if (first != end_) next_ = first;
    end_ = first + size;
  }
  const uint64_t first = next_;
  next_ += count;
  return first;
}

}  // namespace egov::storage
