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

}  // namespace

void SealMaker::Seal(std::string header, Done done) {
  std::vector<Waiting> batch;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const size_t full = std::min(MostLeaves(header.size()), under_way_() / kShareOfAll);
    waiting_.push_back({std::move(header), std::move(done)});
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
    std::vector<Waiting> batch = TakeBatch();
    lock.unlock();
    SealBatch(std::move(batch));
    lock.lock();
  }
}

std::vector<SealMaker::Waiting> SealMaker::TakeBatch() {
  std::vector<Waiting> batch;
  size_t largest = 0;
  while (!waiting_.empty()) {
    largest = std::max(largest, waiting_.front().header.size());
    if (!batch.empty() && batch.size() + 1 > MostLeaves(largest)) break;
    batch.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  ++batches_;
  return batch;
}

void SealMaker::SealBatch(std::vector<Waiting> batch) const {
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
