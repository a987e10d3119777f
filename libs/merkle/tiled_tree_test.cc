#include "libs/merkle/tiled_tree.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/merkle/frontier.h"

namespace egov::merkle {
namespace {

using ::egov::base::Fails;
using ::egov::base::IsOk;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// What a caller keeps: full tiles, their roots, and the leaf hashes.
struct Kept {
  std::map<std::pair<int, uint64_t>, Tile> tiles;
  std::vector<Digest> leaves;
  int reads = 0;
  uint64_t largest_edge = 0;

  TileSink Sink() {
    return [this](const Tile& tile) {
      EXPECT_TRUE(tiles.emplace(std::make_pair(tile.level, tile.index), tile).second)
          << "a tile is handed out once";
    };
  }
  TileReader Reader() {
    return [this](int level, uint64_t index) -> absl::StatusOr<std::string> {
      ++reads;
      const auto found = tiles.find({level, index});
      if (found == tiles.end()) return absl::NotFoundError("no such tile");
      return found->second.hashes;
    };
  }
  EdgeReader Edge() {
    return [this](int level, uint64_t first, uint64_t count) -> absl::StatusOr<std::string> {
      largest_edge = std::max(largest_edge, count);
      std::string out;
      for (uint64_t i = first; i < first + count; ++i) {
        const Digest& hash = level == 0 ? leaves.at(i) : tiles.at({level - 1, i}).root;
        out.append(std::string(pki::AsBytes(hash)));
      }
      return out;
    };
  }
};

std::vector<Digest> Numbered(size_t begin, size_t end) {
  std::vector<Digest> leaves;
  for (size_t i = begin; i < end; ++i) leaves.push_back(LeafHash(std::to_string(i)));
  return leaves;
}

TEST(TiledTreeTest, EveryPathOfEverySizeUpTo300IsThatOfThePlainTree) {
  Kept kept;
  TiledTree tree(kept.Reader());
  kept.leaves = Numbered(0, 300);
  for (size_t n = 1; n <= 300; ++n) {
    tree.Append({&kept.leaves[n - 1], 1}, kept.Sink());
    const BatchTree plain({kept.leaves.begin(), kept.leaves.begin() + n});
    ASSERT_EQ(tree.size(), n);
    ASSERT_EQ(tree.root(), plain.root()) << n;
    for (size_t i = 0; i < n; ++i) {
      EGOV_ASSERT_OK_AND_ASSIGN(const Path path, tree.InclusionPath(i, n));
      ASSERT_EQ(path, plain.path(i)) << i << " of " << n;
    }
  }
  EXPECT_EQ(kept.reads, 0);
}

TEST(TiledTreeTest, PathsAtOldSizesAreThoseOfThePlainTreeThen) {
  Kept kept;
  kept.leaves = Numbered(0, 300);
  {
    TiledTree tree(kept.Reader());
    tree.Append(kept.leaves, kept.Sink());
  }
  EGOV_ASSERT_OK_AND_ASSIGN(const TiledTree tree,
                            TiledTree::Restore(300, kept.Reader(), kept.Edge()));
  for (size_t n = 1; n <= 300; n += n < 10 || n > 250 ? 1 : 17) {
    const BatchTree plain({kept.leaves.begin(), kept.leaves.begin() + n});
    EGOV_ASSERT_OK_AND_ASSIGN(const Digest root, tree.RootAt(n));
    ASSERT_EQ(root, plain.root());
    for (size_t i = 0; i < n; ++i) {
      EGOV_ASSERT_OK_AND_ASSIGN(const Path path, tree.InclusionPath(i, n));
      ASSERT_EQ(path, plain.path(i)) << i << " of " << n;
    }
  }
}

TEST(TiledTreeTest, EveryPairOfSizesUpTo300IsConsistent) {
  Kept kept;
  kept.leaves = Numbered(0, 300);
  TiledTree tree(kept.Reader());
  tree.Append(kept.leaves, kept.Sink());
  std::vector<Digest> roots;
  for (size_t n = 0; n <= 300; ++n) {
    roots.push_back(Root(absl::MakeSpan(kept.leaves).subspan(0, n)));
  }
  for (size_t n = 0; n <= 300; ++n) {
    for (size_t m = 0; m <= n; ++m) {
      EGOV_ASSERT_OK_AND_ASSIGN(const Path path, tree.ConsistencyPath(m, n));
      ASSERT_THAT(VerifyConsistency(m, roots[m], n, roots[n], path), IsOk()) << m << " " << n;
    }
  }
}

TEST(TiledTreeTest, ALogOfThreeTileLevelsGrowsInGroupsAndProvesEverything) {
  constexpr size_t kSize =
      66'000;  // 256 tiles and a few more: the second tile level fills, the third begins
  Kept kept;
  kept.leaves = Numbered(0, kSize);
  TiledTree tree(kept.Reader());
  Frontier frontier;
  std::map<uint64_t, Digest> roots;
  size_t group = 1;
  for (size_t begin = 0; begin < kSize;) {
    const size_t end = std::min(kSize, begin + group);
    tree.Append(absl::MakeSpan(kept.leaves).subspan(begin, end - begin), kept.Sink());
    for (size_t i = begin; i < end; ++i) {
      frontier.Append(kept.leaves[i]);
      EGOV_ASSERT_OK_AND_ASSIGN(const Path path, tree.InclusionPath(i, end));
      ASSERT_THAT(VerifyInclusion(kept.leaves[i], i, end, path, tree.root()), IsOk());
    }
    ASSERT_EQ(tree.root(), frontier.root());
    roots[end] = tree.root();
    begin = end;
    group = group % 1024 + 37;
  }
  EXPECT_EQ(kept.reads, 0) << "the paths of a group just appended read nothing";
  EXPECT_EQ(kept.tiles.size(), 257 + 1);
  EXPECT_EQ(kept.tiles.count({1, 0}), 1);

  EGOV_ASSERT_OK_AND_ASSIGN(TiledTree again, TiledTree::Restore(kSize, kept.Reader(), kept.Edge()));
  EXPECT_EQ(kept.reads, 0) << "a start reads no full tile";
  EXPECT_LE(kept.largest_edge, 255);
  EXPECT_EQ(again.root(), tree.root());
  for (const auto& [size, root] : roots) {
    EGOV_ASSERT_OK_AND_ASSIGN(const Digest then, again.RootAt(size));
    ASSERT_EQ(then, root);
    EGOV_ASSERT_OK_AND_ASSIGN(const Path consistency, again.ConsistencyPath(size, kSize));
    ASSERT_THAT(VerifyConsistency(size, root, kSize, again.root(), consistency), IsOk());
    const uint64_t index = (size * 7919) % size;
    kept.reads = 0;
    EGOV_ASSERT_OK_AND_ASSIGN(const Path path, again.InclusionPath(index, size));
    EXPECT_LE(kept.reads, 4);
    ASSERT_THAT(VerifyInclusion(kept.leaves[index], index, size, path, root), IsOk());
  }

  const std::vector<Digest> more = Numbered(kSize, kSize + 300);
  again.Append(more, kept.Sink());
  for (const Digest& leaf : more) frontier.Append(leaf);
  EXPECT_EQ(again.root(), frontier.root()) << "a restored tree goes on";
}

TEST(TiledTreeTest, AFailedAppendIsUndoneByTheCopyTakenBefore) {
  Kept kept;
  kept.leaves = Numbered(0, 400);
  TiledTree tree(kept.Reader());
  tree.Append(absl::MakeSpan(kept.leaves).subspan(0, 200), kept.Sink());
  const TiledTree before = tree;
  Kept lost;
  tree.Append(Numbered(1000, 1100), lost.Sink());
  tree = before;
  tree.Append(absl::MakeSpan(kept.leaves).subspan(200), kept.Sink());
  EXPECT_EQ(tree.root(), Root(kept.leaves));
}

TEST(TiledTreeTest, WhatTheTreeNeverWasIsRefused) {
  Kept kept;
  TiledTree tree(kept.Reader());
  EXPECT_EQ(tree.root(), EmptyRoot());
  EXPECT_THAT(tree.InclusionPath(0, 0), Fails(kInvalid, "INDEX_OUT_OF_RANGE"));
  tree.Append(Numbered(0, 5), kept.Sink());
  EXPECT_THAT(tree.InclusionPath(5, 5), Fails(kInvalid, "INDEX_OUT_OF_RANGE"));
  EXPECT_THAT(tree.InclusionPath(0, 6), Fails(kInvalid, "BAD_SIZE"));
  EXPECT_THAT(tree.ConsistencyPath(4, 6), Fails(kInvalid, "BAD_SIZE"));
  EXPECT_THAT(tree.ConsistencyPath(4, 3), Fails(kInvalid, "BAD_SIZE"));
  EXPECT_THAT(tree.RootAt(6), Fails(kInvalid, "BAD_SIZE"));
}

TEST(TiledTreeTest, AStoredTileOfTheWrongLengthIsRefused) {
  Kept kept;
  kept.leaves = Numbered(0, 600);
  TiledTree writer(kept.Reader());
  writer.Append(kept.leaves, kept.Sink());
  EXPECT_EQ(TileRoot(kept.tiles.at({0, 0}).hashes).value(), kept.tiles.at({0, 0}).root);
  EGOV_ASSERT_OK_AND_ASSIGN(const TiledTree tree,
                            TiledTree::Restore(600, kept.Reader(), kept.Edge()));
  kept.tiles.at({0, 0}).hashes.pop_back();
  EXPECT_THAT(tree.InclusionPath(3, 600), Fails(absl::StatusCode::kDataLoss, "BAD_TILE"));
  EXPECT_THAT(TileRoot("short"), Fails(absl::StatusCode::kDataLoss, "BAD_TILE"));
  EXPECT_THAT(TiledTree::Restore(600, kept.Reader(),
                                 [](int, uint64_t, uint64_t) { return std::string("short"); }),
              Fails(absl::StatusCode::kDataLoss, "BAD_TILE"));
}

}  // namespace
}  // namespace egov::merkle
