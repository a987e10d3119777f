// The narrow table: all that mass look-ups need, in one table, so that the resident column is built
// by one scan and follows one prefix (two prefixes could show a person before their death).
//
//   key (0, surrogate)     -> VitalRow, only for the dead
//   key (scheme, code)     -> IdentifierRow
//
// Rows are fixed bytes instead of messages: a start reads a million of them.
#ifndef EGOV_SERVICES_POPULATION_NARROW_H_
#define EGOV_SERVICES_POPULATION_NARROW_H_

#include <cstdint>
#include <string>
#include <tuple>

#include "absl/strings/string_view.h"
#include "libs/base/bytes.h"
#include "libs/civil/date.h"
#include "libs/storage/table.h"

namespace egov::population {

inline constexpr storage::TableId kNarrowTable = 0x0102;
inline constexpr uint16_t kVitalLane = 0;     // in place of a scheme's number
inline constexpr uint16_t kSchemeLimit = 16;  // scheme numbers are below

using NarrowKey = std::tuple<uint16_t, uint64_t>;

// A partial date in 23 bits; 0: nothing known.
inline uint32_t PackDate(const civil::PartialDate& date) {
  return static_cast<uint32_t>(date.year()) << 9 | static_cast<uint32_t>(date.month()) << 5 |
         static_cast<uint32_t>(date.day());
}
inline civil::PartialDate UnpackDate(uint32_t packed) {
  const auto date =
      civil::PartialDate::OfParts(static_cast<int>(packed >> 9), packed >> 5 & 15, packed & 31);
  return date.ok() ? *date : civil::PartialDate();
}

// Writes `value` big-endian into 8, 4 or 2 bytes: rows of a load are built in place, not byte by
// byte on a string.
template <typename T>
inline char* PutBigEndian(T value, char* out) {
  for (size_t i = sizeof(T); i-- > 0;) *out++ = static_cast<char>(value >> (8 * i));
  return out;
}

// Whose a code is, for ever; and the code in force when it was superseded.
struct IdentifierRow {
  uint64_t person = 0;
  uint64_t successor = 0;  // packed, of the same scheme; 0: in force
};

struct IdentifierCodec {
  static bool Append(const IdentifierRow& row, std::string* out) {
    char bytes[16];
    char* end = PutBigEndian(row.person, bytes);
    if (row.successor != 0) end = PutBigEndian(row.successor, end);
    out->append(bytes, end - bytes);
    return true;
  }
  static bool Parse(absl::string_view bytes, IdentifierRow* row) {
    if (bytes.size() != 8 && bytes.size() != 16) return false;
    row->person = base::ReadU64(bytes);
    row->successor = bytes.size() == 16 ? base::ReadU64(bytes.substr(8)) : 0;
    return true;
  }
};

struct VitalRow {
  uint32_t death_date = 0;  // PackDate
};

struct VitalCodec {
  static bool Append(const VitalRow& row, std::string* out) {
    base::AppendU32(row.death_date, out);
    return true;
  }
  static bool Parse(absl::string_view bytes, VitalRow* row) {
    if (bytes.size() != 4) return false;
    row->death_date = base::ReadU32(bytes);
    return true;
  }
};

using IdentifierTable = storage::Table<NarrowKey, IdentifierRow, IdentifierCodec>;
using VitalTable = storage::Table<NarrowKey, VitalRow, VitalCodec>;

}  // namespace egov::population

#endif  // EGOV_SERVICES_POPULATION_NARROW_H_
