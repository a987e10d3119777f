// Hex and fixed-width integers. Integers are big-endian everywhere in egov: on disk, on the wire and under a hash.
#ifndef EGOV_LIBS_BASE_BYTES_H_
#define EGOV_LIBS_BASE_BYTES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace egov::base {

std::string ToHex(absl::string_view bytes);                      // lower case
absl::StatusOr<std::string> FromHex(absl::string_view hex);      // either case; INVALID_ARGUMENT otherwise

void AppendU16(uint16_t value, std::string* out);
void AppendU32(uint32_t value, std::string* out);
void AppendU64(uint64_t value, std::string* out);

// Reads the first 2, 4 or 8 bytes; `bytes` must be at least that long.
uint16_t ReadU16(absl::string_view bytes);
uint32_t ReadU32(absl::string_view bytes);
uint64_t ReadU64(absl::string_view bytes);

}  // namespace egov::base

#endif  // EGOV_LIBS_BASE_BYTES_H_
