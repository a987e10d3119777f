#include "libs/rpc/trace.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"

namespace egov::rpc {
namespace {

constexpr size_t kLength = 55;  // 2 + 1 + 32 + 1 + 16 + 1 + 2

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(absl::string_view text) {
  return text.find_first_not_of('0') == absl::string_view::npos;
}

}  // namespace

TraceContext ContinueTrace(absl::string_view header) {
  // A later version may be longer, but only after another dash (section 3.2.4).
  const bool shaped =
      header.size() >= kLength && header[2] == '-' && header[35] == '-' && header[52] == '-' &&
      (header.size() == kLength || (header.substr(0, 2) != "00" && header[kLength] == '-'));
  if (shaped) {
    const absl::string_view version = header.substr(0, 2), trace = header.substr(3, 32),
                            parent = header.substr(36, 16), flags = header.substr(53, 2);
    if (IsLowerHex(version) && version != "ff" && IsLowerHex(trace) && !IsZero(trace) &&
        IsLowerHex(parent) && !IsZero(parent) && IsLowerHex(flags)) {
      const char low = flags[1];
      const int nibble = low <= '9' ? low - '0' : low - 'a' + 10;
      return {std::string(trace), std::string(parent), (nibble & 1) != 0};
    }
  }
  TraceContext fresh;
  const std::string random = base::ToHex(base::RandomBytes(24));
  fresh.trace_id = random.substr(0, 32);
  fresh.parent_id = random.substr(32);
  return fresh;
}

std::string NextTraceparent(const TraceContext& trace) {
  return absl::StrCat("00-", trace.trace_id, "-", base::ToHex(base::RandomBytes(8)), "-",
                      trace.sampled ? "01" : "00");
}

}  // namespace egov::rpc
