// Days and moments as text.
#ifndef EGOV_SERVICES_CTL_DATES_H_
#define EGOV_SERVICES_CTL_DATES_H_

#include <cstdint>
#include <string>

#include "egov/civil/v1/date.pb.h"

namespace egov::ctl {

// "1985-03-17", "1985-03", "1985"; the absent date is "".
std::string DateText(const egov::civil::v1::PartialDate& date);
// "2026-11-23 22:51:07 UTC".
std::string TimeText(int64_t micros);

}  // namespace egov::ctl

#endif  // EGOV_SERVICES_CTL_DATES_H_
