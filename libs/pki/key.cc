#include "libs/pki/key.h"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/pki/internal/openssl.h"

namespace egov::pki {
namespace internal {
namespace {

absl::StatusOr<KeyType> TypeOf(const EVP_PKEY* pkey) {
  const base::Error bad(absl::StatusCode::kInvalidArgument, "BAD_KEY",
                        "the key is of a kind or size that is not accepted");
  switch (EVP_PKEY_get_base_id(pkey)) {
    case EVP_PKEY_EC: {
      char group[32] = {};
      if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), nullptr) != 1) return bad.status();
      if (absl::string_view(group) == SN_X9_62_prime256v1) return KeyType::kP256;
      if (absl::string_view(group) == SN_secp384r1) return KeyType::kP384;
      return bad.status();
    }
    case EVP_PKEY_RSA: {
      // Above 8,192 bits one verification becomes a way to keep us busy.
      const int bits = EVP_PKEY_get_bits(pkey);
      if (bits < 2048 || bits > 8192) return bad.status();
      return KeyType::kRsa;
    }
    case EVP_PKEY_ED25519:
      return KeyType::kEd25519;
    default:
      return bad.status();
  }
}

bool SignsSha256Digests(KeyType type) { return type == KeyType::kP256 || type == KeyType::kRsa; }

absl::StatusOr<std::shared_ptr<const KeyImpl>> MakeImpl(PkeyPtr pkey, bool is_private) {
  EGOV_ASSIGN_OR_RETURN(const KeyType type, TypeOf(pkey.get()));
  auto impl = std::make_shared<KeyImpl>();
  impl->type = type;
  impl->spki = ToDer(i2d_PUBKEY, pkey.get());
  impl->digest = Sha256Of(impl->spki);
  if (SignsSha256Digests(type)) {
    impl->prepared.reset(EVP_PKEY_CTX_new(pkey.get(), nullptr));
    EVP_PKEY_CTX* context = impl->prepared.get();
    const int begun = is_private ? EVP_PKEY_sign_init(context) : EVP_PKEY_verify_init(context);
    if (begun != 1 || EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) != 1 ||
        (type == KeyType::kRsa && EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) != 1)) {
      return OpenSslError(absl::StatusCode::kInternal, "CRYPTO_FAILED", "the key cannot be used");
    }
  }
  impl->pkey = std::move(pkey);
  return std::shared_ptr<const KeyImpl>(std::move(impl));
}

absl::Status BadSignature() {
  ERR_clear_error();
  return base::Error(absl::StatusCode::kUnauthenticated, "BAD_SIGNATURE",
                     "the signature is not this key's over these bytes");
}

absl::Status NoDigestSignature() {
  return base::Error(absl::StatusCode::kUnimplemented, "NO_DIGEST_SIGNATURE",
                     "keys of this kind do not sign SHA-256 digests");
}

absl::Status SigningFailed() {
  return OpenSslError(absl::StatusCode::kInternal, "CRYPTO_FAILED", "signing failed");
}

}  // namespace

absl::StatusOr<PublicKey> Access::WrapPublic(PkeyPtr pkey) {
  EGOV_ASSIGN_OR_RETURN(auto impl, MakeImpl(std::move(pkey), /*is_private=*/false));
  return PublicKey(std::move(impl));
}

absl::StatusOr<PrivateKey> Access::WrapPrivate(PkeyPtr pkey) {
  const std::string spki = ToDer(i2d_PUBKEY, pkey.get());
  EGOV_ASSIGN_OR_RETURN(PublicKey public_key, PublicKey::FromDer(spki));
  EGOV_ASSIGN_OR_RETURN(auto impl, MakeImpl(std::move(pkey), /*is_private=*/true));
  return PrivateKey(std::move(impl), std::move(public_key));
}

}  // namespace internal

using internal::Access;
using internal::Bytes;
using internal::MdContextPtr;
using internal::OpenSslError;
using internal::PkeyContextPtr;
using internal::PkeyPtr;

absl::StatusOr<PublicKey> PublicKey::FromDer(absl::string_view spki) {
  const unsigned char* at = Bytes(spki);
  PkeyPtr pkey(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));  // NOLINT
  if (pkey == nullptr || at != Bytes(spki) + spki.size()) {
    return OpenSslError(absl::StatusCode::kInvalidArgument, "BAD_KEY", "not a public key");
  }
  return Access::WrapPublic(std::move(pkey));
}

absl::StatusOr<PublicKey> PublicKey::FromPem(absl::string_view pem) {
  const auto blocks = internal::DerOfPem(PEM_STRING_PUBLIC, pem);
  if (blocks.size() != 1) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_KEY", "not one public key in PEM");
  }
  return FromDer(blocks[0]);
}

KeyType PublicKey::type() const { return impl_->type; }
const std::string& PublicKey::ToDer() const { return impl_->spki; }
std::string PublicKey::ToPem() const { return internal::PemBlock(PEM_STRING_PUBLIC, impl_->spki); }
const Digest& PublicKey::digest() const { return impl_->digest; }

absl::Status PublicKey::Verify(absl::string_view message, absl::string_view signature) const {
  if (impl_->prepared != nullptr) return VerifyDigest(Sha256Of(message), signature);
  MdContextPtr context(EVP_MD_CTX_new());
  if (EVP_DigestVerifyInit(context.get(), nullptr, internal::SignatureDigest(impl_->type), nullptr,
                           impl_->pkey.get()) != 1 ||
      EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(message),
                       message.size()) != 1) {
    return internal::BadSignature();
  }
  return absl::OkStatus();
}

