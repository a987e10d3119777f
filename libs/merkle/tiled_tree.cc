#include "libs/merkle/tiled_tree.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "libs/base/status.h"

namespace egov::merkle {
namespace {

constexpr size_t kHashSize = sizeof(Digest);
// Full tiles of a level that stay in memory, so that the paths of a group just appended (at most
// 1,024 exchanges) are made without reading.
constexpr size_t kRecentTiles = 16;

Digest HashAt(absl::string_view hashes, uint64_t i) {
  Digest hash;
  std::memcpy(hash.data(), hashes.data() + i * kHashSize, kHashSize);
  return hash;
}

absl::Status BadTile() {
  return base::Error(absl::StatusCode::kDataLoss, "BAD_TILE",
                     "A stored tile does not have the length that its place asks for.");
}

absl::Status BadSize() {
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_SIZE",
                     "The tree was never of this size.");
}

}  // namespace

absl::StatusOr<Digest> TileRoot(absl::string_view hashes) {
  if (hashes.size() != TiledTree::kTileWidth * kHashSize) return BadTile();
  std::vector<Digest> leaves(TiledTree::kTileWidth);
  for (uint64_t i = 0; i < leaves.size(); ++i) leaves[i] = HashAt(hashes, i);
  return Root(leaves);
}

void TiledTree::Nodes::Put(uint64_t i, const Digest& hash) {
  hashes[i] = hash;
  for (int k = 1; k <= 8 && i % 2 != 0; ++k) {
    i >>= 1;
    hashes[512 - (512 >> k) + i] = NodeHash(at(k - 1, 2 * i), at(k - 1, 2 * i + 1));
  }
}

// Looks up the nodes of one proof, reading each stored tile once.
class TiledTree::Proof {
 public:
  explicit Proof(const TiledTree& tree) : tree_(tree) {}

  // The root of leaves [index << h, (index + 1) << h), all of which exist.
  absl::StatusOr<Digest> Node(int h, uint64_t index) {
    const int level = h / 8;
    const int k = h % 8;
    const uint64_t tile = index >> (8 - k);
    EGOV_ASSIGN_OR_RETURN(const Nodes* nodes, Find(level, tile));
    return nodes->at(k, index - (tile << (8 - k)));
  }

  // The root of leaves [begin, end), begin being a multiple of the least power of two that covers
  // them.
  absl::StatusOr<Digest> Range(uint64_t begin, uint64_t end) {
    const uint64_t count = end - begin;
    Digest hash;
    bool first = true;
    for (int h = 0; h < 64; ++h) {
      if ((count >> h) % 2 == 0) continue;
      // The subtrees stand in order of falling height, so this one ends where the higher bits leave
      // off.
      const uint64_t at = (begin + ((count >> h) << h) - (uint64_t{1} << h)) >> h;
      EGOV_ASSIGN_OR_RETURN(const Digest left, Node(h, at));
      hash = first ? left : NodeHash(left, hash);
      first = false;
    }
    return hash;
  }

