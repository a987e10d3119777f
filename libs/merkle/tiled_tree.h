// An append-only Merkle tree kept in tiles (C2SP tlog-tiles): proofs of any age need no rebuild, a
// start needs no replay.
//
// Tile (level L, index N) holds the 256 hashes of tree level 8 L with numbers 256 N .. 256 N + 255:
// 8,192 bytes. Only full tiles are ever handed out, each exactly once and never changed again. What
// is not yet in a full tile is the open right edge: at most 255 hashes on each tile level, held in
// memory and restored at a start from what the caller keeps:
//   level 0       the hashes of the last size % 256 leaves, which a log has beside its records
//   anyway level L >= 1  the roots of the last (size >> 8 L) % 256 full tiles of level L - 1
//   (Tile::root, or TileRoot of its bytes)
//
// Thread safety: as a value. Const methods may run side by side; the TileReader must then allow it.
// A tree is cheap to copy (about 16 KiB a level, three levels at 16 million leaves): copy it under
// the writer's lock, make old proofs outside it. To undo an append whose commit failed, put back
// the copy taken before.
//
// Cost: Append is one node hash a leaf, then one a tree level for the group; InclusionPath for a
// leaf of the last 4,096 at the current size copies hashes and reads nothing; for any other leaf
// and size it reads at most one tile a tile level and some 255 hashes for each. ConsistencyPath
// likewise, at most two tiles a tile level. Errors: INVALID_ARGUMENT INDEX_OUT_OF_RANGE, BAD_SIZE;
// DATA_LOSS BAD_TILE (a tile of the wrong length); what the reader says.
#ifndef EGOV_LIBS_MERKLE_TILED_TREE_H_
#define EGOV_LIBS_MERKLE_TILED_TREE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libs/merkle/merkle.h"

namespace egov::merkle {

// A full tile, as it is to be stored.
struct Tile {
  int level = 0;
  uint64_t index = 0;
  std::string hashes;  // 256 * 32 bytes
  Digest root;         // = hash number `index` of tile level `level` + 1
};

// Takes a full tile; called inside Append, lower levels first.
using TileSink = std::function<void(const Tile& tile)>;
// Gives back the 8,192 bytes of a full tile.
using TileReader = std::function<absl::StatusOr<std::string>(int level, uint64_t index)>;
// Gives the `count` (1..255) hashes of a tile level's open edge, beginning with number `first`, one
// after another.
using EdgeReader =
    std::function<absl::StatusOr<std::string>(int level, uint64_t first, uint64_t count)>;

// The root of a full tile's 256 hashes.
absl::StatusOr<Digest> TileRoot(absl::string_view hashes);

class TiledTree {
 public:
  static constexpr uint64_t kTileWidth = 256;

  // A tree without leaves.
  explicit TiledTree(TileReader reader);

  // The tree of this size, its open edge read from the caller: one call for each tile level that
  // has one.
  static absl::StatusOr<TiledTree> Restore(uint64_t size, TileReader reader,
                                           const EdgeReader& edge);

  // Appends a group of leaf hashes.
  void Append(absl::Span<const Digest> leaves, const TileSink& sink);

  uint64_t size() const { return size_; }
  const Digest& root() const { return root_; }

  // The root that the tree had at `size`.
  absl::StatusOr<Digest> RootAt(uint64_t size) const;
  // The path of leaf `index` in the tree as it was at `size`; index < size <= size().
  absl::StatusOr<Path> InclusionPath(uint64_t index, uint64_t size) const;
  // Shows that the tree at `new_size` extends the tree at `old_size`; old_size <= new_size <=
  // size().
  absl::StatusOr<Path> ConsistencyPath(uint64_t old_size, uint64_t new_size) const;

 private:
  // A tile with the nodes inside it: inner level k (0..8) begins at 512 - (512 >> k), the last node
  // is the tile's root.
  struct Nodes {
    Nodes() : hashes(511) {}
    const Digest& at(int k, uint64_t i) const { return hashes[512 - (512 >> k) + i]; }
    // Adds hash number `i` of the tile and closes every node that it completes.
    void Put(uint64_t i, const Digest& hash);
    std::vector<Digest> hashes;
  };
  struct Level {
    uint64_t count = 0;  // hashes seen on this level; the edge has count % 256
    Nodes edge;
    std::vector<std::shared_ptr<const Nodes>> recent;  // the last full tiles, newest last
  };
  class Proof;

  void Put(size_t level, const Digest& hash, const TileSink& sink);
  void Close();

  TileReader reader_;
  uint64_t size_ = 0;
  Digest root_;
  std::vector<Level> levels_;
  std::vector<Digest>
      open_;  // open_[h]: root of leaves [size >> h << h, size), where that is not empty
};

}  // namespace egov::merkle

#endif  // EGOV_LIBS_MERKLE_TILED_TREE_H_
