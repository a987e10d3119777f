// Calls a register: seals the question, verifies the receipt before the answer is handed on, keeps
// what proves it.
//
//   EGOV_ASSIGN_OR_RETURN(auto client, exchange::Client::Open(options));
//   exchange::Purpose purpose{"pension-payment", basis, "run 2026-11",
//   {"population.person.death_date", ...}}; EGOV_ASSIGN_OR_RETURN(auto answer,
//   client->Call<GetPersonResponse>(method, purpose, request));
//
// Calls of one moment are sealed together while many are under way. Retries (UNAVAILABLE, and
// what carries a retry delay) happen above the seal, with a new message id; a write is repeated
// with its request_id and so happens once.
//
// Errors are the service's own (base::DetailOf has reason and field) or, when the answer does not
// prove itself, DATA_LOSS with reason BAD_RECEIPT, LOG_REWRITTEN ...: then nothing of the answer is
// handed on.
//
// Thread safety: Client from any thread; a Stream belongs to one thread at a time.
#ifndef EGOV_LIBS_EXCHANGE_CLIENT_H_
#define EGOV_LIBS_EXCHANGE_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "egov/evidence/v1/evidence.pb.h"
#include "egov/exchange/v1/exchange.pb.h"
#include "google/protobuf/message.h"
#include "libs/base/clock.h"
#include "libs/rpc/tls.h"

namespace egov::exchange {

struct ClientOptions {
  std::string target;    // "127.0.0.1:9090"
  std::string audience;  // the service's SPIFFE URI
  rpc::TlsOptions tls;   // the caller's transport certificate
  std::string seal_key;  // files: the caller's seal, PEM
  std::string seal_certificate;
  std::string anchors;      // file: trust anchors, PEM
  std::string authorities;  // file: authorities between certificates and anchors, PEM; may be empty
  std::string memory;  // file in which the last checkpoint of each log is remembered; empty: this
                       // process only
  // How long a call is tried again after UNAVAILABLE, and a stream waits for its connection, within
  // the timeout: longer than a service takes to start again.
  absl::Duration patience = absl::Seconds(10);
  const base::Clock* clock = &base::Clock::Real();
};

// What a call is for.
struct Purpose {
  std::string purpose;
  egov::exchange::v1::LegalBasis legal_basis;
  std::string case_reference;
  std::vector<std::string> items;  // any order
  std::string end_user;            // assertion of the citizen behind the call; empty: none
};

// One window of an exchange, as evidence of it is made from. Parts are what was on the wire.
struct Exchange {
  std::string sealed_header;
  egov::exchange::v1::Receipt receipt;
  std::vector<std::string> request_parts;
  std::string request_salt;
  std::vector<std::string> response_parts;
  std::string response_salt;
  std::string end_user;
  std::string details;  // of a refusal
};

struct RawAnswer {
  std::string message;  // the response as it came
  Exchange exchange;
};

template <typename Response>
struct Answer {
  Response message;
  Exchange exchange;
};

// A call of windows. Send and Receive may be used in any order that the method's shape allows.
class Stream {
 public:
  virtual ~Stream() = default;  // ends the call if it still runs

  // Sends one window of serialized messages (at most 1 MiB each, 16 MiB together); `last`: no other
  // follows. UNAVAILABLE STREAM_ENDED when the service has ended the stream: Receive tells why. A
  // second window may be sent while the first is being answered, not a third.
  virtual absl::Status Send(std::vector<std::string> parts, bool last) = 0;

  // The next window of answers, verified. OUT_OF_RANGE END_OF_STREAM when the service has ended the
  // stream in order. A refusal is returned as its error; `refused` (when given) then has its
  // evidence.
  virtual absl::StatusOr<Exchange> Receive(Exchange* refused = nullptr) = 0;

  // Ends the call from this side, as a feed's reader does.
  virtual void Cancel() = 0;
};

class Client {
 public:
  static absl::StatusOr<std::unique_ptr<Client>> Open(ClientOptions options);
  virtual ~Client() = default;

  // Calls "/service/method" and returns at once; `done` runs on any thread, perhaps before this
  // returns, and waits for no other call: others' answers wait behind it. Retried as said above
  // until `timeout`. Of many calls of one method at a time those that are small travel and are
  // answered together (bundle_service.proto): one that comes too late then takes the others of its
  // bundle with it, DEADLINE_EXCEEDED like itself. More than 512 at a time wait here.
  using Done = std::function<void(absl::StatusOr<RawAnswer>)>;
  virtual void CallAsync(const std::string& method, const Purpose& purpose, std::string request,
                         absl::Duration timeout, Done done) = 0;

  // The same, waiting. On a refusal that left a record, `refused` (when given) has its evidence.
  virtual absl::StatusOr<RawAnswer> CallRaw(const std::string& method, const Purpose& purpose,
                                            std::string request, absl::Duration timeout,
                                            Exchange* refused = nullptr) = 0;

  template <typename Response>
  absl::StatusOr<Answer<Response>> Call(const std::string& method, const Purpose& purpose,
                                        const google::protobuf::Message& request,
                                        absl::Duration timeout = absl::Seconds(30),
                                        Exchange* refused = nullptr) {
    absl::StatusOr<RawAnswer> raw =
        CallRaw(method, purpose, request.SerializeAsString(), timeout, refused);
    if (!raw.ok()) return raw.status();
    Answer<Response> answer;
    if (!answer.message.ParseFromString(raw->message))
      return absl::DataLossError("the answer does not parse");
    answer.exchange = std::move(raw->exchange);
    return answer;
  }

  // Opens a stream of windows; `timeout` bounds the whole of it.
  virtual absl::StatusOr<std::unique_ptr<Stream>> Open(const std::string& method,
                                                       const Purpose& purpose,
                                                       absl::Duration timeout) = 0;

  // Calls a method that carries no header and leaves no record (EvidenceService).
  virtual absl::Status CallPlain(const std::string& method,
                                 const google::protobuf::Message& request,
                                 google::protobuf::Message* response,
                                 absl::Duration timeout = absl::Seconds(30)) = 0;

  // Asks the service to prove that its log still extends what this client remembers, and remembers
  // the newest. Done at the first receipt, then every ten seconds of use, and on closing; DATA_LOSS
  // LOG_REWRITTEN or LOG_SPLIT when it cannot.
  virtual absl::Status CheckConsistency() = 0;

  // Makes the file that proves these windows of one exchange to anyone, offline: asks for stamps
  // and certificates. `with_content`: the messages go in as well.
  virtual absl::StatusOr<egov::evidence::v1::EvidenceFile> Prove(absl::Span<const Exchange> windows,
                                                                 bool with_content,
                                                                 absl::Duration timeout) = 0;
};

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_CLIENT_H_