  // RFC 6962, 2.1.2: SUBPROOF(m, D[begin:end], complete), appended to `path`.
  absl::Status Consistency(uint64_t m, uint64_t begin, uint64_t end, bool complete, Path* path) {
    const uint64_t n = end - begin;
    if (m == n) {
      if (complete) return absl::OkStatus();
      EGOV_ASSIGN_OR_RETURN(path->emplace_back(), Range(begin, end));
      return absl::OkStatus();
    }
    const uint64_t k = uint64_t{1} << (63 - __builtin_clzll(n - 1));
    if (m <= k) {
      EGOV_RETURN_IF_ERROR(Consistency(m, begin, begin + k, complete, path));
      EGOV_ASSIGN_OR_RETURN(path->emplace_back(), Range(begin + k, end));
    } else {
      EGOV_RETURN_IF_ERROR(Consistency(m - k, begin + k, end, false, path));
      EGOV_ASSIGN_OR_RETURN(path->emplace_back(), Range(begin, begin + k));
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<const Nodes*> Find(int level, uint64_t tile) {
    const Level& kept = tree_.levels_[level];
    const uint64_t full = kept.count / kTileWidth;
    if (tile == full) return &kept.edge;
    if (full - tile <= kept.recent.size()) {
      return kept.recent[kept.recent.size() - (full - tile)].get();
    }
    const auto key = std::make_pair(level, tile);
    const auto found = read_.find(key);
    if (found != read_.end()) return &found->second;
    EGOV_ASSIGN_OR_RETURN(const std::string hashes, tree_.reader_(level, tile));
    if (hashes.size() != kTileWidth * kHashSize) return BadTile();
    Nodes& nodes = read_[key];
    for (uint64_t i = 0; i < kTileWidth; ++i) nodes.Put(i, HashAt(hashes, i));
    return &nodes;
  }

  const TiledTree& tree_;
  std::map<std::pair<int, uint64_t>, Nodes> read_;
};

TiledTree::TiledTree(TileReader reader) : reader_(std::move(reader)), root_(EmptyRoot()) {}

absl::StatusOr<TiledTree> TiledTree::Restore(uint64_t size, TileReader reader,
                                             const EdgeReader& edge) {
  TiledTree tree(std::move(reader));
  tree.size_ = size;
  for (int level = 0; level < 8 && size >> (8 * level) != 0; ++level) {
    Level& kept = tree.levels_.emplace_back();
    kept.count = size >> (8 * level);
    const uint64_t open = kept.count % kTileWidth;
    if (open == 0) continue;
    EGOV_ASSIGN_OR_RETURN(const std::string hashes, edge(level, kept.count - open, open));
    if (hashes.size() != open * kHashSize) return BadTile();
    for (uint64_t i = 0; i < open; ++i) kept.edge.Put(i, HashAt(hashes, i));
  }
  tree.Close();
  return tree;
}

void TiledTree::Put(size_t level, const Digest& hash, const TileSink& sink) {
  if (level == levels_.size()) levels_.emplace_back();
  Level& kept = levels_[level];
  kept.edge.Put(kept.count % kTileWidth, hash);
  if (++kept.count % kTileWidth != 0) return;

  Tile tile;
  tile.level = static_cast<int>(level);
  tile.index = kept.count / kTileWidth - 1;
  tile.hashes.assign(reinterpret_cast<const char*>(kept.edge.hashes.data()),
                     kTileWidth * kHashSize);
  tile.root = kept.edge.at(8, 0);
  sink(tile);
  if (kept.recent.size() == kRecentTiles) kept.recent.erase(kept.recent.begin());
  kept.recent.push_back(std::make_shared<const Nodes>(kept.edge));
  Put(level + 1, tile.root, sink);  // may move levels_: `kept` is not used after it
}

void TiledTree::Append(absl::Span<const Digest> leaves, const TileSink& sink) {
  for (const Digest& leaf : leaves) Put(0, leaf, sink);
  size_ += leaves.size();
  Close();
}

// Computes, once for each group, the roots of what lies right of the last complete node on every
// level.
void TiledTree::Close() {
  open_.clear();
  if (size_ == 0) return;
  bool any = false;
  Digest hash;
  for (int h = 0; h < 64 && size_ >> h != 0; ++h) {
    open_.push_back(hash);
    if ((size_ >> h) % 2 == 0) continue;
    const Level& kept = levels_[h / 8];
    // The last complete node of level h: inside the open tile unless it is that tile's whole left
    // part, which is full.
    const uint64_t node = (size_ >> h) - 1;
    const uint64_t in_tile = node - (node >> (8 - h % 8) << (8 - h % 8));
    const Digest& left = kept.edge.at(h % 8, in_tile);
    hash = any ? NodeHash(left, hash) : left;
    any = true;
  }
  root_ = hash;
}

absl::StatusOr<Digest> TiledTree::RootAt(uint64_t size) const {
  if (size > size_) return BadSize();
  if (size == size_) return root_;
  if (size == 0) return EmptyRoot();
  return Proof(*this).Range(0, size);
}

absl::StatusOr<Path> TiledTree::InclusionPath(uint64_t index, uint64_t size) const {
  if (size > size_) return BadSize();
  if (index >= size) {
    return base::Error(absl::StatusCode::kInvalidArgument, "INDEX_OUT_OF_RANGE",
                       "The tree has no leaf at this index.");
  }
  Proof proof(*this);
  Path path;
  path.reserve(64 - __builtin_clzll(size));
  for (int h = 0; (size - 1) >> h != 0; ++h) {
    const uint64_t sibling = (index >> h) ^ 1;
    if (sibling < size >> h) {
      EGOV_ASSIGN_OR_RETURN(path.emplace_back(), proof.Node(h, sibling));
    } else if (sibling << h < size) {
      if (size == size_) {
        path.push_back(open_[h]);
      } else {
        EGOV_ASSIGN_OR_RETURN(path.emplace_back(), proof.Range(sibling << h, size));
      }
    }
  }
  return path;
}

absl::StatusOr<Path> TiledTree::ConsistencyPath(uint64_t old_size, uint64_t new_size) const {
  if (old_size > new_size || new_size > size_) return BadSize();
  Path path;
  if (old_size == 0) return path;
  EGOV_RETURN_IF_ERROR(Proof(*this).Consistency(old_size, 0, new_size, true, &path));
  return path;
}

}  // namespace egov::merkle
