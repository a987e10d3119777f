// The OCSP service: RFC 6960 over HTTP in front of pki::OcspResponder, from the signer's own state.
#ifndef EGOV_SERVICES_IDENTITY_OCSP_OCSP_H_
#define EGOV_SERVICES_IDENTITY_OCSP_OCSP_H_

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "libs/http/http.h"
#include "libs/pki/ocsp.h"
#include "libs/rpc/log.h"
#include "libs/rpc/metrics.h"
#include "libs/rpc/ops.h"
#include "services/identity/client/renewer.h"
#include "services/identity/ocsp/answer_cache.h"
#include "services/identity/ocsp/config.pb.h"
#include "services/identity/ocsp/signer_feed.h"

namespace egov::identity {

// INVALID_ARGUMENT/BAD_CONFIG with the field.
absl::Status CheckOcspConfig(const ocsp::Config& config);

// Thread safe. Owns three threads: one follows the signer, one renews the certificates, one takes
// new ones into use.
class Ocsp {
 public:
  // Everything is injected and outlives this. Adds its checks to `readiness`. Fails when the folder
  // holds no usable certificate.
  static absl::StatusOr<std::unique_ptr<Ocsp>> Open(const ocsp::Config& config,
                                                    const base::Clock& clock, rpc::Logger& log,
                                                    rpc::Metrics& metrics,
                                                    rpc::Readiness& readiness);
  ~Ocsp();

  // POST application/ocsp-request to any path, GET /{base64 of the same} (RFC 6960 appendix A.1) ->
  // application/ocsp-response, also when refused. 405, 415 otherwise.
  http::Response Answer(const http::Request& request);

 private:
  // An authority and who answers for it.
  struct Responder {
    pki::Certificate issuer;
    pki::OcspResponder responder;
  };
  struct Identity {
    std::string files;  // the certificates as read, to see a change
    std::vector<Responder> responders;
    absl::flat_hash_map<std::string, size_t> by_issuer;  // OcspCertId::issuer, either hash
    uint64_t version = 0;
  };
  Ocsp(const ocsp::Config& config, const base::Clock& clock, rpc::Logger& log)
      : config_(config), clock_(clock), log_(log) {}
  absl::Status Load();
  std::shared_ptr<const Identity> identity() const;
  absl::Status CheckCertificates() const;
  // A response to a question, both DER; whether the same question may get it again in this second.
  std::string Respond(absl::string_view question, bool* cacheable);
  std::string Refuse(pki::OcspFailure failure);
  void Watch();

  const ocsp::Config config_;
  const base::Clock& clock_;
  rpc::Logger& log_;
  absl::Duration bound_;  // on the signer's silence
  std::map<std::string, rpc::Counter> results_;
  rpc::Histogram seconds_;
  rpc::Gauge not_after_, certificates_;
  AnswerCache cache_;
  std::unique_ptr<SignerFeed> feed_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Identity> identity_;
  std::condition_variable stop_signal_;
  bool stop_ = false;
  std::thread watcher_;
  std::unique_ptr<Renewer> renewer_;  // last: its reports use the rest
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_OCSP_OCSP_H_
