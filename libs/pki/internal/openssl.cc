#include "libs/pki/internal/openssl.h"

#include <openssl/pem.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/pki/sha256.h"

namespace egov::pki::internal {

const EVP_MD* SignatureDigest(KeyType type) {
  switch (type) {
    case KeyType::kP384:
      return EVP_sha384();
    case KeyType::kEd25519:
      return nullptr;
    default:
      return EVP_sha256();
  }
}

base::Error OpenSslError(absl::StatusCode code, absl::string_view reason, absl::string_view text) {
  const char* why = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return base::Error(code, reason,
                     why == nullptr ? std::string(text) : absl::StrCat(text, ": ", why));
}

BioPtr MemoryReader(absl::string_view bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::string Contents(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);  // NOLINT: OpenSSL's type
  return std::string(data, size);
}

std::string PemBlock(absl::string_view label, absl::string_view der) {
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio(out.get(), std::string(label).c_str(), "", Bytes(der),
                static_cast<long>(der.size()));  // NOLINT
  return Contents(out.get());
}

std::vector<std::string> DerOfPem(absl::string_view label, absl::string_view pem) {
  std::vector<std::string> blocks;
  BioPtr in = MemoryReader(pem);
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;  // NOLINT: OpenSSL's type
  while (PEM_read_bio(in.get(), &name, &header, &data, &size) == 1) {
    if (label == name) blocks.emplace_back(reinterpret_cast<char*>(data), size);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, size);  // may be a private key
  }
  ERR_clear_error();
  return blocks;
}

absl::Time FromAsn1(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) {
    ERR_clear_error();
    return absl::InfinitePast();
  }
  return absl::FromTM(parts, absl::UTCTimeZone());
}

Asn1TimePtr ToAsn1(absl::Time time) {
  // ASN1_TIME_set writes UTCTime up to 2049 and GeneralizedTime after, as RFC 5280 section 4.1.2.5
  // asks.
  return Asn1TimePtr(ASN1_TIME_set(nullptr, absl::ToTimeT(time)));
}

std::string NameText(const X509_NAME* name) {
  BioPtr out(BIO_new(BIO_s_mem()));
  // The text in UTF-8 rather than with every foreign letter escaped.
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  return Contents(out.get());
}

std::string SerialText(const ASN1_INTEGER* serial) {
  BignumPtr number(ASN1_INTEGER_to_BN(serial, nullptr));
  if (number == nullptr) {
    ERR_clear_error();
    return "";
  }
  std::unique_ptr<char, Deleter<FreeOpenSsl>> hex(BN_bn2hex(number.get()));
  std::string text = absl::AsciiStrToLower(hex.get());
  const size_t first = text.find_first_not_of('0');
  return first == std::string::npos ? "0" : text.substr(first);
}

std::string ObjectText(const ASN1_OBJECT* object) {
  char buffer[128];
  const int size = OBJ_obj2txt(buffer, sizeof(buffer), object, /*no_name=*/1);
  return size <= 0 ? "" : std::string(buffer, std::min<size_t>(size, sizeof(buffer) - 1));
}

}  // namespace egov::pki::internal
