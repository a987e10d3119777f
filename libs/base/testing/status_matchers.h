// GoogleTest matchers for statuses: EXPECT_THAT(f(), IsOk()), EXPECT_THAT(f(), Fails(kNotFound, "UNKNOWN_PERSON")).
// (Debian's Abseil has none.)
#ifndef EGOV_LIBS_BASE_TESTING_STATUS_MATCHERS_H_
#define EGOV_LIBS_BASE_TESTING_STATUS_MATCHERS_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "libs/base/status.h"

namespace egov::base {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).ok();
}

// Has this canonical code, this reason and, when given, this field.
MATCHER_P2(Fails, code, reason, std::string("fails with reason ") + reason) {
  const absl::Status& status = StatusOf(arg);
  const auto detail = DetailOf(status);
  *result_listener << status << " reason " << (detail ? detail->reason : "none") << " field "
                   << (detail ? detail->field : "none");
  return status.code() == code && detail && detail->reason == reason;
}
MATCHER_P3(Fails, code, reason, field, std::string("fails with reason ") + reason + " in " + field) {
  const absl::Status& status = StatusOf(arg);
  const auto detail = DetailOf(status);
  *result_listener << status << " reason " << (detail ? detail->reason : "none") << " field "
                   << (detail ? detail->field : "none");
  return status.code() == code && detail && detail->reason == reason && detail->field == field;
}

}  // namespace egov::base

#define EGOV_ASSERT_OK_AND_ASSIGN(left, expression)                                       \
  auto EGOV_CONCAT(egov_value_, __LINE__) = (expression);                                 \
  ASSERT_TRUE(EGOV_CONCAT(egov_value_, __LINE__).ok())                                    \
      << EGOV_CONCAT(egov_value_, __LINE__).status();                                     \
  left = std::move(EGOV_CONCAT(egov_value_, __LINE__)).value()

#endif  // EGOV_LIBS_BASE_TESTING_STATUS_MATCHERS_H_
