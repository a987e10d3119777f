// The details of an error come from whoever answered: an error stays an error, and fits when it is
// passed on.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "libs/base/status.h"
#include "libs/rpc/error_map.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace egov;  // NOLINT: a fuzz target has no other names
  const std::string details(reinterpret_cast<const char*>(data), size);
  for (const int code : {1, 3, 8, 9, 13, 14}) {
    const absl::Status status =
        rpc::FromGrpc(grpc::Status(static_cast<grpc::StatusCode>(code), "text", details));
    const auto detail = base::DetailOf(status);
    if (status.ok() || !detail.has_value() || detail->reason.empty()) std::abort();
    if (detail->retry_after < absl::ZeroDuration() || detail->retry_after > absl::Hours(2))
      std::abort();
    if (rpc::ToGrpc(status, "fuzz").error_details().size() > rpc::kMaxErrorDetails) std::abort();
  }
  return 0;
}
