// What is on a token, and what it does: make keys that never leave it, keep certificates, sign. See
// module.h for how to find one and for its errors; carrier.h for those about PINs.
//
//   NOT_FOUND/KEY_NOT_FOUND              no key of this id, or of this certificate
//   FAILED_PRECONDITION/AMBIGUOUS_KEY    two private keys, or two public ones, of one id
//   UNIMPLEMENTED/NOT_SUPPORTED          the token cannot do ECDSA, or not on this curve
//   FAILED_PRECONDITION/KEY_NOT_PROTECTED  it made a key that can leave it; destroyed again
//   RESOURCE_EXHAUSTED/TOKEN_FULL · FAILED_PRECONDITION/TOKEN_READ_ONLY
//   FAILED_PRECONDITION/PIN_NOT_SET · PIN_EXPIRED
//   UNAUTHENTICATED/PUK_INCORRECT · FAILED_PRECONDITION/PUK_BLOCKED ·
//   INVALID_ARGUMENT/PUK_MALFORMED
#ifndef EGOV_LIBS_TOKEN_TOKEN_H_
#define EGOV_LIBS_TOKEN_TOKEN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "libs/pki/certificate.h"
#include "libs/pki/issue.h"
#include "libs/pki/key.h"
#include "libs/pki/secret.h"
#include "libs/token/carrier.h"

namespace egov::token {

namespace internal {
class Library;
struct Place;
}  // namespace internal

// What a token tells of a PIN or PUK (PKCS #11 section 3.2, flags of CK_TOKEN_INFO). Many tell less
// than they know: kGood may mean "no word".
enum class PinState {
  kGood,
  kFewTries,  // a wrong one was given since the last right one
  kLastTry,
  kBlocked,
  kNotSet,
  kMustChange,
};

struct TokenInfo {
  std::string label;
  std::string serial;
  std::string maker;
  std::string model;
  PinState pin = PinState::kGood;
  PinState puk = PinState::kGood;
  size_t pin_min = 0;  // bytes
  size_t pin_max = 0;
};

struct KeyOnToken {
  std::string id;     // CKA_ID: the same for a key pair and its certificate; any bytes
  std::string label;  // CKA_LABEL
  pki::PublicKey public_key;
};

struct CertificateOnToken {
  std::string id;
  std::string label;
  pki::Certificate certificate;
};

struct Contents {
  std::vector<KeyOnToken> keys;  // EC public keys that are shown without a PIN
  std::vector<CertificateOnToken> certificates;
  int unread = 0;  // keys and certificates that this library does not read
};

struct NewKey {
  std::string id;
  pki::PublicKey public_key;
  // Whether the token itself asks for the PIN before each signature (CKA_ALWAYS_AUTHENTICATE).
  bool pin_for_each_signature = false;
};

// A token, named by label and serial when it was found. Each call opens a session, logs in when it
// takes a PIN, and logs out again: no login stays behind.
//
// Thread safety: may be used from many threads; calls to the tokens of one module wait for each
// other. Cost: each call talks to the token several times; a card takes
// half a second to sign, and seconds to make a key.
class Token {
 public:
  const std::string& label() const;
  const std::string& serial() const;

  absl::StatusOr<TokenInfo> Info() const;  // as it is now
  absl::StatusOr<Contents> Read() const;   // what can be seen without a PIN

  // Makes a P-256 or P-384 key pair on the token, labelled by its use: sensitive, not extractable,
  // for signatures alone. A signature key asks for the PIN each time where the module takes that.
  absl::StatusOr<NewKey> MakeKey(Use use, pki::KeyType type, const pki::Secret& pin) const;

  // Proves possession of the key of this id to an authority.
  absl::StatusOr<pki::Csr> Request(absl::string_view id, absl::string_view common_name,
                                   const pki::Secret& pin) const;

  // Stores the certificate beside its key, in place of others of that key.
  absl::Status WriteCertificate(const pki::Certificate& certificate, const pki::Secret& pin) const;

  // Destroys the keys and certificates of this id, for good.
  absl::Status Delete(absl::string_view id, const pki::Secret& pin) const;

  // As Carrier::Sign, with the key of this id.
  absl::StatusOr<std::string> Sign(absl::string_view id, absl::string_view digest,
                                   const pki::Secret& pin) const;

  absl::Status ChangePin(const pki::Secret& pin, const pki::Secret& new_pin) const;

  // Sets a new PIN, blocked or not, with the PUK (C_InitPIN by the security officer).
  absl::Status Unblock(const pki::Secret& puk, const pki::Secret& new_pin) const;

 private:
  friend class Module;
  explicit Token(std::shared_ptr<const internal::Place> place) : place_(std::move(place)) {}
  std::shared_ptr<const internal::Place> place_;
};

// A card or USB token as a carrier. Some cards show one token for each PIN: then the two differ.
class TokenCarrier final : public Carrier {
 public:
  explicit TokenCarrier(Token token) : authentication_(token), signature_(std::move(token)) {}
  TokenCarrier(Token authentication, Token signature)
      : authentication_(std::move(authentication)), signature_(std::move(signature)) {}

  absl::StatusOr<pki::Certificate> Certificate(Use use) override;
  // KEY_NOT_FOUND also when the certificate's key is not on the token.
  absl::StatusOr<std::string> Sign(Use use, absl::string_view digest,
                                   const pki::Secret& pin) override;

 private:
  const Token& For(Use use) const;
  Token authentication_;
  Token signature_;
};

}  // namespace egov::token

#endif  // EGOV_LIBS_TOKEN_TOKEN_H_
