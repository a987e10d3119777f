#include "libs/token/internal/pkcs12_reading.h"

#include <openssl/pkcs12.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::token::internal {
namespace {

// Guessing a password costs as many rounds as the file says, and so does opening it: above this a
// file is a way to keep us busy. OpenSSL writes 2,048.
constexpr int64_t kMostIterations = 10'000'000;

void FreeSafes(STACK_OF(PKCS7) * safes) { sk_PKCS7_pop_free(safes, PKCS7_free); }
void FreeBags(STACK_OF(PKCS12_SAFEBAG) * bags) {
  sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}
using Pkcs12Ptr = std::unique_ptr<PKCS12, Deleter<PKCS12_free>>;
using SafesPtr = std::unique_ptr<STACK_OF(PKCS7), Deleter<FreeSafes>>;
using BagsPtr = std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), Deleter<FreeBags>>;
using SigPtr = std::unique_ptr<X509_SIG, Deleter<X509_SIG_free>>;

absl::Status OldEncryption(const ASN1_OBJECT* algorithm) {
  char name[80] = {};
  OBJ_obj2txt(name, sizeof(name), algorithm, /*no_name=*/0);
  return base::Error(absl::StatusCode::kFailedPrecondition, "OLD_ENCRYPTION",
                     absl::StrCat("the file is protected with ", name, ", which is not accepted"))
      .Expected("the file written anew with AES-256 and SHA-256, as today's programs do");
}

absl::Status CheckIterations(const ASN1_INTEGER* iterations) {
  int64_t count = 1;  // RFC 7292 section 4: the default
  if (iterations != nullptr &&
      (ASN1_INTEGER_get_int64(&count, iterations) != 1 || count < 1 || count > kMostIterations)) {
    return BadPkcs12("its number of iterations is out of bounds");
  }
  return absl::OkStatus();
}

bool IsOneOf(int nid, std::initializer_list<int> accepted) {
  for (const int one : accepted) {
    if (nid == one) return true;
  }
  return false;
}

// RFC 8018 appendix A.4: PBES2 with PBKDF2 and AES.
absl::Status CheckEncryption(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* name = nullptr;
  int kind = 0;
  const void* value = nullptr;
  X509_ALGOR_get0(&name, &kind, &value, algorithm);
  if (OBJ_obj2nid(name) != NID_pbes2) return OldEncryption(name);
  const std::unique_ptr<PBE2PARAM, Deleter<PBE2PARAM_free>> scheme(static_cast<PBE2PARAM*>(
      ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), algorithm->parameter)));
  if (scheme == nullptr) return BadPkcs12("its encryption is malformed");
  const ASN1_OBJECT* const cipher = scheme->encryption->algorithm;
  if (!IsOneOf(OBJ_obj2nid(cipher), {NID_aes_256_cbc, NID_aes_192_cbc, NID_aes_128_cbc})) {
    return OldEncryption(cipher);
  }
  const ASN1_OBJECT* const derivation = scheme->keyfunc->algorithm;
  if (OBJ_obj2nid(derivation) != NID_id_pbkdf2) return OldEncryption(derivation);
  const std::unique_ptr<PBKDF2PARAM, Deleter<PBKDF2PARAM_free>> parameters(
      static_cast<PBKDF2PARAM*>(
          ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), scheme->keyfunc->parameter)));
  if (parameters == nullptr) return BadPkcs12("its encryption is malformed");
  // Absent means HMAC with SHA-1.
  if (parameters->prf == nullptr) return OldEncryption(OBJ_nid2obj(NID_hmacWithSHA1));
  const ASN1_OBJECT* const hash = parameters->prf->algorithm;
  if (!IsOneOf(OBJ_obj2nid(hash), {NID_hmacWithSHA256, NID_hmacWithSHA384, NID_hmacWithSHA512})) {
    return OldEncryption(hash);
  }
  return CheckIterations(parameters->iter);
}

absl::Status CheckMac(const PKCS12* file) {
  if (PKCS12_mac_present(file) != 1) return BadPkcs12("nothing protects it from changes");
  const ASN1_OCTET_STRING* mac = nullptr;
  const X509_ALGOR* algorithm = nullptr;
  const ASN1_OCTET_STRING* salt = nullptr;
  const ASN1_INTEGER* iterations = nullptr;
  PKCS12_get0_mac(&mac, &algorithm, &salt, &iterations, file);
  if (!IsOneOf(OBJ_obj2nid(algorithm->algorithm), {NID_sha256, NID_sha384, NID_sha512})) {
    return OldEncryption(algorithm->algorithm);
  }
  return CheckIterations(iterations);
}

