#include "libs/exchange/client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "egov/evidence/v1/evidence_service.pb.h"
#include "egov/exchange/v1/bundle_service.pb.h"
#include "google/rpc/status.pb.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/exchange/bundle.h"
#include "libs/exchange/bytes.h"
#include "libs/exchange/client_stream.h"
#include "libs/exchange/prove.h"
#include "libs/exchange/receipts.h"
#include "libs/exchange/seals.h"
#include "libs/exchange/trust.h"
#include "libs/proof/wire.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/error_map.h"

namespace egov::exchange {
namespace {

using absl::StatusCode;
using grpc::ByteBuffer;
using grpc::ClientContext;

constexpr absl::Duration kConsistencyInterval = absl::Seconds(10);
constexpr absl::Duration kFirstWait = absl::Milliseconds(50);
constexpr absl::Duration kLongestWait = absl::Seconds(1);
constexpr int kIntroductions = 4;
// Calls that one client has sent and not seen answered: half of what a service takes on from
// everybody at a time (rpc::AdmissionOptions). More wait here, in order.
constexpr size_t kMostInFlight = 512;
// Larger calls travel alone: nobody waits long behind them.
constexpr size_t kMostBundledBytes = size_t{8} << 10;
static_assert(kMostBundledBytes <= kMaxBundledUser, "what is bundled is taken");

std::string Trailer(const ClientContext& context, const char* key) {
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto it = trailers.find(key);
  return it == trailers.end() ? std::string() : std::string(it->second.data(), it->second.size());
}

class ClientImpl final : public Client {
 public:
  ClientImpl(ClientOptions options, std::unique_ptr<rpc::Channels> channels,
             std::unique_ptr<Trust> trust, pki::Certificate seal, pki::PrivateKey key,
             std::unique_ptr<CheckpointMemory> memory)
      : options_(std::move(options)),
        channels_(std::move(channels)),
        trust_(std::move(trust)),
        seal_(std::move(seal)),
        caller_(seal_.SpiffeId()->ToUri()),
        seal_key_(std::move(key)),
        seals_(
            &seal_key_, [this] { return in_flight_.load(std::memory_order_relaxed); },
            [this](const absl::Status& status, std::vector<SealMaker::Header> batch) {
              Sealed(status, std::move(batch));
            }),
        receipts_(options_.audience, trust_.get(), memory.get(), options_.clock),
        memory_(std::move(memory)),
        stub_(channels_->Next()),
        watcher_([this] { Watch(); }) {}

  ~ClientImpl() override {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      closing_ = true;
      changed_.notify_all();
      // Calls in flight use this object.
      changed_.wait(lock, [this] { return in_flight_ == 0; });
    }
    watcher_.join();
    seals_.Stop();  // its thread may still be on its way out of a call that is answered
    (void)CheckConsistency();
  }

  void CallAsync(const std::string& method, const Purpose& purpose, std::string request,
                 absl::Duration timeout, Done done) override {
    Begin(method, purpose, std::move(request), timeout,
          [done = std::move(done)](absl::StatusOr<RawAnswer> answer, Exchange) {
            done(std::move(answer));
          });
  }

  absl::StatusOr<RawAnswer> CallRaw(const std::string& method, const Purpose& purpose,
                                    std::string request, absl::Duration timeout,
                                    Exchange* refused) override {
    std::mutex mutex;
    std::condition_variable ready;
    absl::StatusOr<RawAnswer> answer;
    bool over = false;
    Begin(method, purpose, std::move(request), timeout,
          [&](absl::StatusOr<RawAnswer> result, Exchange refusal) {
            const std::lock_guard<std::mutex> lock(mutex);
            if (refused != nullptr) *refused = std::move(refusal);
            answer = std::move(result);
            over = true;
            ready.notify_one();
          });
    std::unique_lock<std::mutex> lock(mutex);
    ready.wait(lock, [&] { return over; });
    return answer;
  }

  absl::StatusOr<std::unique_ptr<Stream>> Open(const std::string& method, const Purpose& purpose,
                                               absl::Duration timeout) override {
    Purpose sorted = purpose;
    std::sort(sorted.items.begin(), sorted.items.end());
    EGOV_RETURN_IF_ERROR(receipts_.health());
    return OpenClientStream(
        {channels_.get(), &seal_key_, &receipts_, options_.clock, options_.audience, caller_,
         seal_.fingerprint(), seal_.ToDer(), options_.patience, [this] { Noted(); }},
        method, std::move(sorted), timeout);
  }

