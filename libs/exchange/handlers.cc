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

// What a unary call holds until it is answered.
struct UnaryCall {
  CallbackServerContext* context;
  ByteBuffer* response;
  ServerUnaryReactor* reactor;
  rpc::MethodMetrics* metrics;
  rpc::Lease lease;
  std::string caller;
  absl::Time received;
  bool with_certificate = false;
};

void Answer(const HandlerParts& parts, const std::string& path, UnaryCall& call, Reply reply) {
  if (!reply.receipt.empty()) {
    call.context->AddTrailingMetadata(kReceiptKey, reply.receipt);
    call.context->AddTrailingMetadata(kSaltKey, reply.salt);
  }
  if (call.with_certificate)
    call.context->AddTrailingMetadata(kCertificateKey, parts.log_certificates);
  if (reply.status.ok() && !reply.parts.empty()) *call.response = ToBuffer(reply.parts[0]);
  CallEnded(parts, *call.context, path, call.caller, call.received, reply, call.metrics);
  call.lease.Release();
  call.reactor->Finish(ToGrpcStatus(reply.status, reply.details, parts.short_name));
}

grpc::internal::MethodHandler* UnaryHandler(const BoundMethod* method, const HandlerParts& parts) {
  rpc::MethodMetrics* const metrics = &parts.metrics->For(method->service, method->name, "unary");
  return new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
      [method, parts, metrics](CallbackServerContext* context, const ByteBuffer* request,
                               ByteBuffer* response) {
        ServerUnaryReactor* const reactor = context->DefaultReactor();
        metrics->Started();
        auto call = std::make_shared<UnaryCall>();
        call->context = context;
        call->response = response;
        call->reactor = reactor;
        call->metrics = metrics;
        call->received = parts.clock->Now();
        const std::string& path = method->contract->path();
        const auto refuse = [&](absl::Status status) {
          Reply reply;
          reply.status = std::move(status);
          Answer(parts, path, *call, std::move(reply));
          return reactor;
        };
        const auto peer = parts.peers->Identify(*context->auth_context());
        if (!peer.ok()) return refuse(peer.status());
        call->caller = (*peer)->spiffe;
        const auto deadline = rpc::AdmitDeadline(context->deadline(), call->received);
        if (!deadline.ok()) return refuse(deadline.status());
        auto lease = parts.admission->Admit(static_cast<int64_t>(request->Length()));
        if (!lease.ok()) return refuse(lease.status());
        call->lease = *std::move(lease);

        Question question;
        question.method = method;
        question.caller = call->caller;
        question.tls_certificate = (*peer)->certificate_sha256;
        question.sealed_header = Metadata(*context, kHeaderKey);
        question.salt = Metadata(*context, kSaltKey);
        question.end_user = Metadata(*context, kUserKey);
        question.certificate = Metadata(*context, kCertificateKey);
        call->with_certificate = !question.certificate.empty();
        question.parts.push_back(ToString(*request));
        question.received = call->received;
        question.deadline = deadline->inner;
        question.answer_room = kMaxUnaryAnswer;
        parts.pipeline->Serve(std::move(question), [parts, path = &path, call](Reply reply) {
          Answer(parts, *path, *call, std::move(reply));
        });
        return reactor;
      });
}

grpc::internal::MethodHandler* PlainHandler(const PlainMethod& method, const HandlerParts& parts) {
  rpc::MethodMetrics* const metrics = &parts.metrics->For(method.service, method.name, "unary");
  const std::string path = absl::StrCat("/", method.service, "/", method.name);
  return new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
      [method, parts, metrics, path](CallbackServerContext* context, const ByteBuffer* request,
                                     ByteBuffer* response) {
        ServerUnaryReactor* const reactor = context->DefaultReactor();
        metrics->Started();
        auto call = std::make_shared<UnaryCall>();
        call->context = context;
        call->response = response;
        call->reactor = reactor;
        call->metrics = metrics;
        call->received = parts.clock->Now();
        const auto answer = [parts, path, call](absl::Status status, std::string bytes) {
          Reply reply;
          reply.status = std::move(status);
          reply.parts.push_back(std::move(bytes));
          Answer(parts, path, *call, std::move(reply));
        };
        const auto peer = parts.peers->Identify(*context->auth_context());
        if (!peer.ok()) {
          answer(peer.status(), "");
          return reactor;
        }
        call->caller = (*peer)->spiffe;
        const auto deadline = rpc::AdmitDeadline(context->deadline(), call->received);
        if (!deadline.ok()) {
          answer(deadline.status(), "");
          return reactor;
        }
        auto lease = parts.admission->Admit(static_cast<int64_t>(request->Length()));
        if (!lease.ok()) {
          answer(lease.status(), "");
          return reactor;
        }
        call->lease = *std::move(lease);
        const absl::Status queued = parts.workers->Run(
            [method, bytes = ToString(*request), call, answer, until = deadline->inner]() {
              const std::unique_ptr<google::protobuf::Message> question(method.request->New());
              const std::unique_ptr<google::protobuf::Message> reply(method.response->New());
              absl::Status status;
              if (question->ParseFromString(bytes)) {
                status = method.run(call->caller, until, *question, reply.get());
              } else {
                status = base::Error(StatusCode::kInvalidArgument, "BAD_MESSAGE",
                                     "the question does not parse")
                             .Expected(std::string(question->GetTypeName()));
              }
              answer(status, status.ok() ? reply->SerializeAsString() : std::string());
            });
        if (!queued.ok()) answer(queued, "");
        return reactor;
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
