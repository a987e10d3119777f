#include "libs/exchange/stream_handler.h"

#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "libs/base/status.h"
#include "libs/exchange/bytes.h"

namespace egov::exchange {
namespace {

using absl::StatusCode;
using base::Error;
using grpc::ByteBuffer;
using grpc::CallbackServerContext;

// One stream. gRPC holds it until OnDone; whoever works for it holds it too. All state is under one
// lock, taken by gRPC's reactions and by the pipeline's answers; nothing long happens under it.
class WindowStream final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer>,
                           public std::enable_shared_from_this<WindowStream> {
 public:
  static WindowStream* Start(CallbackServerContext* context, const BoundMethod* method,
                             const HandlerParts& parts, rpc::MethodMetrics* metrics) {
    std::shared_ptr<WindowStream> stream(new WindowStream(context, method, parts, metrics));
    stream->self_ = stream;
    stream->Begin();
    return stream.get();
  }

  void OnReadDone(bool ok) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (finished_) return;
    if (!ok) {
      input_closed_ = true;
      if (!parts_in_.empty() || is_feed_) {
        // Cut in the middle of a window, or a feed's reader who has gone.
        if (!preparing_ && !working_ && !is_feed_) return End(Cut());
        if (is_feed_ && cancelled_) return End(absl::CancelledError("the reader has gone"));
      }
      return MaybeEnd();
    }
    Take();
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    out_.pop_front();
    if (finished_) return;
    if (!ok) return End(absl::CancelledError("the caller has gone"));
    if (!out_.empty()) return WriteNext();
    lease_.Shrink(out_bytes_);
    out_bytes_ = 0;
    if (end_after_writes_) return End(end_status_);
    if (is_feed_) {
      working_ = false;
      return idle_ ? Idle() : StepFeed();
    }
    WindowAnswered();
  }

  void OnCancel() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    cancelled_ = true;
    // What works for this stream ends it when it is done; a feed that waits is ended here.
    if (!finished_ && !working_) End(absl::CancelledError("the caller has gone"));
  }

  void OnDone() override {
    std::shared_ptr<WindowStream> self;
    const std::lock_guard<std::mutex> lock(mutex_);
    self.swap(self_);
    // `self` goes after the lock: declared before it.
  }

 private:
  WindowStream(CallbackServerContext* context, const BoundMethod* method, const HandlerParts& parts,
               rpc::MethodMetrics* metrics)
      : context_(context),
        method_(method),
        parts_(parts),
        metrics_(metrics),
        started_(parts.clock->Now()),
        is_feed_(method->method.shape == egov::exchange::v1::SHAPE_FEED) {}

  void Begin() {
    metrics_->Started();
    const std::lock_guard<std::mutex> lock(mutex_);
    certificate_ = Metadata(*context_, kCertificateKey);
    if (!certificate_.empty())
      context_->AddInitialMetadata(kCertificateKey, parts_.log_certificates);
    const absl::Status known = Identify();
    if (!known.ok()) return End(known);
    const absl::Status may_knock = parts_.pipeline->MayKnock(caller_, *method_);
    if (!may_knock.ok()) return End(may_knock);
    auto lease = parts_.admission->Admit(0);
    if (!lease.ok()) return End(lease.status());
    lease_ = *std::move(lease);
    StartSendInitialMetadata();
    ReadNext();
  }

  absl::Status Identify() {
    const auto peer = parts_.peers->Identify(*context_->auth_context());
    if (!peer.ok()) return peer.status();
    caller_ = (*peer)->spiffe;
    std::copy((*peer)->certificate_sha256.begin(), (*peer)->certificate_sha256.end(),
              tls_certificate_.begin());
    return absl::OkStatus();
  }

  void ReadNext() {
    incoming_.Clear();
    StartRead(&incoming_);
  }

  static absl::Status Cut() {
    return Error(StatusCode::kInvalidArgument, "BAD_WINDOW",
                 "the stream ended in the middle of a window")
        .Expected("each window closed by its header, the last marked so");
  }

