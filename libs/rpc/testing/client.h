// Raw calls for tests: bytes in, bytes or an absl::Status out.
#ifndef EGOV_LIBS_RPC_TESTING_CLIENT_H_
#define EGOV_LIBS_RPC_TESTING_CLIENT_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libs/rpc/error_map.h"

namespace egov::rpc::testing {

inline grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

inline std::string ToString(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  if (buffer.Length() == 0 || !buffer.DumpToSingleSlice(&slice).ok()) return "";
  return std::string(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

// One unary call, waited for.
inline absl::StatusOr<std::string> Call(const std::shared_ptr<grpc::Channel>& channel,
                                        const std::string& method, const std::string& request,
                                        grpc::ClientContext* context) {
  const grpc::ByteBuffer in = ToBuffer(request);
  grpc::ByteBuffer out;
  std::promise<grpc::Status> done;
  grpc::GenericStub(channel).UnaryCall(
      context, method, grpc::StubOptions(), &in, &out,
      [&done](grpc::Status status) { done.set_value(std::move(status)); });
  const grpc::Status status = done.get_future().get();
  if (!status.ok()) return FromGrpc(status);
  return ToString(out);
}

inline absl::StatusOr<std::string> Call(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
    const std::string& request, std::chrono::milliseconds timeout = std::chrono::seconds(5)) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  return Call(channel, method, request, &context);
}

}  // namespace egov::rpc::testing

#endif  // EGOV_LIBS_RPC_TESTING_CLIENT_H_
