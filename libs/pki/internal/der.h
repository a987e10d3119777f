// DER of the few structures for which OpenSSL has no type (X.690 section 8).
#ifndef EGOV_LIBS_PKI_INTERNAL_DER_H_
#define EGOV_LIBS_PKI_INTERNAL_DER_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/pki/internal/openssl.h"

namespace egov::pki::internal {

// The parts, one behind the other, as the content of `tag`.
template <typename... Parts>
std::string Der(unsigned char tag, const Parts&... parts) {
  const size_t size = (size_t{0} + ... + absl::string_view(parts).size());
  std::string out(1, static_cast<char>(tag));
  if (size < 0x80) {
    out += static_cast<char>(size);
  } else {
    std::string length;
    for (size_t rest = size; rest != 0; rest >>= 8)
      length.insert(length.begin(), static_cast<char>(rest & 0xFF));
    out += static_cast<char>(0x80 | length.size());
    out += length;
  }
  (out.append(absl::string_view(parts).data(), absl::string_view(parts).size()), ...);
  return out;
}

inline std::string DerSequence(absl::string_view content) { return Der(0x30, content); }
inline std::string DerSet(absl::string_view content) { return Der(0x31, content); }
inline std::string DerIa5(absl::string_view text) { return Der(0x16, text); }
inline std::string DerPrintable(absl::string_view text) { return Der(0x13, text); }
inline std::string DerTime(absl::string_view text) { return Der(0x18, text); }  // GeneralizedTime

// Empty when `dotted` is no object identifier.
inline std::string DerOid(absl::string_view dotted) {
  const Asn1ObjectPtr object(OBJ_txt2obj(std::string(dotted).c_str(), 1));
  if (object == nullptr) {
    ERR_clear_error();
    return {};
  }
  return ToDer(i2d_ASN1_OBJECT, object.get());
}

}  // namespace egov::pki::internal

#endif  // EGOV_LIBS_PKI_INTERNAL_DER_H_
