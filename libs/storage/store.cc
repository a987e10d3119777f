#include "libs/storage/store.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "libs/base/status.h"

namespace egov::storage {

absl::StatusOr<CommitResult> Store::CommitAndWait(std::unique_ptr<Transaction> transaction) {
  std::mutex mutex;
  std::condition_variable arrived;
  absl::optional<absl::StatusOr<CommitResult>> result;
  Commit(std::move(transaction), [&](absl::StatusOr<CommitResult> outcome) {
    std::lock_guard<std::mutex> lock(mutex);  // held while notifying: the waiter's stack owns both
    result = std::move(outcome);
    arrived.notify_one();
  });
  std::unique_lock<std::mutex> lock(mutex);
  arrived.wait(lock, [&] { return result.has_value(); });
  return *std::move(result);
}

absl::StatusOr<CommitResult> Store::Run(absl::FunctionRef<absl::Status(Transaction&)> body,
                                        int attempts) {
  for (int attempt = 1;; ++attempt) {
    std::unique_ptr<Transaction> transaction = Begin();
    EGOV_RETURN_IF_ERROR(body(*transaction));
    auto result = CommitAndWait(std::move(transaction));
    if (result.ok() || !IsConflict(result.status()) || attempt >= attempts) return result;
  }
}

bool IsConflict(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kAborted) return false;
  const auto detail = base::DetailOf(status);
  return detail && detail->reason == "WRITE_CONFLICT";
}

}  // namespace egov::storage
