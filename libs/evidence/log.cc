#include "libs/evidence/log.h"

#include <algorithm>
#include <typeinfo>
#include <utility>

#include "egov/exchange/v1/exchange.pb.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/evidence/rows.h"
#include "libs/proof/wire.h"

namespace egov::evidence {
namespace {

constexpr size_t kKnownCertificates = 4096;

base::Error Damaged(absl::string_view text) {
  return base::Error(absl::StatusCode::kDataLoss, "LOG_DAMAGED", text);
}

base::Error NoSuchRecord() {
  return base::Error(absl::StatusCode::kNotFound, "NO_SUCH_RECORD", "the log has no such record");
}

merkle::TileReader ReadTilesFrom(storage::Store* store) {
  return [store](int level, uint64_t index) -> absl::StatusOr<std::string> {
    EGOV_ASSIGN_OR_RETURN(const auto reader, store->Snapshot());
    std::string hashes;
    EGOV_ASSIGN_OR_RETURN(const bool found, reader->Get(rows::TileKey(level, index), &hashes));
    if (!found) return Damaged("a tile of the log is missing");
    return hashes;
  };
}

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

void AppendBytesField(char tag, absl::string_view bytes, std::string* out) {
  out->push_back(tag);
  AppendVarint(bytes.size(), out);
  out->append(bytes.data(), bytes.size());
}

}  // namespace

std::string LogEntry::Receipt() const {
  // Written by hand because each call makes one: field by field as Receipt's canonical
  // serialization is.
  const absl::string_view note = checkpoint ? absl::string_view(*checkpoint) : "";
  std::string out;
  out.reserve(record.size() + path.size() * 34 + note.size() + 40);
  if (!record.empty()) AppendBytesField(0x0a, record, &out);
  if (recorded_micros != 0) {
    out.push_back(0x10);
    AppendVarint(static_cast<uint64_t>(recorded_micros), &out);
  }
  if (position != 0) {
    out.push_back(0x18);
    AppendVarint(position, &out);
  }
  for (const pki::Digest& hash : path) AppendBytesField(0x22, pki::AsBytes(hash), &out);
  if (!note.empty()) AppendBytesField(0x2a, note, &out);
  return out;
}

Log::Log(storage::Store* store, LogOptions options)
    : store_(store), options_(std::move(options)), tree_(ReadTilesFrom(store)) {}

absl::StatusOr<std::unique_ptr<Log>> Log::Open(storage::Store* store, LogOptions options) {
  // An origin that cannot stand in a note must not be found out by the first record.
  EGOV_RETURN_IF_ERROR(
      proof::SignNote(options.origin, 0, merkle::EmptyRoot(), options.key).status());
  std::unique_ptr<Log> log(new Log(store, std::move(options)));
  EGOV_RETURN_IF_ERROR(log->Restore());
  store->AddHook(log.get());
  return log;
}

absl::Status Log::Restore() {
  EGOV_ASSIGN_OR_RETURN(const auto reader, store_->Snapshot());
  std::string value;
  rows::Head head;
  EGOV_ASSIGN_OR_RETURN(const bool found, reader->Get(rows::HeadKey(), &value));
  if (found && !rows::DecodeHead(value, &head)) return Damaged("the head row is unreadable");
  if (head.size != reader->horizon()) {
    return Damaged("the log's head and the store's horizon disagree");
  }
  Checkpoint checkpoint;
  checkpoint.origin = options_.origin;
  checkpoint.root = merkle::EmptyRoot();
  if (head.size > 0) {
    const auto edge = [&](int level, uint64_t first,
                          uint64_t count) -> absl::StatusOr<std::string> {
      std::string hashes;
      for (uint64_t i = first; i < first + count; ++i) {
        if (level == 0) {
          EGOV_ASSIGN_OR_RETURN(const auto entry, Read(*reader, i));
          const pki::Digest leaf = proof::RecordLeaf(entry->recorded_micros, entry->record);
          hashes.append(pki::AsBytes(leaf).data(), leaf.size());
          continue;
        }
        EGOV_ASSIGN_OR_RETURN(const bool there,
                              reader->Get(rows::TileRootKey(level - 1, i), &value));
        if (!there || value.size() != 32) return Damaged("the root of a tile is missing");
        hashes += value;
      }
      return hashes;
    };
    auto tree = merkle::TiledTree::Restore(head.size, ReadTilesFrom(store_), edge);
    if (!tree.ok() && tree.status().code() == absl::StatusCode::kNotFound) {
      return Damaged("an entry of the log is missing");
    }
    EGOV_RETURN_IF_ERROR(tree.status());
    tree_ = *std::move(tree);
    if (tree_.root() != head.root) return Damaged("the rows of the log lead to another root");
    const auto note = proof::ParseNote(head.note);
    if (!note.ok() || note->size != head.size || note->root != head.root) {
      return Damaged("the newest checkpoint is not one of this log's head");
    }
    if (note->origin != options_.origin) {
      return base::Error(absl::StatusCode::kFailedPrecondition, "WRONG_LOG",
                         "the store holds the log of another origin")
          .Expected(note->origin);
    }
    checkpoint.size = head.size;
    checkpoint.root = head.root;
    checkpoint.note = std::move(head.note);
  }
  recorded_micros_ = durable_recorded_micros_ = head.recorded_micros;
  published_ = std::make_shared<const Published>(Published{tree_, std::move(checkpoint)});
  return absl::OkStatus();
}

std::shared_ptr<const Log::Published> Log::published() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return published_;
}

