// Typed errors: an absl::Status that says, besides its canonical code, which rule was broken, which field is at fault
// and what would have been right. libs/rpc carries them over gRPC as google.rpc.ErrorInfo and BadRequest (AIP-193).
//
// The text of an error is shown to people and written to logs: it never holds a personal code, a name, an address or a
// secret. Say which field, not what was in it.
//
// Thread safety: values. Cost: one small allocation for each error; nothing on success.
#ifndef EGOV_LIBS_BASE_STATUS_H_
#define EGOV_LIBS_BASE_STATUS_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace egov::base {

// What an error says beside its code and text.
struct ErrorDetail {
  std::string reason;    // UPPER_SNAKE_CASE, at most 63 characters; part of the contract
  std::string field;     // path of the field at fault, as the contract names it; empty when no field is
  std::string expected;  // what would have been right, for people
  absl::Duration retry_after = absl::ZeroDuration();  // when asking again makes sense; zero: not by waiting
  std::map<std::string, std::string> metadata;        // further words for machines, small
};

// Builds an error: `return Error(kInvalidArgument, "DEATH_BEFORE_BIRTH", "...").Field("death_date").Expected("...")`.
class Error {
 public:
  Error(absl::StatusCode code, absl::string_view reason, absl::string_view message);
  Error& Field(absl::string_view path);
  Error& Expected(absl::string_view what);
  Error& RetryAfter(absl::Duration wait);
  Error& With(absl::string_view key, absl::string_view value);

  absl::Status status() const;
  operator absl::Status() const { return status(); }  // NOLINT: an error is returned as a status
  template <typename T>
  operator absl::StatusOr<T>() const {  // NOLINT
    return status();
  }

 private:
  absl::StatusCode code_;
  std::string message_;
  ErrorDetail detail_;
};

// The detail of a status; empty for OK and for statuses that were not made by Error.
absl::optional<ErrorDetail> DetailOf(const absl::Status& status);

// Puts `detail` on a status that came from elsewhere (a wire).
absl::Status WithDetail(absl::Status status, const ErrorDetail& detail);

// The same error with `prefix` and a dot before its field, for a message inside a message.
absl::Status InField(absl::string_view prefix, const absl::Status& status);

}  // namespace egov::base

// Returns from the function when `expression` is not OK.
#define EGOV_RETURN_IF_ERROR(expression)                  \
  do {                                                    \
    ::absl::Status egov_status_ = (expression);           \
    if (!egov_status_.ok()) return egov_status_;          \
  } while (false)

#define EGOV_CONCAT_(a, b) a##b
#define EGOV_CONCAT(a, b) EGOV_CONCAT_(a, b)

// `EGOV_ASSIGN_OR_RETURN(auto x, F());` declares or sets x from a StatusOr, or returns its status.
#define EGOV_ASSIGN_OR_RETURN(left, expression)                        \
  auto EGOV_CONCAT(egov_statusor_, __LINE__) = (expression);           \
  if (!EGOV_CONCAT(egov_statusor_, __LINE__).ok())                     \
    return std::move(EGOV_CONCAT(egov_statusor_, __LINE__)).status();  \
  left = std::move(EGOV_CONCAT(egov_statusor_, __LINE__)).value()

#endif  // EGOV_LIBS_BASE_STATUS_H_
