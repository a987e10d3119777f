// The set of people of one range that one mass query was about: at most 2^13 of them, exact, in the
// smaller of two forms.
#ifndef EGOV_LIBS_DISCLOSURE_USAGE_BLOCK_H_
#define EGOV_LIBS_DISCLOSURE_USAGE_BLOCK_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace egov::disclosure::internal {

constexpr int kRangeBits = 13;
constexpr uint64_t kRange = uint64_t{1} << kRangeBits;
constexpr size_t kBitmapWords = kRange / 64;

// Encodes a set given as a bitmap of kBitmapWords words; bit i of word w is number 64 w + i. Form
// 1: the bitmap, little endian. Form 2: ascending numbers as differences (from -1, so never 0), one
// byte below 128, else two.
std::string EncodeBlock(const uint64_t* bitmap);

// Whether `number` is in the set; nullopt when `bytes` is no block.
absl::optional<bool> BlockHas(absl::string_view bytes, uint32_t number);

}  // namespace egov::disclosure::internal

#endif  // EGOV_LIBS_DISCLOSURE_USAGE_BLOCK_H_
