// Digests of the three sizes that signatures may use. Not for others.
#ifndef EGOV_LIBS_SIGNATURE_INTERNAL_DIGEST_H_
#define EGOV_LIBS_SIGNATURE_INTERNAL_DIGEST_H_

#include <openssl/evp.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "libs/signature/container.h"

namespace egov::signature::internal {

class Digester {
 public:
  explicit Digester(Hash hash) : context_(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(context_.get(),
                      hash == Hash::kSha256   ? EVP_sha256()
                      : hash == Hash::kSha384 ? EVP_sha384()
                                              : EVP_sha512(),
                      nullptr);
  }
  void Update(absl::string_view bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }
  std::string Finish() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &size);
    return std::string(reinterpret_cast<char*>(digest), size);
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

inline std::string DigestOf(Hash hash, absl::string_view bytes) {
  Digester digester(hash);
  digester.Update(bytes);
  return digester.Finish();
}

// XML's names of digests (RFC 6931); nullopt for any other, SHA-1 among them.
inline absl::optional<Hash> HashOfUri(absl::string_view uri) {
  if (uri == "http://www.w3.org/2001/04/xmlenc#sha256") return Hash::kSha256;
  if (uri == "http://www.w3.org/2001/04/xmldsig-more#sha384") return Hash::kSha384;
  if (uri == "http://www.w3.org/2001/04/xmlenc#sha512") return Hash::kSha512;
  return absl::nullopt;
}

}  // namespace egov::signature::internal

#endif  // EGOV_LIBS_SIGNATURE_INTERNAL_DIGEST_H_
