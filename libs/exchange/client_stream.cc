#include "libs/exchange/client_stream.h"

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "absl/time/clock.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/exchange/bytes.h"
#include "libs/proof/wire.h"
#include "libs/rpc/error_map.h"

namespace egov::exchange {
namespace {

using absl::StatusCode;
using base::Error;
using grpc::ByteBuffer;

// Turns gRPC's reactions into waiting: one thread sends and receives.
class Call final : public grpc::ClientBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  void Start() {
    AddHold();  // until this side is done, so that reads and writes may be started at any time
    StartCall();
  }

  // Whether the message went out. Waits for the one before.
  bool Write(ByteBuffer message) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !writing_; });
    if (write_failed_ || done_) return false;
    outgoing_ = std::move(message);
    writing_ = true;
    StartWrite(&outgoing_);
    return true;
  }

  void WritesDone() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !writing_; });
    if (!write_failed_ && !done_) StartWritesDone();
  }

  // Whether another message came; false at the stream's end.
  bool Read(ByteBuffer* message) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (read_failed_) return false;
    reading_ = true;
    incoming_.Clear();
    StartRead(&incoming_);
    changed_.wait(lock, [this] { return !reading_; });
    if (read_failed_) return false;
    *message = incoming_;
    return true;
  }

  const grpc::Status& Finish() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!released_) {
      changed_.wait(lock, [this] { return !writing_; });
      released_ = true;
      lock.unlock();
      RemoveHold();
      lock.lock();
    }
    changed_.wait(lock, [this] { return done_; });
    return status_;
  }

  void OnReadDone(bool ok) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    reading_ = false;
    read_failed_ = !ok;
    changed_.notify_all();
  }
  void OnWriteDone(bool ok) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    write_failed_ = write_failed_ || !ok;
    changed_.notify_all();
  }
  void OnDone(const grpc::Status& status) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_ = status;
    done_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  ByteBuffer incoming_, outgoing_;
  bool reading_ = false, writing_ = false;
  bool read_failed_ = false, write_failed_ = false;
  bool released_ = false, done_ = false;
  grpc::Status status_;
};

class StreamImpl final : public Stream {
 public:
  StreamImpl(StreamParts parts, const std::shared_ptr<grpc::Channel>& channel, std::string method,
             Purpose purpose, absl::Duration timeout)
      : parts_(std::move(parts)),
        method_(std::move(method)),
        purpose_(std::move(purpose)),
        stub_(channel) {
    parts_.channels->Prepare(&context_, timeout);
    context_.AddMetadata(kCertificateKey, parts_.seal_certificate_der);
    stub_.PrepareBidiStreamingCall(&context_, method_, {}, &call_);
    call_.Start();
  }

  ~StreamImpl() override {
    if (!over_) context_.TryCancel();
    call_.Finish();
  }

  absl::Status Send(std::vector<std::string> messages, bool last) override {
    Exchange sent;
    sent.request_salt = base::RandomBytes(proof::kSaltSize);
    sent.end_user = purpose_.end_user;
    proof::Commitment commitment(sent.request_salt);
    size_t bytes = 0;
    for (const std::string& message : messages) {
      bytes += message.size();
      if (message.size() > kMaxPartBytes || bytes > kMaxWindowBytes) {
        return Error(StatusCode::kInvalidArgument, "WINDOW_TOO_LARGE",
                     "the window exceeds its bounds")
            .Expected("parts of at most 1 MiB, at most 16 MiB together");
      }
    }
    // The bytes are on their way while they are hashed; the header that commits to them comes last.
    for (const std::string& message : messages) {
      if (!call_.Write(ToBuffer(message))) return Broken();
      commitment.Add(message);
    }
    egov::exchange::v1::Header header;
    FillHeader(purpose_, sent.request_salt, parts_.clock->Now(), &header);
    header.set_caller(parts_.caller);
    header.set_audience(parts_.audience);
    header.set_method(method_);
    header.set_request(std::string(pki::AsBytes(commitment.Finish())));
    header.set_window(next_window_);
    header.set_previous(previous_header_);
    header.set_last(last);
    header.set_seal_certificate(std::string(pki::AsBytes(parts_.seal_certificate)));
    EGOV_ASSIGN_OR_RETURN(sent.sealed_header,
                          SealAlone(*parts_.seal_key, header.SerializeAsString()));
    egov::exchange::v1::WindowEnd end;
    end.set_header(sent.sealed_header);
    end.set_salt(sent.request_salt);
    end.set_end_user(purpose_.end_user);
    sent.request_parts = std::move(messages);
    previous_header_ = std::string(pki::AsBytes(pki::Sha256Of(sent.sealed_header)));
    ++next_window_;
    sent_.emplace_back(std::move(sent), parts_.receipts->seen_size());
    if (!call_.Write(ToBuffer(EndMessage(end)))) return Broken();
    if (last) call_.WritesDone();
    return absl::OkStatus();
  }

