// RFC 6962 (section 2.1) Merkle trees over SHA-256: roots, inclusion and consistency, made and
// checked.
//
//   leaf   SHA-256(0x00 | bytes)            node   SHA-256(0x01 | left | right)            no
//   leaves: SHA-256 of nothing
//
// The two prefixes keep a node from being offered as a leaf. Everything here works on leaf hashes;
// `LeafHash` makes them. Where trees grow and are kept, see frontier.h (only the root is wanted)
// and tiled_tree.h (proofs of any age are wanted).
//
// Thread safety: values and pure functions. Cost: one hash of 65 bytes for each node made.
// Errors: INVALID_ARGUMENT with the reasons
//   INDEX_OUT_OF_RANGE   there is no such leaf in a tree of that size
//   BAD_SIZE             a tree cannot be consistent with a smaller one
//   BAD_PATH_LENGTH      not the number of hashes that this place in a tree of this size has (RFC
//   9162, 2.1.3.2 and 2.1.4.2) ROOT_MISMATCH        the path leads to another root: another leaf,
//   index, size, path or tree
#ifndef EGOV_LIBS_MERKLE_MERKLE_H_
#define EGOV_LIBS_MERKLE_MERKLE_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libs/pki/sha256.h"

namespace egov::merkle {

using pki::Digest;
// Hashes from the leaf's side upward, as RFC 6962 orders them.
using Path = std::vector<Digest>;

// The root of a tree without leaves.
Digest EmptyRoot();

// Hash of a leaf whose bytes are the pieces one after another.
Digest LeafHash(std::initializer_list<absl::string_view> pieces);
inline Digest LeafHash(absl::string_view bytes) { return LeafHash({bytes}); }

Digest NodeHash(const Digest& left, const Digest& right);

// Root of the tree over these leaf hashes, in order.
Digest Root(absl::Span<const Digest> leaves);

// A whole tree in memory, for batches that are made in one go: n - 1 hashes once, then every path
// is only copied.
class BatchTree {
 public:
  explicit BatchTree(std::vector<Digest> leaves);

  size_t size() const { return levels_[0].size(); }
  const Digest& root() const { return root_; }
  // The inclusion path of leaf `index`, which must be below size().
  Path path(size_t index) const;

 private:
  // levels_[h][i] covers leaves [i << h, (i + 1) << h); a last node without sibling is carried up
  // as it is.
  std::vector<std::vector<Digest>> levels_;
  Digest root_;
};

// The root that `path` leads to from `leaf` at `index` in a tree of `size` leaves.
absl::StatusOr<Digest> RootFromPath(const Digest& leaf, uint64_t index, uint64_t size,
                                    absl::Span<const Digest> path);

// OK when `path` shows that `leaf` is number `index` of the tree with this size and root.
absl::Status VerifyInclusion(const Digest& leaf, uint64_t index, uint64_t size,
                             absl::Span<const Digest> path, const Digest& root);

// OK when `path` shows that the new tree begins with all leaves of the old one, in the same order.
// Equal sizes need equal roots and an empty path; everything extends the tree of size 0 (with its
// one root and no path).
absl::Status VerifyConsistency(uint64_t old_size, const Digest& old_root, uint64_t new_size,
                               const Digest& new_root, absl::Span<const Digest> path);

}  // namespace egov::merkle

#endif  // EGOV_LIBS_MERKLE_MERKLE_H_
