#include "libs/exchange/handlers.h"

#include <grpcpp/impl/codegen/rpc_service_method.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/server_context.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/exchange/bundle_handler.h"
#include "libs/exchange/bytes.h"
#include "libs/exchange/stream_handler.h"
#include "libs/rpc/deadline.h"
#include "libs/rpc/error_map.h"

namespace egov::exchange {
namespace {

using absl::StatusCode;
using grpc::ByteBuffer;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;
using grpc::internal::RpcMethod;

void Add(const RpcMethod::RpcType type, const std::string& path,
         grpc::internal::MethodHandler* handler, std::vector<std::string>* paths,
         std::vector<std::pair<RpcMethod::RpcType, grpc::internal::MethodHandler*>>* out) {
  paths->push_back(path);
  out->push_back({type, handler});
}

// gRPC wants the methods' names for as long as the service lives.
class RawService final : public grpc::Service {
 public:
  RawService(std::vector<std::string> paths,
             std::vector<std::pair<RpcMethod::RpcType, grpc::internal::MethodHandler*>> handlers)
      : paths_(std::move(paths)) {
    for (size_t i = 0; i < paths_.size(); ++i) {
      AddMethod(
          new grpc::internal::RpcServiceMethod(paths_[i].c_str(), handlers[i].first, nullptr));
      MarkMethodRawCallback(static_cast<int>(i), handlers[i].second);
    }
  }

 private:
  const std::vector<std::string> paths_;
};

}  // namespace

std::string Metadata(const CallbackServerContext& context, const char* key) {
  const auto it = context.client_metadata().find(key);
  return it == context.client_metadata().end() ? std::string()
                                               : std::string(it->second.data(), it->second.size());
}

grpc::Status ToGrpcStatus(const absl::Status& status, const std::string& details,
                          const std::string& short_name) {
  if (status.ok()) return grpc::Status::OK;
  const grpc::Status mapped = rpc::ToGrpc(status, short_name);
  // The very bytes whose digest is in the record.
  return grpc::Status(mapped.error_code(), mapped.error_message(),
                      details.empty() ? mapped.error_details() : details);
}

void LogCall(const HandlerParts& parts, const CallbackServerContext& context,
             absl::string_view method, absl::string_view caller, absl::string_view message_id,
             const absl::Status& status, absl::Duration took) {
  const rpc::TraceContext trace = rpc::ContinueTrace(Metadata(context, rpc::kTraceparent));
  const std::string id = base::ToHex(message_id);
  rpc::CallRecord call;
  call.trace_id = trace.trace_id;
  call.message_id = id;
  call.method = method;
  call.caller = caller;
  call.status = status;
  call.took = took;
  parts.logger->LogCall(call);
}

void CallEnded(const HandlerParts& parts, const CallbackServerContext& context,
               absl::string_view method, absl::string_view caller, absl::Time received,
               const Reply& reply, rpc::MethodMetrics* metrics) {
  const absl::Duration took = parts.clock->Now() - received;
  metrics->Handled(reply.status.code(), took);
  if (reply.status.ok() && !parts.logger->Enabled(rpc::LogLevel::kDebug) &&
      took <= absl::Seconds(1))
    return;
  LogCall(parts, context, method, caller, reply.message_id, reply.status, took);
}

namespace {

// A unary call, until its answer has left: the budget has it so long, because a caller may read
// slowly.
class UnaryCall final : public ServerUnaryReactor {
 public:
  UnaryCall(const HandlerParts* parts, const std::string* path, rpc::MethodMetrics* metrics,
            CallbackServerContext* context, ByteBuffer* response)
      : parts_(*parts),
        path_(*path),
        metrics_(metrics),
        context_(context),
        response_(response),
        received_(parts->clock->Now()) {
    metrics_->Started();
  }

