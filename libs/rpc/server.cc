#include "libs/rpc/server.h"

#include <dlfcn.h>
#include <errno.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/rpc/grpc_log.h"
#include "libs/rpc/health.h"

namespace egov::rpc {
namespace {

// Where the signal handler writes; a handler can reach nothing else.
std::atomic<int> signal_pipe{-1};

void OnSignal(int) {
  const int saved = errno;
  const char byte = 1;
  if (write(signal_pipe.load(), &byte, 1) < 0) {
    // The pipe is full of signals already.
  }
  errno = saved;
}

int Millis(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

double ResidentBytes() {
  long long total = 0, resident = 0;
  FILE* const file = fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  const int read = fscanf(file, "%lld %lld", &total, &resident);
  fclose(file);
  return read == 2 ? static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) : 0;
}

// gRPC's reflection library switches itself on in every server of the process as soon as it is
// loaded, so it is loaded only when it is wanted.
absl::Status LoadReflection() {
  if (dlopen("libgrpc++_reflection.so.1.51", RTLD_NOW | RTLD_GLOBAL) != nullptr)
    return absl::OkStatus();
  return base::Error(absl::StatusCode::kFailedPrecondition, "REFLECTION_UNAVAILABLE",
                     "gRPC's reflection library is not installed")
      .Field("reflection");
}

class ServerImpl final : public Server {
 public:
  ServerImpl(const ServerOptions& options, Logger* logger, Metrics* metrics,
             const base::Clock& clock)
      : options_(options), logger_(*logger), metrics_(*metrics), clock_(clock) {}

  ~ServerImpl() override { Drain(absl::ZeroDuration(), absl::ZeroDuration()); }

  absl::Status Prepare() {
    // Debian's Abseil looks for deadlocks at each lock, in gRPC too: ~5 % of the time, for a check
    // that belongs in tests.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    RouteGrpcLog(&logger_);
    EGOV_ASSIGN_OR_RETURN(credentials_, ServerTls(options_.tls));
    PeerCacheOptions peers;
    peers.crl_directory = options_.tls.files.crl_directory;
    peers.authorities = {options_.tls.files.anchors, options_.tls.files.certificate};
    peers.refresh = options_.tls.refresh;
    EGOV_ASSIGN_OR_RETURN(peers_, PeerCache::Create(peers, clock_));
    health_ = std::make_unique<HealthService>(peers_.get());
    readiness_.Add("certificate", [this] { return CheckCertificate(); });
    metrics_.AddGaugeFunction(
        "tlsconfig_notafter_seconds", "When our TLS certificate ends, in seconds since 1970.", {},
        [files = options_.tls.files] {
          const auto end = CertificateNotAfter(files);
          return end.ok() ? absl::ToDoubleSeconds(*end - absl::UnixEpoch()) : 0;
        });
    metrics_.AddGaugeFunction("process_resident_memory_bytes", "Resident memory size in bytes.", {},
                              ResidentBytes);
    return absl::OkStatus();
  }

  void Add(std::unique_ptr<grpc::Service> service, const std::string& full_name) override {
    if (!names_.insert(full_name).second) twice_ = full_name;
    services_.push_back(std::move(service));
    health_->Know(full_name);
  }
  void OnDraining(std::function<void()> callback) override {
    on_draining_.push_back(std::move(callback));
  }
  void OnDrained(std::function<void()> callback) override {
    on_drained_.push_back(std::move(callback));
  }

  absl::Status Start() override {
    if (services_.empty() || !twice_.empty()) {
      return services_.empty() ? base::Error(absl::StatusCode::kFailedPrecondition, "NO_SERVICE",
                                             "No service was added")
                               : base::Error(absl::StatusCode::kFailedPrecondition, "SERVICE_TWICE",
                                             absl::StrCat(twice_, " was added twice"));
    }
    if (options_.reflection) EGOV_RETURN_IF_ERROR(LoadReflection());
    grpc::ServerBuilder builder;
    builder.AddListeningPort(options_.listen, credentials_, &port_);
    builder.SetMaxReceiveMessageSize(options_.max_receive_bytes);
    builder.SetMaxSendMessageSize(options_.max_send_bytes);
    builder.SetResourceQuota(grpc::ResourceQuota("egov").Resize(options_.memory_quota));
    const std::pair<const char*, int> arguments[] = {
        {GRPC_ARG_MAX_METADATA_SIZE, options_.max_metadata_bytes},
        {GRPC_ARG_MAX_CONCURRENT_STREAMS, options_.max_concurrent_streams},
        {GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, Millis(options_.handshake_timeout)},
        {GRPC_ARG_MAX_CONNECTION_AGE_MS, Millis(options_.max_connection_age)},
        {GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, Millis(options_.max_connection_age_grace)},
        {GRPC_ARG_KEEPALIVE_TIME_MS, Millis(options_.keepalive_time)},
        {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Millis(options_.keepalive_timeout)},
        {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
        {GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
         Millis(options_.min_client_ping_interval)},
        {GRPC_ARG_ALLOW_REUSEPORT, 0},  // a second process on the port is a mistake, not a replica
    };
    for (const auto& [key, value] : arguments) builder.AddChannelArgument(key, value);
    builder.RegisterService(health_.get());
    for (const auto& service : services_) builder.RegisterService(service.get());
    EGOV_ASSIGN_OR_RETURN(ops_, OpsServer::Start(options_.ops_listen, readiness_, metrics_));
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ <= 0) {
      return base::Error(absl::StatusCode::kUnavailable, "PORT_UNUSABLE",
                         absl::StrCat("Cannot listen on ", options_.listen))
          .Field("listen")
          .Expected("host:port, free");
    }
    Follow();
    follower_ = std::thread([this] { FollowEverySecond(); });
    logger_.Info("server started",
                 {{"listen", options_.listen}, {"port", port_}, {"ops_port", ops_->port()}});
    return absl::OkStatus();
  }

