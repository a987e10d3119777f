// A carrier in a file: PKCS #12 (RFC 7292) with a key and its certificate for one use or for both.
// Its PIN is the file's password.
//
// Written and read are files of today alone: PBES2 with PBKDF2 and AES-CBC (RFC 8018 section 6.2),
// integrity by HMAC with SHA-256 or longer.
//
// Errors, beside those of carrier.h (code/REASON):
//   NOT_FOUND/NO_CARRIER_FILE
//   INVALID_ARGUMENT/BAD_PKCS12         malformed, unprotected, or without a key for either use
//   FAILED_PRECONDITION/OLD_ENCRYPTION  RC2, triple DES, SHA-1 or what else is not of the above;
//   the
//                                       text names it
//   INVALID_ARGUMENT/BAD_ENTRY          what shall be written is no key with its certificate
// PIN_INCORRECT may also mean that the file was changed: its password is all that protects it.
// Nothing counts wrong passwords, so a file is as good as its password.
#ifndef EGOV_LIBS_TOKEN_PKCS12_H_
#define EGOV_LIBS_TOKEN_PKCS12_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/pki/certificate.h"
#include "libs/pki/key.h"
#include "libs/pki/secret.h"
#include "libs/token/carrier.h"

namespace egov::token {

// Holds the certificates and the keys as they are in the file, encrypted; a key is decrypted for
// each signature and wiped after it.
//
// Thread safety: immutable, may be used from many threads at once. Cost: opening, signing and
// writing take about half a second, on purpose: it is what each guess of the password costs.
class Pkcs12 final : public Carrier {
 public:
  static constexpr size_t kShortestPassword = 8;  // of a file that is written

  struct Entry {
    pki::PrivateKey key;
    pki::Certificate certificate;
  };

  // The DER of a new file: one entry, or one for each use.
  static absl::StatusOr<std::string> Encode(const std::vector<Entry>& entries,
                                            const pki::Secret& password);
  // The same written to `path` with mode 0600, synced before it has its name.
  // UNAVAILABLE/FILE_NOT_SAVED.
  static absl::Status Save(const std::string& path, const std::vector<Entry>& entries,
                           const pki::Secret& password);

  static absl::StatusOr<Pkcs12> Decode(absl::string_view der, const pki::Secret& password);
  static absl::StatusOr<Pkcs12> Open(const std::string& path, const pki::Secret& password);

  absl::StatusOr<pki::Certificate> Certificate(Use use) override;
  absl::StatusOr<std::string> Sign(Use use, absl::string_view digest,
                                   const pki::Secret& pin) override;

 private:
  struct Impl;
  explicit Pkcs12(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace egov::token

#endif  // EGOV_LIBS_TOKEN_PKCS12_H_
