// The way of a request, from its bytes to its reply, the same for every method: authorise, handle,
// disclose, evidence, reply. It knows no transport: handlers.h brings the bytes and takes the
// reply.
//
// Who may is asked first (TLS identity and method), then the seal is checked; from there on every
// call gets a record and a receipt, whatever its status. The command, the usage entries, the record
// and, for an act, its first answer are one transaction. Refusals of the store (conflict) run it
// again.
//
// Thread safety: any thread. `done` runs on the reply thread, on the caller's for what is refused
// at once.
#ifndef EGOV_LIBS_EXCHANGE_PIPELINE_H_
#define EGOV_LIBS_EXCHANGE_PIPELINE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/access/access.h"
#include "libs/base/clock.h"
#include "libs/base/ids.h"
#include "libs/disclosure/contract.h"
#include "libs/disclosure/usage.h"
#include "libs/evidence/log.h"
#include "libs/exchange/seals.h"
#include "libs/exchange/service.h"
#include "libs/exchange/trust.h"
#include "libs/rpc/admission.h"
#include "libs/rpc/executor.h"
#include "libs/storage/store.h"

namespace egov::exchange {

// A method as the pipeline serves it.
struct BoundMethod {
  std::string service;  // "egov.population.v1.PopulationService"
  std::string name;     // "GetPerson"
  Method method;
  std::unique_ptr<const disclosure::Contract> contract;

  bool unary() const {
    return method.shape == egov::exchange::v1::SHAPE_READ ||
           method.shape == egov::exchange::v1::SHAPE_WRITE;
  }
};

// How the windows of one stream hang together. Owned by the stream's handler; one window at a time.
struct StreamState {
  uint64_t next_window = 0;       // of questions
  std::string previous_question;  // SHA-256 of the sealed header before
  bool last_seen = false;
  uint64_t next_answer = 0;
  std::string previous_record;  // SHA-256 of the record before
};

// Bytes that an answer may have: of a unary call (gRPC's usual limit, with room for the rest of a
// message), of one in a bundle, and of a window.
constexpr size_t kMaxUnaryAnswer = (size_t{4} << 20) - (size_t{64} << 10);
constexpr size_t kMaxBundledAnswer = size_t{1} << 20;
constexpr size_t kMaxWindowAnswer = size_t{16} << 20;

// One window of a question, as it came.
struct Question {
  const BoundMethod* method = nullptr;
  std::string caller;  // SPIFFE URI of the TLS certificate
  pki::Digest tls_certificate = {};
  std::string sealed_header;
  std::string salt;
  std::string end_user;
  std::string certificate;  // DER of the seal certificate; may be empty
  std::vector<std::string> parts;
  absl::Time received;
  absl::Time deadline = absl::InfiniteFuture();
  size_t answer_room = kMaxWindowAnswer;
  rpc::Lease* lease = nullptr;  // the call's share of the budget, which takes its answer too; null:
                                // whoever asks sees to that
  StreamState* stream = nullptr;  // null: unary
};

// What goes back. Without a receipt the refusal left no record.
struct Reply {
  absl::Status status;
  std::string details;  // serialized google.rpc.Status of a refusal
  std::vector<std::string> parts;
  std::string salt;
  std::string receipt;
  std::string message_id;  // of the question, once it could be read
};

struct PipelineParts {
  std::string audience;
  storage::Store* store = nullptr;
  evidence::Log* log = nullptr;
  access::Access* access = nullptr;
  disclosure::Usage* usage = nullptr;
  Trust* trust = nullptr;
  Subjects* subjects = nullptr;  // null: the register has no subjects
  rpc::Executor* workers =
      nullptr;  // where what met a conflict runs again; null: on the reply thread
  const base::Clock* clock = nullptr;
  base::Ids* ids = nullptr;
  absl::Duration time_stamp_grace = absl::Minutes(10);
  std::function<absl::Duration()> time_stamp_age;
  // The error details that the client will see for a status: their digest goes into the record.
  std::function<std::string(const absl::Status&)> details;
};

class Pipeline {
 public:
  explicit Pipeline(PipelineParts parts);
  // Finishes what was begun.
  ~Pipeline();

