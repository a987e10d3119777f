#include "libs/rpc/health.h"

#include <grpcpp/impl/codegen/rpc_service_method.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/error_map.h"

namespace egov::rpc {
namespace {

using grpc::ByteBuffer;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr size_t kLongestRequest = 512;

absl::StatusOr<std::string> ServiceOf(const ByteBuffer& request) {
  grpc::Slice slice;
  HealthCheckRequest message;
  if (request.Length() > kLongestRequest ||
      (request.Length() > 0 &&
       (!request.DumpToSingleSlice(&slice).ok() ||
        !message.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))))) {
    return base::Error(absl::StatusCode::kInvalidArgument, "MALFORMED", "Not a HealthCheckRequest");
  }
  return message.service();
}

ByteBuffer Encode(int status) {
  HealthCheckResponse message;
  message.set_status(static_cast<HealthCheckResponse::ServingStatus>(status));
  const grpc::Slice slice(message.SerializeAsString());
  return ByteBuffer(&slice, 1);
}

absl::Status UnknownService() {
  return base::Error(absl::StatusCode::kNotFound, "UNKNOWN_SERVICE", "No such service here")
      .Field("service");
}

class Refusal final : public grpc::ServerWriteReactor<ByteBuffer> {
 public:
  explicit Refusal(const absl::Status& status) { Finish(ToGrpc(status, "health")); }
  void OnDone() override { delete this; }
};

}  // namespace

// One watcher. At most one write is under way; what changes meanwhile is told after it, the latest
// only.
class HealthWatch final : public grpc::ServerWriteReactor<ByteBuffer> {
 public:
  HealthWatch(HealthService* health, std::string service)
      : health_(health), service_(std::move(service)) {}

  const std::string& service() const { return service_; }

  void Tell(int status) {
    std::lock_guard<std::mutex> lock(mutex_);
    wanted_ = status;
    Continue();
  }
  void End() {
    std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
    Continue();
  }
  void OnWriteDone(bool ok) override {
    std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    if (!ok) ending_ = true;
    Continue();
  }
  void OnCancel() override { End(); }
  void OnDone() override {
    health_->Forget(this);
    delete this;
  }

 private:
  void Continue() {
    if (finished_ || writing_) return;
    if (wanted_ != told_) {
      told_ = wanted_;
      message_ = Encode(told_);
      writing_ = true;
      StartWrite(&message_);
    } else if (ending_) {
      finished_ = true;
      Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server is going"));
    }
  }

  HealthService* const health_;
  const std::string service_;
  std::mutex mutex_;
  ByteBuffer message_;
  int wanted_ = -1, told_ = -1;
  bool writing_ = false, ending_ = false, finished_ = false;
};

HealthService::HealthService(PeerCache* peers) : peers_(peers), services_({""}) {
  using grpc::internal::RpcMethod;
  using grpc::internal::RpcServiceMethod;
  AddMethod(new RpcServiceMethod("/grpc.health.v1.Health/Check", RpcMethod::NORMAL_RPC, nullptr));
  MarkMethodRawCallback(
      0, new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(
             [this](grpc::CallbackServerContext* context, const ByteBuffer* request,
                    ByteBuffer* response) {
               absl::Status status = peers_->Identify(*context->auth_context()).status();
               if (status.ok()) {
                 const auto service = ServiceOf(*request);
                 status = service.status();
                 if (service.ok()) {
                   std::lock_guard<std::mutex> lock(mutex_);
                   const int now = StatusOf(*service);
                   if (now == HealthCheckResponse::SERVICE_UNKNOWN) status = UnknownService();
                   *response = Encode(now);
                 }
               }
               grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
               reactor->Finish(ToGrpc(status, "health"));
               return reactor;
             }));
  AddMethod(
      new RpcServiceMethod("/grpc.health.v1.Health/Watch", RpcMethod::SERVER_STREAMING, nullptr));
  MarkMethodRawCallback(
      1, new grpc::internal::CallbackServerStreamingHandler<ByteBuffer, ByteBuffer>(
             [this](grpc::CallbackServerContext* context,
                    const ByteBuffer* request) -> grpc::ServerWriteReactor<ByteBuffer>* {
               if (const auto peer = peers_->Identify(*context->auth_context()); !peer.ok()) {
                 return new Refusal(peer.status());
               }
               const auto service = ServiceOf(*request);
               if (!service.ok()) return new Refusal(service.status());
               auto* const watch = new HealthWatch(this, *service);
               std::lock_guard<std::mutex> lock(mutex_);
               watches_.insert(watch);
               watch->Tell(StatusOf(*service));
               if (ending_) watch->End();
               return watch;
             }));
}

void HealthService::Know(const std::string& service) {
  std::lock_guard<std::mutex> lock(mutex_);
  services_.insert(service);
}

void HealthService::SetServing(bool serving) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (serving_ == serving) return;
  serving_ = serving;
  for (HealthWatch* watch : watches_) watch->Tell(StatusOf(watch->service()));
}

void HealthService::EndWatches() {
  std::lock_guard<std::mutex> lock(mutex_);
  ending_ = true;
  for (HealthWatch* watch : watches_) watch->End();
}

int HealthService::StatusOf(absl::string_view service) const {
  if (services_.count(std::string(service)) == 0) return HealthCheckResponse::SERVICE_UNKNOWN;
  return serving_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

void HealthService::Forget(HealthWatch* watch) {
  std::lock_guard<std::mutex> lock(mutex_);
  watches_.erase(watch);
}

}  // namespace egov::rpc
