// The log's rows as bytes. Written by hand, not as messages: each call writes an entry, an id and
// a share of the head. Every value begins with its format's number.
#ifndef EGOV_LIBS_EVIDENCE_ROWS_H_
#define EGOV_LIBS_EVIDENCE_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/evidence/log.h"
#include "libs/pki/sha256.h"

namespace egov::evidence::rows {

enum Table : uint16_t {
  kEntries = 0x0010,
  kIds = 0x0011,
  kTiles = 0x0012,
  kTileRoots = 0x0013,
  kHead = 0x0014,
  kKept = 0x0015,
  kStamps = 0x0016,
  kOwn = 0x0017,
};

// These two reuse the key's memory: they are called for each entry.
void EntryKey(uint64_t position, std::string* key);
void IdKey(absl::string_view id, std::string* key);
bool DecodeEntryKey(absl::string_view key, uint64_t* position);

std::string TileKey(int level, uint64_t index);
std::string TileRootKey(int level, uint64_t index);
std::string HeadKey();
std::string KeptKey(const pki::Digest& sha256);
std::string OwnKey(uint64_t number);
std::string StampKey(uint64_t size);
std::string StampKeyAfter(uint64_t size);  // the first key after that of `size`

struct Head {
  uint64_t size = 0;
  int64_t recorded_micros = 0;
  pki::Digest root = {};
  std::string note;
};

// The decoders are false for what the encoders did not write.
void EncodeEntry(const LogEntry& entry, std::string* value);  // replaces *value
bool DecodeEntry(absl::string_view value, LogEntry* entry);   // position and id are not in it
std::string EncodeHead(const Head& head);
bool DecodeHead(absl::string_view value, Head* head);
std::string EncodeStamp(const Stamped& stamped);
bool DecodeStamp(absl::string_view value, Stamped* stamped);
std::string EncodeKept(Kept::Kind kind, absl::string_view der);
bool DecodeKept(absl::string_view value, Kept* kept);
std::string EncodeOwn(const std::vector<std::string>& chain);
bool DecodeOwn(absl::string_view value, std::vector<std::string>* chain);

}  // namespace egov::evidence::rows

#endif  // EGOV_LIBS_EVIDENCE_ROWS_H_
