#include "services/identity/ocsp/ocsp.h"

#include <stdlib.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "services/identity/client/enrol.h"
#include "services/identity/common/config.h"
#include "services/identity/common/files.h"

namespace egov::identity {
namespace {

constexpr v1::CertificateKind kKinds[] = {v1::CERTIFICATE_KIND_OCSP_TRANSPORT,
                                          v1::CERTIFICATE_KIND_OCSP_SEAL,
                                          v1::CERTIFICATE_KIND_OCSP_TIME_STAMP};

// The certificates and the key of a kind, out of one version: between two reads the link may move.
struct Files {
  std::string certificates, key_path;
};
absl::StatusOr<Files> FilesOf(const std::string& folder, absl::string_view kind) {
  const std::string link = absl::StrCat(folder, "/", kind, "/current");
  const std::unique_ptr<char, decltype(&free)> version(realpath(link.c_str(), nullptr), &free);
  Files files;
  if (version == nullptr) return files;  // not enrolled for this kind
  files.key_path = absl::StrCat(version.get(), "/key.pem");
  EGOV_ASSIGN_OR_RETURN(files.certificates, ReadFile(absl::StrCat(version.get(), "/cert.pem")));
  return files;
}

const char* StateName(pki::OcspState state) {
  return state == pki::OcspState::kGood      ? "good"
         : state == pki::OcspState::kRevoked ? "revoked"
                                             : "unknown";
}

bool InForce(const pki::Certificate& certificate, absl::Time now) {
  return now >= certificate.not_before() && now <= certificate.not_after();
}

}  // namespace

absl::Status CheckOcspConfig(const ocsp::Config& config) {
  EGOV_RETURN_IF_ERROR(RequireValue(config.listen(), "listen"));
  EGOV_RETURN_IF_ERROR(RequireValue(config.ops_listen(), "ops_listen"));
  EGOV_RETURN_IF_ERROR(RequireValue(config.status_socket(), "status_socket"));
  EGOV_RETURN_IF_ERROR(RequireValue(config.folder(), "folder"));
  EGOV_RETURN_IF_ERROR(RequireValue(config.enrolment_url(), "enrolment_url"));
  EGOV_RETURN_IF_ERROR(http::CheckUrl(config.enrolment_url()));
  const auto bad = [](const char* field, const char* expected) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIG",
                       absl::StrCat(field, " has no usable value"))
        .Field(field)
        .Expected(expected)
        .status();
  };
  if (config.silence_ms() != 0 && (config.silence_ms() < 500 || config.silence_ms() > 60000)) {
    return bad("silence_ms", "500 to 60000");
  }
  if (config.threads() < 0 || config.threads() > 256) return bad("threads", "1 to 256");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Ocsp>> Ocsp::Open(const ocsp::Config& config,
                                                 const base::Clock& clock, rpc::Logger& log,
                                                 rpc::Metrics& metrics, rpc::Readiness& readiness) {
  EGOV_RETURN_IF_ERROR(CheckOcspConfig(config));
  std::unique_ptr<Ocsp> ocsp(new Ocsp(config, clock, log));
  Ocsp* raw = ocsp.get();
  raw->bound_ = absl::Milliseconds(config.silence_ms() == 0 ? 10000 : config.silence_ms());
  for (const char* result : {"good", "revoked", "unknown", "cached", "malformedRequest",
                             "internalError", "tryLater", "unauthorized"}) {
    raw->results_[result] = metrics.GetCounter(
        "egov_ocsp_answers_total",
        "Certificates by their status, questions without nonce answered from their second's cache, "
        "and refused questions by failure.",
        {{"result", result}});
  }
  raw->seconds_ = metrics.GetHistogram("egov_ocsp_seconds", "Time to answer a question.",
                                       {0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.1});
  raw->not_after_ =
      metrics.GetGauge("egov_ocsp_certificate_notafter_seconds",
                       "End of validity of the responder's first certificate to end.");
  raw->certificates_ = metrics.GetGauge("egov_ocsp_certificates",
                                        "Certificates whose status is "
                                        "known.");
  metrics.AddGaugeFunction("egov_ocsp_signer_silence_seconds", "Since the signer was last heard.",
                           {}, [raw] {
                             const auto view = raw->feed_->Now();
                             return absl::ToDoubleSeconds(view.silence);
                           });
  EGOV_RETURN_IF_ERROR(raw->Load());
  raw->feed_ = std::make_unique<SignerFeed>(config.status_socket(), clock);
  readiness.Add("signer", [raw]() -> absl::Status {
    if (raw->feed_->Now().silence <= raw->bound_) return absl::OkStatus();
    return base::Error(absl::StatusCode::kUnavailable, "SIGNER_SILENT",
                       "the signer has not said for too long how certificates stand");
  });
  readiness.Add("certificates", [raw] { return raw->CheckCertificates(); });
  RenewerOptions renewing;
  renewing.url = config.enrolment_url();
  renewing.folder = config.folder();
  renewing.kinds.clear();
  for (const auto kind : kKinds) {
    if (Exists(absl::StrCat(config.folder(), "/", FolderOf(kind), "/current"))) {
      renewing.kinds.push_back(kind);
    }
  }
  renewing.lists_every = absl::ZeroDuration();
  renewing.told = [raw](const std::string& what, const absl::Status& result) {
    if (result.ok()) {
      raw->log_.Info("renewed", {{"what", what}});
    } else {
      raw->log_.Error("not renewed; tried again", {{"what", what}, {"error", result.message()}});
    }
  };
  raw->renewer_ = Renewer::Start(std::move(renewing), clock);
  raw->watcher_ = std::thread([raw] { raw->Watch(); });
  return absl::StatusOr<std::unique_ptr<Ocsp>>(std::move(ocsp));
}

