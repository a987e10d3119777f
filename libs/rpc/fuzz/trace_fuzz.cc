// A traceparent comes from anyone; whatever it is, what is logged and sent on is well formed.
#include <cstdint>
#include <cstdlib>

#include "libs/rpc/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace egov::rpc;  // NOLINT: a fuzz target has no other names
  const TraceContext trace =
      ContinueTrace(absl::string_view(reinterpret_cast<const char*>(data), size));
  const std::string next = NextTraceparent(trace);
  const char* const hex = "0123456789abcdef";
  if (trace.trace_id.size() != 32 || trace.trace_id.find_first_not_of(hex) != std::string::npos)
    std::abort();
  if (next.size() != 55 || ContinueTrace(next).trace_id != trace.trace_id) std::abort();
  return 0;
}
