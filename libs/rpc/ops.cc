#include "libs/rpc/ops.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/http/http.h"

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

class HttpOps final : public OpsServer {
 public:
  HttpOps(const Readiness& readiness, const Metrics& metrics)
      : readiness_(readiness), metrics_(metrics) {}

  absl::Status Listen(const std::string& address) {
    http::ServerOptions options;
    options.listen = address;
    options.threads = 2;
    options.max_body = 0;
    absl::StatusOr<std::unique_ptr<http::Server>> server = http::Server::Start(
        options, [this](const http::Request& request) { return Answer(request); });
    if (!server.ok()) {
      return base::Error(absl::StatusCode::kUnavailable, "OPS_PORT_UNUSABLE",
                         "The ops port cannot be listened on")
          .Field("ops_listen")
          .Expected("host:port, free");
    }
    server_ = *std::move(server);
    return absl::OkStatus();
  }

  int port() const override { return server_->port(); }

 private:
  http::Response Answer(const http::Request& request) const {
    if (request.method != "GET" && request.method != "HEAD") return {405, "text/plain", ""};
    if (request.path == "/livez") return {200, "text/plain", "ok\n"};
    if (request.path == "/readyz") {
      Readiness::Report report = readiness_.Ask();
      return {report.ready ? 200 : 503, "text/plain", std::move(report.text)};
    }
    if (request.path == "/metrics")
      return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_.Render()};
    return {404, "text/plain", ""};
  }

  const Readiness& readiness_;
  const Metrics& metrics_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<OpsServer>> OpsServer::Start(const std::string& address,
                                                            const Readiness& readiness,
                                                            const Metrics& metrics) {
  auto server = std::make_unique<HttpOps>(readiness, metrics);
  EGOV_RETURN_IF_ERROR(server->Listen(address));
  return absl::StatusOr<std::unique_ptr<OpsServer>>(std::move(server));
}

}  // namespace egov::rpc
