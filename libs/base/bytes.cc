#include "libs/base/bytes.h"

#include "absl/strings/escaping.h"
#include "libs/base/status.h"

namespace egov::base {
namespace {

int Nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

template <typename T>
void AppendBigEndian(T value, std::string* out) {
  for (int shift = 8 * (sizeof(T) - 1); shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

template <typename T>
T ReadBigEndian(absl::string_view bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value << 8) | static_cast<uint8_t>(bytes[i]);
  return value;
}

}  // namespace

std::string ToHex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }

absl::StatusOr<std::string> FromHex(absl::string_view hex) {
  const auto bad = [] {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_HEX", "not a hexadecimal string")
        .Expected("an even number of the digits 0-9 and a-f")
        .status();
  };
  if (hex.size() % 2 != 0) return bad();
  std::string out;
  out.reserve(hex.size() / 2);
  for (size_t i = 0; i < hex.size(); i += 2) {
    const int high = Nibble(hex[i]), low = Nibble(hex[i + 1]);
    if (high < 0 || low < 0) return bad();
    out.push_back(static_cast<char>(high << 4 | low));
  }
  return out;
}

void AppendU16(uint16_t value, std::string* out) { AppendBigEndian(value, out); }
void AppendU32(uint32_t value, std::string* out) { AppendBigEndian(value, out); }
void AppendU64(uint64_t value, std::string* out) { AppendBigEndian(value, out); }
uint16_t ReadU16(absl::string_view bytes) { return ReadBigEndian<uint16_t>(bytes); }
uint32_t ReadU32(absl::string_view bytes) { return ReadBigEndian<uint32_t>(bytes); }
uint64_t ReadU64(absl::string_view bytes) { return ReadBigEndian<uint64_t>(bytes); }

}  // namespace egov::base
