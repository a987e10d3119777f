// Every call has a deadline; what cannot be finished in time is refused before anything is done.
//
// Thread safety: values. Cost: nothing.
#ifndef EGOV_LIBS_RPC_DEADLINE_H_
#define EGOV_LIBS_RPC_DEADLINE_H_

#include <chrono>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace egov::rpc {

struct DeadlinePolicy {
  absl::Duration otherwise = absl::Seconds(30);  // for a caller that gives none
  absl::Duration least = absl::Milliseconds(5);  // less than this left at arrival: refused
  absl::Duration overhead =
      absl::Milliseconds(2);  // kept back from inner work, so that its time-out can still be told
};

// When a call must be over.
struct Deadline {
  absl::Time outer;  // the caller stops waiting
  absl::Time inner;  // work must have ended: `outer` less the policy's overhead
};

// The deadline of a call that arrived at `now` with the deadline gRPC gave (`context->deadline()`;
// none is the largest time point). DEADLINE_EXCEEDED / DEADLINE_TOO_SHORT when less than `least` is
// left.
absl::StatusOr<Deadline> AdmitDeadline(std::chrono::system_clock::time_point given, absl::Time now,
                                       const DeadlinePolicy& policy = {});

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_DEADLINE_H_
