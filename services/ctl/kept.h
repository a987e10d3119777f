// Exchanges kept for later proof: what `--keep FILE` writes and `evidence export` reads.
//
// Thread safety: free functions. The files hold what was said, so only their owner may read them.
#ifndef EGOV_SERVICES_CTL_KEPT_H_
#define EGOV_SERVICES_CTL_KEPT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/status.h"
#include "libs/exchange/client.h"
#include "services/ctl/calls.h"

namespace egov::ctl {

absl::Status KeepExchange(const std::string& path, const std::string& audience,
                          const std::vector<exchange::Exchange>& windows);

struct Kept {
  std::string audience;
  std::vector<exchange::Exchange> windows;
};
// INVALID_ARGUMENT BAD_KEPT_FILE.
absl::StatusOr<Kept> ReadKept(const std::string& path);

// Calls a unary method and, when --keep was given, keeps the exchange, refusals too. Then has the
// register prove its log (CheckLog): what was kept is evidence also where that fails.
template <typename Response>
absl::StatusOr<exchange::Answer<Response>> CallAndKeep(const Caller& caller,
                                                       const std::string& method,
                                                       const google::protobuf::Message& request) {
  exchange::Exchange refused;
  auto answer =
      caller.client->Call<Response>(method, caller.purpose, request, caller.timeout, &refused);
  const exchange::Exchange& said = answer.ok() ? answer->exchange : refused;
  // A refusal before the seal was looked at leaves no record, so there is nothing to keep.
  if (said.sealed_header.empty()) return answer;
  if (!caller.keep.empty())
    EGOV_RETURN_IF_ERROR(KeepExchange(caller.keep, caller.audience, {said}));
  EGOV_RETURN_IF_ERROR(CheckLog(*caller.client, caller.warn));
  return answer;
}

}  // namespace egov::ctl

#endif  // EGOV_SERVICES_CTL_KEPT_H_
