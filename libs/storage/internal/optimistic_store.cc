#include "libs/storage/internal/optimistic_store.h"

#include <algorithm>
#include <utility>

#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/storage/internal/optimistic_transaction.h"
#include "libs/storage/keys.h"

namespace egov::storage::internal {
namespace {

// Bounds how long the first of a group waits for the work of the others.
constexpr size_t kLargestGroup = 1024;

absl::Status Closed() {
  return base::Error(absl::StatusCode::kUnavailable, "STORE_CLOSED", "the store is being closed");
}

class CommittingGroup final : public Group {
 public:
  CommittingGroup(uint64_t first, absl::Span<Entry* const> entries, WriteBuffer* rows)
      : first_(first), entries_(entries), rows_(rows) {}
  uint64_t first_position() const override { return first_; }
  absl::Span<Entry* const> entries() const override { return entries_; }
  void Put(absl::string_view key, absl::string_view value) override { rows_->Put(key, value); }
  void Delete(absl::string_view key) override { rows_->Delete(key); }

 private:
  const uint64_t first_;
  const absl::Span<Entry* const> entries_;
  WriteBuffer* const rows_;
};

}  // namespace

absl::string_view HeadKey() {
  static constexpr char kKey[] = {0, 0, 'h'};
  return absl::string_view(kKey, sizeof(kKey));
}

std::string EncodeHead(const Head& head) {
  std::string out;
  base::AppendU64(head.horizon, &out);
  base::AppendU64(head.group, &out);
  return out;
}

absl::StatusOr<Head> DecodeHead(absl::string_view bytes) {
  if (bytes.size() != 16) {
    return base::Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
                       "the head row is not one; this is no store of this program");
  }
  return Head{base::ReadU64(bytes), base::ReadU64(bytes.substr(8))};
}

absl::StatusOr<std::unique_ptr<Store>> OptimisticStore::Open(std::unique_ptr<Engine> engine,
                                                             OptimisticOptions options) {
  Head head;
  std::string bytes;
  EGOV_ASSIGN_OR_RETURN(const bool found, engine->Get(nullptr, HeadKey(), &bytes));
  if (found) {
    EGOV_ASSIGN_OR_RETURN(head, DecodeHead(bytes));
  }
  return std::unique_ptr<Store>(new OptimisticStore(std::move(engine), std::move(options), head));
}

OptimisticStore::OptimisticStore(std::unique_ptr<Engine> engine, OptimisticOptions options,
                                 Head head)
    : engine_(std::move(engine)),
      options_(std::move(options)),
      horizon_(head.horizon),
      head_(head) {
  engine_->OnDamage([this](const absl::Status& status) { Examine(status); });
  WatchDisk();
  committer_ = std::thread([this] { RunCommitter(); });
}

OptimisticStore::~OptimisticStore() {
  {
    std::lock_guard<std::mutex> lock(queue_mutex_);
    stopping_ = true;
  }
  queue_filled_.notify_one();
  committer_.join();
  engine_->OnDamage(nullptr);
}

void OptimisticStore::AddHook(GroupHook* hook) { hooks_.push_back(hook); }

void OptimisticStore::AddFollower(absl::string_view prefix, Follower* follower) {
  followers_.emplace_back(std::string(prefix), follower);
}

std::unique_ptr<Transaction> OptimisticStore::Begin() {
  return std::make_unique<OptimisticTransaction>(this);
}

absl::StatusOr<std::unique_ptr<Reader>> OptimisticStore::Snapshot() {
  EGOV_RETURN_IF_ERROR(CheckReadable());
  auto opened = engine_->Snapshot();
  Examine(opened.status());
  EGOV_ASSIGN_OR_RETURN(auto view, std::move(opened));
  // The view's own head, not horizon_: a group may have become visible in between.
  Head head;
  std::string bytes;
  const auto found = engine_->Get(view.get(), HeadKey(), &bytes);
  Examine(found.status());
  EGOV_RETURN_IF_ERROR(found.status());
  if (*found) {
    EGOV_ASSIGN_OR_RETURN(head, DecodeHead(bytes));
  }
  return std::unique_ptr<Reader>(new SnapshotReader(this, std::move(view), head.horizon));
}

