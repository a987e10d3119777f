#include "libs/rpc/deadline.h"

#include "libs/base/status.h"

namespace egov::rpc {

absl::StatusOr<Deadline> AdmitDeadline(std::chrono::system_clock::time_point given, absl::Time now,
                                       const DeadlinePolicy& policy) {
  const bool none = given == std::chrono::system_clock::time_point::max();
  const absl::Time outer = none ? now + policy.otherwise : absl::FromChrono(given);
  if (outer - now < policy.least) {
    return base::Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_TOO_SHORT",
                       "Too little time was left when the call arrived")
        .Expected("a later deadline");
  }
  return Deadline{outer, outer - policy.overhead};
}

}  // namespace egov::rpc
