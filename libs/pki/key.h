// Signature keys. ECDSA on P-256 unless there is a reason (the platform's seals, TLS and logs are
// all P-256).
//
// Signatures: ECDSA with SHA-256 as DER (RFC 3279 section 2.2.3; with SHA-384 on P-384), RSA PKCS
// #1 v1.5 with SHA-256, pure Ed25519 (RFC 8032).
//
// Thread safety: both are cheap values that share an immutable key; const use from many threads.
// Cost (P-256): sign 20 us, verify 55 us, copying a reference count.
#ifndef EGOV_LIBS_PKI_KEY_H_
#define EGOV_LIBS_PKI_KEY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/pki/secret.h"
#include "libs/pki/sha256.h"

namespace egov::pki {

namespace internal {
struct KeyImpl;
struct Access;
}  // namespace internal

enum class KeyType { kP256, kP384, kRsa, kEd25519 };

class PublicKey {
 public:
  // From a DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) or its PEM form.
  // INVALID_ARGUMENT/BAD_KEY when it is malformed or of a kind not listed above (RSA: at least
  // 2,048 bits).
  static absl::StatusOr<PublicKey> FromDer(absl::string_view spki);
  static absl::StatusOr<PublicKey> FromPem(absl::string_view pem);

  KeyType type() const;
  const std::string& ToDer() const;  // SubjectPublicKeyInfo
  std::string ToPem() const;
  const Digest& digest() const;  // SHA-256 of ToDer(): the key's id

  // UNAUTHENTICATED/BAD_SIGNATURE when the signature is not this key's over these bytes.
  absl::Status Verify(absl::string_view message, absl::string_view signature) const;
  // The same over a SHA-256 digest made before. Not for Ed25519 and P-384, which hash otherwise.
  absl::Status VerifyDigest(const Digest& digest, absl::string_view signature) const;

  friend bool operator==(const PublicKey& a, const PublicKey& b) { return a.ToDer() == b.ToDer(); }
  friend bool operator!=(const PublicKey& a, const PublicKey& b) { return !(a == b); }

 private:
  friend struct internal::Access;
  explicit PublicKey(std::shared_ptr<const internal::KeyImpl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const internal::KeyImpl> impl_;
};

class PrivateKey {
 public:
  static absl::StatusOr<PrivateKey> Generate(KeyType type = KeyType::kP256);  // RSA: 3,072 bits

  // The Ed25519 key of 32 secret bytes (RFC 8032 section 5.1.5): a secret that can sign without
  // being shown.
  static absl::StatusOr<PrivateKey> FromEd25519Seed(const Secret& seed);

  // From PEM PKCS #8 (RFC 5208), not encrypted.
  static absl::StatusOr<PrivateKey> FromPem(absl::string_view pem);

  // Reads a PEM file. FAILED_PRECONDITION/KEY_FILE_EXPOSED when group or others may read or write
  // it; NOT_FOUND/NO_KEY_FILE.
  static absl::StatusOr<PrivateKey> LoadFile(const std::string& path);

  Secret ToPem() const;

  // Writes the file with mode 0600 and renames it into place; synced before it has its name.
  absl::Status Save(const std::string& path) const;

  KeyType type() const { return public_key_.type(); }
  const PublicKey& public_key() const { return public_key_; }

  absl::StatusOr<std::string> Sign(absl::string_view message) const;
  // Signs a SHA-256 digest made before; UNIMPLEMENTED/NO_DIGEST_SIGNATURE for Ed25519 and P-384.
  absl::StatusOr<std::string> SignDigest(const Digest& digest) const;

 private:
  friend struct internal::Access;
  explicit PrivateKey(std::shared_ptr<const internal::KeyImpl> impl, PublicKey public_key)
      : impl_(std::move(impl)), public_key_(std::move(public_key)) {}
  std::shared_ptr<const internal::KeyImpl> impl_;
  PublicKey public_key_;
};

}  // namespace egov::pki

#endif  // EGOV_LIBS_PKI_KEY_H_
