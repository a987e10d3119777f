// The transactional ordered map that every register stands on, and the order of what happens in it.
//
// A store maps byte strings to byte strings, ordered bytewise. A Transaction reads, buffers its
// writes and is handed to Store::Commit: it takes effect whole or not at all, as if transactions
// ran one after another (serializable), and is durable when its caller hears OK. A transaction may
// carry one Entry: the committer gives entries dense positions in commit order, so that log
// position = change cursor = commit order (architecture, section 3).
//
// Keys start with a two-byte table id (table.h); ids below 0x0100 belong to libs/, 0x0000 to
// storage itself.
//
// Errors of all calls: ABORTED WRITE_CONFLICT (run the transaction again: Run does),
// RESOURCE_EXHAUSTED DISK_FULL (passes without a restart once there is space), DATA_LOSS
// STORE_CORRUPT (the store has stopped for good), UNAVAILABLE STORE_CLOSED or STORE_FAILED (the
// outcome of a commit that failed so is unknown until the next start).
#ifndef EGOV_LIBS_STORAGE_STORE_H_
#define EGOV_LIBS_STORAGE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"

namespace egov::storage {

// Sees one row of a scan; returns false to stop. The views are valid during the call only.
using Visitor = absl::FunctionRef<bool(absl::string_view key, absl::string_view value)>;

// A view of the store. Not thread safe; must not outlive its store. A Snapshot is one moment; see
// Transaction for what a transaction sees.
class Reader {
 public:
  virtual ~Reader() = default;

  // Whether `key` is there; its value replaces *value, whose memory is reused.
  virtual absl::StatusOr<bool> Get(absl::string_view key, std::string* value) = 0;

  // One answer for each key, in order; nullopt is absent. Cheaper than as many Gets.
  virtual absl::Status MultiGet(absl::Span<const std::string> keys,
                                std::vector<absl::optional<std::string>>* values) = 0;

  // Visits begin <= key < end in ascending order. An empty `end` has no bound.
  virtual absl::Status Scan(absl::string_view begin, absl::string_view end, Visitor visit) = 0;

  // The same rows in descending order.
  virtual absl::Status ScanBackward(absl::string_view begin, absl::string_view end,
                                    Visitor visit) = 0;

  // Number of entries sequenced in this view = the position of the next. Everything below it is
  // visible.
  virtual uint64_t horizon() const = 0;
};

// What the sequencer orders. libs/evidence derives its record from it.
struct Entry {
  virtual ~Entry() = default;
  uint64_t position = 0;  // given at commit
};

// What may still be committed when the disk runs full (architecture, section 8).
enum class CommitClass {
  kMutation,    // stops at the first watermark
  kDisclosure,  // a read that must leave its record: goes on from the reserve, until the second
};

// A transaction in the making. Reads see its own writes (stamped ones excepted) over the newest
// committed state. Two reads may come from before and after another commit; the commit is then
// refused, so what was read is known to belong together only when it has succeeded. Use
// Store::Snapshot for a long consistent look. Dropping it undoes it.
class Transaction : public Reader {
 public:
  virtual void Put(absl::string_view key, absl::string_view value) = 0;
  virtual void Delete(absl::string_view key) = 0;

  // Puts under prefix | position (8 bytes, big-endian) | suffix; the position is that of this
  // transaction's entry, without which the commit fails with INVALID_ARGUMENT. `prefix` holds at
  // least the table id.
  virtual void PutStamped(absl::string_view prefix, absl::string_view suffix,
                          absl::string_view value) = 0;

  // Forgets what was written and the entry, and keeps what was read: the commit still means that it
  // is so. For who refuses and says why.
  virtual void DropWrites() = 0;

  // Gives the transaction its entry; a second call replaces the first.
  virtual void Append(std::unique_ptr<Entry> entry) = 0;

  virtual void set_commit_class(CommitClass commit_class) = 0;

  // Makes the commit depend on the row of `key` as a Get does, without reading it: for who follows
  // that row (Follower) and keeps it in memory. True: followers have been told of all that was
  // written to it up to now, so what they keep may be used in place of a Get. Cost: a hash.
  virtual bool DependOn(absl::string_view key) = 0;
};

struct CommitResult {
  std::unique_ptr<Entry>
      entry;  // the transaction's, with its position and what hooks put into it; may be null
  uint64_t horizon = 0;  // number of entries sequenced when this became durable
};

// One group of transactions about to be written by one flush, as a hook sees it.
class Group {
 public:
  virtual ~Group() = default;
  virtual uint64_t first_position() const = 0;
  virtual absl::Span<Entry* const> entries() const = 0;  // positions first, first + 1, ...
  // Rows that join the group's batch after its transactions' own.
  virtual void Put(absl::string_view key, absl::string_view value) = 0;
  virtual void Delete(absl::string_view key) = 0;
};

// Takes part in each commit, on the committer's thread, in the order in which hooks were added.
// libs/evidence sequences its records so, libs/access counts quotas. Must be quick and must not
// wait for a commit.
class GroupHook {
 public:
  virtual ~GroupHook() = default;

