// A raw echo over grpc::ByteBuffer: what gRPC itself costs. The load benchmarks use it as their
// baseline.
//
// /egov.rpc.testing.EchoService/Echo (unary) and /EchoStream (bidirectional) answer each message
// with itself. It asks nothing of the caller beyond TLS. Thread safe.
#ifndef EGOV_LIBS_RPC_TESTING_ECHO_H_
#define EGOV_LIBS_RPC_TESTING_ECHO_H_

#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>

namespace egov::rpc::testing {

constexpr char kEchoService[] = "egov.rpc.testing.EchoService";
constexpr char kEchoMethod[] = "/egov.rpc.testing.EchoService/Echo";
constexpr char kEchoStreamMethod[] = "/egov.rpc.testing.EchoService/EchoStream";

// What happens to a unary call instead of the plain echo, for tests of what stands before a
// handler.
using EchoHandler = std::function<grpc::ServerUnaryReactor*(
    grpc::CallbackServerContext*, const grpc::ByteBuffer* request, grpc::ByteBuffer* response)>;

std::unique_ptr<grpc::Service> NewEchoService(EchoHandler unary = nullptr);

}  // namespace egov::rpc::testing

#endif  // EGOV_LIBS_RPC_TESTING_ECHO_H_
