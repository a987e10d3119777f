// What a caller checks before it hands an answer on, and what it remembers of a service's log.
// Internal to libs/exchange.
#ifndef EGOV_LIBS_EXCHANGE_RECEIPTS_H_
#define EGOV_LIBS_EXCHANGE_RECEIPTS_H_

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "libs/base/clock.h"
#include "libs/exchange/client.h"
#include "libs/exchange/trust.h"
#include "libs/pki/sha256.h"
#include "libs/proof/wire.h"

namespace egov::exchange {

// The largest checkpoint of each log that was proven to extend the one before. Survives in a file
// when one is named; several processes may share it, and none makes it forget what another has
// seen. Thread safe.
class CheckpointMemory {
 public:
  static absl::StatusOr<std::unique_ptr<CheckpointMemory>> Open(std::string path);
  // The note kept for an origin; empty when there is none.
  std::string Get(const std::string& origin) const;
  // Keeps the note unless a larger one is kept, here or in the file, and has it synced.
  // DATA_LOSS LOG_SPLIT when another root of that size is kept, BAD_MEMORY when the file is not as
  // it was written; UNAVAILABLE MEMORY_UNWRITABLE.
  absl::Status Put(const std::string& origin, const std::string& note);

 private:
  struct Kept {
    uint64_t size = 0;
    pki::Digest root = {};
    std::string note;
  };
  explicit CheckpointMemory(std::string path) : path_(std::move(path)) {}
  absl::Status Merge(const std::string& origin, const std::string& note);
  absl::Status ReadFile();
  absl::Status WriteFile() const;

  const std::string path_;
  mutable std::mutex mutex_;
  std::map<std::string, Kept> notes_;  // by origin
};

// Where in a stream a receipt stands; a unary call is window 0 with nothing before.
struct ReceiptContext {
  uint64_t window = 0;
  std::string previous_record;  // SHA-256 of the record before; empty in window 0
  uint64_t seen = 0;  // seen_size() when the question was sent: its record comes after those
};

// Thread safe.
class ReceiptChecker {
 public:
  // `trust`, `memory` and `clock` outlive it.
  ReceiptChecker(std::string audience, Trust* trust, CheckpointMemory* memory,
                 const base::Clock* clock)
      : audience_(std::move(audience)), trust_(trust), memory_(memory), clock_(clock) {}

  // The log's certificate as the service sends it to whom it does not know yet (DER; empty: it sent
  // none).
  void Introduce(const std::string& der);
  // Whether a certificate of the log is known, so that ours need not be sent.
  bool introduced() const;
  void Forget();

  // Checks a receipt against what was sent and what came (`exchange`: sealed header, parts, salt,
  // details), and puts it there. DATA_LOSS BAD_RECEIPT with what does not fit; UNAVAILABLE
  // UNKNOWN_LOG_CERTIFICATE.
  absl::Status Verify(const std::string& receipt, const absl::Status& outcome,
                      const ReceiptContext& context, Exchange* exchange);

  // Not OK for ever, once the log was seen to be rewritten or split; UNAVAILABLE LOG_UNCHECKED
  // while proofs of consistency have been asked for in vain for too long.
  absl::Status health() const;

  // Size of the largest checkpoint verified.
  uint64_t seen_size() const;

  // The origin of the log seen last; empty before the first receipt.
  std::string origin() const;

  // Has the newest checkpoint seen proven to extend the one in memory.
  using Ask = std::function<absl::Status(const google::protobuf::Message& request,
                                         google::protobuf::Message* response)>;
  absl::Status CheckConsistency(const Ask& get_consistency);

 private:
  absl::Status VerifyCheckpoint(const std::string& note, proof::Note* parsed);
  absl::Status Poison(absl::Status why);
  absl::Status Remember(const std::string& origin, const std::string& note);

  const std::string audience_;
  Trust* const trust_;
  CheckpointMemory* const memory_;
  const base::Clock* const clock_;

  mutable std::mutex mutex_;
  std::map<uint32_t, std::shared_ptr<const Signer>> logs_;  // by key id
  std::map<std::string, proof::Note>
      verified_;  // notes whose signature was checked, the newest few
  std::deque<std::string> verified_order_;
  proof::Note newest_;  // the largest verified
  std::string newest_note_;
  absl::Status poisoned_;
  absl::Time unchecked_since_ = absl::InfiniteFuture();  // of the first of proofs asked for in vain
};

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_RECEIPTS_H_