  // Who calls, until when, and a share of the budget for `request`.
  absl::StatusOr<std::shared_ptr<const rpc::Peer>> Admit(const ByteBuffer& request) {
    EGOV_ASSIGN_OR_RETURN(const auto peer, parts_.peers->Identify(*context_->auth_context()));
    caller_ = peer->spiffe;
    EGOV_ASSIGN_OR_RETURN(const rpc::Deadline deadline,
                          rpc::AdmitDeadline(context_->deadline(), received_));
    deadline_ = deadline.inner;
    EGOV_ASSIGN_OR_RETURN(lease_, parts_.admission->Admit(static_cast<int64_t>(request.Length())));
    return peer;
  }

  // Ends the call: on any thread, once.
  void Answer(Reply reply) {
    if (!reply.receipt.empty()) {
      context_->AddTrailingMetadata(kReceiptKey, reply.receipt);
      context_->AddTrailingMetadata(kSaltKey, reply.salt);
    }
    if (with_certificate_) context_->AddTrailingMetadata(kCertificateKey, parts_.log_certificates);
    if (reply.status.ok() && !reply.parts.empty()) *response_ = ToBuffer(reply.parts[0]);
    CallEnded(parts_, *context_, path_, caller_, received_, reply, metrics_);
    Finish(ToGrpcStatus(reply.status, reply.details, parts_.short_name));
  }
  void Refuse(absl::Status status) {
    Reply reply;
    reply.status = std::move(status);
    Answer(std::move(reply));
  }

  void OnDone() override { delete this; }

  const std::string& caller() const { return caller_; }
  absl::Time received() const { return received_; }
  absl::Time deadline() const { return deadline_; }
  rpc::Lease* lease() { return &lease_; }
  void set_with_certificate(bool with) { with_certificate_ = with; }

 private:
  const HandlerParts& parts_;
  const std::string& path_;
  rpc::MethodMetrics* const metrics_;
  CallbackServerContext* const context_;
  ByteBuffer* const response_;
  const absl::Time received_;
  std::string caller_;
  absl::Time deadline_;
  rpc::Lease lease_;
  bool with_certificate_ = false;
};

grpc::internal::MethodHandler* UnaryHandler(const BoundMethod* method,
                                            const HandlerParts& handler_parts) {
  rpc::MethodMetrics* const metrics =
      &handler_parts.metrics->For(method->service, method->name, "unary");
  const auto parts = std::make_shared<const HandlerParts>(handler_parts);
  return new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
      [method, parts, metrics](CallbackServerContext* context, const ByteBuffer* request,
                               ByteBuffer* response) {
        auto* const call =
            new UnaryCall(parts.get(), &method->contract->path(), metrics, context, response);
        const auto peer = call->Admit(*request);
        if (!peer.ok()) {
          call->Refuse(peer.status());
          return call;
        }
        Question question;
        question.method = method;
        question.caller = call->caller();
        question.tls_certificate = (*peer)->certificate_sha256;
        question.sealed_header = Metadata(*context, kHeaderKey);
        question.salt = Metadata(*context, kSaltKey);
        question.end_user = Metadata(*context, kUserKey);
        question.certificate = Metadata(*context, kCertificateKey);
        call->set_with_certificate(!question.certificate.empty());
        question.parts.push_back(ToString(*request));
        question.received = call->received();
        question.deadline = call->deadline();
        question.answer_room = kMaxUnaryAnswer;
        question.lease = call->lease();
        parts->pipeline->Serve(std::move(question),
                               [call](Reply reply) { call->Answer(std::move(reply)); });
        return call;
      });
}

// A plain method and its parts, for as long as the service lives.
struct BoundPlain {
  PlainMethod method;
  HandlerParts parts;
  std::string path;
};

grpc::internal::MethodHandler* PlainHandler(const PlainMethod& method, const HandlerParts& parts) {
  rpc::MethodMetrics* const metrics = &parts.metrics->For(method.service, method.name, "unary");
  const auto bound = std::make_shared<const BoundPlain>(
      BoundPlain{method, parts, absl::StrCat("/", method.service, "/", method.name)});
  return new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
      [bound, metrics](CallbackServerContext* context, const ByteBuffer* request,
                       ByteBuffer* response) {
        auto* const call = new UnaryCall(&bound->parts, &bound->path, metrics, context, response);
        const auto peer = call->Admit(*request);
        if (!peer.ok()) {
          call->Refuse(peer.status());
          return call;
        }
        const absl::Status queued =
            bound->parts.workers->Run([bound, bytes = ToString(*request), call]() {
              const PlainMethod& plain = bound->method;
              const std::unique_ptr<google::protobuf::Message> question(plain.request->New());
              const std::unique_ptr<google::protobuf::Message> answer(plain.response->New());
              Reply reply;
              if (question->ParseFromString(bytes)) {
                reply.status = plain.run(call->caller(), call->deadline(), *question, answer.get());
              } else {
                reply.status = base::Error(StatusCode::kInvalidArgument, "BAD_MESSAGE",
                                           "the question does not parse")
                                   .Expected(std::string(question->GetTypeName()));
              }
              if (reply.status.ok()) {
                reply.parts.push_back(answer->SerializeAsString());
                reply.status = call->lease()->Grow(static_cast<int64_t>(reply.parts[0].size()));
              }
              call->Answer(std::move(reply));
            });
        if (!queued.ok()) call->Refuse(queued);
        return call;
      });
}

}  // namespace