void OptimisticStore::Commit(std::unique_ptr<Transaction> transaction, Done done) {
  // A store is only ever handed transactions of its own Begin.
  Waiting waiting;
  waiting.transaction.reset(static_cast<OptimisticTransaction*>(transaction.release()));
  waiting.done = std::move(done);
  bool wake = false;
  {
    std::lock_guard<std::mutex> lock(queue_mutex_);
    if (!stopping_) {
      queue_.push_back(std::move(waiting));
      wake = queue_.size() == 1 || queue_.size() == awaited_;
    }
  }
  if (waiting.done) return waiting.done(Closed());
  if (wake) queue_filled_.notify_one();
}

StoreStatistics OptimisticStore::Statistics() const {
  StoreStatistics statistics;
  statistics.commits = commits_;
  statistics.conflicts = conflicts_met_;
  statistics.refused = refused_;
  statistics.groups = groups_;
  statistics.bulk_commits = bulk_commits_;
  statistics.flush_seconds = static_cast<double>(flush_nanos_) * 1e-9;
  statistics.horizon = horizon();
  {
    std::lock_guard<std::mutex> lock(queue_mutex_);
    statistics.queued = queue_.size();
  }
  engine_->AddStatistics(&statistics);
  return statistics;
}

void OptimisticStore::Examine(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kDataLoss &&
      status.code() != absl::StatusCode::kUnavailable) {
    return;
  }
  {
    std::lock_guard<std::mutex> lock(failure_mutex_);
    if (failure_.ok()) failure_ = status;
  }
  SetState(StoreState::kFailed, status);
}

absl::Status OptimisticStore::Failure() const {
  std::lock_guard<std::mutex> lock(failure_mutex_);
  return failure_;
}

void OptimisticStore::SetState(StoreState state, const absl::Status& why) {
  StoreState old = state_.load();
  do {
    if (old == state || old == StoreState::kFailed) return;
  } while (!state_.compare_exchange_weak(old, state));
  if (options_.on_state) options_.on_state(state, why);
}

void OptimisticStore::RunCommitter() {
  for (;;) {
    std::vector<Waiting> group = TakeGroup();
    WatchDisk();
    if (!group.empty()) {
      CommitGroup(group);
      continue;
    }
    std::lock_guard<std::mutex> lock(queue_mutex_);
    if (stopping_ && queue_.empty()) return;
  }
}

std::vector<OptimisticStore::Waiting> OptimisticStore::TakeGroup() {
  std::vector<Waiting> group;
  std::unique_lock<std::mutex> lock(queue_mutex_);
  // Looks up now and then, so that a store that waits for disk space recovers though nobody
  // commits.
  queue_filled_.wait_for(lock, std::chrono::milliseconds(250),
                         [this] { return stopping_ || !queue_.empty(); });
  // Those who have just been answered are about to come back: a quarter of a flush is well spent on
  // sharing the next one with them. Who is alone does not wait.
  if (!queue_.empty() && queue_.size() < expected_) {
    awaited_ = expected_;
    queue_filled_.wait_for(lock, last_flush_ / 4,
                           [this] { return stopping_ || queue_.size() >= expected_; });
    awaited_ = 0;
  }
  while (!queue_.empty() && group.size() < kLargestGroup) {
    const bool bulk = IsBulk(*queue_.front().transaction);
    if (bulk && !group.empty()) break;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
    if (bulk) break;  // a group of its own: it is written in another way
  }
  return group;
}

bool OptimisticStore::IsBulk(const OptimisticTransaction& transaction) const {
  return transaction.buffer.bytes() > options_.bulk_bytes;
}

