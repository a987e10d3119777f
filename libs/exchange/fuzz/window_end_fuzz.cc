// What ends a window is read as it was written, and nothing hides beside it.
#include <cstdint>
#include <cstdlib>

#include "libs/exchange/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace egov::exchange;  // NOLINT: this file is about it
  const absl::string_view message(reinterpret_cast<const char*>(data), size);
  if (!IsEnd(message)) return 0;
  egov::exchange::v1::WindowEnd end;
  if (!ParseEnd(message, &end).ok()) return 0;
  const std::string written = EndMessage(end);
  egov::exchange::v1::WindowEnd again;
  if (!IsEnd(written) || !ParseEnd(written, &again).ok()) std::abort();
  if (again.SerializeAsString() != end.SerializeAsString()) std::abort();
  // The length may be spelt longer than needed; what it counts may not hold more.
  if (message.size() < written.size() || message.size() > written.size() + 9) std::abort();
  return 0;
}
