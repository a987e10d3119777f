// Unary calls that came in one message: BundleService. Internal to libs/exchange.
#ifndef EGOV_LIBS_EXCHANGE_BUNDLE_HANDLER_H_
#define EGOV_LIBS_EXCHANGE_BUNDLE_HANDLER_H_

#include <grpcpp/impl/codegen/rpc_service_method.h>

#include <vector>

#include "libs/exchange/handlers.h"

namespace egov::exchange {

// The handler of CallBundle for these unary methods. Every call passes the budget, the pipeline and
// its method's metrics by itself. A bundle that is refused as a whole is counted and logged as
// CallBundle.
grpc::internal::MethodHandler* BundleHandler(const std::vector<const BoundMethod*>& methods,
                                             const HandlerParts& parts);

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_BUNDLE_HANDLER_H_
