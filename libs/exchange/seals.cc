#include "libs/exchange/seals.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "egov/exchange/v1/exchange.pb.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/merkle/merkle.h"

namespace egov::exchange {
namespace {

// About ten seconds of distinct roots at the highest rate measured.
constexpr size_t kMostRoots = 65536;

// A batch gathers a third of the calls under way: while it waits the others keep both sides busy.
constexpr size_t kShareOfAll = 3;

// How often the thread looks for a batch that does not fill: nobody waits for more than twice that.
constexpr std::chrono::microseconds kLook(1000);

// How many headers a batch may have so that each sealed header keeps within its bound: every level
// of the tree adds a hash to it.
size_t MostLeaves(size_t header_bytes) {
  constexpr size_t kBesides = 100;  // signature, place and the framing of fields
  constexpr size_t kPerLevel = 34;
  size_t leaves = 1;
  for (size_t bytes = header_bytes + kBesides + kPerLevel;
       bytes <= proof::kMaxHeaderBytes && leaves < proof::kMaxBatch; bytes += kPerLevel) {
    leaves *= 2;
  }
  return leaves;
}

std::string Sealed(std::string header, uint32_t index, uint32_t size, const merkle::Path& path,
                   const std::string& signature) {
  egov::exchange::v1::SealedHeader sealed;
  sealed.set_header(std::move(header));
  sealed.set_index(index);
  sealed.set_size(size);
  for (const pki::Digest& hash : path) sealed.add_path(hash.data(), hash.size());
  sealed.set_signature(signature);
  return sealed.SerializeAsString();
}

}  // namespace

void SealMaker::Seal(Header header) {
  std::vector<Header> batch;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const size_t full = std::min(MostLeaves(header.bytes.size()), under_way_() / kShareOfAll);
    waiting_.push_back(std::move(header));
    if (waiting_.size() < full) {
      if (looking_) return;
      looking_ = true;
      if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
      wake_.notify_one();
      return;
    }
    batch = TakeBatch();
  }
  SealBatch(std::move(batch));
}

void SealMaker::Stop() {
  std::thread thread;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    thread.swap(thread_);
    wake_.notify_one();
  }
  if (thread.joinable()) thread.join();
}

// While batches fill by themselves this only looks: to be woken for each of them would cost more
// than a batch saves.
void SealMaker::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_ || !waiting_.empty()) {
    const uint64_t before = batches_;
    wake_.wait_for(lock, kLook, [this] { return stopping_; });
    if (batches_ != before && !stopping_) continue;
    if (waiting_.empty()) {
      looking_ = false;
      wake_.wait(lock, [this] { return stopping_ || looking_; });
      continue;
    }
    std::vector<Header> batch = TakeBatch();
    lock.unlock();
    SealBatch(std::move(batch));
    lock.lock();
  }
}

std::vector<SealMaker::Header> SealMaker::TakeBatch() {
  std::vector<Header> batch;
  size_t largest = 0;
  while (!waiting_.empty()) {
    largest = std::max(largest, waiting_.front().bytes.size());
    if (!batch.empty() && batch.size() + 1 > MostLeaves(largest)) break;
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  ++batches_;
  return batch;
}

void SealMaker::SealBatch(std::vector<Header> batch) const {
  const auto size = static_cast<uint32_t>(batch.size());
  std::vector<pki::Digest> leaves;
  leaves.reserve(size);
  for (const Header& one : batch) leaves.push_back(proof::HeaderLeaf(one.bytes));
  const merkle::BatchTree tree(std::move(leaves));
  const absl::StatusOr<std::string> signature = key_->Sign(proof::SealedBytes(size, tree.root()));
  for (uint32_t i = 0; i < size && signature.ok(); ++i)
    batch[i].bytes = Sealed(std::move(batch[i].bytes), i, size, tree.path(i), *signature);
  deliver_(signature.status(), std::move(batch));
}

absl::StatusOr<std::string> SealAlone(const pki::PrivateKey& key, std::string header) {
  EGOV_ASSIGN_OR_RETURN(const std::string signature,
                        key.Sign(proof::SealedBytes(1, proof::HeaderLeaf(header))));
  return Sealed(std::move(header), 0, 1, {}, signature);
}

absl::Status SealChecker::Check(const proof::OpenedHeader& opened, const Signer& signer) {
  // What was verified: this signature, by this key, over this root of this many leaves.
  std::string size;
  base::AppendU32(opened.size, &size);
  const pki::Digest what =
      pki::Sha256Of({size, pki::AsBytes(opened.root),
                     pki::AsBytes(signer.certificate.fingerprint()), opened.signature});
  std::unique_lock<std::mutex> lock(mutex_);
  if (good_.contains(what)) return absl::OkStatus();
  const bool first = verifying_.insert(what).second;
  if (!first) {
    verified_.wait(lock, [&] { return !verifying_.contains(what); });
    // When it was a bad one, each finds that out alone: nobody waits for bad seals in a row.
    if (good_.contains(what)) return absl::OkStatus();
  }
  lock.unlock();
  const absl::Status verified = signer.certificate.public_key().Verify(
      proof::SealedBytes(opened.size, opened.root), opened.signature);
  lock.lock();
  if (first) {
    verifying_.erase(what);
    verified_.notify_all();
  }
  if (!verified.ok()) {
    return base::Error(absl::StatusCode::kUnauthenticated, "BAD_SEAL",
                       "the seal is not its certificate's signature over this header");
  }
  if (good_.insert(what).second) order_.push_back(what);
  if (order_.size() > kMostRoots) {
    good_.erase(order_.front());
    order_.pop_front();
  }
  return absl::OkStatus();
}

}  // namespace egov::exchange
