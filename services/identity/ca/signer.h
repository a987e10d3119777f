// The authority behind its two sockets.
#ifndef EGOV_SERVICES_IDENTITY_CA_SIGNER_H_
#define EGOV_SERVICES_IDENTITY_CA_SIGNER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/rpc/log.h"
#include "services/identity/ca/ca.h"
#include "services/identity/ca/config.pb.h"
#include "services/identity/ca/signer.pb.h"

namespace egov::identity {

// Reads `home`/ca.json or another file. Sockets left out are home/run/enrolment.sock,
// home/run/admin.sock and home/run/status.sock.
absl::StatusOr<ca::Config> ReadCaConfig(const std::string& path);

// Answers one question; `officer`: it came over the officers' socket. Never fails: errors are in
// the reply.
ca::SignerReply AnswerSigner(Ca& authority, const ca::SignerRequest& request, bool officer,
                             const std::string& actor, rpc::Logger& log);

// Opens the authority and serves its sockets until a signal.
absl::Status ServeSigner(const ca::Config& config);

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_CA_SIGNER_H_
