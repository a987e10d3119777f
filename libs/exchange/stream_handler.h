// Streams of windows on gRPC's callback interface. Internal to libs/exchange.
#ifndef EGOV_LIBS_EXCHANGE_STREAM_HANDLER_H_
#define EGOV_LIBS_EXCHANGE_STREAM_HANDLER_H_

#include <grpcpp/impl/codegen/rpc_service_method.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <string>

#include "libs/exchange/handlers.h"
#include "libs/rpc/trace.h"

namespace egov::exchange {

// The handler of a Query, Load or Feed. It holds one window that is being answered, one that is
// made ready meanwhile, and one that arrives.
grpc::internal::MethodHandler* StreamHandler(const BoundMethod* method, const HandlerParts& parts);

// Shared with the unary handlers.
std::string Metadata(const grpc::CallbackServerContext& context, const char* key);
grpc::Status ToGrpcStatus(const absl::Status& status, const std::string& details,
                          const std::string& short_name);
void LogCall(const HandlerParts& parts, const grpc::CallbackServerContext& context,
             absl::string_view method, absl::string_view caller, absl::string_view message_id,
             const absl::Status& status, absl::Duration took);
// A unary call has ended: counts it, and logs it when it was refused or slow.
void CallEnded(const HandlerParts& parts, const grpc::CallbackServerContext& context,
               absl::string_view method, absl::string_view caller, absl::Time received,
               const Reply& reply, rpc::MethodMetrics* metrics);

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_STREAM_HANDLER_H_