  absl::Status CallPlain(const std::string& method, const google::protobuf::Message& request,
                         google::protobuf::Message* response, absl::Duration timeout) override {
    ClientContext context;
    channels_->Prepare(&context, timeout);
    const ByteBuffer question = ToBuffer(request.SerializeAsString());
    ByteBuffer answer;
    std::mutex mutex;
    std::condition_variable ready;
    bool over = false;
    grpc::Status status;
    stub_.UnaryCall(&context, method, {}, &question, &answer, [&](grpc::Status result) {
      const std::lock_guard<std::mutex> lock(mutex);
      status = std::move(result);
      over = true;
      ready.notify_one();
    });
    std::unique_lock<std::mutex> lock(mutex);
    ready.wait(lock, [&] { return over; });
    if (!status.ok()) return rpc::FromGrpc(status);
    if (!response->ParseFromString(ToString(answer))) {
      return base::Error(StatusCode::kDataLoss, "BAD_ANSWER",
                         "the service's answer does not parse");
    }
    return absl::OkStatus();
  }

  absl::Status CheckConsistency() override {
    return receipts_.CheckConsistency(
        [this](const google::protobuf::Message& request, google::protobuf::Message* response) {
          return CallPlain("/egov.evidence.v1.EvidenceService/GetConsistency", request, response,
                           absl::Seconds(10));
        });
  }

  absl::StatusOr<egov::evidence::v1::EvidenceFile> Prove(absl::Span<const Exchange> windows,
                                                         bool with_content,
                                                         absl::Duration timeout) override {
    return BuildEvidence(*this, trust_->verifier()->anchors(), windows, with_content, timeout);
  }

 private:
  // Answer, or error and the evidence of a recorded refusal.
  using Outcome = std::function<void(absl::StatusOr<RawAnswer>, Exchange refused)>;

  // A call through its attempts.
  struct UnaryCall {
    std::string method;
    Purpose purpose;
    std::string request;
    absl::Time begun;
    absl::Time deadline;
    Outcome done;
    int tries = 0;
    bool alone = false;  // what it is answered is too large for a bundle
    // Of the attempt under way:
    bool bundled = false;
    std::string sealed_header;
    std::string salt;
    uint64_t seen = 0;

    // What it takes of a bundle.
    size_t bytes() const {
      return sealed_header.size() + salt.size() + purpose.end_user.size() + request.size();
    }
  };

  // What was sent as one RPC: a call by itself, or some in a bundle.
  struct Flight {
    std::vector<std::shared_ptr<UnaryCall>> calls;
    ClientContext context;
    ByteBuffer question;
    ByteBuffer answer;
  };

  // How a call came back. Receipt and salt are empty when it left no record.
  struct Arrival {
    absl::Status outcome;
    std::string details;  // of a refusal
    std::string message;
    std::string receipt;
    std::string salt;
  };

  void Begin(const std::string& method, const Purpose& purpose, std::string request,
             absl::Duration timeout, Outcome done) {
    auto call = std::make_shared<UnaryCall>();
    call->method = method;
    call->purpose = purpose;
    std::sort(call->purpose.items.begin(), call->purpose.items.end());
    call->request = std::move(request);
    call->deadline = options_.clock->Now() + timeout;
    call->done = std::move(done);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (++in_flight_ > kMostInFlight) {
        waiting_.push_back(std::move(call));
        return;
      }
    }
    Try(std::move(call));
  }

