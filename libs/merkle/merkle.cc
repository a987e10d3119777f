#include "libs/merkle/merkle.h"

#include <utility>

#include "libs/base/status.h"

namespace egov::merkle {
namespace {

absl::Status BadPathLength() {
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_PATH_LENGTH",
                     "The proof does not have the number of hashes that its sizes ask for.");
}

absl::Status RootMismatch() {
  return base::Error(absl::StatusCode::kInvalidArgument, "ROOT_MISMATCH",
                     "The proof leads to another root.");
}

}  // namespace

Digest EmptyRoot() { return pki::Sha256().Finish(); }

Digest LeafHash(std::initializer_list<absl::string_view> pieces) {
  pki::Sha256 hash;
  hash.Update(absl::string_view("\0", 1));
  for (absl::string_view piece : pieces) hash.Update(piece);
  return hash.Finish();
}

Digest NodeHash(const Digest& left, const Digest& right) {
  pki::Sha256 hash;
  hash.Update(absl::string_view("\1", 1));
  hash.Update(left);
  hash.Update(right);
  return hash.Finish();
}

Digest Root(absl::Span<const Digest> leaves) {
  if (leaves.empty()) return EmptyRoot();
  std::vector<Digest> level(leaves.begin(), leaves.end());
  while (level.size() > 1) {
    size_t pairs = level.size() / 2;
    for (size_t i = 0; i < pairs; ++i) level[i] = NodeHash(level[2 * i], level[2 * i + 1]);
    if (level.size() % 2 != 0) level[pairs++] = level.back();
    level.resize(pairs);
  }
  return level[0];
}

BatchTree::BatchTree(std::vector<Digest> leaves) {
  levels_.push_back(std::move(leaves));
  while (levels_.back().size() > 1) {
    const std::vector<Digest>& below = levels_.back();
    std::vector<Digest> level;
    level.reserve((below.size() + 1) / 2);
    for (size_t i = 0; i + 1 < below.size(); i += 2)
      level.push_back(NodeHash(below[i], below[i + 1]));
    if (below.size() % 2 != 0) level.push_back(below.back());
    levels_.push_back(std::move(level));
  }
  root_ = levels_.back().empty() ? EmptyRoot() : levels_.back()[0];
}

Path BatchTree::path(size_t index) const {
  Path path;
  path.reserve(levels_.size() - 1);
  for (size_t h = 0; h + 1 < levels_.size(); ++h, index >>= 1) {
    if ((index ^ 1) < levels_[h].size()) path.push_back(levels_[h][index ^ 1]);
  }
  return path;
}

// RFC 9162, 2.1.3.2.
absl::StatusOr<Digest> RootFromPath(const Digest& leaf, uint64_t index, uint64_t size,
                                    absl::Span<const Digest> path) {
  if (index >= size) {
    return base::Error(absl::StatusCode::kInvalidArgument, "INDEX_OUT_OF_RANGE",
                       "The tree has no leaf at this index.");
  }
  uint64_t last = size - 1;
  Digest hash = leaf;
  size_t used = 0;
  for (; last > 0; index >>= 1, last >>= 1) {
    // A last node without sibling is carried up unchanged.
    if (index == last && index % 2 == 0) continue;
    if (used == path.size()) return BadPathLength();
    const Digest& sibling = path[used++];
    hash = index % 2 != 0 ? NodeHash(sibling, hash) : NodeHash(hash, sibling);
  }
  if (used != path.size()) return BadPathLength();
  return hash;
}

absl::Status VerifyInclusion(const Digest& leaf, uint64_t index, uint64_t size,
                             absl::Span<const Digest> path, const Digest& root) {
  EGOV_ASSIGN_OR_RETURN(const Digest found, RootFromPath(leaf, index, size, path));
  return found == root ? absl::OkStatus() : RootMismatch();
}

// RFC 9162, 2.1.4.2.
absl::Status VerifyConsistency(uint64_t old_size, const Digest& old_root, uint64_t new_size,
                               const Digest& new_root, absl::Span<const Digest> path) {
  if (old_size > new_size) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_SIZE",
                       "The new tree is smaller than the old one.");
  }
  if (old_size == 0 || old_size == new_size) {
    if (!path.empty()) return BadPathLength();
    if (old_size == 0 && old_root != EmptyRoot()) return RootMismatch();
    if (new_size == 0 && new_root != EmptyRoot()) return RootMismatch();
    return old_size == new_size && old_root != new_root ? RootMismatch() : absl::OkStatus();
  }
  uint64_t node = old_size - 1;
  uint64_t last = new_size - 1;
  for (; node % 2 != 0; node >>= 1) last >>= 1;

  // When the old tree is one whole subtree of the new one, its root is the first hash and is not
  // sent.
  size_t used = 0;
  if (node != 0 && path.empty()) return BadPathLength();
  Digest old_hash = node == 0 ? old_root : path[used++];
  Digest new_hash = old_hash;
  for (; last > 0; node >>= 1, last >>= 1) {
    if (node == last && node % 2 == 0) continue;
    if (used == path.size()) return BadPathLength();
    const Digest& sibling = path[used++];
    if (node % 2 != 0) {
      old_hash = NodeHash(sibling, old_hash);
      new_hash = NodeHash(sibling, new_hash);
    } else {
      new_hash = NodeHash(new_hash, sibling);
    }
  }
  if (used != path.size()) return BadPathLength();
  return old_hash == old_root && new_hash == new_root ? absl::OkStatus() : RootMismatch();
}

}  // namespace egov::merkle
