#include "libs/merkle/merkle.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "libs/base/bytes.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/merkle/frontier.h"

namespace egov::merkle {
namespace {

using ::egov::base::Fails;
using ::egov::base::IsOk;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::string Hex(const Digest& digest) { return base::ToHex(pki::AsBytes(digest)); }

Digest FromHex(absl::string_view hex) {
  Digest digest;
  EXPECT_TRUE(pki::DigestFromBytes(base::FromHex(hex).value(), &digest));
  return digest;
}

// The leaves and values of Certificate Transparency's reference tests.
std::vector<Digest> ReferenceLeaves() {
  std::vector<Digest> leaves;
  for (const char* hex : {"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                          "606162636465666768696a6b6c6d6e6f"}) {
    leaves.push_back(LeafHash(base::FromHex(hex).value()));
  }
  return leaves;
}

constexpr const char* kReferenceRoots[] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

std::vector<Digest> Numbered(size_t n) {
  std::vector<Digest> leaves;
  for (size_t i = 0; i < n; ++i) leaves.push_back(LeafHash(std::to_string(i)));
  return leaves;
}

// The definition of RFC 6962 2.1, word for word; what everything else is held against.
Digest NaiveRoot(absl::Span<const Digest> leaves) {
  if (leaves.empty()) return EmptyRoot();
  if (leaves.size() == 1) return leaves[0];
  size_t k = 1;
  while (2 * k < leaves.size()) k *= 2;
  return NodeHash(NaiveRoot(leaves.subspan(0, k)), NaiveRoot(leaves.subspan(k)));
}

Path NaiveConsistency(size_t m, absl::Span<const Digest> leaves, bool complete) {
  if (m == leaves.size()) return complete ? Path() : Path{NaiveRoot(leaves)};
  size_t k = 1;
  while (2 * k < leaves.size()) k *= 2;
  Path path = m <= k ? NaiveConsistency(m, leaves.subspan(0, k), complete)
                     : NaiveConsistency(m - k, leaves.subspan(k), false);
  path.push_back(NaiveRoot(m <= k ? leaves.subspan(k) : leaves.subspan(0, k)));
  return path;
}

TEST(MerkleTest, RootsAreThoseOfTheReferenceTests) {
  const std::vector<Digest> leaves = ReferenceLeaves();
  for (size_t n = 0; n <= leaves.size(); ++n) {
    EXPECT_EQ(Hex(Root(absl::MakeSpan(leaves).subspan(0, n))), kReferenceRoots[n]) << n;
  }
}

TEST(MerkleTest, InclusionPathsAreThoseOfTheReferenceTests) {
  std::vector<Digest> leaves = ReferenceLeaves();
  const BatchTree eight(leaves);
  EXPECT_EQ(eight.path(0),
            (Path{FromHex("96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"),
                  FromHex("5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"),
                  FromHex("6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4")}));
  EXPECT_EQ(eight.path(5),
            (Path{FromHex("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"),
                  FromHex("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
                  FromHex("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")}));
  leaves.resize(3);
  EXPECT_EQ(BatchTree(leaves).path(2), (Path{FromHex(kReferenceRoots[2])}));
}

TEST(MerkleTest, ConsistencyPathsOfTheReferenceTestsAreAccepted) {
  const auto root = [](int n) { return FromHex(kReferenceRoots[n]); };
  EXPECT_THAT(VerifyConsistency(
                  6, root(6), 8, root(8),
                  {FromHex("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"),
                   FromHex("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
                   FromHex("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")}),
              IsOk());
  EXPECT_THAT(VerifyConsistency(
                  2, root(2), 5, root(5),
                  {FromHex("5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"),
                   FromHex("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b")}),
              IsOk());
}

TEST(MerkleTest, ALeafInPiecesIsTheLeafOfItsBytes) {
  EXPECT_EQ(LeafHash({"ab", "", "c"}), LeafHash("abc"));
}

TEST(MerkleTest, EveryLeafOfEveryTreeUpTo300HasItsPathAndNoOther) {
  const std::vector<Digest> all = Numbered(301);
  Frontier frontier;
  for (size_t n = 0; n <= 300; ++n) {
    const std::vector<Digest> leaves(all.begin(), all.begin() + n);
    const BatchTree tree(leaves);
    ASSERT_EQ(tree.root(), NaiveRoot(leaves)) << n;
    ASSERT_EQ(Root(leaves), tree.root()) << n;
    ASSERT_EQ(frontier.size(), n);
    ASSERT_EQ(frontier.root(), tree.root()) << n;
    EGOV_ASSERT_OK_AND_ASSIGN(const Frontier kept, Frontier::Parse(frontier.Serialize()));
    ASSERT_EQ(kept.root(), tree.root()) << n;
    for (size_t i = 0; i < n; ++i) {
      const Path path = tree.path(i);
      ASSERT_THAT(VerifyInclusion(leaves[i], i, n, path, tree.root()), IsOk()) << i << " of " << n;
      const size_t other = (i * 7 + 1) % n;
      if (other != i) {
        ASSERT_FALSE(VerifyInclusion(leaves[i], other, n, path, tree.root()).ok());
        ASSERT_FALSE(VerifyInclusion(leaves[other], i, n, path, tree.root()).ok());
      }
    }
    frontier.Append(all[n]);
  }
}

TEST(MerkleTest, EveryPairOfSizesUpTo64IsConsistentOnlyWithItsOwnProof) {
  const std::vector<Digest> all = Numbered(64);
  std::vector<Digest> roots;
  for (size_t n = 0; n <= 64; ++n) roots.push_back(Root(absl::MakeSpan(all).subspan(0, n)));
  for (size_t n = 1; n <= 64; ++n) {
    EXPECT_THAT(VerifyConsistency(0, roots[0], n, roots[n], {}), IsOk());
    for (size_t m = 1; m <= n; ++m) {
      const Path path = NaiveConsistency(m, absl::MakeSpan(all).subspan(0, n), true);
      ASSERT_THAT(VerifyConsistency(m, roots[m], n, roots[n], path), IsOk()) << m << " " << n;
      EXPECT_FALSE(VerifyConsistency(m, roots[m - 1], n, roots[n], path).ok());
      EXPECT_FALSE(VerifyConsistency(m, roots[m], n, roots[n - 1], path).ok());
      EXPECT_FALSE(VerifyConsistency(m - 1, roots[m - 1], n, roots[n], path).ok() && m > 1);
      Path longer = path;
      longer.push_back(all[0]);
      EXPECT_THAT(VerifyConsistency(m, roots[m], n, roots[n], longer),
                  Fails(kInvalid, "BAD_PATH_LENGTH"));
      for (size_t i = 0; i < path.size(); ++i) {
        Path flipped = path;
        flipped[i][31] ^= 1;
        EXPECT_THAT(VerifyConsistency(m, roots[m], n, roots[n], flipped),
                    Fails(kInvalid, "ROOT_MISMATCH"));
      }
      if (!path.empty()) {
        EXPECT_THAT(VerifyConsistency(m, roots[m], n, roots[n],
                                      absl::MakeSpan(path).subspan(0, path.size() - 1)),
                    Fails(kInvalid, "BAD_PATH_LENGTH"));
      }
    }
  }
}

TEST(MerkleTest, ASmallerTreeIsNeverConsistentWithALargerOne) {
  const std::vector<Digest> all = Numbered(3);
  EXPECT_THAT(VerifyConsistency(3, Root(all), 2, Root(absl::MakeSpan(all).subspan(0, 2)), {}),
              Fails(kInvalid, "BAD_SIZE"));
  EXPECT_THAT(VerifyConsistency(0, all[0], 3, Root(all), {}), Fails(kInvalid, "ROOT_MISMATCH"));
}

TEST(MerkleTest, AProofForAnotherLeafIndexSizePathOrRootIsRefused) {
  const std::vector<Digest> leaves = Numbered(21);
  const BatchTree tree(leaves);
  const Path path = tree.path(9);
  EXPECT_THAT(VerifyInclusion(leaves[8], 9, 21, path, tree.root()),
              Fails(kInvalid, "ROOT_MISMATCH"));
  EXPECT_THAT(VerifyInclusion(leaves[9], 8, 21, path, tree.root()),
              Fails(kInvalid, "ROOT_MISMATCH"));
  EXPECT_THAT(VerifyInclusion(leaves[9], 9, 16, path, tree.root()),
              Fails(kInvalid, "BAD_PATH_LENGTH"));
  EXPECT_THAT(VerifyInclusion(leaves[9], 21, 21, path, tree.root()),
              Fails(kInvalid, "INDEX_OUT_OF_RANGE"));
  EXPECT_THAT(VerifyInclusion(leaves[9], 0, 0, {}, EmptyRoot()),
              Fails(kInvalid, "INDEX_OUT_OF_RANGE"));
  EXPECT_THAT(VerifyInclusion(leaves[9], 9, 21, path, leaves[0]), Fails(kInvalid, "ROOT_MISMATCH"));
  for (size_t i = 0; i < path.size(); ++i) {
    Path flipped = path;
    flipped[i][0] ^= 0x80;
    EXPECT_THAT(VerifyInclusion(leaves[9], 9, 21, flipped, tree.root()),
                Fails(kInvalid, "ROOT_MISMATCH"));
  }
  Path shorter(path.begin(), path.end() - 1);
  EXPECT_THAT(VerifyInclusion(leaves[9], 9, 21, shorter, tree.root()),
              Fails(kInvalid, "BAD_PATH_LENGTH"));
}

TEST(MerkleTest, ANodeOfferedAsALeafIsRefused) {
  const std::vector<Digest> leaves = Numbered(4);
  const BatchTree tree(leaves);
  // The upper tree of two nodes has the same root, so bytes that hashed to a node would pass. They
  // do not exist, because a leaf's bytes are hashed under another prefix than a node's.
  std::string node_bytes(pki::AsBytes(leaves[0]));
  node_bytes.append(std::string(pki::AsBytes(leaves[1])));
  const Path upper = {NodeHash(leaves[2], leaves[3])};
  EXPECT_THAT(VerifyInclusion(LeafHash(node_bytes), 0, 2, upper, tree.root()),
              Fails(kInvalid, "ROOT_MISMATCH"));
}

TEST(FrontierTest, ABrokenFrontierIsRefused) {
  Frontier frontier;
  for (const Digest& leaf : Numbered(5)) frontier.Append(leaf);
  const std::string bytes = frontier.Serialize();
  EXPECT_EQ(bytes.size(), 8 + 2 * 32);
  EXPECT_THAT(Frontier::Parse(bytes.substr(0, bytes.size() - 1)), Fails(kInvalid, "BAD_FRONTIER"));
  EXPECT_THAT(Frontier::Parse(bytes + "x"), Fails(kInvalid, "BAD_FRONTIER"));
  EXPECT_THAT(Frontier::Parse("1234567"), Fails(kInvalid, "BAD_FRONTIER"));
  EXPECT_THAT(Frontier::Parse(std::string(8, '\xff')), Fails(kInvalid, "BAD_FRONTIER"));
}

}  // namespace
}  // namespace egov::merkle
