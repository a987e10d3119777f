#include "libs/rpc/error_map.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "libs/base/status.h"

namespace egov::rpc {
namespace {

constexpr size_t kLongestText = 512;

// At most `size` bytes, never half a character (protobuf strings are UTF-8).
std::string Shorten(absl::string_view text, size_t size) {
  if (text.size() <= size) return std::string(text);
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return std::string(text.substr(0, size));
}

std::string TypeUrl(const google::protobuf::Message& message) {
  return absl::StrCat("type.googleapis.com/", message.GetDescriptor()->full_name());
}

void Pack(const google::protobuf::Message& message, google::rpc::Status* status) {
  google::protobuf::Any* any = status->add_details();
  any->set_type_url(TypeUrl(message));
  message.SerializeToString(any->mutable_value());
}

template <typename Message>
bool Unpack(const google::protobuf::Any& any, Message* message) {
  return any.type_url() == TypeUrl(*message) && message->ParseFromString(any.value());
}

google::rpc::Status Encode(absl::StatusCode code, absl::string_view text,
                           const base::ErrorDetail& detail, absl::string_view service) {
  google::rpc::Status out;
  out.set_code(static_cast<int>(code));
  out.set_message(std::string(text));
  google::rpc::ErrorInfo info;
  info.set_reason(detail.reason);
  info.set_domain(absl::StrCat(service, ".egov"));
  for (const auto& [key, value] : detail.metadata) (*info.mutable_metadata())[key] = value;
  Pack(info, &out);
  if (!detail.field.empty() || !detail.expected.empty()) {
    if (code == absl::StatusCode::kFailedPrecondition) {
      google::rpc::PreconditionFailure failure;
      auto* violation = failure.add_violations();
      violation->set_type(detail.reason);
      violation->set_subject(detail.field);
      violation->set_description(detail.expected);
      Pack(failure, &out);
    } else {
      google::rpc::BadRequest request;
      auto* violation = request.add_field_violations();
      violation->set_field(detail.field);
      violation->set_description(detail.expected);
      Pack(request, &out);
    }
  }
  if (detail.retry_after > absl::ZeroDuration()) {
    google::rpc::RetryInfo retry;
    absl::Duration rest = detail.retry_after;
    retry.mutable_retry_delay()->set_seconds(absl::IDivDuration(rest, absl::Seconds(1), &rest));
    retry.mutable_retry_delay()->set_nanos(static_cast<int>(absl::ToInt64Nanoseconds(rest)));
    Pack(retry, &out);
  }
  return out;
}

const char* ReasonOfCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return "UNAVAILABLE";
    case absl::StatusCode::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case absl::StatusCode::kCancelled:
      return "CANCELLED";
    case absl::StatusCode::kUnimplemented:
      return "UNIMPLEMENTED";
    default:
      return "TRANSPORT";
  }
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status, absl::string_view service) {
  if (status.ok()) return grpc::Status::OK;
  absl::StatusCode code = status.code();
  std::string text = Shorten(status.message(), kLongestText);
  base::ErrorDetail detail;
  if (absl::optional<base::ErrorDetail> given = base::DetailOf(status); given.has_value()) {
    detail = *std::move(given);
  } else {
    code = absl::StatusCode::kInternal;
    detail.reason = "INTERNAL";
  }
  if (code == absl::StatusCode::kInternal || code == absl::StatusCode::kUnknown) {
    text = kInternalErrorText;
    const std::string reason = detail.reason;
    detail = base::ErrorDetail();
    detail.reason = reason;
  }
  detail.reason = Shorten(detail.reason, 63);
  detail.field = Shorten(detail.field, 128);
  google::rpc::Status out = Encode(code, text, detail, service);
  if (out.ByteSizeLong() > kMaxErrorDetails) {
    detail.metadata.clear();
    out = Encode(code, text, detail, service);
  }
  if (out.ByteSizeLong() > kMaxErrorDetails) {
    detail.expected.clear();
    out = Encode(code, text, detail, service);
  }
  while (out.ByteSizeLong() > kMaxErrorDetails && !text.empty()) {
    text = Shorten(text, text.size() / 2);
    out = Encode(code, text, detail, service);
  }
  return grpc::Status(static_cast<grpc::StatusCode>(code), text, out.SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& status, bool cancelled_by_us) {
  if (status.ok()) return absl::OkStatus();
  const int number = static_cast<int>(status.error_code());
  auto code = number >= 1 && number <= 16 ? static_cast<absl::StatusCode>(number)
                                          : absl::StatusCode::kUnknown;
  base::ErrorDetail detail;
  google::rpc::Status in;
  // Details that name another code than the status itself were not made together with it.
  if (in.ParseFromString(status.error_details()) && in.code() == number) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest request;
    google::rpc::PreconditionFailure failure;
    google::rpc::RetryInfo retry;
    for (const google::protobuf::Any& any : in.details()) {
      if (Unpack(any, &info)) {
        detail.reason = info.reason();
        for (const auto& [key, value] : info.metadata()) detail.metadata[key] = value;
      } else if (Unpack(any, &request) && request.field_violations_size() > 0) {
        detail.field = request.field_violations(0).field();
        detail.expected = request.field_violations(0).description();
      } else if (Unpack(any, &failure) && failure.violations_size() > 0) {
        detail.field = failure.violations(0).subject();
        detail.expected = failure.violations(0).description();
      } else if (Unpack(any, &retry)) {
        // From a foreign hand: bounded, and never negative.
        const int64_t seconds =
            std::min<int64_t>(std::max<int64_t>(retry.retry_delay().seconds(), 0), 3600);
        const int nanos = std::min(std::max(retry.retry_delay().nanos(), 0), 999999999);
        detail.retry_after = absl::Seconds(seconds) + absl::Nanoseconds(nanos);
      }
    }
  }
  if (detail.reason.empty()) {
    detail.reason = ReasonOfCode(code);
    if (code == absl::StatusCode::kCancelled && !cancelled_by_us) {
      code = absl::StatusCode::kUnavailable;
      detail.reason = "SERVER_WENT_AWAY";
    }
  }
  return base::WithDetail(absl::Status(code, status.error_message()), detail);
}

}  // namespace egov::rpc
