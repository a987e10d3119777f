// Public keys and signatures come from whatever module is loaded: reading them may only fail.
#include <cstdint>
#include <cstdlib>

#include "libs/token/internal/ecdsa.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace egov;  // NOLINT: a fuzz target has no other names
  static const auto* key = new pki::PrivateKey(*pki::PrivateKey::Generate());
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const pki::KeyType type : {pki::KeyType::kP256, pki::KeyType::kP384}) {
    const auto read = token::internal::PublicKeyOf(token::internal::CurveParameters(type), bytes);
    if (read.ok() && read->type() != type) std::abort();
  }
  (void)token::internal::PublicKeyOf(bytes.substr(0, 10), bytes.substr(bytes.size() / 2));
  // Nobody signs with our key by chance.
  if (token::internal::SignatureOf(bytes, key->public_key(), std::string(32, 'd')).ok()) {
    std::abort();
  }
  return 0;
}