  void Over(UnaryCall& call, absl::StatusOr<RawAnswer> result, Exchange refused = {}) {
    call.done(std::move(result), std::move(refused));
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--in_flight_ == 0 && closing_) changed_.notify_all();
    if (waiting_.empty()) return;
    // Not here, where one call that fails at once would begin the next within itself.
    retries_.push_back({std::chrono::steady_clock::now(), std::move(waiting_.front())});
    waiting_.pop_front();
    changed_.notify_all();
  }

  void Try(std::shared_ptr<UnaryCall> call) {
    const absl::Status healthy = receipts_.health();
    if (!healthy.ok()) return Over(*call, healthy);
    if (++call->tries == 1) call->begun = options_.clock->Now();
    call->seen = receipts_.seen_size();
    const absl::Time now = options_.clock->Now();
    call->salt = base::RandomBytes(proof::kSaltSize);
    egov::exchange::v1::Header header;
    FillHeader(call->purpose, call->salt, now, &header);
    header.set_caller(caller_);
    header.set_audience(options_.audience);
    header.set_method(call->method);
    header.set_request(std::string(pki::AsBytes(proof::Commit(call->salt, call->request))));
    header.set_last(true);
    header.set_seal_certificate(std::string(pki::AsBytes(seal_.fingerprint())));
    seals_.Seal({header.SerializeAsString(), std::move(call)});
  }

  // Of those who are sealed together, who may travel together does.
  void Sealed(const absl::Status& status, std::vector<SealMaker::Header> batch) {
    std::vector<std::shared_ptr<Flight>> flights;
    const absl::Time now = options_.clock->Now();
    for (SealMaker::Header& one : batch) {
      auto call = std::static_pointer_cast<UnaryCall>(std::move(one.owner));
      if (!status.ok()) {
        Over(*call, status);
        continue;
      }
      call->sealed_header = std::move(one.bytes);
      const auto flight = std::find_if(flights.begin(), flights.end(), [&](const auto& other) {
        return MayJoin(*other, *call, now);
      });
      if (flight != flights.end()) {
        (*flight)->calls.push_back(std::move(call));
      } else {
        flights.push_back(std::make_shared<Flight>());
        flights.back()->calls.push_back(std::move(call));
      }
    }
    for (const auto& flight : flights) Send(flight);
  }

  // Small calls of one method, under one deadline that takes half a hundredth of their time from
  // none.
  bool MayJoin(const Flight& flight, const UnaryCall& call, absl::Time now) const {
    const UnaryCall& first = *flight.calls[0];
    return flight.calls.size() < kMaxBundle && bundles_.load(std::memory_order_relaxed) &&
           first.method == call.method && !first.alone && !call.alone &&
           first.bytes() <= kMostBundledBytes && call.bytes() <= kMostBundledBytes &&
           absl::AbsDuration(call.deadline - first.deadline) * 200 <= first.deadline - now;
  }

  void Send(const std::shared_ptr<Flight>& flight) {
    absl::Time deadline = absl::InfiniteFuture();
    for (const auto& call : flight->calls) deadline = std::min(deadline, call->deadline);
    channels_->Prepare(&flight->context,
                       std::max(deadline - options_.clock->Now(), absl::Milliseconds(1)));
    if (!receipts_.introduced()) flight->context.AddMetadata(kCertificateKey, seal_.ToDer());
    if (flight->calls.size() > 1) return SendBundle(flight);
    UnaryCall& call = *flight->calls[0];
    call.bundled = false;
    flight->context.AddMetadata(kHeaderKey, call.sealed_header);
    flight->context.AddMetadata(kSaltKey, call.salt);
    if (!call.purpose.end_user.empty())
      flight->context.AddMetadata(kUserKey, call.purpose.end_user);
    flight->question = ToBuffer(call.request);
    stub_.UnaryCall(&flight->context, call.method, {}, &flight->question, &flight->answer,
                    [this, flight](const grpc::Status& status) {
                      receipts_.Introduce(Trailer(flight->context, kCertificateKey));
                      Arrival arrival;
                      arrival.outcome = rpc::FromGrpc(status);
                      arrival.details = status.error_details();
                      if (status.ok()) arrival.message = ToString(flight->answer);
                      arrival.receipt = Trailer(flight->context, kReceiptKey);
                      arrival.salt = Trailer(flight->context, kSaltKey);
                      Receive(flight->calls[0], std::move(arrival));
                    });
  }

  void SendBundle(const std::shared_ptr<Flight>& flight) {
    egov::exchange::v1::CallBundleRequest bundle;
    bundle.set_method(flight->calls[0]->method);
    for (const auto& call : flight->calls) {
      egov::exchange::v1::BundledCall& bundled = *bundle.add_calls();
      call->bundled = true;
      bundled.set_header(call->sealed_header);
      bundled.set_salt(call->salt);
      bundled.set_end_user(call->purpose.end_user);
      bundled.set_message(call->request);
    }
    flight->question = ToBuffer(bundle.SerializeAsString());
    stub_.UnaryCall(&flight->context, kCallBundle, {}, &flight->question, &flight->answer,
                    [this, flight](const grpc::Status& status) { ReceiveBundle(*flight, status); });
  }

  void ReceiveBundle(const Flight& flight, const grpc::Status& status) {
    if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
      // A service that knows no bundles has begun nothing: the same calls, one by one.
      bundles_ = false;
      for (const auto& call : flight.calls) {
        auto single = std::make_shared<Flight>();
        single->calls.push_back(call);
        Send(single);
      }
      return;
    }
    receipts_.Introduce(Trailer(flight.context, kCertificateKey));
    absl::Status outcome = rpc::FromGrpc(status);
    egov::exchange::v1::CallBundleResponse bundle;
    if (status.ok() && (!ParseFrom(flight.answer, &bundle) ||
                        static_cast<size_t>(bundle.answers_size()) != flight.calls.size())) {
      outcome = BadAnswer();
    }
    for (size_t i = 0; i < flight.calls.size(); ++i) {
      Arrival arrival;
      arrival.outcome = outcome;
      if (outcome.ok()) {
        egov::exchange::v1::BundledAnswer& answer = *bundle.mutable_answers(static_cast<int>(i));
        if (!answer.status().empty()) arrival.outcome = Refusal(answer.status());
        arrival.details = std::move(*answer.mutable_status());
        arrival.message = std::move(*answer.mutable_message());
        arrival.receipt = std::move(*answer.mutable_receipt());
        arrival.salt = std::move(*answer.mutable_salt());
      } else {
        arrival.details = status.error_details();
      }
      Receive(flight.calls[i], std::move(arrival));
    }
  }

  static absl::Status BadAnswer() {
    return base::Error(StatusCode::kDataLoss, "BAD_ANSWER",
                       "the service's answer to a bundle is none");
  }

  // Never OK.
  static absl::Status Refusal(const std::string& bytes) {
    google::rpc::Status status;
    if (!status.ParseFromString(bytes) || status.code() == 0) return BadAnswer();
    return rpc::FromGrpc(
        grpc::Status(static_cast<grpc::StatusCode>(status.code()), status.message(), bytes));
  }

  void Receive(const std::shared_ptr<UnaryCall>& call, Arrival arrival) {
    absl::Status outcome = std::move(arrival.outcome);
    RawAnswer answer;
    answer.exchange.sealed_header = call->sealed_header;
    answer.exchange.request_salt = call->salt;
    answer.exchange.end_user = call->purpose.end_user;
    answer.exchange.details = std::move(arrival.details);
    answer.exchange.response_salt = std::move(arrival.salt);
    if (outcome.ok()) answer.message = std::move(arrival.message);
    if (outcome.ok() || !arrival.receipt.empty()) {
      answer.exchange.request_parts.push_back(call->request);
      if (outcome.ok()) answer.exchange.response_parts.push_back(answer.message);
      const absl::Status proven = receipts_.Verify(
          arrival.receipt, outcome, ReceiptContext{0, "", call->seen}, &answer.exchange);
      if (!proven.ok()) {
        // What does not prove itself is not handed on, whatever it says.
        outcome = proven;
      } else {
        Noted();
      }
    }
    if (outcome.ok()) return Over(*call, std::move(answer));
    if (MayRetry(*call, outcome)) {
      const auto detail = base::DetailOf(outcome);
      absl::Duration wait =
          std::min(kFirstWait * (1 << std::min(call->tries - 1, 10)), kLongestWait);
      if (detail.has_value() &&
          (detail->reason == "UNKNOWN_SEAL_CERTIFICATE" || detail->reason == "ANSWER_TOO_LARGE")) {
        wait = absl::ZeroDuration();
      }
      if (detail.has_value()) wait = std::max(wait, detail->retry_after);
      if (options_.clock->Now() + wait < call->deadline) return Later(call, wait);
    }
    Over(*call, outcome, std::move(answer.exchange));
  }

  bool MayRetry(UnaryCall& call, const absl::Status& outcome) {
    if (options_.clock->Now() > call.begun + options_.patience) return false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (closing_) return false;
    }
    const auto detail = base::DetailOf(outcome);
    if (detail.has_value() && (detail->reason == "UNKNOWN_SEAL_CERTIFICATE" ||
                               detail->reason == "UNKNOWN_LOG_CERTIFICATE")) {
      receipts_.Forget();  // introduce ourselves, and be introduced, anew
      return call.tries <= kIntroductions;
    }
    if (outcome.code() == StatusCode::kUnavailable) return true;
    if (detail.has_value() && detail->reason == "ANSWER_TOO_LARGE" && call.bundled) {
      call.alone = true;  // there is more room without a bundle
      return true;
    }
    return detail.has_value() && detail->reason == "OVERLOADED";
  }

  // Tries again after a pause, on the watcher's thread.
  void Later(std::shared_ptr<UnaryCall> call, absl::Duration wait) {
    const std::lock_guard<std::mutex> lock(mutex_);
    retries_.push_back(
        {std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(wait), std::move(call)});
    changed_.notify_all();
  }

  // A receipt was verified.
  void Noted() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (receipts_since_check_++ == 0) changed_.notify_all();
  }

  // Checks consistency soon after the first receipt and then every interval of use; runs retries
  // when their time has come.
  void Watch() {
    std::unique_lock<std::mutex> lock(mutex_);
    auto next_check = std::chrono::steady_clock::now();
    while (true) {
      const auto now = std::chrono::steady_clock::now();
      std::vector<std::shared_ptr<UnaryCall>> due;
      auto wake = now + std::chrono::hours(1);
      for (auto it = retries_.begin(); it != retries_.end();) {
        if (it->first <= now || closing_) {
          due.push_back(std::move(it->second));
          it = retries_.erase(it);
        } else {
          wake = std::min(wake, it->first);
          ++it;
        }
      }
      const bool check = receipts_since_check_ > 0 && now >= next_check && !closing_;
      if (check) receipts_since_check_ = 0;
      if (due.empty() && !check) {
        if (closing_ && in_flight_ == 0) return;
        if (receipts_since_check_ > 0) wake = std::min(wake, next_check);
        changed_.wait_until(lock, wake);
        continue;
      }
      lock.unlock();
      for (auto& call : due) Try(std::move(call));
      if (check) {
        (void)
            CheckConsistency();  // a failure is kept by receipts_ and fails every call from now on
        next_check =
            std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(kConsistencyInterval);
      }
      lock.lock();
    }
  }

  const ClientOptions options_;
  const std::unique_ptr<rpc::Channels> channels_;
  const std::unique_ptr<Trust> trust_;
  const pki::Certificate seal_;
  const std::string caller_;
  const pki::PrivateKey seal_key_;
  SealMaker seals_;
  ReceiptChecker receipts_;
  const std::unique_ptr<CheckpointMemory> memory_;
  grpc::TemplatedGenericStub<ByteBuffer, ByteBuffer> stub_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool closing_ = false;
  std::atomic<size_t> in_flight_{0};                // begun and not over; written under mutex_
  std::deque<std::shared_ptr<UnaryCall>> waiting_;  // begun, while too many others are under way
  std::atomic<bool> bundles_{true};                 // as far as is known, the service takes them
  uint64_t receipts_since_check_ = 0;
  std::vector<std::pair<std::chrono::steady_clock::time_point, std::shared_ptr<UnaryCall>>>
      retries_;
  std::thread watcher_;  // last: uses all of the above
};

}  // namespace

