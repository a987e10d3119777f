#include "services/identity/ca/admin.h"

#include "libs/base/status.h"
#include "services/identity/common/errors.h"
#include "services/identity/common/frames.h"

namespace egov::identity {

absl::StatusOr<ca::SignerReply> CaAdmin::Ask(const ca::SignerRequest& request) const {
  EGOV_ASSIGN_OR_RETURN(const std::string bytes, AskSocket(socket_, request.SerializeAsString()));
  ca::SignerReply reply;
  if (!reply.ParseFromString(bytes)) {
    return base::Error(absl::StatusCode::kUnavailable, "UNREACHABLE",
                       "the signer's answer is none");
  }
  if (reply.has_error()) return FromWire(reply.error());
  return reply;
}

absl::StatusOr<std::string> CaAdmin::MakeToken(const ca::MakeTokenRequest& request) const {
  ca::SignerRequest question;
  *question.mutable_make_token() = request;
  EGOV_ASSIGN_OR_RETURN(const ca::SignerReply reply, Ask(question));
  return reply.token();
}

absl::StatusOr<uint32_t> CaAdmin::Revoke(const ca::RevokeRequest& request) const {
  ca::SignerRequest question;
  *question.mutable_revoke() = request;
  EGOV_ASSIGN_OR_RETURN(const ca::SignerReply reply, Ask(question));
  return reply.revoked();
}

absl::StatusOr<std::vector<ca::Listed>> CaAdmin::List(const std::string& spiffe_id) const {
  ca::SignerRequest question;
  question.mutable_list()->set_spiffe_id(spiffe_id);
  EGOV_ASSIGN_OR_RETURN(const ca::SignerReply reply, Ask(question));
  return std::vector<ca::Listed>(reply.listed().begin(), reply.listed().end());
}

absl::Status CaAdmin::Check() const {
  ca::SignerRequest question;
  question.mutable_status();
  return Ask(question).status();
}

}  // namespace egov::identity
