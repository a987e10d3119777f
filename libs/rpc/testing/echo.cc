#include "libs/rpc/testing/echo.h"

#include <grpcpp/impl/codegen/rpc_service_method.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>

#include <utility>

namespace egov::rpc::testing {
namespace {

using grpc::ByteBuffer;

class EchoStream final : public grpc::ServerBidiReactor<ByteBuffer, ByteBuffer> {
 public:
  EchoStream() { StartRead(&message_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    StartWrite(&message_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    message_.Clear();
    StartRead(&message_);
  }
  void OnDone() override { delete this; }

 private:
  ByteBuffer message_;
};

class EchoService final : public grpc::Service {
 public:
  explicit EchoService(EchoHandler unary) {
    if (!unary) {
      unary = [](grpc::CallbackServerContext* context, const ByteBuffer* request,
                 ByteBuffer* response) {
        *response = *request;
        grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
      };
    }
    AddMethod(new grpc::internal::RpcServiceMethod(kEchoMethod,
                                                   grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
    MarkMethodRawCallback(
        0, new grpc::internal::CallbackUnaryHandler<ByteBuffer, ByteBuffer>(std::move(unary)));
    AddMethod(new grpc::internal::RpcServiceMethod(
        kEchoStreamMethod, grpc::internal::RpcMethod::BIDI_STREAMING, nullptr));
    MarkMethodRawCallback(1, new grpc::internal::CallbackBidiHandler<ByteBuffer, ByteBuffer>(
                                 [](grpc::CallbackServerContext*) { return new EchoStream; }));
  }
};

}  // namespace

std::unique_ptr<grpc::Service> NewEchoService(EchoHandler unary) {
  return std::make_unique<EchoService>(std::move(unary));
}

}  // namespace egov::rpc::testing
