#include "libs/rpc/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "libs/base/status.h"

namespace egov::rpc {

absl::StatusOr<std::unique_ptr<Channels>> Channels::Create(const ChannelOptions& options) {
  if (options.target.empty()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "TARGET_MISSING",
                       "No address to connect to")
        .Field("target")
        .Expected("host:port");
  }
  // Debian's Abseil looks for deadlocks at each lock, in gRPC too: ~5 % of the time, for a check
  // that belongs in tests.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  EGOV_ASSIGN_OR_RETURN(auto credentials, ChannelTls(options.tls, options.audience));
  std::unique_ptr<Channels> out(new Channels(options));
  for (int i = 0; i < std::max(1, options.connections); ++i) {
    grpc::ChannelArguments args;
    args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    args.SetMaxReceiveMessageSize(options.max_receive_bytes);
    args.SetMaxSendMessageSize(options.max_send_bytes);
    args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS,
                static_cast<int>(absl::ToInt64Milliseconds(options.keepalive_time)));
    args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                static_cast<int>(absl::ToInt64Milliseconds(options.keepalive_timeout)));
    args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    // A server that restarts is found again soon.
    args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                10000);  // in truth: how long connecting may take
    args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
    args.SetServiceConfigJSON(R"({"loadBalancingConfig":[{"round_robin":{}}]})");
    args.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);  // DNS must not switch retries on
    // Channels with equal arguments would share one connection.
    args.SetInt("egov.connection", i);
    out->channels_.push_back(grpc::CreateCustomChannel(options.target, credentials, args));
  }
  return absl::StatusOr<std::unique_ptr<Channels>>(std::move(out));
}

const std::shared_ptr<grpc::Channel>& Channels::Next() {
  if (channels_.size() == 1) return channels_[0];
  return channels_[next_.fetch_add(1, std::memory_order_relaxed) % channels_.size()];
}

void Channels::Prepare(grpc::ClientContext* context, absl::Duration timeout) const {
  if (timeout <= absl::ZeroDuration()) timeout = options_.default_deadline;
  context->set_deadline(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(timeout));
  context->set_wait_for_ready(options_.wait_for_ready);
}

}  // namespace egov::rpc
