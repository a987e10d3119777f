#include "services/ctl/consistency.h"

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::ctl {

absl::Status CheckLog(exchange::Client& client, const Warn& warn) {
  const absl::Status status = client.CheckConsistency();
  if (status.ok()) return status;
  if (status.code() != absl::StatusCode::kDataLoss) {
    if (warn != nullptr) {
      warn(absl::StrCat("whether the register's log still holds what it held before could not be ",
                        "checked now (", status.message(), "); the next call asks again"));
    }
    return absl::OkStatus();
  }
  const absl::Status said(
      status.code(),
      absl::StrCat(status.message(),
                   "; its answer is not to be relied on and is not handed on. Keep "
                   "what egovctl remembers: it shows what the register once signed"));
  const auto detail = base::DetailOf(status);
  return detail ? base::WithDetail(said, *detail) : said;
}

}  // namespace egov::ctl
