#include "libs/token/pkcs12.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/token/internal/ecdsa.h"
#include "libs/token/internal/pkcs12_reading.h"

namespace egov::token {

using internal::Deleter;
using internal::PkeyPtr;

namespace {

// OWASP's figure for PBKDF2 with SHA-256; the integrity check, which a guess can be tried on too,
// costs as much.
constexpr int kIterations = 600'000;
constexpr size_t kSaltSize = 16;
constexpr size_t kLargestFile = 1 << 20;

absl::Status BadEntry(absl::string_view why) {
  ERR_clear_error();
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_ENTRY",
                     absl::StrCat("the file is not written: ", why))
      .Field("entries")
      .Expected("an EC key (P-256 or P-384) with its certificate, one for each use");
}

absl::Status CheckEntries(const std::vector<Pkcs12::Entry>& entries) {
  std::map<Use, int> uses;
  for (const Pkcs12::Entry& entry : entries) {
    if (!internal::IsEc(entry.key.type())) return BadEntry("a key is of another kind");
    if (entry.key.public_key() != entry.certificate.public_key()) {
      return BadEntry("a certificate is not the key's");
    }
    const absl::optional<Use> use = UseOf(entry.certificate);
    if (!use) return BadEntry("a certificate is for neither use");
    if (++uses[*use] > 1) return BadEntry("two certificates are for the same use");
  }
  return entries.empty() ? BadEntry("there is no entry") : absl::OkStatus();
}

PkeyPtr PkeyOf(const pki::PrivateKey& key) {
  const pki::Secret pem = key.ToPem();
  const std::unique_ptr<BIO, Deleter<BIO_free_all>> in(
      BIO_new_mem_buf(pem.Reveal().data(), static_cast<int>(pem.size())));
  return PkeyPtr(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
}

// Both bags of an entry carry its use as name and the key's id, as other programs expect.
bool Name(PKCS12_SAFEBAG* bag, const Pkcs12::Entry& entry) {
  const absl::string_view name = UseName(*UseOf(entry.certificate));
  pki::Digest id = entry.key.public_key().digest();
  return PKCS12_add_friendlyname_utf8(bag, name.data(), static_cast<int>(name.size())) == 1 &&
         PKCS12_add_localkeyid(bag, id.data(), static_cast<int>(id.size())) == 1;
}

void FreeSafes(STACK_OF(PKCS7) * safes) { sk_PKCS7_pop_free(safes, PKCS7_free); }
void FreeBags(STACK_OF(PKCS12_SAFEBAG) * bags) {
  sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}
using BagsPtr = std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), Deleter<FreeBags>>;
using SafesPtr = std::unique_ptr<STACK_OF(PKCS7), Deleter<FreeSafes>>;

std::string Salt() { return base::RandomBytes(kSaltSize); }
unsigned char* Writable(std::string* bytes) {
  return reinterpret_cast<unsigned char*>(&(*bytes)[0]);
}

}  // namespace

struct Pkcs12::Impl {
  struct Pair {
    pki::Certificate certificate;
    std::string key;  // EncryptedPrivateKeyInfo, DER
  };
  std::map<Use, Pair> pairs;

  absl::StatusOr<const Pair*> Find(Use use) const {
    const auto found = pairs.find(use);
    if (found != pairs.end()) return &found->second;
    return base::Error(absl::StatusCode::kNotFound, "CERTIFICATE_NOT_FOUND",
                       "the file has no key with a certificate for this use")
        .Field(UseName(use))
        .Expected("a file that was made for this use");
  }
};

absl::StatusOr<std::string> Pkcs12::Encode(const std::vector<Entry>& entries,
                                           const pki::Secret& password) {
  EGOV_RETURN_IF_ERROR(CheckEntries(entries));
  if (password.size() < kShortestPassword) {
    return base::Error(absl::StatusCode::kInvalidArgument, "PIN_MALFORMED",
                       "the password is too short")
        .Field("password")
        .Expected(absl::StrCat("at least ", kShortestPassword, " characters"));
  }
  const char* const pass = password.Reveal().data();
  const int size = static_cast<int>(password.size());
  const BagsPtr keys(sk_PKCS12_SAFEBAG_new_null());
  const BagsPtr certificates(sk_PKCS12_SAFEBAG_new_null());
  for (const Entry& entry : entries) {
    const PkeyPtr pkey = PkeyOf(entry.key);
    const std::unique_ptr<PKCS8_PRIV_KEY_INFO, Deleter<PKCS8_PRIV_KEY_INFO_free>> info(
        EVP_PKEY2PKCS8(pkey.get()));
    std::string salt = Salt();
    PKCS12_SAFEBAG* const key =
        PKCS12_SAFEBAG_create_pkcs8_encrypt(NID_aes_256_cbc, pass, size, Writable(&salt),
                                            static_cast<int>(salt.size()), kIterations, info.get());
    if (key == nullptr) return BadEntry("a key cannot be encrypted");
    sk_PKCS12_SAFEBAG_push(keys.get(), key);
    const unsigned char* at = internal::Bytes(entry.certificate.ToDer());
    const internal::X509Ptr x509(
        d2i_X509(nullptr, &at, static_cast<long>(entry.certificate.ToDer().size())));  // NOLINT
    PKCS12_SAFEBAG* const certificate = PKCS12_SAFEBAG_create_cert(x509.get());
    if (certificate == nullptr) return BadEntry("a certificate cannot be written");
    sk_PKCS12_SAFEBAG_push(certificates.get(), certificate);
    if (!Name(key, entry) || !Name(certificate, entry)) return BadEntry("it cannot be named");
  }
  // Certificates are encrypted too: they name a person.
  std::string salt = Salt();
  const SafesPtr safes(sk_PKCS7_new_null());
  PKCS7* const encrypted =
      PKCS12_pack_p7encdata(NID_aes_256_cbc, pass, size, Writable(&salt),
                            static_cast<int>(salt.size()), kIterations, certificates.get());
  if (encrypted != nullptr) sk_PKCS7_push(safes.get(), encrypted);
  PKCS7* const plain = PKCS12_pack_p7data(keys.get());
  if (plain != nullptr) sk_PKCS7_push(safes.get(), plain);
  const std::unique_ptr<PKCS12, Deleter<PKCS12_free>> file(PKCS12_init(NID_pkcs7_data));
  salt = Salt();
  if (encrypted == nullptr || plain == nullptr || file == nullptr ||
      PKCS12_pack_authsafes(file.get(), safes.get()) != 1 ||
      PKCS12_set_mac(file.get(), pass, size, Writable(&salt), static_cast<int>(salt.size()),
                     kIterations, EVP_sha256()) != 1) {
    return BadEntry("it cannot be encrypted");
  }
  return internal::ToDer<const PKCS12>(i2d_PKCS12, file.get());
}

