// Seals: a member's signature over a batch of headers, made once for all that wait and verified
// once for all that came.
//
// Roughtime's way: while one signature is being made, the headers that arrive form the next RFC
// 6962 tree. One header alone is a batch of one.
#ifndef EGOV_LIBS_EXCHANGE_SEALS_H_
#define EGOV_LIBS_EXCHANGE_SEALS_H_

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/exchange/trust.h"
#include "libs/pki/key.h"
#include "libs/pki/sha256.h"
#include "libs/proof/wire.h"

namespace egov::exchange {

// Seals headers. Thread safe. The first to arrive signs for all who arrive meanwhile, on its own
// thread.
class SealMaker {
 public:
  explicit SealMaker(pki::PrivateKey key) : key_(std::move(key)) {}

  // `done` gets the serialized SealedHeader; it runs on some caller's thread, perhaps before Seal
  // returns.
  using Done = std::function<void(absl::StatusOr<std::string>)>;
  void Seal(std::string header, Done done);

 private:
  struct Waiting {
    std::string header;
    Done done;
  };
  void SealBatch(std::vector<Waiting> batch);

  const pki::PrivateKey key_;
  std::mutex mutex_;
  std::deque<Waiting> waiting_;  // guarded by mutex_
  bool signing_ = false;         // guarded by mutex_
};

// Verifies seals; each distinct root once. Remembers positive results only, a bounded number,
// oldest out first. Thread safe. Cost: a hash look-up, or one P-256 verification.
class SealChecker {
 public:
  // UNAUTHENTICATED BAD_SEAL.
  absl::Status Check(const proof::OpenedHeader& opened, const Signer& signer);

 private:
  std::mutex mutex_;
  absl::flat_hash_set<pki::Digest> good_;  // guarded by mutex_
  std::deque<pki::Digest> order_;          // guarded by mutex_
};

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_SEALS_H_
