// A gRPC server as every service of egov runs it: mutual TLS, limits, health, ops port, drain.
//
//   rpc::ServerOptions options = ...;
//   EGOV_ASSIGN_OR_RETURN(auto server, rpc::Server::Create(options, &logger, &metrics));
//   server->readiness().Add("store", [&] { return store->Check(); });
//   server->Add(std::move(service), "egov.population.v1.PopulationService");
//   server->OnDrained([&] { store->Close(); });
//   EGOV_RETURN_IF_ERROR(server->Start());
//   return server->RunUntilSignalled();
//
// grpc.health.v1.Health answers NOT_SERVING until the readiness checks pass, then by service; it
// follows them every second.
#ifndef EGOV_LIBS_RPC_SERVER_H_
#define EGOV_LIBS_RPC_SERVER_H_

#include <grpcpp/impl/codegen/service_type.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/rpc/log.h"
#include "libs/rpc/metrics.h"
#include "libs/rpc/ops.h"
#include "libs/rpc/peer.h"
#include "libs/rpc/tls.h"

namespace egov::rpc {

struct ServerOptions {
  std::string listen = "127.0.0.1:0";      // host:port of the service; port 0 picks one
  std::string ops_listen = "127.0.0.1:0";  // host:port of /metrics, /livez, /readyz
  TlsOptions tls;                          // required

  int max_receive_bytes = 4 << 20;                // one message: a part of 1 MiB and room
  static constexpr int kMaxSendBytes = 36 << 20;  // a bundle of 32 answers of 1 MiB and room
  int max_send_bytes = kMaxSendBytes;
  int max_metadata_bytes = 16 << 10;        // header 1 KiB, end user's assertion, tracing
  int max_concurrent_streams = 1024;        // on one connection
  size_t memory_quota = size_t{512} << 20;  // of gRPC's own buffers; above it reading slows down

  absl::Duration handshake_timeout = absl::Seconds(10);  // gRPC's own default is two minutes
  absl::Duration max_connection_age =
      absl::Minutes(10);  // so that new certificates and new replicas are met
  absl::Duration max_connection_age_grace = absl::Minutes(2);
  absl::Duration keepalive_time = absl::Seconds(60);  // pings to a silent client
  absl::Duration keepalive_timeout = absl::Seconds(20);
  absl::Duration min_client_ping_interval =
      absl::Seconds(20);  // clients may ping this often, also without calls

  absl::Duration drain_wait =
      absl::Seconds(5);  // after "not ready", before connections are told to go
  absl::Duration drain_deadline =
      absl::Seconds(25);  // after that, for calls in flight; then they are cancelled

  // For people with grpcurl. Process-wide once switched on (gRPC's plug-in is), and it shows the
  // contract to every member.
  bool reflection = false;
};

// Create, Add*, Start, then Drain or RunUntilSignalled, from one thread; the getters from any.
class Server {
 public:
  // Checks options and files. `logger`, `metrics` and `clock` outlive the server. Errors: those of
  // CheckTlsFiles and PeerCache::Create.
  static absl::StatusOr<std::unique_ptr<Server>> Create(
      const ServerOptions& options, Logger* logger, Metrics* metrics,
      const base::Clock& clock = base::Clock::Real());
  // Drains at once when it still runs.
  virtual ~Server() = default;

  // Registers a service under its full name. The same name twice makes Start fail
  // (FAILED_PRECONDITION / SERVICE_TWICE).
  virtual void Add(std::unique_ptr<grpc::Service> service, const std::string& full_name) = 0;

  // Called when the server is told to go: end what would run for ever (feeds).
  virtual void OnDraining(std::function<void()> callback) = 0;

  // Called after the last call has ended, in reverse order of registration: flush, close.
  virtual void OnDrained(std::function<void()> callback) = 0;

  // Listens. UNAVAILABLE / PORT_UNUSABLE when a port cannot be had, FAILED_PRECONDITION /
  // NO_SERVICE when none was added.
  virtual absl::Status Start() = 0;

  virtual int port() const = 0;
  virtual int ops_port() const = 0;
  virtual Readiness& readiness() = 0;  // checks are added before Start
  virtual PeerCache& peers() = 0;
  virtual Logger& logger() = 0;
  virtual Metrics& metrics() = 0;

  // Not ready -> `wait` for that to be known -> GOAWAY, no new calls, calls in flight until
  // `deadline`, then cancelled -> OnDrained callbacks. Returns when all is done; a second call
  // returns at once.
  virtual void Drain(absl::Duration wait, absl::Duration deadline) = 0;

  // Waits for SIGTERM or SIGINT, then drains by the options. Returns 0, the process's exit code. A
  // second signal ends the process at once.
  virtual int RunUntilSignalled() = 0;
};

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_SERVER_H_
