#include "libs/pki/sha256.h"

#include <openssl/sha.h>

#include <cstring>

namespace egov::pki {
namespace {

// The low-level calls are deprecated in OpenSSL 3, and used with open eyes: EVP_Digest looks its
// algorithm up in the provider and allocates a context for each call (about 0.5 us), which for the
// 64-byte nodes of a Merkle tree costs several times the hashing itself. The functions below are
// the very code that the default provider runs.
static_assert(sizeof(SHA256_CTX) <= 112 && alignof(SHA256_CTX) <= 8, "Sha256::state_ is too small");

SHA256_CTX* Context(std::array<uint8_t, 112>& state) {
  return reinterpret_cast<SHA256_CTX*>(state.data());
}

}  // namespace

bool DigestFromBytes(absl::string_view bytes, Digest* digest) {
  if (bytes.size() != digest->size()) return false;
  std::memcpy(digest->data(), bytes.data(), digest->size());
  return true;
}

Sha256::Sha256() { SHA256_Init(Context(state_)); }

Sha256& Sha256::Update(absl::string_view bytes) {
  SHA256_Update(Context(state_), bytes.data(), bytes.size());
  return *this;
}

Digest Sha256::Finish() {
  Digest digest;
  SHA256_Final(digest.data(), Context(state_));
  SHA256_Init(Context(state_));
  return digest;
}

Digest Sha256Of(absl::string_view bytes) { return Sha256().Update(bytes).Finish(); }

Digest Sha256OfPieces(absl::Span<const absl::string_view> pieces) {
  Sha256 hash;
  for (absl::string_view piece : pieces) hash.Update(piece);
  return hash.Finish();
}

}  // namespace egov::pki
