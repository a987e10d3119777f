// Errors of enrolment on the wire and back.
#ifndef EGOV_SERVICES_IDENTITY_COMMON_ERRORS_H_
#define EGOV_SERVICES_IDENTITY_COMMON_ERRORS_H_

#include "absl/status/status.h"
#include "egov/identity/v1/enrolment.pb.h"
#include "libs/base/status.h"

namespace egov::identity {

// The text of an INTERNAL error stays with us.
inline v1::EnrolmentError ToWire(const absl::Status& status) {
  v1::EnrolmentError error;
  error.set_code(static_cast<int>(status.code()));
  const auto detail = base::DetailOf(status);
  error.set_reason(detail ? detail->reason : "INTERNAL");
  error.set_field(detail ? detail->field : "");
  error.set_message(status.code() == absl::StatusCode::kInternal ? "an internal error"
                                                                 : std::string(status.message()));
  return error;
}

inline absl::Status FromWire(const v1::EnrolmentError& error) {
  const int code = error.code() >= 1 && error.code() <= 16 ? error.code() : 2;
  return base::Error(static_cast<absl::StatusCode>(code), error.reason(), error.message())
      .Field(error.field());
}

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_COMMON_ERRORS_H_
