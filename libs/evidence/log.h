// A service's log: append-only, one RFC 6962 tree over all its records, in the service's own store.
//
// A record is appended to the transaction of the effect that it proves. The store's committer lets
// the log sequence a whole group at once: position, record time, leaf, one signed checkpoint (C2SP
// signed note) and a receipt for each, in the same batch and under the same sync as the effect.
//
// Rows (tables 0x0010 to 0x0017, all written here):
//   entries 0x0010   position -> record time, record, sealed header
//   ids     0x0011   message id -> position
//   tiles   0x0012   level, index -> 256 hashes;  0x0013   level, index -> the tile's root
//   head    0x0014   size, newest record time, root, checkpoint
//   kept    0x0015   SHA-256 -> certificate or revocation list (DER)
//   stamps  0x0016   size -> checkpoint, time-stamp response, its time
//   own     0x0017   number -> a certificate of the log's key and its issuers, as they followed
//
// Thread safety: all methods may be called from any thread; those of GroupHook are called by the
// store's committer only. Readers see what is durable. Cost: about 3 us for each entry of a group
// of 64, plus one P-256 signature for the group.
#ifndef EGOV_LIBS_EVIDENCE_LOG_H_
#define EGOV_LIBS_EVIDENCE_LOG_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "libs/base/clock.h"
#include "libs/merkle/tiled_tree.h"
#include "libs/pki/certificate.h"
#include "libs/pki/key.h"
#include "libs/pki/sha256.h"
#include "libs/storage/store.h"

namespace egov::evidence {

// One record on its way into the log, and its receipt on the way back.
struct LogEntry final : storage::Entry {
  std::string id;             // message id, 16 bytes; empty for a statement of the log itself
  std::string record;         // egov.exchange.v1.Record, serialized
  std::string sealed_header;  // egov.exchange.v1.SealedHeader as received; empty for a statement

  // Set when sequenced:
  int64_t recorded_micros = 0;
  merkle::Path path;
  std::shared_ptr<const std::string> checkpoint;

  // egov.exchange.v1.Receipt, serialized. Cost: one allocation.
  std::string Receipt() const;
};

// A checkpoint as its signed note says it.
struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  pki::Digest root = {};
  std::string note;  // empty in a log without records
};

// A checkpoint and the RFC 3161 response over its bytes.
struct Stamped {
  Checkpoint checkpoint;
  std::string time_stamp;   // TimeStampResp, DER
  int64_t time_micros = 0;  // its genTime
};

// A certificate or a revocation list that the log's records name.
struct Kept {
  enum Kind : uint8_t { kCertificate = 1, kRevocationList = 2 };
  Kind kind = kCertificate;
  std::string der;
};

struct LogOptions {
  std::string origin;   // "ee/GOV/70000310/population/log/0"
  pki::PrivateKey key;  // the log's key; its certificate names the service
  const base::Clock* clock = &base::Clock::Real();
};

class Log final : public storage::GroupHook {
 public:
  // Opens the log of `store`, restoring the tree's right edge from its rows; reads at most a few
  // hundred of them, however long the log is. Registers itself as the store's hook, so it must
  // outlive the store, but not be asked for anything after it. DATA_LOSS LOG_DAMAGED when head,
  // rows, tree and the store's horizon disagree; FAILED_PRECONDITION WRONG_LOG when the store holds
  // another origin's log.
  static absl::StatusOr<std::unique_ptr<Log>> Open(storage::Store* store, LogOptions options);

  const std::string& origin() const { return options_.origin; }

  // Appends a statement of the log itself (its opening) and waits for it.
  absl::Status State(absl::string_view statement);

  // Refuses every further record with UNAVAILABLE LOG_CLOSED, in commit order: what was admitted
  // before is still written. Reading goes on.
  void Close() { closed_ = true; }

  // Whether a message id is in the log, as seen by a transaction. Of two transactions with the same
  // id at most one is committed: the other is refused with ALREADY_EXISTS REPLAYED (in one group)
  // or as a conflict, and sees the id when it runs again. Cost: one point read.
  absl::StatusOr<bool> Knows(storage::Reader& reader, absl::string_view id) const;