absl::Status OptimisticStore::CheckClass(CommitClass commit_class) const {
  switch (state()) {
    case StoreState::kWritable:
      return absl::OkStatus();
    case StoreState::kReserveOnly:
      if (commit_class == CommitClass::kDisclosure) return absl::OkStatus();
      break;
    case StoreState::kFull:
      break;
    case StoreState::kFailed:
      return Failure();
  }
  return base::Error(absl::StatusCode::kResourceExhausted, "DISK_FULL",
                     "the disk has too little space left to write this")
      .RetryAfter(absl::Seconds(10));
}

absl::Status OptimisticStore::Admit(const Entry& entry) {
  for (size_t i = 0; i < hooks_.size(); ++i) {
    const absl::Status status = hooks_[i]->Admit(entry);
    if (status.ok()) continue;
    while (i-- > 0) hooks_[i]->Withdraw(entry);
    return status;
  }
  return absl::OkStatus();
}

absl::Status OptimisticStore::Accept(OptimisticTransaction& transaction, uint64_t position) {
  const bool writes = transaction.entry != nullptr || !transaction.buffer.empty();
  EGOV_RETURN_IF_ERROR(writes ? CheckClass(transaction.commit_class) : CheckReadable());
  if (transaction.entry == nullptr && transaction.buffer.has_stamped()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "STAMP_WITHOUT_ENTRY",
                       "a stamped row needs the position of an entry");
  }
  bool unchanged = true;
  for (const auto& point : transaction.points) unchanged &= conflicts_.Unchanged(point);
  for (const auto& range : transaction.ranges) {
    unchanged = unchanged && conflicts_.Unchanged(range);
  }
  if (!unchanged) {
    conflicts_met_.fetch_add(1, std::memory_order_relaxed);
    return base::Error(absl::StatusCode::kAborted, "WRITE_CONFLICT",
                       "another transaction has written what this one read");
  }
  if (transaction.entry != nullptr) {
    EGOV_RETURN_IF_ERROR(Admit(*transaction.entry));
    transaction.entry->position = position;
    transaction.buffer.Stamp(position);
  }
  // At once, for those after it in the group. A bulk commit is alone in its group, and writes its
  // files for long before any of it can be read: it is marked then, or it would refuse readers all
  // the while.
  if (!IsBulk(transaction)) conflicts_.Written(transaction.buffer);
  return absl::OkStatus();
}

absl::Status OptimisticStore::Flush(std::vector<Waiting>& group,
                                    const std::vector<Entry*>& entries) {
  WriteBuffer hook_rows;
  if (!entries.empty()) {
    CommittingGroup view(head_.horizon, entries, &hook_rows);
    for (GroupHook* hook : hooks_) EGOV_RETURN_IF_ERROR(hook->OnGroup(view));
  }
  std::vector<WriteBuffer*> buffers;
  buffers.reserve(group.size() + 1);
  bool bulk = false;
  for (const Waiting& waiting : group) {
    WriteBuffer& buffer = waiting.transaction->buffer;
    if (!waiting.outcome.ok() || buffer.empty()) continue;
    buffers.push_back(&buffer);
    bulk |= IsBulk(*waiting.transaction);
  }
  const uint64_t first = head_.horizon;
  const Head next{head_.horizon + entries.size(), head_.group + 1};
  if (!buffers.empty() || !entries.empty()) {
    hook_rows.Put(HeadKey(), EncodeHead(next));
    buffers.push_back(&hook_rows);
    const auto start = std::chrono::steady_clock::now();
    const absl::Status status = engine_->Write(buffers, next, bulk, [&] {
      if (bulk) conflicts_.Written(*buffers[0]);
      conflicts_.Written(hook_rows);
    });
    last_flush_ = std::chrono::steady_clock::now() - start;
    flush_nanos_.fetch_add(last_flush_.count(), std::memory_order_relaxed);
    if (status.code() == absl::StatusCode::kResourceExhausted) {
      refused_by_disk_ = true;
      SetState(StoreState::kFull, status);
    }
    Examine(status);
    EGOV_RETURN_IF_ERROR(status);
    head_ = next;
    groups_.fetch_add(1, std::memory_order_relaxed);
    if (bulk) bulk_commits_.fetch_add(1, std::memory_order_relaxed);
    conflicts_.Publish();
    horizon_.store(head_.horizon, std::memory_order_release);
  }
  if (!entries.empty()) {
    for (GroupHook* hook : hooks_) hook->AfterGroup(absl::OkStatus());
  }
  TellFollowers(group, hook_rows, first);
  return absl::OkStatus();
}

