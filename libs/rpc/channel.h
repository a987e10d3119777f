// Connections of a client to one service.
//
// gRPC's own retries are off, the transparent ones too: a message id names one attempt, so
// libs/exchange retries above the seal. A client that follows the kit retries UNAVAILABLE (a server
// that drains says so) and waits what RetryInfo says.
#ifndef EGOV_LIBS_RPC_CHANNEL_H_
#define EGOV_LIBS_RPC_CHANNEL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/rpc/tls.h"

namespace egov::rpc {

struct ChannelOptions {
  std::string target;    // "dns:///population:9090", "127.0.0.1:9090"
  std::string audience;  // the server's SPIFFE URI, exactly
  TlsOptions tls;        // required

  int connections =
      1;  // more than one when many streams run at once (HTTP/2 limits those of a connection)
  bool wait_for_ready =
      false;  // a call waits, within its deadline, for a server that is not there yet
  absl::Duration default_deadline = absl::Seconds(30);
  int max_receive_bytes = 36 << 20;  // a bundle of 32 answers of 1 MiB and room
  int max_send_bytes = 4 << 20;
  absl::Duration keepalive_time =
      absl::Seconds(30);  // also without calls; the server allows every 20 s
  absl::Duration keepalive_timeout = absl::Seconds(10);
};

// Thread safe. Connects at the first call.
class Channels {
 public:
  // INVALID_ARGUMENT / TARGET_MISSING, and the errors of ChannelTls.
  static absl::StatusOr<std::unique_ptr<Channels>> Create(const ChannelOptions& options);

  // The next connection in turn. Keep using one for calls that belong together; a generic stub on
  // it is cheap.
  const std::shared_ptr<grpc::Channel>& Next();
  const std::vector<std::shared_ptr<grpc::Channel>>& all() const { return channels_; }

  // Gives `context` the deadline (now + `timeout`, the default when zero) and wait_for_ready.
  void Prepare(grpc::ClientContext* context, absl::Duration timeout = absl::ZeroDuration()) const;

 private:
  explicit Channels(const ChannelOptions& options) : options_(options) {}
  const ChannelOptions options_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::atomic<size_t> next_{0};
};

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_CHANNEL_H_
