#include "libs/exchange/seals.h"

#include <utility>

#include "egov/exchange/v1/exchange.pb.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/merkle/merkle.h"

namespace egov::exchange {
namespace {

// About ten seconds of distinct roots at the highest rate measured.
constexpr size_t kMostRoots = 65536;

}  // namespace

void SealMaker::Seal(std::string header, Done done) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back({std::move(header), std::move(done)});
    if (signing_) return;
    signing_ = true;
  }
  // Whoever signs goes on until nobody waits. The continuations run before the next batch is taken,
  // so that it has time to fill: a signature is dearer than a short wait.
  while (true) {
    std::vector<Waiting> batch;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (waiting_.empty()) {
        signing_ = false;
        return;
      }
      while (!waiting_.empty() && batch.size() < proof::kMaxBatch) {
        batch.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
      }
    }
    SealBatch(std::move(batch));
  }
}

void SealMaker::SealBatch(std::vector<Waiting> batch) {
  std::vector<pki::Digest> leaves;
  leaves.reserve(batch.size());
  for (const Waiting& one : batch) leaves.push_back(proof::HeaderLeaf(one.header));
  const merkle::BatchTree tree(std::move(leaves));
  const uint32_t size = static_cast<uint32_t>(batch.size());
  const absl::StatusOr<std::string> signature = key_.Sign(proof::SealedBytes(size, tree.root()));
  for (uint32_t i = 0; i < size; ++i) {
    if (!signature.ok()) {
      batch[i].done(signature.status());
      continue;
    }
    egov::exchange::v1::SealedHeader sealed;
    sealed.set_header(std::move(batch[i].header));
    sealed.set_index(i);
    sealed.set_size(size);
    for (const pki::Digest& hash : tree.path(i)) sealed.add_path(hash.data(), hash.size());
    sealed.set_signature(*signature);
    batch[i].done(sealed.SerializeAsString());
  }
}

absl::Status SealChecker::Check(const proof::OpenedHeader& opened, const Signer& signer) {
  // What was verified: this signature, by this key, over this root of this many leaves.
  std::string size;
  base::AppendU32(opened.size, &size);
  const pki::Digest what =
      pki::Sha256Of({size, pki::AsBytes(opened.root),
                     pki::AsBytes(signer.certificate.fingerprint()), opened.signature});
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (good_.contains(what)) return absl::OkStatus();
  }
  const absl::Status verified = signer.certificate.public_key().Verify(
      proof::SealedBytes(opened.size, opened.root), opened.signature);
  if (!verified.ok()) {
    return base::Error(absl::StatusCode::kUnauthenticated, "BAD_SEAL",
                       "the seal is not its certificate's signature over this header");
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (good_.insert(what).second) order_.push_back(what);
  if (order_.size() > kMostRoots) {
    good_.erase(order_.front());
    order_.pop_front();
  }
  return absl::OkStatus();
}

}  // namespace egov::exchange
