// The smallest state from which a Merkle tree can grow: the roots of its complete subtrees, one for
// each bit of its size.
#ifndef EGOV_LIBS_MERKLE_FRONTIER_H_
#define EGOV_LIBS_MERKLE_FRONTIER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/merkle/merkle.h"

namespace egov::merkle {

// Grows by leaves and knows size and root; makes no proofs. At most 64 hashes.
// Thread safety: as a value. Cost: Append one node hash on average; root() one for each bit of the
// size but one.
class Frontier {
 public:
  Frontier() = default;

  // Reads what Serialize wrote. INVALID_ARGUMENT (BAD_FRONTIER) when the length does not follow
  // from the size.
  static absl::StatusOr<Frontier> Parse(absl::string_view bytes);

  void Append(const Digest& leaf);

  uint64_t size() const { return size_; }
  Digest root() const;

  // u64 size | the hashes, largest subtree first.
  std::string Serialize() const;

 private:
  uint64_t size_ = 0;
  std::vector<Digest> subtrees_;  // largest first; popcount(size_) of them
};

}  // namespace egov::merkle

#endif  // EGOV_LIBS_MERKLE_FRONTIER_H_
