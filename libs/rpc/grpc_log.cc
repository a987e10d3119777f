#include "libs/rpc/grpc_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <atomic>
#include <string>

namespace egov::rpc {
namespace {

// gRPC's log function is one for the process and takes no argument, so neither can this.
std::atomic<Logger*> grpc_logger{nullptr};

void Forward(gpr_log_func_args* args) {
  Logger* const logger = grpc_logger.load(std::memory_order_acquire);
  if (logger == nullptr) return;
  // What gRPC calls an error is often one peer's broken handshake: a warning here.
  const LogLevel level =
      args->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug;
  if (!logger->Enabled(level)) return;
  logger->Log(level, "grpc", {{"text", args->message}, {"file", args->file}, {"line", args->line}});
}

// What protobuf says is about messages from outside that do not parse: their caller is told, too.
void ForwardProtobuf(google::protobuf::LogLevel severity, const char* file, int line,
                     const std::string& text) {
  Logger* const logger = grpc_logger.load(std::memory_order_acquire);
  // The process ends after a fatal one.
  const LogLevel level =
      severity == google::protobuf::LOGLEVEL_FATAL ? LogLevel::kError : LogLevel::kDebug;
  if (logger == nullptr || !logger->Enabled(level)) return;
  logger->Log(level, "protobuf", {{"text", text}, {"file", file}, {"line", line}});
}

}  // namespace

void RouteGrpcLog(Logger* logger) {
  grpc_logger.store(logger, std::memory_order_release);
  gpr_set_log_function(logger == nullptr ? nullptr : &Forward);
  google::protobuf::SetLogHandler(&ForwardProtobuf);
}

}  // namespace egov::rpc
