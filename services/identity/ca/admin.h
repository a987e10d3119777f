// What an officer asks of a running signer, over its officers' socket. For egov-ca's own commands
// and egovctl.
//
// Thread safe; each call is one exchange. Errors: those of the signer (ca.h), OFFICERS_ONLY,
// UNREACHABLE.
#ifndef EGOV_SERVICES_IDENTITY_CA_ADMIN_H_
#define EGOV_SERVICES_IDENTITY_CA_ADMIN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/identity/ca/signer.pb.h"

namespace egov::identity {

class CaAdmin {
 public:
  explicit CaAdmin(std::string socket) : socket_(std::move(socket)) {}

  absl::StatusOr<std::string> MakeToken(const ca::MakeTokenRequest& request) const;
  absl::StatusOr<uint32_t> Revoke(const ca::RevokeRequest& request) const;
  absl::StatusOr<std::vector<ca::Listed>> List(const std::string& spiffe_id = "") const;
  absl::Status Check() const;

 private:
  absl::StatusOr<ca::SignerReply> Ask(const ca::SignerRequest& request) const;
  const std::string socket_;
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_CA_ADMIN_H_