absl::Status Pkcs12::Save(const std::string& path, const std::vector<Entry>& entries,
                          const pki::Secret& password) {
  EGOV_ASSIGN_OR_RETURN(const std::string der, Encode(entries, password));
  const std::string temporary = absl::StrCat(path, ".", base::NewUuid());
  const auto failed = [&](absl::string_view what) -> absl::Status {
    const int error = errno;
    unlink(temporary.c_str());
    return base::Error(absl::StatusCode::kUnavailable, "FILE_NOT_SAVED",
                       absl::StrCat(what, " ", path, ": ", strerror(error)))
        .Field("path")
        .Expected("a folder that may be written, with room");
  };
  const int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return failed("cannot create");
  const bool written =
      write(file, der.data(), der.size()) == static_cast<ssize_t>(der.size()) && fsync(file) == 0;
  if (close(file) != 0 || !written) return failed("cannot write");
  if (rename(temporary.c_str(), path.c_str()) != 0) return failed("cannot rename");
  return absl::OkStatus();
}

absl::StatusOr<Pkcs12> Pkcs12::Decode(absl::string_view der, const pki::Secret& password) {
  EGOV_ASSIGN_OR_RETURN(const internal::Pkcs12Contents contents,
                        internal::ReadPkcs12(der, password));
  auto impl = std::make_shared<Impl>();
  for (const std::string& encrypted : contents.keys) {
    EGOV_ASSIGN_OR_RETURN(const PkeyPtr pkey, internal::DecryptKey(encrypted, password));
    const std::string spki = internal::ToDer<const EVP_PKEY>(i2d_PUBKEY, pkey.get());
    for (const pki::Certificate& certificate : contents.certificates) {
      // By the key itself: ids and names in the file are anyone's words.
      const absl::optional<Use> use = UseOf(certificate);
      if (!use || certificate.public_key().ToDer() != spki ||
          !internal::IsEc(certificate.public_key().type())) {
        continue;
      }
      const auto found = impl->pairs.find(*use);
      if (found == impl->pairs.end()) {
        impl->pairs.emplace(*use, Impl::Pair{certificate, encrypted});
      } else if (found->second.certificate.not_before() < certificate.not_before()) {
        found->second = {certificate, encrypted};
      }
    }
  }
  if (impl->pairs.empty()) {
    return internal::BadPkcs12("no key with a certificate for authentication or signature");
  }
  return Pkcs12(std::move(impl));
}

absl::StatusOr<Pkcs12> Pkcs12::Open(const std::string& path, const pki::Secret& password) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::string der(kLargestFile + 1, '\0');
  const ssize_t size = file < 0 ? -1 : read(file, &der[0], der.size());
  if (file >= 0) close(file);
  if (size < 0) {
    return base::Error(absl::StatusCode::kNotFound, "NO_CARRIER_FILE",
                       absl::StrCat("cannot read the file ", path))
        .Field("path")
        .Expected("a PKCS #12 file, often named .p12 or .pfx");
  }
  if (static_cast<size_t>(size) > kLargestFile) return internal::BadPkcs12("it is too large");
  der.resize(size);
  return Decode(der, password);
}

absl::StatusOr<pki::Certificate> Pkcs12::Certificate(Use use) {
  EGOV_ASSIGN_OR_RETURN(const Impl::Pair* pair, impl_->Find(use));
  return pair->certificate;
}

absl::StatusOr<std::string> Pkcs12::Sign(Use use, absl::string_view digest,
                                         const pki::Secret& pin) {
  EGOV_ASSIGN_OR_RETURN(const Impl::Pair* pair, impl_->Find(use));
  const pki::PublicKey& key = pair->certificate.public_key();
  EGOV_RETURN_IF_ERROR(internal::CheckDigest(key, digest));
  EGOV_ASSIGN_OR_RETURN(const PkeyPtr pkey, internal::DecryptKey(pair->key, pin));
  const internal::PkeyContextPtr context(EVP_PKEY_CTX_new(pkey.get(), nullptr));
  size_t size = EVP_PKEY_get_size(pkey.get());
  std::string signature(size, '\0');
  if (context == nullptr || EVP_PKEY_sign_init(context.get()) != 1 ||
      EVP_PKEY_sign(context.get(), Writable(&signature), &size, internal::Bytes(digest),
                    digest.size()) != 1) {
    return internal::BadPkcs12("its key does not sign");
  }
  signature.resize(size);
  EGOV_RETURN_IF_ERROR(internal::VerifyDigest(key, digest, signature));
  return signature;
}

}  // namespace egov::token
