// Any bytes: a page token is refused or is exactly the one that its position makes, and for no
// other subject. The same bytes as a block (what an authenticated block holds is ours, but its
// reader stays within its bytes all the same).
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "libs/disclosure/page_token.h"
#include "libs/disclosure/usage_block.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace egov::disclosure::internal;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto position = ReadPageToken(7, bytes);
  if (position.ok()) {
    if (MakePageToken(7, *position) != bytes) std::abort();
    if (ReadPageToken(8, bytes).ok()) std::abort();
  }
  if (size >= kPositionSize) {
    const auto made = MakePageToken(9, bytes.substr(0, kPositionSize));
    const auto read = ReadPageToken(9, made);
    if (!read.ok() || *read != bytes.substr(0, kPositionSize)) std::abort();
  }
  for (uint32_t number = 0; number <= kRange; number += 61) BlockHas(bytes, number);
  return 0;
}