absl::Status PublicKey::VerifyDigest(const Digest& digest, absl::string_view signature) const {
  if (impl_->prepared == nullptr) return internal::NoDigestSignature();
  PkeyContextPtr context(EVP_PKEY_CTX_dup(impl_->prepared.get()));
  if (context == nullptr || EVP_PKEY_verify(context.get(), Bytes(signature), signature.size(),
                                            digest.data(), digest.size()) != 1) {
    return internal::BadSignature();
  }
  return absl::OkStatus();
}

absl::StatusOr<PrivateKey> PrivateKey::Generate(KeyType type) {
  PkeyPtr pkey;
  switch (type) {
    case KeyType::kP256:
      pkey.reset(EVP_EC_gen("P-256"));
      break;
    case KeyType::kP384:
      pkey.reset(EVP_EC_gen("P-384"));
      break;
    case KeyType::kRsa:
      pkey.reset(EVP_RSA_gen(3072));
      break;
    case KeyType::kEd25519:
      pkey.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
      break;
  }
  if (pkey == nullptr) {
    return OpenSslError(absl::StatusCode::kInternal, "CRYPTO_FAILED", "no key could be made");
  }
  return Access::WrapPrivate(std::move(pkey));
}

absl::StatusOr<PrivateKey> PrivateKey::FromEd25519Seed(const Secret& seed) {
  PkeyPtr pkey(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Bytes(seed.Reveal()), seed.size()));
  if (pkey == nullptr) {
    return OpenSslError(absl::StatusCode::kInvalidArgument, "BAD_KEY", "not 32 bytes of seed");
  }
  return Access::WrapPrivate(std::move(pkey));
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(absl::string_view pem) {
  const auto no_password = [](char*, int, int, void*) { return -1; };
  internal::BioPtr in = internal::MemoryReader(pem);
  PkeyPtr pkey(PEM_read_bio_PrivateKey(in.get(), nullptr, no_password, nullptr));
  if (pkey == nullptr) {
    return OpenSslError(absl::StatusCode::kInvalidArgument, "BAD_KEY", "not a private key in PEM");
  }
  return Access::WrapPrivate(std::move(pkey));
}

absl::StatusOr<PrivateKey> PrivateKey::LoadFile(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return base::Error(absl::StatusCode::kNotFound, "NO_KEY_FILE",
                       absl::StrCat("cannot open the key file ", path))
        .Field(path);
  }
  struct stat status {};
  std::string pem(64 * 1024, '\0');  // the largest RSA key takes a tenth
  const bool known = fstat(file, &status) == 0;
  const ssize_t size = known ? read(file, &pem[0], pem.size()) : -1;
  close(file);
  if (size < 0) {
    return base::Error(absl::StatusCode::kNotFound, "NO_KEY_FILE",
                       absl::StrCat("cannot read the key file ", path));
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    OPENSSL_cleanse(&pem[0], pem.size());
    return base::Error(absl::StatusCode::kFailedPrecondition, "KEY_FILE_EXPOSED",
                       absl::StrCat("group or others may use the key file ", path))
        .Expected("mode 0600");
  }
  auto key = FromPem(absl::string_view(pem.data(), size));
  OPENSSL_cleanse(&pem[0], pem.size());
  return key;
}

Secret PrivateKey::ToPem() const {
  // The secure memory of BIO_s_secmem needs a locked heap that is seldom set up; we wipe the copy
  // ourselves.
  internal::BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(out.get(), impl_->pkey.get(), nullptr, nullptr, 0, nullptr,
                                nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);  // NOLINT
  Secret pem(absl::string_view(data, size));
  OPENSSL_cleanse(data, size);
  return pem;
}

absl::Status PrivateKey::Save(const std::string& path) const {
  const std::string temporary = absl::StrCat(path, ".", base::NewUuid());
  const auto failed = [&](absl::string_view what) -> absl::Status {
    const int error = errno;
    unlink(temporary.c_str());
    return base::Error(absl::StatusCode::kUnavailable, "KEY_NOT_SAVED",
                       absl::StrCat(what, " ", path, ": ", strerror(error)));
  };
  const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return failed("cannot create");
  const Secret pem = ToPem();
  const bool written =
      write(file, pem.Reveal().data(), pem.size()) == static_cast<ssize_t>(pem.size()) &&
      fsync(file) == 0;
  if (close(file) != 0 || !written) return failed("cannot write");
  if (rename(temporary.c_str(), path.c_str()) != 0) return failed("cannot rename");
  return absl::OkStatus();
}

absl::StatusOr<std::string> PrivateKey::Sign(absl::string_view message) const {
  if (impl_->prepared != nullptr) return SignDigest(Sha256Of(message));
  MdContextPtr context(EVP_MD_CTX_new());
  size_t size = EVP_PKEY_get_size(impl_->pkey.get());
  std::string signature(size, '\0');
  if (EVP_DigestSignInit(context.get(), nullptr, internal::SignatureDigest(impl_->type), nullptr,
                         impl_->pkey.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(&signature[0]), &size,
                     Bytes(message), message.size()) != 1) {
    return internal::SigningFailed();
  }
  signature.resize(size);
  return signature;
}

absl::StatusOr<std::string> PrivateKey::SignDigest(const Digest& digest) const {
  if (impl_->prepared == nullptr) return internal::NoDigestSignature();
  PkeyContextPtr context(EVP_PKEY_CTX_dup(impl_->prepared.get()));
  size_t size = EVP_PKEY_get_size(impl_->pkey.get());
  std::string signature(size, '\0');
  if (context == nullptr ||
      EVP_PKEY_sign(context.get(), reinterpret_cast<unsigned char*>(&signature[0]), &size,
                    digest.data(), digest.size()) != 1) {
    return internal::SigningFailed();
  }
  signature.resize(size);
  return signature;
}

}  // namespace egov::pki