absl::Status Log::State(absl::string_view statement) {
  exchange::v1::Record record;
  record.set_statement(std::string(statement));
  auto entry = std::make_unique<LogEntry>();
  entry->record = record.SerializeAsString();
  std::unique_ptr<storage::Transaction> transaction = store_->Begin();
  transaction->Append(std::move(entry));
  return store_->CommitAndWait(std::move(transaction)).status();
}

absl::Status Log::Admit(const storage::Entry& base) {
  if (closed_) {
    return base::Error(absl::StatusCode::kUnavailable, "LOG_CLOSED",
                       "the log takes no more records");
  }
  if (typeid(base) != typeid(LogEntry)) {
    return base::Error(absl::StatusCode::kInternal, "NO_EVIDENCE",
                       "a transaction with a position must bring its record");
  }
  const LogEntry& entry = static_cast<const LogEntry&>(base);
  if (entry.record.empty()) {
    return base::Error(absl::StatusCode::kInternal, "NO_EVIDENCE", "the record is empty");
  }
  // Two in one group cannot see each other's rows, so they are told apart here.
  if (!entry.id.empty() && !admitted_.insert(entry.id).second) {
    return base::Error(absl::StatusCode::kAlreadyExists, "REPLAYED",
                       "an exchange with this message id is recorded");
  }
  return absl::OkStatus();
}

