// The logs of gRPC's core and of protobuf, into ours.
#ifndef EGOV_LIBS_RPC_GRPC_LOG_H_
#define EGOV_LIBS_RPC_GRPC_LOG_H_

#include "libs/rpc/log.h"

namespace egov::rpc {

// Sends what gRPC core logs (process-wide by its design) to `logger`, which must then live until
// nullptr is set or the process ends. Its INFO and DEBUG lines come at debug, and so does all that
// protobuf says of messages that do not parse (which is nowhere else from then on). Server::Create
// does it; a program that is only a client may.
void RouteGrpcLog(Logger* logger);

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_GRPC_LOG_H_