  using Done = std::function<void(Reply)>;

  // Whether the caller may call the method at all: what is asked before anything is read from him.
  absl::Status MayKnock(absl::string_view caller, const BoundMethod& method) const;

  // Serves one window of a Read, Write, Query or Load.
  void Serve(Question question, Done done);

  // The same in two steps. Prepare does all that stands on the window alone: seal, commitment,
  // parsing, a load's first step. It changes nothing and shows nothing, so a stream prepares a
  // window while the one before is being served; the windows of a stream are served one by one, and
  // what holds for a moment only (the seal's certificate, the header's age, the right) is asked
  // then.
  struct Attempt;
  std::shared_ptr<Attempt> Prepare(Question question) const;
  void Serve(std::shared_ptr<Attempt> prepared, Done done);

  // A feed. Opened by its one question window, then stepped: each Step makes at most one window of
  // answers, with its own check of rights, usage and record. `idle`: nothing to tell now; `ended`:
  // nothing more will come.
  struct FeedReply {
    Reply reply;
    bool idle = false;
    bool ended = false;
  };
  class Feed;
  absl::Status OpenFeed(Question question, std::shared_ptr<Feed>* feed, Reply* refusal);
  void Step(std::shared_ptr<Feed> feed, std::function<void(FeedReply)> done);

 private:
  std::shared_ptr<Attempt> Open(Question question) const;
  // Who asks, and their seal. An error leaves no record.
  absl::Status Admit(Attempt& attempt) const;
  absl::Status CheckAge(const Attempt& attempt) const;
  absl::Status CheckHeader(Attempt& attempt) const;
  absl::Status CheckPlace(const Attempt& attempt) const;  // in its stream
  // Once for an attempt, however often it runs; of a load also its command's first step.
  void Parse(Attempt& attempt) const;
  void DigestAct(Attempt& attempt) const;
  // Whom a load names: counted when its right has a quota of them, known to the note that its
  // refusal leaves, and of no use otherwise. Its parts are parsed again for that.
  void FindNamed(Attempt& attempt) const;
  absl::Status Authorize(storage::Transaction& transaction, Attempt& attempt) const;
  absl::Status Handle(storage::Transaction& transaction, Attempt& attempt) const;
  absl::Status Release(storage::Transaction& transaction, Attempt& attempt,
                       std::vector<std::unique_ptr<google::protobuf::Message>> messages) const;
  absl::Status Resolve(storage::Reader& reader, Attempt& attempt) const;
  absl::StatusOr<bool> AnsweredBefore(storage::Transaction& transaction, Attempt& attempt,
                                      std::string* key) const;
  void Begin(std::shared_ptr<Attempt> attempt, Done done);
  void Run(std::shared_ptr<Attempt> attempt);
  void Record(std::shared_ptr<Attempt> attempt, std::unique_ptr<storage::Transaction> transaction);
  void Committed(std::shared_ptr<Attempt> attempt, absl::StatusOr<storage::CommitResult> result);
  absl::Status KeepCertificates(storage::Transaction& transaction, const Signer& signer) const;
  void Finish(Attempt& attempt, absl::Status unrecorded) const;

  absl::Status Note(storage::Transaction& transaction, const Attempt& attempt,
                    const std::vector<disclosure::SubjectKey>& subjects) const;
  bool RefusedTooOften(const std::string& caller) const;
  void CountRefusal(const std::string& caller) const;
  void RunAgain(std::shared_ptr<Attempt> attempt);

  const PipelineParts parts_;
  mutable std::mutex refusals_mutex_;
  mutable int64_t refusals_minute_ = 0;
  mutable std::map<std::string, int> refusals_;  // by caller, in this minute
  mutable SealChecker seals_;
  // Replies are made off the committer's thread: it has the next group to write, and gRPC may run
  // the handler of another call, which waits for a commit, on the thread of a reply.
  rpc::Executor replies_;
};

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_PIPELINE_H_
