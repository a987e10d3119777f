#include "libs/merkle/frontier.h"

#include <cstring>

#include "libs/base/bytes.h"
#include "libs/base/status.h"

namespace egov::merkle {

absl::StatusOr<Frontier> Frontier::Parse(absl::string_view bytes) {
  const base::Error bad(absl::StatusCode::kInvalidArgument, "BAD_FRONTIER",
                        "The frontier's length does not follow from its size.");
  if (bytes.size() < 8) return bad;
  Frontier frontier;
  frontier.size_ = base::ReadU64(bytes);
  bytes.remove_prefix(8);
  const size_t count = __builtin_popcountll(frontier.size_);
  if (bytes.size() != count * sizeof(Digest)) return bad;
  frontier.subtrees_.resize(count);
  for (Digest& subtree : frontier.subtrees_) {
    std::memcpy(subtree.data(), bytes.data(), subtree.size());
    bytes.remove_prefix(subtree.size());
  }
  return frontier;
}

void Frontier::Append(const Digest& leaf) {
  Digest hash = leaf;
  // Like adding one to a binary number: every trailing one is a complete subtree that is closed by
  // this leaf.
  for (uint64_t bits = size_; bits % 2 != 0; bits >>= 1) {
    hash = NodeHash(subtrees_.back(), hash);
    subtrees_.pop_back();
  }
  subtrees_.push_back(hash);
  ++size_;
}

Digest Frontier::root() const {
  if (subtrees_.empty()) return EmptyRoot();
  Digest hash = subtrees_.back();
  for (size_t i = subtrees_.size() - 1; i-- > 0;) hash = NodeHash(subtrees_[i], hash);
  return hash;
}

std::string Frontier::Serialize() const {
  std::string out;
  base::AppendU64(size_, &out);
  for (const Digest& subtree : subtrees_) out.append(pki::AsBytes(subtree).data(), subtree.size());
  return out;
}

}  // namespace egov::merkle
