// Authenticated encryption: AES-256-GCM (NIST SP 800-38D) with a random nonce in front.
//
// Sealed form: nonce[12] | ciphertext | tag[16]. Nonces are random, so one key serves at most 2^32
// messages (SP 800-38D section 8.3); use a key for each month or purpose. The associated data is
// authenticated, not kept: Open needs the same.
//
// Thread safety: const use from many threads. Cost: about 1 us, then 1.6 GB/s.
#ifndef EGOV_LIBS_PKI_AEAD_H_
#define EGOV_LIBS_PKI_AEAD_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/pki/secret.h"

namespace egov::pki {

class AesGcm {
 public:
  static constexpr size_t kKeySize = 32;
  static constexpr size_t kOverhead = 12 + 16;

  // INVALID_ARGUMENT/BAD_KEY unless the key has 32 bytes.
  static absl::StatusOr<AesGcm> Create(Secret key);

  std::string Seal(absl::string_view plaintext, absl::string_view associated) const;

  // DATA_LOSS/NOT_AUTHENTIC when a bit of key, sealed bytes or associated data differs; nothing is
  // then revealed.
  absl::StatusOr<std::string> Open(absl::string_view sealed, absl::string_view associated) const;

  // Opens many under one key, as Open does, but expands the key once and keeps its memory. For one
  // thread at a time.
  class Opener {
   public:
    explicit Opener(const AesGcm& key);
    ~Opener();
    Opener(const Opener&) = delete;
    Opener& operator=(const Opener&) = delete;

    // The plaintext is valid until the next call.
    absl::StatusOr<absl::string_view> Open(absl::string_view sealed, absl::string_view associated);

   private:
    void* const context_;  // OpenSSL's
    std::string plaintext_;
  };

 private:
  explicit AesGcm(std::shared_ptr<const Secret> key) : key_(std::move(key)) {}
  std::shared_ptr<const Secret> key_;
};

}  // namespace egov::pki

#endif  // EGOV_LIBS_PKI_AEAD_H_