  // Asked for each valid transaction with an entry, in commit order, before it gets its position.
  // An error refuses this transaction alone, with that error. What is decided here holds for those
  // asked after it, in the same group too.
  virtual absl::Status Admit(const Entry& entry) { return absl::OkStatus(); }

  // An entry that this hook admitted was refused by a later one: undo what Admit counted.
  virtual void Withdraw(const Entry& entry) {}

  // Adds rows to a group that has entries. An error fails every transaction of the group; nothing
  // of it is written.
  virtual absl::Status OnGroup(Group& group) = 0;

  // How a group with entries ended, for hooks that keep state in memory: after OnGroup, before
  // followers and callers. On an error nothing of the group has happened.
  virtual void AfterGroup(const absl::Status& outcome) {}
};

// Follows committed rows under one key prefix of at least the table id: after they are durable, in
// commit order, before the callers hear of it. On the committer's thread: must be quick. What was
// there before the first commit it reads from a snapshot.
class Follower {
 public:
  virtual ~Follower() = default;

  // `position` is that of the transaction's entry (of a transaction without one: of the next
  // entry). nullopt: deleted.
  virtual void OnCommitted(uint64_t position, absl::string_view key,
                           absl::optional<absl::string_view> value) = 0;

  // All rows of positions below `horizon` have been seen. After each group, also when it had no
  // rows for this follower.
  virtual void OnHorizon(uint64_t horizon) {}
};

enum class StoreState {
  kWritable,
  kReserveOnly,  // first disk watermark: disclosures only
  kFull,         // second watermark, or the disk refused a write: reads only, until there is space
  kFailed,       // corruption or an I/O error: stays so until a restart
};

// Counters since the store was opened, and gauges.
struct StoreStatistics {
  uint64_t commits = 0;       // transactions made durable
  uint64_t conflicts = 0;     // refused with WRITE_CONFLICT
  uint64_t refused = 0;       // refused by hooks, watermarks or failures
  uint64_t groups = 0;        // flushes
  uint64_t bulk_commits = 0;  // transactions that went past log and memtable
  double flush_seconds = 0;   // time spent in flushes, their sync included
  uint64_t queued = 0;        // transactions waiting now
  uint64_t horizon = 0;
  uint64_t disk_bytes = 0;       // data files
  uint64_t memory_bytes = 0;     // caches and buffers of the engine
  uint64_t free_disk_bytes = 0;  // what the file system has left
};

// A store. Thread safe. Destroying it finishes what was handed to Commit; readers and transactions
// must be gone before.
class Store {
 public:
  virtual ~Store() = default;

  // Hooks and followers are added before the first commit and must outlive the store.
  virtual void AddHook(GroupHook* hook) = 0;
  virtual void AddFollower(absl::string_view prefix, Follower* follower) = 0;

  virtual std::unique_ptr<Transaction> Begin() = 0;

  // A consistent view of this moment. Holds back the engine's clean-up: not for keeping.
  virtual absl::StatusOr<std::unique_ptr<Reader>> Snapshot() = 0;

  // Commits. `done` runs once, on the committer's thread, after the transaction is durable or
  // refused: it must be quick and must not wait for another commit. Never blocks for I/O; the
  // number in flight is the caller's to bound.
  using Done = std::function<void(absl::StatusOr<CommitResult>)>;
  virtual void Commit(std::unique_ptr<Transaction> transaction, Done done) = 0;

  virtual StoreState state() const = 0;
  virtual uint64_t horizon() const = 0;  // of the newest durable group
  virtual StoreStatistics Statistics() const = 0;

  // Waits for Commit. Not from a `done`, a hook or a follower.
  absl::StatusOr<CommitResult> CommitAndWait(std::unique_ptr<Transaction> transaction);

  // Runs `body` in a transaction and commits it, again when it met a conflict, at most `attempts`
  // times. An error of `body` itself ends it without a commit.
  absl::StatusOr<CommitResult> Run(absl::FunctionRef<absl::Status(Transaction&)> body,
                                   int attempts = 16);
};

// Whether the transaction may succeed when it is run again (ABORTED, WRITE_CONFLICT).
bool IsConflict(const absl::Status& status);

}  // namespace egov::storage

#endif  // EGOV_LIBS_STORAGE_STORE_H_
