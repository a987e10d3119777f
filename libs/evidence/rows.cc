#include "libs/evidence/rows.h"

#include "libs/base/bytes.h"
#include "libs/proof/wire.h"

namespace egov::evidence::rows {
namespace {

constexpr char kFormat = 1;

std::string Key(Table table) {
  std::string key;
  base::AppendU16(table, &key);
  return key;
}

std::string TileKeyIn(Table table, int level, uint64_t index) {
  std::string key = Key(table);
  key.push_back(static_cast<char>(level));
  base::AppendU64(index, &key);
  return key;
}

// Takes the format's number and `size` bytes more.
bool TakeFixed(absl::string_view* value, size_t size, absl::string_view* fixed) {
  if (value->size() < 1 + size || (*value)[0] != kFormat) return false;
  *fixed = value->substr(1, size);
  value->remove_prefix(1 + size);
  return true;
}

// Takes what AppendSized wrote.
bool TakeSized(absl::string_view* value, std::string* bytes) {
  if (value->size() < 4) return false;
  const uint32_t size = base::ReadU32(*value);
  if (value->size() - 4 < size) return false;
  bytes->assign(value->data() + 4, size);
  value->remove_prefix(4 + size);
  return true;
}

void AppendSized(absl::string_view bytes, std::string* value) {
  base::AppendU32(static_cast<uint32_t>(bytes.size()), value);
  value->append(bytes.data(), bytes.size());
}

}  // namespace

void EntryKey(uint64_t position, std::string* key) {
  key->clear();
  base::AppendU16(kEntries, key);
  base::AppendU64(position, key);
}

void IdKey(absl::string_view id, std::string* key) {
  key->clear();
  base::AppendU16(kIds, key);
  key->append(id.data(), id.size());
}

bool DecodeEntryKey(absl::string_view key, uint64_t* position) {
  if (key.size() != 10 || base::ReadU16(key) != kEntries) return false;
  *position = base::ReadU64(key.substr(2));
  return true;
}

std::string TileKey(int level, uint64_t index) { return TileKeyIn(kTiles, level, index); }
std::string TileRootKey(int level, uint64_t index) { return TileKeyIn(kTileRoots, level, index); }
std::string HeadKey() { return Key(kHead); }

std::string KeptKey(const pki::Digest& sha256) {
  std::string key = Key(kKept);
  key.append(pki::AsBytes(sha256).data(), sha256.size());
  return key;
}

std::string OwnKey(uint64_t number) {
  std::string key = Key(kOwn);
  base::AppendU64(number, &key);
  return key;
}

std::string StampKey(uint64_t size) {
  std::string key = Key(kStamps);
  base::AppendU64(size, &key);
  return key;
}

std::string StampKeyAfter(uint64_t size) { return StampKey(size) + '\0'; }

void EncodeEntry(const LogEntry& entry, std::string* value) {
  value->clear();
  value->reserve(13 + entry.record.size() + entry.sealed_header.size());
  value->push_back(kFormat);
  base::AppendU64(static_cast<uint64_t>(entry.recorded_micros), value);
  AppendSized(entry.record, value);
  value->append(entry.sealed_header);
}

bool DecodeEntry(absl::string_view value, LogEntry* entry) {
  absl::string_view fixed;
  if (!TakeFixed(&value, 8, &fixed) || !TakeSized(&value, &entry->record)) return false;
  entry->recorded_micros = static_cast<int64_t>(base::ReadU64(fixed));
  entry->sealed_header.assign(value.data(), value.size());
  return true;
}

std::string EncodeHead(const Head& head) {
  std::string value(1, kFormat);
  base::AppendU64(head.size, &value);
  base::AppendU64(static_cast<uint64_t>(head.recorded_micros), &value);
  value.append(pki::AsBytes(head.root).data(), head.root.size());
  value.append(head.note);
  return value;
}

bool DecodeHead(absl::string_view value, Head* head) {
  absl::string_view fixed;
  if (!TakeFixed(&value, 48, &fixed)) return false;
  head->size = base::ReadU64(fixed);
  head->recorded_micros = static_cast<int64_t>(base::ReadU64(fixed.substr(8)));
  pki::DigestFromBytes(fixed.substr(16), &head->root);
  head->note.assign(value.data(), value.size());
  return head->size > 0;
}

std::string EncodeStamp(const Stamped& stamped) {
  std::string value(1, kFormat);
  base::AppendU64(static_cast<uint64_t>(stamped.time_micros), &value);
  AppendSized(stamped.checkpoint.note, &value);
  value.append(stamped.time_stamp);
  return value;
}

bool DecodeStamp(absl::string_view value, Stamped* stamped) {
  absl::string_view fixed;
  if (!TakeFixed(&value, 8, &fixed) || !TakeSized(&value, &stamped->checkpoint.note)) return false;
  stamped->time_micros = static_cast<int64_t>(base::ReadU64(fixed));
  stamped->time_stamp.assign(value.data(), value.size());
  const auto note = proof::ParseNote(stamped->checkpoint.note);
  if (!note.ok()) return false;
  stamped->checkpoint.origin = note->origin;
  stamped->checkpoint.size = note->size;
  stamped->checkpoint.root = note->root;
  return true;
}

std::string EncodeKept(Kept::Kind kind, absl::string_view der) {
  std::string value(1, kFormat);
  value.push_back(static_cast<char>(kind));
  value.append(der.data(), der.size());
  return value;
}

bool DecodeKept(absl::string_view value, Kept* kept) {
  absl::string_view fixed;
  if (!TakeFixed(&value, 1, &fixed)) return false;
  if (fixed[0] != Kept::kCertificate && fixed[0] != Kept::kRevocationList) return false;
  kept->kind = static_cast<Kept::Kind>(fixed[0]);
  kept->der.assign(value.data(), value.size());
  return true;
}

std::string EncodeOwn(const std::vector<std::string>& chain) {
  std::string value(1, kFormat);
  for (const std::string& der : chain) AppendSized(der, &value);
  return value;
}

bool DecodeOwn(absl::string_view value, std::vector<std::string>* chain) {
  absl::string_view nothing;
  if (!TakeFixed(&value, 0, &nothing)) return false;
  while (!value.empty()) {
    if (!TakeSized(&value, &chain->emplace_back())) return false;
  }
  return !chain->empty();
}

}  // namespace egov::evidence::rows