  int port() const override { return port_; }
  int ops_port() const override { return ops_ == nullptr ? 0 : ops_->port(); }
  Readiness& readiness() override { return readiness_; }
  PeerCache& peers() override { return *peers_; }
  Logger& logger() override { return logger_; }
  Metrics& metrics() override { return metrics_; }

  void Drain(absl::Duration wait, absl::Duration deadline) override {
    if (drained_.exchange(true)) return;
    if (server_ != nullptr) {
      logger_.Info("draining", {{"wait_ms", absl::ToInt64Milliseconds(wait)},
                                {"deadline_ms", absl::ToInt64Milliseconds(deadline)}});
      readiness_.StartDraining();
      StopFollowing();
      health_->SetServing(false);
      absl::SleepFor(wait);
      for (const auto& callback : on_draining_) callback();
      health_->EndWatches();
      server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(deadline));
      server_->Wait();
    }
    for (auto callback = on_drained_.rbegin(); callback != on_drained_.rend(); ++callback)
      (*callback)();
    if (server_ != nullptr) logger_.Info("drained");
    ops_.reset();
    RouteGrpcLog(nullptr);
    logger_.Flush();
  }

  int RunUntilSignalled() override {
    int ends[2];
    if (pipe(ends) != 0) return 1;
    signal_pipe.store(ends[1]);
    struct sigaction action = {}, before_term = {}, before_int = {};
    action.sa_handler = &OnSignal;
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second signal ends the process
    sigaction(SIGTERM, &action, &before_term);
    sigaction(SIGINT, &action, &before_int);
    char byte;
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR) {
    }
    Drain(options_.drain_wait, options_.drain_deadline);
    sigaction(SIGTERM, &before_term, nullptr);
    sigaction(SIGINT, &before_int, nullptr);
    signal_pipe.store(-1);
    close(ends[0]);
    close(ends[1]);
    return 0;
  }

 private:
  absl::Status CheckCertificate() const {
    EGOV_ASSIGN_OR_RETURN(const absl::Time end, CertificateNotAfter(options_.tls.files));
    if (clock_.Now() <= end) return absl::OkStatus();
    return base::Error(absl::StatusCode::kFailedPrecondition, "CERTIFICATE_EXPIRED",
                       "Our TLS certificate has expired");
  }

  void Follow() {
    const Readiness::Report report = readiness_.Ask();
    health_->SetServing(report.ready);
    if (report.text != last_report_) {
      const std::string text = last_report_ = report.text;
      report.ready ? logger_.Info("ready", {{"checks", text}})
                   : logger_.Warning("not ready", {{"checks", text}});
    }
    const absl::Status lists = peers_->LastReload();
    if (lists != last_lists_) {
      last_lists_ = lists;
      lists.ok() ? logger_.Info("revocation lists read")
                 : logger_.Error("revocation lists not read", {{"error", lists.message()}});
    }
  }

  void FollowEverySecond() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stopping_; })) {
      lock.unlock();
      Follow();
      lock.lock();
    }
  }

  void StopFollowing() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (follower_.joinable()) follower_.join();
  }

  const ServerOptions options_;
  Logger& logger_;
  Metrics& metrics_;
  const base::Clock& clock_;
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  std::unique_ptr<PeerCache> peers_;
  Readiness readiness_;
  std::unique_ptr<HealthService> health_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::set<std::string> names_;
  std::string twice_;
  std::vector<std::function<void()>> on_draining_, on_drained_;
  int port_ = 0;
  std::unique_ptr<OpsServer> ops_;
  std::unique_ptr<grpc::Server> server_;  // before the services that it calls go
  std::string last_report_;               // of the follower's thread, like the next
  absl::Status last_lists_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread follower_;
  std::atomic<bool> drained_{false};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Create(const ServerOptions& options, Logger* logger,
                                                       Metrics* metrics, const base::Clock& clock) {
  auto server = std::make_unique<ServerImpl>(options, logger, metrics, clock);
  EGOV_RETURN_IF_ERROR(server->Prepare());
  return absl::StatusOr<std::unique_ptr<Server>>(std::move(server));
}

}  // namespace egov::rpc
