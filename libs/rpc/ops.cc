#include "libs/rpc/ops.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::rpc {

void Readiness::Add(const std::string& name, Check check) {
  std::lock_guard<std::mutex> lock(mutex_);
  checks_[name] = std::move(check);
}

void Readiness::StartDraining() {
  std::lock_guard<std::mutex> lock(mutex_);
  draining_ = true;
}

Readiness::Report Readiness::Ask() const {
  std::map<std::string, Check> checks;
  Report report;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    checks = checks_;
    report.ready = !draining_;
    report.text = draining_ ? "draining\n" : "";
  }
  for (const auto& [name, check] : checks) {
    const absl::Status status = check();
    if (status.ok()) {
      absl::StrAppend(&report.text, name, " ok\n");
      continue;
    }
    report.ready = false;
    const auto detail = base::DetailOf(status);
    absl::StrAppend(&report.text, name, " ",
                    detail ? detail->reason : absl::StatusCodeToString(status.code()), "\n");
  }
  return report;
}

namespace {

class CivetOps final : public OpsServer {
 public:
  CivetOps(const Readiness& readiness, const Metrics& metrics)
      : readiness_(readiness), metrics_(metrics) {}
  ~CivetOps() override {
    if (context_ == nullptr) return;
    // civetweb looks at its stop flag when a connection comes, else every two seconds.
    std::atomic<bool> stopped{false};
    std::thread knocker([this, &stopped] {
      while (!stopped) {
        Knock();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
    mg_stop(context_);
    stopped = true;
    knocker.join();
  }

  absl::Status Listen(const std::string& address) {
    mg_init_library(0);
    mg_callbacks callbacks = {};
    callbacks.begin_request = &CivetOps::Answer;
    callbacks.log_message = [](const mg_connection*, const char*) {
      return 1;
    };  // not to a file of its own
    const char* options[] = {"listening_ports",    address.c_str(), "num_threads", "2",
                             "request_timeout_ms", "10000",         nullptr};
    context_ = mg_start(&callbacks, this, options);
    mg_server_port ports[1] = {};
    if (context_ == nullptr || mg_get_server_ports(context_, 1, ports) < 1) {
      return base::Error(absl::StatusCode::kUnavailable, "OPS_PORT_UNUSABLE",
                         "The ops port cannot be listened on")
          .Field("ops_listen")
          .Expected("host:port, free");
    }
    port_ = ports[0].port;
    host_ = address.substr(0, address.rfind(':'));
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  void Knock() const {
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port_));
    if (inet_pton(AF_INET, host_.c_str(), &to.sin_addr) != 1 || to.sin_addr.s_addr == INADDR_ANY) {
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    (void)connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
    close(fd);
  }

  static int Answer(mg_connection* connection) {
    const mg_request_info* request = mg_get_request_info(connection);
    const auto* self = static_cast<const CivetOps*>(request->user_data);
    const absl::string_view path = request->local_uri != nullptr ? request->local_uri : "";
    const absl::string_view method =
        request->request_method != nullptr ? request->request_method : "";
    if (method != "GET" && method != "HEAD")
      return Send(connection, 405, "Method Not Allowed", "text/plain", "");
    if (path == "/livez") return Send(connection, 200, "OK", "text/plain", "ok\n");
    if (path == "/readyz") {
      const Readiness::Report report = self->readiness_.Ask();
      return report.ready ? Send(connection, 200, "OK", "text/plain", report.text)
                          : Send(connection, 503, "Service Unavailable", "text/plain", report.text);
    }
    if (path == "/metrics") {
      return Send(connection, 200, "OK", "text/plain; version=0.0.4; charset=utf-8",
                  self->metrics_.Render());
    }
    return Send(connection, 404, "Not Found", "text/plain", "");
  }

  static int Send(mg_connection* connection, int code, const char* words, const char* type,
                  const std::string& body) {
    const std::string head =
        absl::StrCat("HTTP/1.1 ", code, " ", words, "\r\nContent-Type: ", type,
                     "\r\nContent-Length: ", body.size(),
                     "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
    mg_write(connection, head.data(), head.size());
    const char* method = mg_get_request_info(connection)->request_method;
    if (absl::string_view(method != nullptr ? method : "") != "HEAD")
      mg_write(connection, body.data(), body.size());
    return code;
  }

  const Readiness& readiness_;
  const Metrics& metrics_;
  mg_context* context_ = nullptr;
  std::string host_;
  int port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<OpsServer>> OpsServer::Start(const std::string& address,
                                                            const Readiness& readiness,
                                                            const Metrics& metrics) {
  auto server = std::make_unique<CivetOps>(readiness, metrics);
  EGOV_RETURN_IF_ERROR(server->Listen(address));
  return absl::StatusOr<std::unique_ptr<OpsServer>>(std::move(server));
}

}  // namespace egov::rpc
