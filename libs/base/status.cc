#include "libs/base/status.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/numbers.h"

namespace egov::base {
namespace {

constexpr char kTypeUrl[] = "egov.base/ErrorDetail";

// Length-prefixed strings, so that no content can pass for structure.
void Append(absl::string_view text, std::string* out) { absl::StrAppend(out, text.size(), ":", text); }

bool Take(absl::string_view* in, std::string* out) {
  const size_t colon = in->find(':');
  size_t length = 0;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(in->substr(0, colon), &length)) return false;
  if (in->size() - colon - 1 < length) return false;
  *out = std::string(in->substr(colon + 1, length));
  in->remove_prefix(colon + 1 + length);
  return true;
}

std::string Encode(const ErrorDetail& detail) {
  std::string out;
  Append(detail.reason, &out);
  Append(detail.field, &out);
  Append(detail.expected, &out);
  Append(absl::StrCat(absl::ToInt64Milliseconds(detail.retry_after)), &out);
  for (const auto& [key, value] : detail.metadata) {
    Append(key, &out);
    Append(value, &out);
  }
  return out;
}

absl::optional<ErrorDetail> Decode(absl::string_view in) {
  ErrorDetail detail;
  std::string millis;
  int64_t wait = 0;
  if (!Take(&in, &detail.reason) || !Take(&in, &detail.field) || !Take(&in, &detail.expected) ||
      !Take(&in, &millis) || !absl::SimpleAtoi(millis, &wait)) {
    return absl::nullopt;
  }
  detail.retry_after = absl::Milliseconds(wait);
  std::string key, value;
  while (Take(&in, &key) && Take(&in, &value)) detail.metadata[key] = value;
  return detail;
}

}  // namespace

Error::Error(absl::StatusCode code, absl::string_view reason, absl::string_view message)
    : code_(code), message_(message) {
  detail_.reason = std::string(reason);
}

Error& Error::Field(absl::string_view path) {
  detail_.field = std::string(path);
  return *this;
}

Error& Error::Expected(absl::string_view what) {
  detail_.expected = std::string(what);
  return *this;
}

Error& Error::RetryAfter(absl::Duration wait) {
  detail_.retry_after = wait;
  return *this;
}

Error& Error::With(absl::string_view key, absl::string_view value) {
  detail_.metadata[std::string(key)] = std::string(value);
  return *this;
}

absl::Status Error::status() const { return WithDetail(absl::Status(code_, message_), detail_); }

absl::optional<ErrorDetail> DetailOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kTypeUrl);
  if (!payload.has_value()) return absl::nullopt;
  return Decode(std::string(*payload));
}

absl::Status WithDetail(absl::Status status, const ErrorDetail& detail) {
  status.SetPayload(kTypeUrl, absl::Cord(Encode(detail)));
  return status;
}

absl::Status InField(absl::string_view prefix, const absl::Status& status) {
  absl::optional<ErrorDetail> detail = DetailOf(status);
  if (!detail.has_value()) return status;
  detail->field = detail->field.empty() ? std::string(prefix) : absl::StrCat(prefix, ".", detail->field);
  return WithDetail(status, *detail);
}

}  // namespace egov::base