  // A message has arrived.
  void Take() {
    std::string message = ToString(incoming_);
    if (!IsEnd(message)) {
      if (message.size() > kMaxPartBytes || window_bytes_ + message.size() > kMaxWindowBytes ||
          parts_in_.size() == kMaxParts) {
        return End(
            Error(StatusCode::kInvalidArgument, "WINDOW_TOO_LARGE", "the window exceeds its bounds")
                .Expected("at most 4096 parts of at most 1 MiB, at most 16 MiB together"));
      }
      const absl::Status room = lease_.Grow(static_cast<int64_t>(message.size()));
      if (!room.ok()) return End(room);
      window_bytes_ += message.size();
      parts_in_.push_back(std::move(message));
      return ReadNext();
    }
    egov::exchange::v1::WindowEnd end;
    const absl::Status parsed = ParseEnd(message, &end);
    if (!parsed.ok()) return End(parsed);
    if (!end.has_header()) {
      return End(
          Error(StatusCode::kInvalidArgument, "BAD_WINDOW", "a caller ends a window by its header")
              .Field("end"));
    }
    Question question;
    question.method = method_;
    question.sealed_header = std::move(*end.mutable_header());
    question.salt = std::move(*end.mutable_salt());
    question.end_user = std::move(*end.mutable_end_user());
    question.certificate = certificate_;
    question.parts = std::move(parts_in_);
    question.stream = &state_;
    question.caller = caller_;
    question.tls_certificate = tls_certificate_;
    question.received = parts_.clock->Now();
    const auto deadline = context_->deadline();
    if (deadline != std::chrono::system_clock::time_point::max())
      question.deadline = absl::FromChrono(deadline);
    parts_in_.clear();
    arrived_bytes_ = static_cast<int64_t>(window_bytes_);
    window_bytes_ = 0;
    if (is_feed_) return Open(std::move(question));
    if (!preparing_ && next_ == nullptr) return Prepare(std::move(question));
    // Nothing more is read until this window's turn to be made ready: that is what bounds a
    // stream's memory.
    arrived_ = std::move(question);
  }

  // Makes the window that has arrived ready, while the one before may still be worked on and the
  // one behind it arrives.
  void Prepare(Question question) {
    // What is parsed of it stands beside its bytes.
    const absl::Status room = lease_.Grow(arrived_bytes_);
    if (!room.ok()) return End(room);
    preparing_ = true;
    next_bytes_ = 2 * arrived_bytes_;
    const auto self = shared_from_this();
    const absl::Status queued =
        parts_.workers->Run([self, question = std::move(question)]() mutable {
          if (self->Over()) return;
          auto prepared = self->parts_.pipeline->Prepare(std::move(question));
          const std::lock_guard<std::mutex> lock(self->mutex_);
          self->preparing_ = false;
          if (self->finished_) return;
          self->next_ = std::move(prepared);
          if (!self->working_) self->Work();
        });
    if (!queued.ok()) return End(queued);
    ReadNext();
  }