absl::Status Log::OnGroup(storage::Group& group) {
  const absl::Span<storage::Entry* const> entries = group.entries();
  if (entries.empty()) return absl::OkStatus();
  if (group.first_position() != tree_.size()) {
    return Damaged("the store's position and the log's size disagree");
  }
  // The clock can step back; record time does not.
  recorded_micros_ = std::max(recorded_micros_, absl::ToUnixMicros(options_.clock->Now()));
  std::vector<pki::Digest> leaves;
  leaves.reserve(entries.size());
  std::string key, value;
  for (storage::Entry* base : entries) {
    LogEntry* entry = static_cast<LogEntry*>(base);  // Admit has seen to it
    entry->recorded_micros = recorded_micros_;
    leaves.push_back(proof::RecordLeaf(recorded_micros_, entry->record));
    rows::EncodeEntry(*entry, &value);
    rows::EntryKey(entry->position, &key);
    group.Put(key, value);
    if (!entry->id.empty()) {
      rows::IdKey(entry->id, &key);
      value.clear();
      base::AppendU64(entry->position, &value);
      group.Put(key, value);
    }
  }
  grew_ = true;
  tree_.Append(leaves, [&group](const merkle::Tile& tile) {
    group.Put(rows::TileKey(tile.level, tile.index), tile.hashes);
    group.Put(rows::TileRootKey(tile.level, tile.index), pki::AsBytes(tile.root));
  });
  pending_.origin = options_.origin;
  pending_.size = tree_.size();
  pending_.root = tree_.root();
  EGOV_ASSIGN_OR_RETURN(pending_.note,
                        proof::SignNote(options_.origin, tree_.size(), tree_.root(), options_.key));
  const auto checkpoint = std::make_shared<const std::string>(pending_.note);
  for (storage::Entry* base : entries) {
    LogEntry* entry = static_cast<LogEntry*>(base);
    EGOV_ASSIGN_OR_RETURN(entry->path, tree_.InclusionPath(entry->position, tree_.size()));
    entry->checkpoint = checkpoint;
  }
  rows::Head head;
  head.size = pending_.size;
  head.recorded_micros = recorded_micros_;
  head.root = pending_.root;
  head.note = pending_.note;
  group.Put(rows::HeadKey(), rows::EncodeHead(head));
  return absl::OkStatus();
}

void Log::AfterGroup(const absl::Status& outcome) {
  admitted_.clear();
  if (!grew_) return;
  grew_ = false;
  if (!outcome.ok()) {
    tree_ = published()->tree;
    recorded_micros_ = durable_recorded_micros_;
    return;
  }
  durable_recorded_micros_ = recorded_micros_;
  auto next = std::make_shared<const Published>(Published{tree_, std::move(pending_)});
  std::lock_guard<std::mutex> lock(mutex_);
  published_.swap(next);
}

absl::StatusOr<bool> Log::Knows(storage::Reader& reader, absl::string_view id) const {
  std::string key, value;
  rows::IdKey(id, &key);
  return reader.Get(key, &value);
}

absl::StatusOr<std::unique_ptr<LogEntry>> Log::Read(storage::Reader& reader,
                                                    uint64_t position) const {
  std::string key, value;
  rows::EntryKey(position, &key);
  EGOV_ASSIGN_OR_RETURN(const bool found, reader.Get(key, &value));
  if (!found) return NoSuchRecord();
  auto entry = std::make_unique<LogEntry>();
  entry->position = position;
  if (!rows::DecodeEntry(value, entry.get())) return Damaged("an entry of the log is unreadable");
  return entry;
}

absl::StatusOr<std::unique_ptr<LogEntry>> Log::Find(absl::string_view id) const {
  EGOV_ASSIGN_OR_RETURN(const auto reader, store_->Snapshot());
  std::string key, value;
  rows::IdKey(id, &key);
  EGOV_ASSIGN_OR_RETURN(const bool found, reader->Get(key, &value));
  if (!found) return NoSuchRecord();
  if (value.size() != 8) return Damaged("the position of a message id is unreadable");
  EGOV_ASSIGN_OR_RETURN(auto entry, At(base::ReadU64(value)));
  entry->id = std::string(id);
  return entry;
}

absl::StatusOr<std::unique_ptr<LogEntry>> Log::At(uint64_t position) const {
  const std::shared_ptr<const Published> now = published();
  if (position >= now->checkpoint.size) return NoSuchRecord();
  EGOV_ASSIGN_OR_RETURN(const auto reader, store_->Snapshot());
  EGOV_ASSIGN_OR_RETURN(auto entry, Read(*reader, position));
  EGOV_ASSIGN_OR_RETURN(entry->path, now->tree.InclusionPath(position, now->checkpoint.size));
  entry->checkpoint = std::make_shared<const std::string>(now->checkpoint.note);
  return entry;
}

