#include "services/ctl/kept.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "libs/base/status.h"
#include "services/ctl/files.h"
#include "services/ctl/kept.pb.h"

namespace egov::ctl {
namespace {

constexpr absl::string_view kFirstLine = "egov kept exchange 1\n";

}  // namespace

absl::Status KeepExchange(const std::string& path, const std::string& audience,
                          const std::vector<exchange::Exchange>& windows) {
  KeptExchange kept;
  kept.set_audience(audience);
  for (const exchange::Exchange& window : windows) {
    KeptWindow* out = kept.add_windows();
    out->set_sealed_header(window.sealed_header);
    *out->mutable_receipt() = window.receipt;
    for (const std::string& part : window.request_parts) out->add_request_parts(part);
    out->set_request_salt(window.request_salt);
    for (const std::string& part : window.response_parts) out->add_response_parts(part);
    out->set_response_salt(window.response_salt);
    out->set_end_user(window.end_user);
    out->set_details(window.details);
  }
  const std::string bytes = kept.SerializeAsString();
  return WriteFile(path, {kFirstLine, bytes}, /*durable=*/true);
}

absl::StatusOr<Kept> ReadKept(const std::string& path) {
  EGOV_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  KeptExchange file;
  if (!absl::StartsWith(bytes, kFirstLine) ||
      !file.ParseFromString(bytes.substr(kFirstLine.size()))) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_KEPT_FILE",
                       "the file is not what --keep writes");
  }
  Kept kept;
  kept.audience = file.audience();
  for (KeptWindow& in : *file.mutable_windows()) {
    exchange::Exchange window;
    window.sealed_header = std::move(*in.mutable_sealed_header());
    window.receipt = std::move(*in.mutable_receipt());
    for (std::string& part : *in.mutable_request_parts())
      window.request_parts.push_back(std::move(part));
    window.request_salt = std::move(*in.mutable_request_salt());
    for (std::string& part : *in.mutable_response_parts())
      window.response_parts.push_back(std::move(part));
    window.response_salt = std::move(*in.mutable_response_salt());
    window.end_user = std::move(*in.mutable_end_user());
    window.details = std::move(*in.mutable_details());
    kept.windows.push_back(std::move(window));
  }
  return kept;
}

}  // namespace egov::ctl