absl::Status ReadBags(const STACK_OF(PKCS12_SAFEBAG) * bags, Pkcs12Contents* contents) {
  for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); ++i) {
    const PKCS12_SAFEBAG* const bag = sk_PKCS12_SAFEBAG_value(bags, i);
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
      case NID_keyBag:
        return BadPkcs12("a key in it is not encrypted");
      case NID_pkcs8ShroudedKeyBag: {
        const X509_SIG* const key = PKCS12_SAFEBAG_get0_pkcs8(bag);
        if (key == nullptr) return BadPkcs12("a key in it is malformed");
        const X509_ALGOR* algorithm = nullptr;
        X509_SIG_get0(key, &algorithm, nullptr);
        EGOV_RETURN_IF_ERROR(CheckEncryption(algorithm));
        contents->keys.push_back(ToDer<const X509_SIG>(i2d_X509_SIG, key));
        break;
      }
      case NID_certBag: {
        const X509Ptr x509(PKCS12_SAFEBAG_get1_cert(bag));
        if (x509 == nullptr) return BadPkcs12("a certificate in it is malformed");
        auto certificate = pki::Certificate::FromDer(ToDer<const X509>(i2d_X509, x509.get()));
        // An authority's, say, with a key of a kind that is not ours, is nothing to us.
        if (certificate.ok()) contents->certificates.push_back(*std::move(certificate));
        break;
      }
      default:  // lists, secrets, nested contents
        break;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status BadPkcs12(absl::string_view why) {
  ERR_clear_error();
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_PKCS12",
                     absl::StrCat("the file is no carrier: ", why))
      .Expected("a PKCS #12 file with an EC key (P-256 or P-384) and its certificate");
}

absl::Status WrongPassword() {
  ERR_clear_error();
  return base::Error(absl::StatusCode::kUnauthenticated, "PIN_INCORRECT",
                     "the password is wrong, or the file was changed")
      .Field("pin")
      .Expected("the password that the file was written with");
}

absl::StatusOr<Pkcs12Contents> ReadPkcs12(absl::string_view der, const pki::Secret& password) {
  const unsigned char* at = Bytes(der);
  const Pkcs12Ptr file(d2i_PKCS12(nullptr, &at, static_cast<long>(der.size())));  // NOLINT
  if (file == nullptr || at != Bytes(der) + der.size()) return BadPkcs12("malformed");
  EGOV_RETURN_IF_ERROR(CheckMac(file.get()));
  const SafesPtr safes(PKCS12_unpack_authsafes(file.get()));
  if (safes == nullptr) return BadPkcs12("malformed");
  for (int i = 0; i < sk_PKCS7_num(safes.get()); ++i) {
    const PKCS7* const safe = sk_PKCS7_value(safes.get(), i);
    if (OBJ_obj2nid(safe->type) != NID_pkcs7_encrypted) continue;
    if (safe->d.encrypted == nullptr) return BadPkcs12("malformed");
    EGOV_RETURN_IF_ERROR(CheckEncryption(safe->d.encrypted->enc_data->algorithm));
  }
  const int size = static_cast<int>(password.size());
  if (password.empty() || PKCS12_verify_mac(file.get(), password.Reveal().data(), size) != 1) {
    return WrongPassword();
  }
  Pkcs12Contents contents;
  for (int i = 0; i < sk_PKCS7_num(safes.get()); ++i) {
    PKCS7* const safe = sk_PKCS7_value(safes.get(), i);
    const int kind = OBJ_obj2nid(safe->type);
    BagsPtr bags;
    if (kind == NID_pkcs7_data) bags.reset(PKCS12_unpack_p7data(safe));
    if (kind == NID_pkcs7_encrypted) {
      bags.reset(PKCS12_unpack_p7encdata(safe, password.Reveal().data(), size));
    }
    if (bags == nullptr) return BadPkcs12("a part of it cannot be read");
    EGOV_RETURN_IF_ERROR(ReadBags(bags.get(), &contents));
  }
  ERR_clear_error();
  return contents;
}

absl::StatusOr<PkeyPtr> DecryptKey(absl::string_view encrypted, const pki::Secret& password) {
  const unsigned char* at = Bytes(encrypted);
  const SigPtr sig(d2i_X509_SIG(nullptr, &at, static_cast<long>(encrypted.size())));  // NOLINT
  if (sig == nullptr || password.empty()) return WrongPassword();
  // OpenSSL wipes the decrypted bytes with the structure, and the numbers with the key.
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, Deleter<PKCS8_PRIV_KEY_INFO_free>> info(
      PKCS8_decrypt(sig.get(), password.Reveal().data(), static_cast<int>(password.size())));
  PkeyPtr key(info == nullptr ? nullptr : EVP_PKCS82PKEY(info.get()));
  if (key == nullptr) return WrongPassword();
  return key;
}

}  // namespace egov::token::internal