Ocsp::~Ocsp() {
  renewer_.reset();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  stop_signal_.notify_all();
  if (watcher_.joinable()) watcher_.join();
}

std::shared_ptr<const Ocsp::Identity> Ocsp::identity() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return identity_;
}

absl::Status Ocsp::Load() {
  Identity next;
  std::vector<Files> all;
  // The root's is made where the root is, by hand (egov-ca root-responder).
  std::vector<absl::string_view> kinds = {"ocsp-root"};
  for (const auto kind : kKinds) kinds.push_back(FolderOf(kind));
  for (const absl::string_view kind : kinds) {
    EGOV_ASSIGN_OR_RETURN(Files files, FilesOf(config_.folder(), kind));
    if (files.key_path.empty()) continue;
    next.files += files.certificates;
    all.push_back(std::move(files));
  }
  const auto before = identity();
  if (before != nullptr && before->files == next.files) return absl::OkStatus();
  absl::Time first_end = absl::InfiniteFuture();
  for (const Files& files : all) {
    EGOV_ASSIGN_OR_RETURN(const std::vector<pki::Certificate> chain,
                          pki::Certificate::ChainFromPem(files.certificates));
    if (chain.size() < 2) {
      return base::Error(absl::StatusCode::kInvalidArgument, "BAD_CERTIFICATE",
                         "a responder's certificate does not come with its authority's");
    }
    EGOV_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::LoadFile(files.key_path));
    EGOV_ASSIGN_OR_RETURN(pki::OcspResponder responder,
                          pki::OcspResponder::Create(chain[1], chain[0], std::move(key)));
    for (const auto hash : {pki::OcspHash::kSha1, pki::OcspHash::kSha256}) {
      next.by_issuer[pki::OcspIssuer(chain[1], hash)] = next.responders.size();
    }
    first_end = std::min(first_end, chain[0].not_after());
    next.responders.push_back({chain[1], std::move(responder)});
  }
  if (next.responders.empty()) {
    return base::Error(absl::StatusCode::kNotFound, "NO_CERTIFICATE",
                       absl::StrCat(config_.folder(), " holds no responder's certificate"))
        .Expected("enrolment with the kinds ocsp-transport, ocsp-seal, ocsp-time-stamp");
  }
  not_after_.Set(absl::ToDoubleSeconds(first_end - absl::UnixEpoch()));
  next.version = before == nullptr ? 1 : before->version + 1;
  std::lock_guard<std::mutex> lock(mutex_);
  identity_ = std::make_shared<const Identity>(std::move(next));
  return absl::OkStatus();
}

absl::Status Ocsp::CheckCertificates() const {
  const absl::Time now = clock_.Now();
  for (const Responder& one : identity()->responders) {
    if (InForce(one.responder.certificate(), now)) continue;
    return base::Error(absl::StatusCode::kUnavailable, "CERTIFICATE_NOT_VALID",
                       "a responder's certificate is not valid now");
  }
  return absl::OkStatus();
}

std::string Ocsp::Refuse(pki::OcspFailure failure) {
  results_.at(std::string(pki::OcspFailureName(failure))).Add();
  return pki::OcspRefusal(failure);
}

