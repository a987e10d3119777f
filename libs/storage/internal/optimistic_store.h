// The store over an engine: optimistic transactions and one committer thread, which validates,
// orders and writes them in groups. While a group is being flushed the next one gathers, so that
// each sync is shared by all who wait.
#ifndef EGOV_LIBS_STORAGE_INTERNAL_OPTIMISTIC_STORE_H_
#define EGOV_LIBS_STORAGE_INTERNAL_OPTIMISTIC_STORE_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "libs/storage/internal/conflicts.h"
#include "libs/storage/internal/engine.h"
#include "libs/storage/store.h"

namespace egov::storage::internal {

struct OptimisticOptions {
  uint64_t reserve_bytes = 0;
  uint64_t last_reserve_bytes = 0;
  uint64_t bulk_bytes = 4ull << 20;
  std::chrono::milliseconds disk_check_interval{100};
  std::function<void(StoreState, const absl::Status&)> on_state;
};

class OptimisticTransaction;

class OptimisticStore final : public Store {
 public:
  // Reads the head row and starts the committer.
  static absl::StatusOr<std::unique_ptr<Store>> Open(std::unique_ptr<Engine> engine,
                                                     OptimisticOptions options);
  ~OptimisticStore() override;

  void AddHook(GroupHook* hook) override;
  void AddFollower(absl::string_view prefix, Follower* follower) override;
  std::unique_ptr<Transaction> Begin() override;
  absl::StatusOr<std::unique_ptr<Reader>> Snapshot() override;
  void Commit(std::unique_ptr<Transaction> transaction, Done done) override;
  StoreState state() const override { return state_.load(std::memory_order_relaxed); }
  uint64_t horizon() const override { return horizon_.load(std::memory_order_acquire); }
  StoreStatistics Statistics() const override;

  // For transactions and readers: the failure that stopped the store, and what stops it.
  absl::Status CheckReadable() const {
    return state() == StoreState::kFailed ? Failure() : absl::OkStatus();
  }
  void Examine(const absl::Status& status);
  Engine& engine() { return *engine_; }
  Conflicts& conflicts() { return conflicts_; }
  // The newest group of which followers have been told.
  uint64_t told() const { return told_.load(std::memory_order_acquire); }

 private:
  struct Waiting {
    std::unique_ptr<OptimisticTransaction> transaction;
    Done done;
    absl::Status outcome;
  };

  OptimisticStore(std::unique_ptr<Engine> engine, OptimisticOptions options, Head head);

  absl::Status Failure() const;
  void SetState(StoreState state, const absl::Status& why);

  // All below on the committer's thread.
  void RunCommitter();
  std::vector<Waiting> TakeGroup();
  void CommitGroup(std::vector<Waiting>& group);
  absl::Status Accept(OptimisticTransaction& transaction, uint64_t position);
  absl::Status Admit(const Entry& entry);
  bool IsBulk(const OptimisticTransaction& transaction) const;
  absl::Status CheckClass(CommitClass commit_class) const;
  absl::Status Flush(std::vector<Waiting>& group, const std::vector<Entry*>& entries);
  void TellFollowers(std::vector<Waiting>& group, WriteBuffer& hook_rows, uint64_t first);
  void WatchDisk();

  const std::unique_ptr<Engine> engine_;
  const OptimisticOptions options_;
  Conflicts conflicts_;
  std::vector<GroupHook*> hooks_;
  std::vector<std::pair<std::string, Follower*>> followers_;

  std::atomic<StoreState> state_{StoreState::kWritable};
  std::atomic<uint64_t> horizon_;
  std::atomic<uint64_t> told_{0};
  mutable std::mutex failure_mutex_;
  absl::Status failure_;  // guarded by failure_mutex_

  // The committer's: how many were waiting or answered when the last group ended, and what it took.
  size_t expected_ = 0;
  std::chrono::steady_clock::duration last_flush_{};

  Head head_;                     // the committer's
  bool refused_by_disk_ = false;  // the committer's: a write met a full disk
  std::chrono::steady_clock::time_point next_disk_check_{};

  std::atomic<uint64_t> commits_{0}, conflicts_met_{0}, refused_{0}, groups_{0}, bulk_commits_{0},
      flush_nanos_{0};

  mutable std::mutex queue_mutex_;
  std::condition_variable queue_filled_;
  std::deque<Waiting> queue_;  // guarded by queue_mutex_
  size_t awaited_ = 0;  // guarded by queue_mutex_: the committer waits for so many, 0: it does not
  bool stopping_ = false;  // guarded by queue_mutex_
  std::thread committer_;
};

}  // namespace egov::storage::internal

#endif  // EGOV_LIBS_STORAGE_INTERNAL_OPTIMISTIC_STORE_H_
