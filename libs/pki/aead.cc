#include "libs/pki/aead.h"

#include <openssl/err.h>
#include <openssl/evp.h>

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
  const base::Error not_authentic(absl::StatusCode::kDataLoss, "NOT_AUTHENTIC",
                                  "sealed bytes, key and associated data do not belong together");
  if (sealed.size() < kOverhead) return not_authentic.status();
  const absl::string_view nonce = sealed.substr(0, kNonceSize);
  const absl::string_view body = sealed.substr(kNonceSize, sealed.size() - kOverhead);
  std::string tag(sealed.substr(sealed.size() - kTagSize));
  std::string out(body.size(), '\0');
  CipherContext context(EVP_CIPHER_CTX_new());
  int length = 0;
  Require(EVP_DecryptInit_ex2(context.get(), EVP_aes_256_gcm(), Bytes(key_->Reveal()), Bytes(nonce),
                              nullptr));
  if (!associated.empty()) {
    Require(EVP_DecryptUpdate(context.get(), nullptr, &length, Bytes(associated),
                              static_cast<int>(associated.size())));
  }
  if (!body.empty()) {
    Require(EVP_DecryptUpdate(context.get(), reinterpret_cast<unsigned char*>(&out[0]), &length,
                              Bytes(body), static_cast<int>(body.size())));
  }
  Require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, &tag[0]));
  unsigned char none[16];
  if (EVP_DecryptFinal_ex(context.get(), none, &length) != 1) {
    ERR_clear_error();
    return not_authentic.status();
  }
  return out;
}

}  // namespace egov::pki
