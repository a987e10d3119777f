// SHA-256 (FIPS 180-4), the one digest of the platform: leaves, commitments, fingerprints,
// imprints.
//
// Thread safety: values; one Sha256 belongs to one thread at a time. Cost: about 0.1 us for 64
// bytes, then about 1.4 GB/s; never allocates.
#ifndef EGOV_LIBS_PKI_SHA256_H_
#define EGOV_LIBS_PKI_SHA256_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace egov::pki {

using Digest = std::array<uint8_t, 32>;

// The bytes of a digest, for hashing, comparing with wire fields and storing. Valid as long as
// `digest`.
inline absl::string_view AsBytes(const Digest& digest) {
  return absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size());
}

// Takes a digest from its 32 bytes; false, and `digest` unchanged, when `bytes` has another length.
bool DigestFromBytes(absl::string_view bytes, Digest* digest);

// Hashes what comes in pieces. Copying it keeps the state so far (a prefix that many messages share
// is hashed once).
class Sha256 {
 public:
  Sha256();
  Sha256& Update(absl::string_view bytes);
  Sha256& Update(const Digest& digest) { return Update(AsBytes(digest)); }

  // The digest of all bytes since construction or the last Finish; afterwards the object starts
  // anew.
  Digest Finish();

 private:
  // Room for OpenSSL's SHA256_CTX, whose type stays out of this header; its size is checked in the
  // .cc file.
  alignas(8) std::array<uint8_t, 112> state_;
};

// The digest of `bytes`.
Digest Sha256Of(absl::string_view bytes);

// The digest of the pieces put one behind the other.
Digest Sha256OfPieces(absl::Span<const absl::string_view> pieces);
inline Digest Sha256Of(std::initializer_list<absl::string_view> pieces) {
  return Sha256OfPieces(absl::MakeConstSpan(pieces.begin(), pieces.size()));
}

}  // namespace egov::pki

#endif  // EGOV_LIBS_PKI_SHA256_H_
