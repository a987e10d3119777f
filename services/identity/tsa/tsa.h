// The time-stamping service: RFC 3161 section 3.4 over HTTP in front of pki::TimeStampAuthority.
#ifndef EGOV_SERVICES_IDENTITY_TSA_TSA_H_
#define EGOV_SERVICES_IDENTITY_TSA_TSA_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/http/http.h"
#include "libs/pki/timestamp.h"
#include "libs/rpc/log.h"
#include "libs/rpc/metrics.h"
#include "libs/rpc/ops.h"
#include "services/identity/tsa/config.pb.h"
#include "services/identity/tsa/time_guard.h"

namespace egov::identity {

// INVALID_ARGUMENT/BAD_CONFIG with the field.
absl::Status CheckTsaConfig(const tsa::Config& config);

// Thread safe. Owns one thread that looks at the clock each second and at the certificate's files
// each minute.
class Tsa {
 public:
  // Everything is injected and outlives this. Adds its checks to `readiness`.
  static absl::StatusOr<std::unique_ptr<Tsa>> Open(const tsa::Config& config, MachineClock& clock,
                                                   rpc::Logger& log, rpc::Metrics& metrics,
                                                   rpc::Readiness& readiness);
  ~Tsa();

  // POST application/timestamp-query to any path -> application/timestamp-reply, also when refused.
  // 405, 415 otherwise.
  http::Response Answer(const http::Request& request);

 private:
  struct Identity {
    std::string files;  // key and certificate as read, to see a change
    pki::Certificate certificate;
    pki::TimeStampAuthority authority;
  };
  Tsa(const tsa::Config& config, rpc::Logger& log) : config_(config), log_(log) {}
  absl::Status Load();
  std::shared_ptr<const Identity> identity() const;
  absl::StatusOr<absl::Time> Now(const pki::Certificate& certificate);
  void Watch();

  const tsa::Config config_;
  rpc::Logger& log_;
  std::unique_ptr<TimeGuard> guard_;
  rpc::Counter granted_, refused_time_, refused_other_;
  rpc::Histogram seconds_;
  rpc::Gauge not_after_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Identity> identity_;
  std::condition_variable stop_signal_;
  bool stop_ = false;
  std::thread watcher_;
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_TSA_TSA_H_