  absl::StatusOr<Exchange> Receive(Exchange* refused) override {
    // Each window of a Query or Load is answered once, a feed's one question by all its windows.
    if (!sent_.empty()) {
      current_ = std::move(sent_.front().first);
      seen_ = sent_.front().second;
      sent_.pop_front();
    }
    Exchange window;
    window.sealed_header = current_.sealed_header;
    window.request_salt = current_.request_salt;
    window.end_user = current_.end_user;
    window.request_parts = std::move(current_.request_parts);
    current_.request_parts.clear();
    size_t bytes = 0;
    ByteBuffer buffer;
    while (true) {
      if (!call_.Read(&buffer)) return Ended();
      std::string message = ToString(buffer);
      if (!IsEnd(message)) {
        bytes += message.size();
        if (bytes > kMaxWindowBytes) {
          context_.TryCancel();
          return Error(StatusCode::kDataLoss, "BAD_RECEIPT",
                       "the service's window exceeds its bounds")
              .status();
        }
        window.response_parts.push_back(std::move(message));
        continue;
      }
      egov::exchange::v1::WindowEnd end;
      EGOV_RETURN_IF_ERROR(ParseEnd(message, &end));
      window.response_salt = end.salt();
      Introduce();
      // A refusal closes the stream: its status comes behind its receipt.
      egov::exchange::v1::Receipt receipt;
      egov::exchange::v1::Record record;
      absl::Status outcome;
      if (proof::ParseStrictly(end.receipt(), "BAD_RECEIPT", &receipt).ok() &&
          proof::ParseStrictly(receipt.record(), "BAD_RECEIPT", &record).ok() &&
          record.code() != 0) {
        const grpc::Status& status = End();
        outcome = rpc::FromGrpc(status);
        window.details = status.error_details();
        if (outcome.ok()) {
          return Error(StatusCode::kDataLoss, "BAD_RECEIPT",
                       "the receipt tells of a refusal, the status does not")
              .status();
        }
      }
      const absl::Status proven = parts_.receipts->Verify(
          end.receipt(), outcome, ReceiptContext{next_answer_, previous_record_, seen_}, &window);
      if (!proven.ok()) {
        context_.TryCancel();
        return proven;
      }
      parts_.noted();
      ++next_answer_;
      previous_record_ = std::string(pki::AsBytes(pki::Sha256Of(window.receipt.record())));
      if (outcome.ok()) return window;
      if (refused != nullptr) *refused = std::move(window);
      return outcome;
    }
  }

  void Cancel() override {
    cancelled_ = true;
    context_.TryCancel();
  }

 private:
  // The service introduces its log in the initial metadata, which is there with the first message.
  void Introduce() {
    const auto& metadata = context_.GetServerInitialMetadata();
    const auto it = metadata.find(kCertificateKey);
    if (it != metadata.end())
      parts_.receipts->Introduce(std::string(it->second.data(), it->second.size()));
  }

  const grpc::Status& End() {
    over_ = true;
    return call_.Finish();
  }

  // What the service said before it ended the stream is still to be read.
  static absl::Status Broken() {
    return Error(StatusCode::kUnavailable, "STREAM_ENDED",
                 "the service has ended the stream; Receive tells why");
  }

  absl::Status Ended() {
    const absl::Status status = rpc::FromGrpc(End(), cancelled_);
    return status.ok() ? Error(StatusCode::kOutOfRange, "END_OF_STREAM", "the stream is at its end")
                             .status()
                       : status;
  }

  const StreamParts parts_;
  const std::string method_;
  const Purpose purpose_;
  grpc::ClientContext context_;
  grpc::TemplatedGenericStub<ByteBuffer, ByteBuffer> stub_;
  Call call_;
  bool over_ = false;
  bool cancelled_ = false;

  uint64_t next_window_ = 0;
  std::string previous_header_;
  uint64_t next_answer_ = 0;
  std::string previous_record_;
  std::deque<std::pair<Exchange, uint64_t>>
      sent_;          // windows whose answers are to come, and the log's size seen before
  Exchange current_;  // the one that is being answered
  uint64_t seen_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Stream>> OpenClientStream(StreamParts parts,
                                                         const std::string& method, Purpose purpose,
                                                         absl::Duration timeout) {
  // A stream is not tried again, so it begins when the service is there. When it does not come, the
  // call itself says why.
  const absl::Time begun = absl::Now();
  const std::shared_ptr<grpc::Channel> channel = parts.channels->Next();
  (void)channel->WaitForConnected(absl::ToChronoTime(begun + std::min(parts.patience, timeout)));
  timeout = std::max(timeout - (absl::Now() - begun), absl::Milliseconds(1));
  return std::unique_ptr<Stream>(
      std::make_unique<StreamImpl>(std::move(parts), channel, method, std::move(purpose), timeout));
}

}  // namespace egov::exchange