std::unique_ptr<grpc::Service> NewExchangeService(const std::vector<const BoundMethod*>& methods,
                                                  HandlerParts parts) {
  std::vector<std::string> paths;
  std::vector<std::pair<RpcMethod::RpcType, grpc::internal::MethodHandler*>> handlers;
  for (const BoundMethod* method : methods) {
    const bool unary = method->unary();
    Add(unary ? RpcMethod::NORMAL_RPC : RpcMethod::BIDI_STREAMING, method->contract->path(),
        unary ? UnaryHandler(method, parts) : StreamHandler(method, parts), &paths, &handlers);
  }
  return std::make_unique<RawService>(std::move(paths), std::move(handlers));
}

std::unique_ptr<grpc::Service> NewBundleService(const std::vector<const BoundMethod*>& methods,
                                                HandlerParts parts) {
  std::vector<std::string> paths;
  std::vector<std::pair<RpcMethod::RpcType, grpc::internal::MethodHandler*>> handlers;
  Add(RpcMethod::NORMAL_RPC, kCallBundle, BundleHandler(methods, parts), &paths, &handlers);
  return std::make_unique<RawService>(std::move(paths), std::move(handlers));
}

std::unique_ptr<grpc::Service> NewPlainService(std::vector<PlainMethod> methods,
                                               HandlerParts parts) {
  std::vector<std::string> paths;
  std::vector<std::pair<RpcMethod::RpcType, grpc::internal::MethodHandler*>> handlers;
  for (const PlainMethod& method : methods) {
    Add(RpcMethod::NORMAL_RPC, absl::StrCat("/", method.service, "/", method.name),
        PlainHandler(method, parts), &paths, &handlers);
  }
  return std::make_unique<RawService>(std::move(paths), std::move(handlers));
}

FeedWaker::FeedWaker(storage::Store* store, rpc::Executor* workers)
    : store_(store), workers_(workers), thread_([this] { Watch(); }) {}

FeedWaker::~FeedWaker() {
  Stop();
  thread_.join();
}

bool FeedWaker::Wait(uint64_t seen, std::function<void()> wake) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) return false;
  waiting_.push_back({seen, std::move(wake)});
  changed_.notify_one();
  return true;
}

void FeedWaker::Stop() {
  const std::lock_guard<std::mutex> lock(mutex_);
  stopping_ = true;
  changed_.notify_one();
}

bool FeedWaker::stopped() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stopping_;
}

void FeedWaker::Watch() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    changed_.wait_for(lock, std::chrono::milliseconds(20), [this] { return stopping_; });
    const uint64_t horizon = store_->horizon();
    std::vector<Waiting> still;
    for (Waiting& one : waiting_) {
      if (!stopping_ && one.seen >= horizon) {
        still.push_back(std::move(one));
      } else if (!workers_->Run(one.wake).ok() && !stopping_) {
        still.push_back(std::move(one));  // the workers are full: the next round
      }
    }
    waiting_ = std::move(still);
    if (stopping_) return;
  }
}

}  // namespace egov::exchange