  // An entry by message id or position, with its inclusion path to the newest checkpoint. NOT_FOUND
  // NO_SUCH_RECORD.
  absl::StatusOr<std::unique_ptr<LogEntry>> Find(absl::string_view id) const;
  absl::StatusOr<std::unique_ptr<LogEntry>> At(uint64_t position) const;

  // Up to `limit` entries from `from` on (without paths), in order; none at the end of the log.
  absl::StatusOr<std::vector<std::unique_ptr<LogEntry>>> List(uint64_t from, int limit) const;

  // The newest durable checkpoint.
  Checkpoint Newest() const;

  // Proofs between any sizes and positions up to the newest checkpoint's. INVALID_ARGUMENT as
  // libs/merkle has it.
  absl::StatusOr<merkle::Path> InclusionPath(uint64_t index, uint64_t size) const;
  absl::StatusOr<merkle::Path> Consistency(uint64_t from, uint64_t to) const;

  // Keeps a stamp; finds the newest one of at most `size` records, and the oldest of at least
  // `size`.
  absl::Status Keep(const Stamped& stamped);
  absl::StatusOr<absl::optional<Stamped>> StampedAtMost(uint64_t size) const;
  absl::StatusOr<absl::optional<Stamped>> StampedAtLeast(uint64_t size) const;
  // Stamps of sizes in (above, up_to], ascending, at most `limit`.
  absl::StatusOr<std::vector<Stamped>> StampsBetween(uint64_t above, uint64_t up_to,
                                                     int limit) const;

  // Record time of a position: the register knew it from then on. NOT_FOUND.
  absl::StatusOr<int64_t> RecordedMicros(uint64_t position) const;

  // How many records the log had at that moment: the revision "as we knew it then". Cost: a read
  // for each bit of the size.
  absl::StatusOr<uint64_t> PositionAt(int64_t micros) const;

  // Keeps a certificate or a revocation list, under its SHA-256, with the transaction that first
  // names it. Cost: a set look-up when it is known.
  absl::Status KeepCertificate(storage::Transaction& transaction, absl::string_view der);
  absl::Status KeepRevocationList(storage::Transaction& transaction, absl::string_view der);
  absl::StatusOr<absl::optional<Kept>> FindKept(const pki::Digest& sha256) const;

  // Keeps the certificate of the log's key (first) and its issuers for good, and waits for it;
  // writes nothing when they are the newest kept. To be called when the log is opened: what an
  // older key signed can be verified only by its certificate, long after it was replaced.
  absl::Status KeepOwnCertificates(const std::vector<pki::Certificate>& chain);
  // All that were ever kept (DER), newest first, each certificate before its issuers; an issuer may
  // come more than once.
  absl::StatusOr<std::vector<std::string>> OwnCertificates() const;

  // storage::GroupHook.
  absl::Status Admit(const storage::Entry& entry) override;
  absl::Status OnGroup(storage::Group& group) override;
  void AfterGroup(const absl::Status& outcome) override;

 private:
  // What readers see: one moment of the log.
  struct Published {
    merkle::TiledTree tree;
    Checkpoint checkpoint;
  };

  Log(storage::Store* store, LogOptions options);
  absl::Status Restore();
  std::shared_ptr<const Published> published() const;
  absl::Status KeepDer(storage::Transaction& transaction, Kept::Kind kind, absl::string_view der);
  absl::StatusOr<std::unique_ptr<LogEntry>> Read(storage::Reader& reader, uint64_t position) const;

  storage::Store* const store_;
  const LogOptions options_;
  std::atomic<bool> closed_{false};

  // Of the committer's thread.
  merkle::TiledTree tree_;
  int64_t recorded_micros_ = 0;  // newest given
  int64_t durable_recorded_micros_ = 0;
  std::set<std::string> admitted_;  // message ids of the group in the making
  Checkpoint pending_;
  bool grew_ = false;

  mutable std::mutex mutex_;
  std::shared_ptr<const Published> published_;
  std::set<pki::Digest> known_;  // of kept certificates; a cache
};

}  // namespace egov::evidence

#endif  // EGOV_LIBS_EVIDENCE_LOG_H_
