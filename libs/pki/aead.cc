#include "libs/pki/aead.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "libs/base/ids.h"
#include "libs/base/status.h"

namespace egov::pki {
namespace {

constexpr size_t kNonceSize = 12;
constexpr size_t kTagSize = 16;

struct FreeCipherContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipherContext>;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// GCM over valid arguments fails only when memory or the provider is gone; going on would write
// plaintext.
void Require(int ok) {
  if (ok != 1) std::abort();
}

}  // namespace

absl::StatusOr<AesGcm> AesGcm::Create(Secret key) {
  if (key.size() != kKeySize) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_KEY",
                       "an AES-256 key has another length")
        .Expected("32 bytes");
  }
  return AesGcm(std::make_shared<const Secret>(std::move(key)));
}

std::string AesGcm::Seal(absl::string_view plaintext, absl::string_view associated) const {
  std::string out(kNonceSize + plaintext.size() + kTagSize, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(&out[0]);
  base::RandomBytes(bytes, kNonceSize);
  CipherContext context(EVP_CIPHER_CTX_new());
  int length = 0;
  Require(
      EVP_EncryptInit_ex2(context.get(), EVP_aes_256_gcm(), Bytes(key_->Reveal()), bytes, nullptr));
  if (!associated.empty()) {
    Require(EVP_EncryptUpdate(context.get(), nullptr, &length, Bytes(associated),
                              static_cast<int>(associated.size())));
  }
  if (!plaintext.empty()) {
    Require(EVP_EncryptUpdate(context.get(), bytes + kNonceSize, &length, Bytes(plaintext),
                              static_cast<int>(plaintext.size())));
  }
  unsigned char* tag = bytes + kNonceSize + plaintext.size();
  Require(EVP_EncryptFinal_ex(context.get(), tag, &length));
  Require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, tag));
  return out;
}

absl::StatusOr<std::string> AesGcm::Open(absl::string_view sealed,
                                         absl::string_view associated) const {
  Opener opener(*this);
  EGOV_ASSIGN_OR_RETURN(const absl::string_view plaintext, opener.Open(sealed, associated));
  return std::string(plaintext);
}

AesGcm::Opener::Opener(const AesGcm& key) : context_(EVP_CIPHER_CTX_new()) {
  Require(EVP_DecryptInit_ex2(static_cast<EVP_CIPHER_CTX*>(context_), EVP_aes_256_gcm(),
                              Bytes(key.key_->Reveal()), nullptr, nullptr));
}

AesGcm::Opener::~Opener() { EVP_CIPHER_CTX_free(static_cast<EVP_CIPHER_CTX*>(context_)); }

absl::StatusOr<absl::string_view> AesGcm::Opener::Open(absl::string_view sealed,
                                                       absl::string_view associated) {
  const auto not_authentic = [] {
    return base::Error(absl::StatusCode::kDataLoss, "NOT_AUTHENTIC",
                       "sealed bytes, key and associated data do not belong together")
        .status();
  };
  if (sealed.size() < kOverhead) return not_authentic();
  auto* context = static_cast<EVP_CIPHER_CTX*>(context_);
  const absl::string_view body = sealed.substr(kNonceSize, sealed.size() - kOverhead);
  unsigned char tag[kTagSize];
  std::copy(sealed.end() - kTagSize, sealed.end(), tag);
  plaintext_.resize(body.size());
  int length = 0;
  Require(EVP_DecryptInit_ex2(context, nullptr, nullptr, Bytes(sealed), nullptr));
  if (!associated.empty()) {
    Require(EVP_DecryptUpdate(context, nullptr, &length, Bytes(associated),
                              static_cast<int>(associated.size())));
  }
  if (!body.empty()) {
    Require(EVP_DecryptUpdate(context, reinterpret_cast<unsigned char*>(&plaintext_[0]), &length,
                              Bytes(body), static_cast<int>(body.size())));
  }
  Require(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag));
  unsigned char none[16];
  if (EVP_DecryptFinal_ex(context, none, &length) != 1) {
    ERR_clear_error();
    plaintext_.assign(plaintext_.size(), '\0');
    return not_authentic();
  }
  return plaintext_;
}

}  // namespace egov::pki
