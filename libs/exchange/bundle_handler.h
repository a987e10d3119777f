// Unary calls that came in one message: BundleService. Internal to libs/exchange.
#ifndef EGOV_LIBS_EXCHANGE_BUNDLE_HANDLER_H_
#define EGOV_LIBS_EXCHANGE_BUNDLE_HANDLER_H_

#include <grpcpp/impl/codegen/rpc_service_method.h>

#include <vector>

#include "libs/exchange/handlers.h"

namespace egov::exchange {

// The handler of CallBundle for these unary methods. Every call in a bundle passes the pipeline,
// the budget and the metrics by itself, as if it had come alone.
grpc::internal::MethodHandler* BundleHandler(const std::vector<const BoundMethod*>& methods,
                                             const HandlerParts& parts);

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_BUNDLE_HANDLER_H_
