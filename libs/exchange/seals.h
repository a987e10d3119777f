// Seals: a member's signature over a batch of headers, made once for all that wait and verified
// once for all that came.
//
// The headers of one moment form an RFC 6962 tree whose root is signed, after Roughtime. One header
// alone is a batch of one.
#ifndef EGOV_LIBS_EXCHANGE_SEALS_H_
#define EGOV_LIBS_EXCHANGE_SEALS_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/exchange/trust.h"
#include "libs/pki/key.h"
#include "libs/pki/sha256.h"
#include "libs/proof/wire.h"

namespace egov::exchange {

// A header alone under its seal: the serialized SealedHeader.
absl::StatusOr<std::string> SealAlone(const pki::PrivateKey& key, std::string header);

// Seals headers. Thread safe. While few calls are under way each signs for itself and waits for
// nobody. While many are, whoever makes a batch full signs for all who wait, on its own thread; a
// thread of this object signs for those whose batch has not filled within two milliseconds. Each
// batch costs a signature here and a verification there.
class SealMaker {
 public:
  struct Header {
    std::string bytes;
    std::shared_ptr<void> owner;  // given back with it
  };

  // Gets a whole batch, in the order of its headers: each a SealedHeader now, or, with an error, as
  // it came. Runs on the thread of whoever made the batch full, before its Seal returns (which then
  // touches nothing here any more), or on this object's.
  using Deliver = std::function<void(const absl::Status&, std::vector<Header>)>;

  // `key` outlives this. `under_way`: how many calls are sealed or waiting to be, and not answered
  // yet; asked under a lock.
  SealMaker(const pki::PrivateKey* key, std::function<size_t()> under_way, Deliver deliver)
      : key_(key), under_way_(std::move(under_way)), deliver_(std::move(deliver)) {}
  ~SealMaker() { Stop(); }

  void Seal(Header header);

  // Ends the thread, once nobody waits. Nothing may be sealed any more.
  void Stop();

 private:
  // Takes the next batch. Under mutex_, while somebody waits.
  std::vector<Header> TakeBatch();
  void SealBatch(std::vector<Header> batch) const;
  void Work();

  const pki::PrivateKey* const key_;
  const std::function<size_t()> under_way_;
  const Deliver deliver_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Header> waiting_;  // guarded by mutex_
  uint64_t batches_ = 0;        // guarded by mutex_: taken
  bool looking_ = false;        // guarded by mutex_: the thread looks now and then
  bool stopping_ = false;       // guarded by mutex_
  std::thread thread_;          // guarded by mutex_: made when it is first needed
};

// Verifies seals; each distinct root once, also when its calls arrive together: then one verifies
// and the others wait for it. Remembers positive results only, a bounded number, oldest out first.
// Thread safe. Cost: a hash look-up, or one P-256 verification.
class SealChecker {
 public:
  // UNAUTHENTICATED BAD_SEAL.
  absl::Status Check(const proof::OpenedHeader& opened, const Signer& signer);

 private:
  std::mutex mutex_;
  std::condition_variable verified_;
  absl::flat_hash_set<pki::Digest> verifying_;  // guarded by mutex_
  absl::flat_hash_set<pki::Digest> good_;       // guarded by mutex_
  std::deque<pki::Digest> order_;               // guarded by mutex_
};

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_SEALS_H_
