// The inside of a PKCS #12 file.
#ifndef EGOV_LIBS_TOKEN_INTERNAL_PKCS12_READING_H_
#define EGOV_LIBS_TOKEN_INTERNAL_PKCS12_READING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/pki/certificate.h"
#include "libs/pki/secret.h"
#include "libs/token/internal/ecdsa.h"

namespace egov::token::internal {

absl::Status BadPkcs12(absl::string_view why);
absl::Status WrongPassword();

struct Pkcs12Contents {
  std::vector<std::string> keys;  // EncryptedPrivateKeyInfo, DER
  std::vector<pki::Certificate> certificates;
};

// Checks every algorithm of the file before the password is used with it.
absl::StatusOr<Pkcs12Contents> ReadPkcs12(absl::string_view der, const pki::Secret& password);

// PIN_INCORRECT when the password is not the key's.
absl::StatusOr<PkeyPtr> DecryptKey(absl::string_view encrypted, const pki::Secret& password);

}  // namespace egov::token::internal

#endif  // EGOV_LIBS_TOKEN_INTERNAL_PKCS12_READING_H_