void FillHeader(const Purpose& purpose, absl::string_view salt, absl::Time now,
                egov::exchange::v1::Header* header) {
  header->set_id(base::RandomBytes(proof::kMessageIdSize));
  header->set_issued_micros(absl::ToUnixMicros(now));
  header->set_purpose(purpose.purpose);
  if (purpose.legal_basis.ByteSizeLong() > 0) *header->mutable_legal_basis() = purpose.legal_basis;
  header->set_case_reference(purpose.case_reference);
  for (const std::string& item : purpose.items) header->add_items(item);
  if (!purpose.end_user.empty()) {
    header->set_end_user(std::string(pki::AsBytes(proof::Commit(salt, purpose.end_user))));
  }
  header->set_algorithm(egov::exchange::v1::ALGORITHM_ECDSA_P256_SHA256);
}

absl::StatusOr<std::unique_ptr<Client>> Client::Open(ClientOptions options) {
  EGOV_ASSIGN_OR_RETURN(std::unique_ptr<Trust> trust,
                        Trust::Open({options.anchors, options.authorities, ""}));
  EGOV_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::LoadFile(options.seal_key));
  EGOV_ASSIGN_OR_RETURN(const std::string pem,
                        ReadFile(options.seal_certificate, "seal_certificate"));
  EGOV_ASSIGN_OR_RETURN(const std::vector<pki::Certificate> chain,
                        pki::Certificate::ChainFromPem(pem));
  if (chain[0].public_key() != key.public_key()) {
    return base::Error(StatusCode::kFailedPrecondition, "SEAL_KEY_MISMATCH",
                       "the seal key is not its certificate's")
        .Field("seal_key");
  }
  EGOV_RETURN_IF_ERROR(chain[0].SpiffeId().status());
  rpc::ChannelOptions channel;
  channel.target = options.target;
  channel.audience = options.audience;
  channel.tls = options.tls;
  channel.wait_for_ready = false;
  EGOV_ASSIGN_OR_RETURN(std::unique_ptr<rpc::Channels> channels, rpc::Channels::Create(channel));
  EGOV_ASSIGN_OR_RETURN(std::unique_ptr<CheckpointMemory> memory,
                        CheckpointMemory::Open(options.memory));
  return std::unique_ptr<Client>(
      std::make_unique<ClientImpl>(std::move(options), std::move(channels), std::move(trust),
                                   chain[0], std::move(key), std::move(memory)));
}

}  // namespace egov::exchange
