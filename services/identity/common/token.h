// Enrolment tokens (proto/egov/identity/v1/enrolment.proto has their form): a key that can be
// typed, and the root to expect.
#ifndef EGOV_SERVICES_IDENTITY_COMMON_TOKEN_H_
#define EGOV_SERVICES_IDENTITY_COMMON_TOKEN_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/pki/key.h"
#include "libs/pki/secret.h"
#include "libs/pki/sha256.h"

namespace egov::identity {

struct EnrolmentToken {
  pki::PrivateKey key;  // Ed25519
  pki::Digest root;     // SHA-256 of the root certificate
};

// A fresh token in text form.
std::string MakeTokenText(const pki::Secret& seed, const pki::Digest& root);

// INVALID_ARGUMENT/BAD_TOKEN, also for a mistyped one. Never repeats the token.
absl::StatusOr<EnrolmentToken> ParseToken(absl::string_view text);

// What is signed: the context word, a zero byte, the order.
std::string EnrolBytes(absl::string_view order);
std::string RenewBytes(absl::string_view order);

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_COMMON_TOKEN_H_
