#include "services/identity/tsa/tsa.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "services/identity/common/config.h"
#include "services/identity/common/files.h"

namespace egov::identity {

absl::Status CheckTsaConfig(const tsa::Config& config) {
  EGOV_RETURN_IF_ERROR(RequireValue(config.listen(), "listen"));
  EGOV_RETURN_IF_ERROR(RequireValue(config.ops_listen(), "ops_listen"));
  EGOV_RETURN_IF_ERROR(RequireValue(config.identity(), "identity"));
  EGOV_RETURN_IF_ERROR(RequireValue(config.policy(), "policy"));
  EGOV_RETURN_IF_ERROR(RequireValue(config.state(), "state"));
  const auto bad = [](const char* field, const char* expected) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIG",
                       absl::StrCat(field, " has no usable value"))
        .Field(field)
        .Expected(expected)
        .status();
  };
  if (config.accuracy_ms() < 1 || config.accuracy_ms() > 60000) {
    return bad("accuracy_ms", "1 to 60000");
  }
  if (config.clock_assurance() != tsa::DECLARED && config.clock_assurance() != tsa::KERNEL) {
    return bad("clock_assurance", "DECLARED or KERNEL");
  }
  if (config.threads() < 0 || config.threads() > 256) return bad("threads", "1 to 256");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Tsa>> Tsa::Open(const tsa::Config& config, MachineClock& clock,
                                               rpc::Logger& log, rpc::Metrics& metrics,
                                               rpc::Readiness& readiness) {
  EGOV_RETURN_IF_ERROR(CheckTsaConfig(config));
  std::unique_ptr<Tsa> tsa(new Tsa(config, log));
  TimeGuard::Options options;
  options.accuracy = absl::Milliseconds(config.accuracy_ms());
  options.kernel = config.clock_assurance() == tsa::KERNEL;
  options.state = config.state();
  EGOV_ASSIGN_OR_RETURN(tsa->guard_, TimeGuard::Open(std::move(options), clock));
  const auto counter = [&](const char* result) {
    return metrics.GetCounter("egov_tsa_requests_total", "Time-stamp questions by their result.",
                              {{"result", result}});
  };
  tsa->granted_ = counter("granted");
  tsa->refused_time_ = counter("time_not_available");
  tsa->refused_other_ = counter("refused");
  tsa->seconds_ = metrics.GetHistogram("egov_tsa_seconds", "Time to answer a question.",
                                       {0.0002, 0.0005, 0.001, 0.003, 0.01, 0.1, 1});
  tsa->not_after_ = metrics.GetGauge("egov_tsa_certificate_notafter_seconds",
                                     "End of validity of the time-stamping certificate.");
  EGOV_RETURN_IF_ERROR(tsa->Load());
  Tsa* raw = tsa.get();
  readiness.Add("clock", [raw] { return raw->guard_->Check(); });
  readiness.Add("certificate", [raw, &clock]() -> absl::Status {
    const auto identity = raw->identity();
    const absl::Time now = clock.Read().wall;
    if (now >= identity->certificate.not_before() && now <= identity->certificate.not_after()) {
      return absl::OkStatus();
    }
    return base::Error(absl::StatusCode::kUnavailable, "CERTIFICATE_NOT_VALID",
                       "the time-stamping certificate is not valid now");
  });
  tsa->watcher_ = std::thread([raw] { raw->Watch(); });
  return absl::StatusOr<std::unique_ptr<Tsa>>(std::move(tsa));
}

Tsa::~Tsa() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  stop_signal_.notify_all();
  if (watcher_.joinable()) watcher_.join();
}

std::shared_ptr<const Tsa::Identity> Tsa::identity() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return identity_;
}

absl::Status Tsa::Load() {
  const std::string key_path = config_.identity() + "/key.pem";
  EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(config_.identity() + "/cert.pem"));
  const auto before = identity();
  if (before != nullptr && before->files == pem) return absl::OkStatus();
  EGOV_ASSIGN_OR_RETURN(std::vector<pki::Certificate> chain, pki::Certificate::ChainFromPem(pem));
  EGOV_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::LoadFile(key_path));
  const pki::Certificate certificate = chain[0];
  pki::TimeStampAuthority::Options options;
  options.policy = config_.policy();
  options.accuracy = absl::Milliseconds(config_.accuracy_ms());
  EGOV_ASSIGN_OR_RETURN(pki::TimeStampAuthority authority,
                        pki::TimeStampAuthority::Create(
                            options, certificate, std::move(key), std::move(chain),
                            [this, certificate] { return Now(certificate); },
                            [this] { return guard_->NextSerial(); }));
  not_after_.Set(absl::ToDoubleSeconds(certificate.not_after() - absl::UnixEpoch()));
  std::lock_guard<std::mutex> lock(mutex_);
  identity_ = std::make_shared<const Identity>(Identity{pem, certificate, std::move(authority)});
  return absl::OkStatus();
}

absl::StatusOr<absl::Time> Tsa::Now(const pki::Certificate& certificate) {
  EGOV_ASSIGN_OR_RETURN(const absl::Time time, guard_->NextTime());
  // A stamp outside the certificate's validity would be refused by everyone who checks it.
  if (time < certificate.not_before() || time > certificate.not_after()) {
    return base::Error(absl::StatusCode::kUnavailable, "CERTIFICATE_NOT_VALID",
                       "the time-stamping certificate is not valid now");
  }
  return time;
}

http::Response Tsa::Answer(const http::Request& request) {
  const absl::Time start = absl::Now();
  if (request.method != "POST") return {405, "text/plain", "POST only\n"};
  if (request.content_type != "application/timestamp-query") {
    return {415, "text/plain", "application/timestamp-query only\n"};
  }
  const pki::TimeStampAuthority::Reply reply = identity()->authority.Respond(request.body);
  if (reply.granted) {
    granted_.Add();
  } else if (reply.failure == "timeNotAvailable") {
    refused_time_.Add();
  } else {
    refused_other_.Add();
  }
  if (reply.der.empty()) return {500, "text/plain", "no reply could be made\n"};
  seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - start));
  return {200, "application/timestamp-reply", reply.der};
}

void Tsa::Watch() {
  std::string last_reason;
  for (int second = 1;; ++second) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (stop_signal_.wait_for(lock, std::chrono::seconds(1), [this] { return stop_; })) return;
    }
    const absl::Status clock = guard_->Check();
    const auto detail = base::DetailOf(clock);
    const std::string reason = detail ? detail->reason : "";
    if (reason != last_reason) {
      if (clock.ok()) {
        log_.Info("the time is known again");
      } else {
        log_.Error("no stamps: the time is not known well enough", {{"reason", reason}});
      }
      last_reason = reason;
    }
    if (second % 60 == 0) {
      const absl::Status loaded = Load();
      if (!loaded.ok()) {
        log_.Error("the new certificate cannot be used; the old one stays",
                   {{"error", loaded.message()}});
      }
    }
  }
}

}  // namespace egov::identity
