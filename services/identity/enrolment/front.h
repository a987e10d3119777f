// The network's side of enrolment: passes questions to the signer's socket and serves what is
// public. Holds no key.
#ifndef EGOV_SERVICES_IDENTITY_ENROLMENT_FRONT_H_
#define EGOV_SERVICES_IDENTITY_ENROLMENT_FRONT_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "libs/http/http.h"
#include "libs/rpc/log.h"
#include "libs/rpc/metrics.h"
#include "services/identity/enrolment/config.pb.h"

namespace egov::identity {

absl::Status CheckFrontConfig(const enrolment::Config& config);

// Thread safe.
class EnrolmentFront {
 public:
  EnrolmentFront(const enrolment::Config& config, rpc::Logger& log, rpc::Metrics& metrics);

  // POST /v1/enrol, /v1/renew (application/x-protobuf); GET of the published files and /directory;
  // else 404 or 405.
  http::Response Answer(const http::Request& request);

  // Whether the signer answers.
  absl::Status Check();

 private:
  http::Response Pass(const http::Request& request);
  http::Response Publish(const std::string& path);

  const enrolment::Config config_;
  rpc::Logger& log_;
  std::map<std::string, rpc::Counter> results_;
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_ENROLMENT_FRONT_H_