  bool Over() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return finished_;
  }

  // Begins the window that is ready.
  void Work() {
    const absl::Status known = Identify();  // its TLS certificate may have been revoked since
    if (!known.ok()) return End(known);
    working_ = true;
    working_bytes_ = next_bytes_;
    const auto self = shared_from_this();
    const absl::Status queued = parts_.workers->Run([self, prepared = std::move(next_)]() mutable {
      self->parts_.pipeline->Serve(std::move(prepared),
                                   [self](Reply reply) { self->Tell(std::move(reply)); });
    });
    next_ = nullptr;
    if (!queued.ok()) return End(queued);
    if (!arrived_.has_value()) return;
    Question question = *std::move(arrived_);
    arrived_.reset();
    Prepare(std::move(question));
  }

  // The window's answer.
  void Tell(Reply reply) {
    const std::lock_guard<std::mutex> lock(mutex_);
    lease_.Shrink(working_bytes_);
    working_bytes_ = 0;
    if (finished_) return;
    if (cancelled_) return End(absl::CancelledError("the caller has gone"));
    message_id_ = reply.message_id;
    if (!reply.status.ok()) {
      end_after_writes_ = true;
      end_status_ = reply.status;
      end_details_ = reply.details;
    }
    if (reply.receipt.empty()) {
      if (!reply.status.ok()) End(end_status_);
      return;
    }
    for (const std::string& part : reply.parts) Queue(part);
    egov::exchange::v1::WindowEnd end;
    end.set_receipt(std::move(reply.receipt));
    end.set_salt(std::move(reply.salt));
    Queue(EndMessage(end));
    if (!writing_) WriteNext();
  }

  void Queue(const std::string& message) {
    // An answer is written out even when the budget is short: it has been recorded.
    if (lease_.Grow(static_cast<int64_t>(message.size())).ok())
      out_bytes_ += static_cast<int64_t>(message.size());
    out_.push_back(ToBuffer(message));
  }

  void WriteNext() {
    writing_ = true;
    StartWrite(&out_.front());
  }

  void WindowAnswered() {
    working_ = false;
    if (state_.last_seen) return End(absl::OkStatus());
    if (next_ != nullptr) return Work();
    if (!preparing_) MaybeEnd();
  }

  void MaybeEnd() {
    if (!input_closed_ || preparing_ || working_ || writing_ || is_feed_) return;
    // Without a last window the question was cut, and whoever counts on it must know.
    if (state_.next_window > 0 && !state_.last_seen) return End(Cut());
    if (!parts_in_.empty() || state_.next_window == 0) return End(Cut());
    End(absl::OkStatus());
  }

  // --- feeds

  void Open(Question question) {
    working_ = true;
    working_bytes_ = arrived_bytes_;
    const auto self = shared_from_this();
    const absl::Status queued = parts_.workers->Run(
        [self, question = std::move(question)]() mutable { self->OpenFeed(std::move(question)); });
    if (!queued.ok()) End(queued);
  }

  void OpenFeed(Question question) {
    Reply refusal;
    const absl::Status opened = parts_.pipeline->OpenFeed(std::move(question), &feed_, &refusal);
    if (!opened.ok()) return Tell(std::move(refusal));
    RunStep();
  }

  void RunStep() {
    seen_ = parts_.store->horizon();
    const auto self = shared_from_this();
    parts_.pipeline->Step(feed_, [self](Pipeline::FeedReply answer) {
      {
        const std::lock_guard<std::mutex> lock(self->mutex_);
        self->idle_ = answer.idle;
        if (answer.ended && answer.reply.status.ok()) {
          self->end_after_writes_ = true;
          self->end_status_ = absl::OkStatus();
        }
        if (answer.reply.receipt.empty() && answer.reply.status.ok()) {
          if (self->finished_) return;
          self->working_ = false;
          if (self->cancelled_) return self->End(absl::CancelledError("the reader has gone"));
          return answer.idle ? self->Idle() : self->StepFeed();
        }
      }
      self->Tell(std::move(answer.reply));
    });
  }

  void StepFeed() {
    if (parts_.waker->stopped()) return End(Draining());
    if (cancelled_) return End(absl::CancelledError("the reader has gone"));
    const absl::Status known = Identify();
    if (!known.ok()) return End(known);
    working_ = true;
    const auto self = shared_from_this();
    const absl::Status queued = parts_.workers->Run([self] { self->RunStep(); });
    if (!queued.ok()) {
      working_ = false;
      Idle();  // the workers are full: soon again
    }
  }

  void Idle() {
    const auto self = shared_from_this();
    const bool waits = parts_.waker->Wait(seen_, [self] {
      const std::lock_guard<std::mutex> lock(self->mutex_);
      if (self->finished_ || self->working_) return;
      self->StepFeed();
    });
    if (!waits) End(Draining());
  }

  static absl::Status Draining() {
    return Error(StatusCode::kUnavailable, "DRAINING", "this server is stopping")
        .Expected("the feed to be resumed by its cursor, at once")
        .RetryAfter(absl::Milliseconds(100));
  }

  void End(const absl::Status& status) {
    if (finished_) return;
    finished_ = true;
    const absl::Duration took = parts_.clock->Now() - started_;
    metrics_->Handled(status.code(), took);
    if (!status.ok())
      LogCall(parts_, *context_, method_->contract->path(), caller_, message_id_, status, took);
    // What is still being worked on keeps its share of the budget until it is done.
    if (!preparing_ && !working_) lease_.Release();
    Finish(ToGrpcStatus(status, end_details_, parts_.short_name));
  }

  CallbackServerContext* const context_;
  const BoundMethod* const method_;
  const HandlerParts parts_;
  rpc::MethodMetrics* const metrics_;
  const absl::Time started_;
  const bool is_feed_;

  std::mutex mutex_;
  std::shared_ptr<WindowStream> self_;  // while gRPC has it

  std::string certificate_;
  std::string caller_;
  pki::Digest tls_certificate_ = {};
  std::string message_id_;
  rpc::Lease lease_;

  ByteBuffer incoming_;
  bool input_closed_ = false;
  std::vector<std::string> parts_in_;  // of the window that arrives
  size_t window_bytes_ = 0;
  absl::optional<Question> arrived_;  // one that is whole, while another is before it
  int64_t arrived_bytes_ = 0;
  bool preparing_ = false;                   // a window that has arrived whole is being made ready
  std::shared_ptr<Pipeline::Attempt> next_;  // one that is ready
  int64_t next_bytes_ = 0;

  bool working_ = false;  // a window is with the pipeline, or its answer is being written
  int64_t working_bytes_ = 0;
  StreamState state_;  // touched by the pipeline while working_

  std::deque<ByteBuffer> out_;
  int64_t out_bytes_ = 0;
  bool writing_ = false;
  bool end_after_writes_ = false;
  absl::Status end_status_;
  std::string end_details_;
  bool cancelled_ = false;
  bool finished_ = false;

  std::shared_ptr<Pipeline::Feed> feed_;
  bool idle_ = false;
  uint64_t seen_ = 0;
};

}  // namespace

grpc::internal::MethodHandler* StreamHandler(const BoundMethod* method, const HandlerParts& parts) {
  rpc::MethodMetrics* const metrics =
      &parts.metrics->For(method->service, method->name, "bidi_stream");
  return new grpc::internal::CallbackBidiHandler<ByteBuffer, ByteBuffer>(
      [method, parts, metrics](CallbackServerContext* context) {
        return WindowStream::Start(context, method, parts, metrics);
      });
}

}  // namespace egov::exchange