std::string Ocsp::Respond(absl::string_view question, bool* cacheable) {
  const SignerFeed::View view = feed_->Now();
  // Never a status from before: whoever asks later learns it, whoever is told "good" acts on it.
  if (view.silence > bound_) return Refuse(pki::OcspFailure::kTryLater);
  const auto identity = this->identity();
  const absl::Time now = clock_.Now();
  const AnswerCache::Moment moment{absl::ToUnixSeconds(now), view.version, identity->version};
  std::string answer = cache_.Find(moment, question);
  if (!answer.empty()) {
    results_.at("cached").Add();
    *cacheable = true;
    return answer;
  }
  const auto request = pki::OcspRequest::FromDer(question);
  if (!request.ok()) return Refuse(pki::OcspFailure::kMalformedRequest);
  // One answer has one signature, of a responder that one authority made.
  const auto first = identity->by_issuer.find(request->ids[0].issuer);
  if (first == identity->by_issuer.end()) return Refuse(pki::OcspFailure::kUnauthorized);
  const Responder& responder = identity->responders[first->second];
  if (!InForce(responder.responder.certificate(), now)) {
    return Refuse(pki::OcspFailure::kInternalError);
  }
  std::vector<pki::OcspAnswer> answers;
  answers.reserve(request->ids.size());
  for (const pki::OcspCertId& id : request->ids) {
    const auto issuer = identity->by_issuer.find(id.issuer);
    if (issuer == identity->by_issuer.end() || issuer->second != first->second) {
      return Refuse(pki::OcspFailure::kUnauthorized);
    }
    pki::OcspStatus status = view.table->Find(responder.issuer.fingerprint(), id.serial);
    status.this_update = view.heard;
    // Nothing is ever forgotten: status is kept of all that this authority issued (EN 319 411-2
    // CSS-6.3.10-08 asks for the authority's own beginning here).
    status.archive_cutoff = responder.issuer.not_before();
    results_.at(StateName(status.state)).Add();
    // A client asked twice for one certificate would refuse two answers as contradictory.
    const bool twice = std::any_of(answers.begin(), answers.end(),
                                   [&](const auto& earlier) { return earlier.id.der == id.der; });
    if (!twice) answers.push_back({id, status});
  }
  auto signed_answer = responder.responder.Answer(answers, request->nonce, now);
  if (!signed_answer.ok()) return Refuse(pki::OcspFailure::kInternalError);
  if (request->nonce.empty()) {
    cache_.Keep(moment, question, *signed_answer);
    *cacheable = true;
  }
  return *std::move(signed_answer);
}

http::Response Ocsp::Answer(const http::Request& request) {
  const absl::Time start = absl::Now();
  const bool get = request.method == "GET";
  if (!get && request.method != "POST") return {405, "text/plain", "GET and POST only\n"};
  if (!get && request.content_type != "application/ocsp-request") {
    return {415, "text/plain", "application/ocsp-request only\n"};
  }
  bool cacheable = false;
  std::string body;
  if (get) {
    const auto question = pki::OcspRequest::DerOfPath(
        absl::string_view(request.target).substr(std::min<size_t>(1, request.target.size())));
    body = question.ok() ? Respond(*question, &cacheable)
                         : Refuse(pki::OcspFailure::kMalformedRequest);
  } else {
    body = Respond(request.body, &cacheable);
  }
  seconds_.Observe(absl::ToDoubleSeconds(absl::Now() - start));
  // A store on the way may keep for a second what is here signed for one (RFC 5019 section 6.2).
  return {200,
          "application/ocsp-response",
          std::move(body),
          {{"Cache-Control",
            get && cacheable ? "max-age=1, public, no-transform, must-revalidate" : "no-store"}}};
}

void Ocsp::Watch() {
  bool silent = false;
  for (;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (stop_signal_.wait_for(lock, std::chrono::seconds(1), [this] { return stop_; })) return;
    }
    const SignerFeed::View view = feed_->Now();
    if (view.table != nullptr) certificates_.Set(static_cast<double>(view.table->size()));
    if ((view.silence > bound_) != silent) {
      silent = !silent;
      if (silent) {
        log_.Error("the signer is silent: nothing is answered");
      } else {
        log_.Info("the signer is heard again");
      }
    }
    const absl::Status loaded = Load();
    if (!loaded.ok()) {
      log_.Error("the new certificates cannot be used; the old ones stay",
                 {{"error", loaded.message()}});
    }
  }
}

}  // namespace egov::identity
