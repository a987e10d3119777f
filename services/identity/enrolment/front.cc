#include "services/identity/enrolment/front.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "egov/identity/v1/enrolment.pb.h"
#include "libs/base/status.h"
#include "libs/pki/certificate.h"
#include "services/identity/ca/signer.pb.h"
#include "services/identity/common/config.h"
#include "services/identity/common/errors.h"
#include "services/identity/common/files.h"
#include "services/identity/common/frames.h"

namespace egov::identity {
namespace {

int HttpStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kFailedPrecondition:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return 503;
    default:
      return 500;
  }
}

http::Response ErrorResponse(const v1::EnrolmentError& error) {
  v1::EnrolmentReply reply;
  *reply.mutable_error() = error;
  return {HttpStatus(static_cast<absl::StatusCode>(error.code())), "application/x-protobuf",
          reply.SerializeAsString()};
}

// "/root.pem", "/crl/seal.pem": one or two plain words and an ending. Anything else is not looked
// for.
bool IsPublishedName(absl::string_view path) {
  if (!absl::EndsWith(path, ".pem") && !absl::EndsWith(path, ".crl") &&
      !absl::EndsWith(path, ".cer")) {
    return false;
  }
  if (absl::StartsWith(path, "/crl/")) path.remove_prefix(4);
  if (absl::StartsWith(path, "/crl-der/")) path.remove_prefix(8);
  for (const char c : path.substr(1, path.size() - 5)) {
    if (!absl::ascii_islower(c) && c != '-') return false;
  }
  return path.size() > 5;
}

}  // namespace

absl::Status CheckFrontConfig(const enrolment::Config& config) {
  EGOV_RETURN_IF_ERROR(RequireValue(config.listen(), "listen"));
  EGOV_RETURN_IF_ERROR(RequireValue(config.ops_listen(), "ops_listen"));
  EGOV_RETURN_IF_ERROR(RequireValue(config.signer_socket(), "signer_socket"));
  return RequireValue(config.published(), "published");
}

EnrolmentFront::EnrolmentFront(const enrolment::Config& config, rpc::Logger& log,
                               rpc::Metrics& metrics)
    : config_(config), log_(log) {
  for (const char* what : {"enrol", "renew"}) {
    for (const char* result : {"issued", "refused", "failed"}) {
      results_[absl::StrCat(what, " ", result)] =
          metrics.GetCounter("egov_enrolment_requests_total", "Questions by kind and result.",
                             {{"what", what}, {"result", result}});
    }
  }
}

http::Response EnrolmentFront::Pass(const http::Request& request) {
  if (request.content_type != "application/x-protobuf") {
    return {415, "text/plain", "application/x-protobuf only\n"};
  }
  const bool enrol = request.path == "/v1/enrol";
  const std::string what = enrol ? "enrol" : "renew";
  ca::SignerRequest question;
  const bool parsed = enrol ? question.mutable_enrol()->ParseFromString(request.body)
                            : question.mutable_renew()->ParseFromString(request.body);
  absl::Status status;
  ca::SignerReply reply;
  if (!parsed) {
    status = base::Error(absl::StatusCode::kInvalidArgument, "BAD_ORDER", "malformed question");
  } else {
    const auto bytes = AskSocket(config_.signer_socket(), question.SerializeAsString());
    status = bytes.status();
    if (!bytes.ok()) {
      // The path is for our log, not for the network.
      log_.Error("the signer does not answer", {{"error", status.message()}});
      status = base::Error(absl::StatusCode::kUnavailable, "SIGNER_ABSENT",
                           "the authority does not answer; try again later");
    } else if (!reply.ParseFromString(*bytes)) {
      status = absl::InternalError("malformed answer");
    }
  }
  if (status.ok() && reply.has_error()) status = FromWire(reply.error());
  const auto detail = base::DetailOf(status);
  const int code = status.ok() ? 200 : HttpStatus(status.code());
  log_.Info("asked", {{"what", what},
                      {"result", status.ok() ? "issued"
                                 : detail    ? detail->reason
                                             : "failed"}});
  results_[absl::StrCat(what, code < 300 ? " issued" : code < 500 ? " refused" : " failed")].Add();
  if (!status.ok()) return ErrorResponse(ToWire(status));
  v1::EnrolmentReply answer;
  *answer.mutable_issued() = reply.issued();
  return {200, "application/x-protobuf", answer.SerializeAsString()};
}

http::Response EnrolmentFront::Publish(const std::string& path) {
  if (path == "/directory") {
    const auto bytes = config_.directory().empty()
                           ? absl::StatusOr<std::string>(absl::NotFoundError(""))
                           : ReadFile(config_.directory());
    if (!bytes.ok()) return {404, "text/plain", "no directory\n"};
    return {200, "application/x-protobuf", *bytes};
  }
  if (!IsPublishedName(path)) return {404, "text/plain", "not found\n"};
  // A certificate alone, as RFC 5280 section 4.2.2.1 wants it behind caIssuers.
  if (absl::EndsWith(path, ".cer")) {
    const auto pem =
        ReadFile(absl::StrCat(config_.published(), path.substr(0, path.size() - 4), ".pem"));
    const auto certificate = pki::Certificate::FromPem(pem.ok() ? *pem : "");
    if (!certificate.ok()) return {404, "text/plain", "not found\n"};
    return {200, "application/pkix-cert", certificate->ToDer()};
  }
  const auto bytes = ReadFile(config_.published() + path);
  if (!bytes.ok()) return {404, "text/plain", "not found\n"};
  const bool der = absl::EndsWith(path, ".crl");
  return {200, der ? "application/pkix-crl" : "application/x-pem-file", *bytes};
}

http::Response EnrolmentFront::Answer(const http::Request& request) {
  const bool passes = request.path == "/v1/enrol" || request.path == "/v1/renew";
  if (passes) {
    return request.method == "POST" ? Pass(request) : http::Response{405, "text/plain", ""};
  }
  if (request.method != "GET" && request.method != "HEAD") return {405, "text/plain", ""};
  return Publish(request.path);
}

absl::Status EnrolmentFront::Check() {
  ca::SignerRequest question;
  question.mutable_status();
  EGOV_ASSIGN_OR_RETURN(
      const std::string bytes,
      AskSocket(config_.signer_socket(), question.SerializeAsString(), absl::Seconds(2)));
  ca::SignerReply reply;
  if (reply.ParseFromString(bytes) && !reply.has_error()) return absl::OkStatus();
  return base::Error(absl::StatusCode::kUnavailable, "SIGNER_FAILED", "the signer cannot sign");
}

}  // namespace egov::identity