void OptimisticStore::TellFollowers(std::vector<Waiting>& group, WriteBuffer& hook_rows,
                                    uint64_t first) {
  for (const auto& [prefix, follower] : followers_) {
    const std::string end = AfterPrefix(prefix);
    const auto tell = [&, &prefix = prefix, follower = follower](WriteBuffer& rows,
                                                                 uint64_t position) {
      for (const Item& item : rows.Range(prefix, end)) {
        absl::optional<absl::string_view> value;
        if (!item.deleted) value = item.value();
        follower->OnCommitted(position, item.key(), value);
      }
    };
    uint64_t position = first;
    for (const Waiting& waiting : group) {
      if (!waiting.outcome.ok()) continue;
      tell(waiting.transaction->buffer, position);
      if (waiting.transaction->entry != nullptr) ++position;
    }
    tell(hook_rows, head_.horizon);
    follower->OnHorizon(head_.horizon);
  }
}

void OptimisticStore::CommitGroup(std::vector<Waiting>& group) {
  conflicts_.BeginGroup();
  std::vector<Entry*> entries;
  bool any = false;
  for (Waiting& waiting : group) {
    waiting.outcome = Accept(*waiting.transaction, head_.horizon + entries.size());
    any |= waiting.outcome.ok();
    if (waiting.outcome.ok() && waiting.transaction->entry != nullptr) {
      entries.push_back(waiting.transaction->entry.get());
    }
  }
  if (any) {
    const absl::Status flushed = Flush(group, entries);
    if (!flushed.ok()) {
      for (Waiting& waiting : group) {
        if (waiting.outcome.ok()) waiting.outcome = flushed;
      }
      if (!entries.empty()) {
        for (GroupHook* hook : hooks_) hook->AfterGroup(flushed);
      }
    }
  }
  conflicts_.Publish();
  told_.store(conflicts_.current(), std::memory_order_release);
  {
    std::lock_guard<std::mutex> lock(queue_mutex_);
    expected_ = std::min(group.size() + queue_.size(), kLargestGroup);
  }
  for (Waiting& waiting : group) {
    if (!waiting.outcome.ok()) {
      if (waiting.outcome.code() != absl::StatusCode::kAborted) {
        refused_.fetch_add(1, std::memory_order_relaxed);
      }
      waiting.done(std::move(waiting.outcome));
      continue;
    }
    commits_.fetch_add(1, std::memory_order_relaxed);
    CommitResult result;
    result.entry = std::move(waiting.transaction->entry);
    result.horizon = head_.horizon;
    waiting.done(std::move(result));
  }
}

void OptimisticStore::WatchDisk() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_disk_check_ || state() == StoreState::kFailed) return;
  next_disk_check_ = now + options_.disk_check_interval;
  const uint64_t free = engine_->FreeBytes();
  const absl::Status low = base::Error(absl::StatusCode::kResourceExhausted, "DISK_FULL",
                                       "the disk is below its watermark");
  if (free < options_.last_reserve_bytes) return SetState(StoreState::kFull, low);
  if (refused_by_disk_) {
    const absl::Status recovered = engine_->Recover();
    Examine(recovered);
    if (!recovered.ok()) return;
    refused_by_disk_ = false;
  }
  if (free < options_.reserve_bytes) return SetState(StoreState::kReserveOnly, low);
  SetState(StoreState::kWritable, absl::OkStatus());
}

}  // namespace egov::storage::internal
