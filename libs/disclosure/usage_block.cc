#include "libs/disclosure/usage_block.h"

#include <cstring>

namespace egov::disclosure::internal {
namespace {

constexpr char kBitmap = 1;
constexpr char kDifferences = 2;
constexpr size_t kBitmapBytes = kRange / 8;

}  // namespace

std::string EncodeBlock(const uint64_t* bitmap) {
  int count = 0;
  for (size_t w = 0; w < kBitmapWords; ++w) count += __builtin_popcountll(bitmap[w]);
  std::string out;
  if (static_cast<size_t>(count) < kBitmapBytes) {
    out.reserve(kBitmapBytes + 3);
    out.push_back(kDifferences);
    int last = -1;
    for (size_t w = 0; w < kBitmapWords && out.size() <= kBitmapBytes; ++w) {
      for (uint64_t rest = bitmap[w]; rest != 0; rest &= rest - 1) {
        const int number = static_cast<int>(w * 64) + __builtin_ctzll(rest);
        const int difference = number - last;
        last = number;
        if (difference >= 128) out.push_back(static_cast<char>(0x80 | difference >> 8));
        out.push_back(static_cast<char>(difference & 0xff));
      }
    }
    if (out.size() <= kBitmapBytes) return out;
  }
  out.assign(1, kBitmap);
  out.resize(1 + kBitmapBytes);
  for (size_t w = 0; w < kBitmapWords; ++w) {
    for (int b = 0; b < 8; ++b) out[1 + w * 8 + b] = static_cast<char>(bitmap[w] >> (8 * b));
  }
  return out;
}

absl::optional<bool> BlockHas(absl::string_view bytes, uint32_t number) {
  if (bytes.empty() || number >= kRange) return absl::nullopt;
  const char form = bytes[0];
  bytes.remove_prefix(1);
  if (form == kBitmap) {
    if (bytes.size() != kBitmapBytes) return absl::nullopt;
    return (static_cast<uint8_t>(bytes[number / 8]) >> (number % 8) & 1) != 0;
  }
  if (form != kDifferences) return absl::nullopt;
  int64_t at = -1;
  for (size_t i = 0; i < bytes.size(); ++i) {
    int difference = static_cast<uint8_t>(bytes[i]);
    if (difference >= 0x80) {
      if (++i == bytes.size()) return absl::nullopt;
      difference = (difference & 0x7f) << 8 | static_cast<uint8_t>(bytes[i]);
    }
    at += difference;
    if (difference == 0 || at >= static_cast<int64_t>(kRange)) return absl::nullopt;
    if (at >= number) return at == number;
  }
  return false;
}

}  // namespace egov::disclosure::internal
