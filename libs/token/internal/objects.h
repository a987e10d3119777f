// What the files of libs/token do with objects on a token, inside a session.
#ifndef EGOV_LIBS_TOKEN_INTERNAL_OBJECTS_H_
#define EGOV_LIBS_TOKEN_INTERNAL_OBJECTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/base/status.h"
#include "libs/token/internal/cryptoki.h"

namespace egov::token::internal {

absl::Status KeyNotFound(absl::string_view why);
base::Error AmbiguousKey();

absl::StatusOr<Contents> ReadContents(const Session& session);
absl::StatusOr<pki::PublicKey> ReadPublicKey(const Session& session, CK_OBJECT_HANDLE object);
// The public key of this id, from its own object or its certificate.
absl::StatusOr<pki::PublicKey> FindPublicKey(const Session& session, absl::string_view id);

// Signs with the private key of this id, and verifies with `key`. Logged in already; the PIN is
// given again where the key asks for it.
absl::StatusOr<std::string> SignOnToken(Session* session, absl::string_view id,
                                        const pki::PublicKey& key, absl::string_view digest,
                                        const pki::Secret& pin);

}  // namespace egov::token::internal

#endif  // EGOV_LIBS_TOKEN_INTERNAL_OBJECTS_H_
