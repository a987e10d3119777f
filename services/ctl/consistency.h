// Before an answer is handed on: is the register's log still the one that this caller saw before?
//
// A command makes one call and ends, so nobody would hear of what the client finds out later.
//
// Thread safety: free functions. Cost: a round trip when the log has grown since it was last asked.
#ifndef EGOV_SERVICES_CTL_CONSISTENCY_H_
#define EGOV_SERVICES_CTL_CONSISTENCY_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libs/exchange/client.h"

namespace egov::ctl {

// Is told in a sentence what does not stop the command; may be null.
using Warn = std::function<void(absl::string_view)>;

// DATA_LOSS LOG_REWRITTEN or LOG_SPLIT when the log is another one: then nothing of the answer may
// be printed or written. A log that could not be asked now is a warning: a service that is absent
// proves nothing against itself, and the next command asks again.
absl::Status CheckLog(exchange::Client& client, const Warn& warn);

}  // namespace egov::ctl

#endif  // EGOV_SERVICES_CTL_CONSISTENCY_H_