absl::StatusOr<std::vector<std::unique_ptr<LogEntry>>> Log::List(uint64_t from, int limit) const {
  std::vector<std::unique_ptr<LogEntry>> entries;
  const uint64_t size = published()->checkpoint.size;
  if (from >= size || limit <= 0) return entries;
  const uint64_t end = from + std::min<uint64_t>(limit, size - from);
  EGOV_ASSIGN_OR_RETURN(const auto reader, store_->Snapshot());
  std::string begin_key, end_key;
  rows::EntryKey(from, &begin_key);
  rows::EntryKey(end, &end_key);
  bool good = true;
  EGOV_RETURN_IF_ERROR(
      reader->Scan(begin_key, end_key, [&](absl::string_view key, absl::string_view value) {
        auto entry = std::make_unique<LogEntry>();
        good = rows::DecodeEntryKey(key, &entry->position) &&
               entry->position == from + entries.size() && rows::DecodeEntry(value, entry.get());
        if (good) entries.push_back(std::move(entry));
        return good;
      }));
  if (!good || entries.size() != end - from) return Damaged("an entry of the log is missing");
  return entries;
}

Checkpoint Log::Newest() const { return published()->checkpoint; }

absl::StatusOr<merkle::Path> Log::InclusionPath(uint64_t index, uint64_t size) const {
  return published()->tree.InclusionPath(index, size);
}

absl::StatusOr<merkle::Path> Log::Consistency(uint64_t from, uint64_t to) const {
  return published()->tree.ConsistencyPath(from, to);
}

absl::StatusOr<int64_t> Log::RecordedMicros(uint64_t position) const {
  EGOV_ASSIGN_OR_RETURN(const auto reader, store_->Snapshot());
  EGOV_ASSIGN_OR_RETURN(const auto entry, Read(*reader, position));
  return entry->recorded_micros;
}

absl::StatusOr<uint64_t> Log::PositionAt(int64_t micros) const {
  uint64_t low = 0, high = published()->checkpoint.size;
  EGOV_ASSIGN_OR_RETURN(const auto reader, store_->Snapshot());
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    EGOV_ASSIGN_OR_RETURN(const auto entry, Read(*reader, middle));
    if (entry->recorded_micros <= micros) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

absl::Status Log::Keep(const Stamped& stamped) {
  const std::string key = rows::StampKey(stamped.checkpoint.size);
  const std::string value = rows::EncodeStamp(stamped);
  return store_
      ->Run([&](storage::Transaction& transaction) {
        transaction.set_commit_class(storage::CommitClass::kDisclosure);
        transaction.Put(key, value);
        return absl::OkStatus();
      })
      .status();
}

absl::StatusOr<absl::optional<Stamped>> Log::StampedAtMost(uint64_t size) const {
  EGOV_ASSIGN_OR_RETURN(const auto reader, store_->Snapshot());
  absl::optional<Stamped> found;
  bool good = true;
  EGOV_RETURN_IF_ERROR(reader->ScanBackward(rows::StampKey(0), rows::StampKeyAfter(size),
                                            [&](absl::string_view, absl::string_view row) {
                                              good = rows::DecodeStamp(row, &found.emplace());
                                              return false;
                                            }));
  if (!good) return Damaged("a stamp is unreadable");
  return found;
}

absl::StatusOr<absl::optional<Stamped>> Log::StampedAtLeast(uint64_t size) const {
  EGOV_ASSIGN_OR_RETURN(const auto reader, store_->Snapshot());
  absl::optional<Stamped> found;
  bool good = true;
  EGOV_RETURN_IF_ERROR(reader->Scan(rows::StampKey(size), rows::StampKeyAfter(UINT64_MAX),
                                    [&](absl::string_view, absl::string_view row) {
                                      good = rows::DecodeStamp(row, &found.emplace());
                                      return false;
                                    }));
  if (!good) return Damaged("a stamp is unreadable");
  return found;
}

absl::StatusOr<std::vector<Stamped>> Log::StampsBetween(uint64_t above, uint64_t up_to,
                                                        int limit) const {
  EGOV_ASSIGN_OR_RETURN(const auto reader, store_->Snapshot());
  std::vector<Stamped> stamps;
  bool good = true;
  EGOV_RETURN_IF_ERROR(reader->Scan(rows::StampKeyAfter(above), rows::StampKeyAfter(up_to),
                                    [&](absl::string_view, absl::string_view row) {
                                      good = rows::DecodeStamp(row, &stamps.emplace_back());
                                      return good && static_cast<int>(stamps.size()) < limit;
                                    }));
  if (!good) return Damaged("a stamp is unreadable");
  return stamps;
}

absl::Status Log::KeepCertificate(storage::Transaction& transaction, absl::string_view der) {
  return KeepDer(transaction, Kept::kCertificate, der);
}

absl::Status Log::KeepRevocationList(storage::Transaction& transaction, absl::string_view der) {
  return KeepDer(transaction, Kept::kRevocationList, der);
}

absl::Status Log::KeepDer(storage::Transaction& transaction, Kept::Kind kind,
                          absl::string_view der) {
  const pki::Digest digest = pki::Sha256Of(der);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (known_.count(digest) != 0) return absl::OkStatus();
  }
  // Known is what is durable: this transaction may yet be refused, so only a later one finds it.
  EGOV_ASSIGN_OR_RETURN(const absl::optional<Kept> kept, FindKept(digest));
  if (kept) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (known_.size() >= kKnownCertificates) known_.clear();
    known_.insert(digest);
    return absl::OkStatus();
  }
  transaction.Put(rows::KeptKey(digest), rows::EncodeKept(kind, der));
  return absl::OkStatus();
}

