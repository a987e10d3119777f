#include "libs/pki/secret.h"

#include <openssl/crypto.h>

#include <cstring>
#include <utility>

#include "libs/base/ids.h"

namespace egov::pki {

Secret::Secret(absl::string_view bytes) : bytes_(new char[bytes.size()]), size_(bytes.size()) {
  if (size_ > 0) std::memcpy(bytes_.get(), bytes.data(), size_);
}

Secret Secret::Random(size_t size) {
  Secret secret;
  secret.bytes_.reset(new char[size]);
  secret.size_ = size;
  base::RandomBytes(secret.bytes_.get(), size);
  return secret;
}

Secret::Secret(Secret&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Wipe();
    bytes_ = std::move(other.bytes_);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Secret::~Secret() { Wipe(); }

void Secret::Wipe() {
  if (bytes_ != nullptr) OPENSSL_cleanse(bytes_.get(), size_);
}

bool Secret::Equals(absl::string_view other) const {
  return size_ == other.size() &&
         (size_ == 0 || CRYPTO_memcmp(bytes_.get(), other.data(), size_) == 0);
}

}  // namespace egov::pki