absl::StatusOr<absl::optional<Kept>> Log::FindKept(const pki::Digest& sha256) const {
  EGOV_ASSIGN_OR_RETURN(const auto reader, store_->Snapshot());
  std::string value;
  EGOV_ASSIGN_OR_RETURN(const bool found, reader->Get(rows::KeptKey(sha256), &value));
  absl::optional<Kept> kept;
  if (!found) return kept;
  if (!rows::DecodeKept(value, &kept.emplace())) return Damaged("a kept certificate is unreadable");
  return kept;
}

absl::Status Log::KeepOwnCertificates(const std::vector<pki::Certificate>& chain) {
  if (chain.empty() || chain[0].public_key() != options_.key.public_key()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "NOT_THE_LOGS_CERTIFICATE",
                       "the certificate is not that of the log's key");
  }
  std::vector<std::string> ders;
  for (const pki::Certificate& certificate : chain) ders.push_back(certificate.ToDer());
  const std::string row = rows::EncodeOwn(ders);
  return store_
      ->Run([&](storage::Transaction& transaction) -> absl::Status {
        transaction.set_commit_class(storage::CommitClass::kDisclosure);
        uint64_t count = 0;
        std::string newest;
        EGOV_RETURN_IF_ERROR(transaction.Scan(rows::OwnKey(0), rows::OwnKey(UINT64_MAX),
                                              [&](absl::string_view, absl::string_view value) {
                                                ++count;
                                                newest.assign(value.data(), value.size());
                                                return true;
                                              }));
        // One that comes back after another is written again: the order tells which is in use.
        if (newest != row) transaction.Put(rows::OwnKey(count), row);
        return absl::OkStatus();
      })
      .status();
}

absl::StatusOr<std::vector<std::string>> Log::OwnCertificates() const {
  EGOV_ASSIGN_OR_RETURN(const auto reader, store_->Snapshot());
  std::vector<std::vector<std::string>> chains;
  bool good = true;
  EGOV_RETURN_IF_ERROR(reader->Scan(rows::OwnKey(0), rows::OwnKey(UINT64_MAX),
                                    [&](absl::string_view, absl::string_view value) {
                                      good = rows::DecodeOwn(value, &chains.emplace_back());
                                      return good;
                                    }));
  if (!good) return Damaged("a certificate of the log is unreadable");
  std::vector<std::string> ders;
  for (auto chain = chains.rbegin(); chain != chains.rend(); ++chain) {
    ders.insert(ders.end(), chain->begin(), chain->end());
  }
  return ders;
}

}  // namespace egov::evidence
