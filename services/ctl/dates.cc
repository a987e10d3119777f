#include "services/ctl/dates.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace egov::ctl {

std::string DateText(const egov::civil::v1::PartialDate& date) {
  if (date.year() == 0) return "";
  std::string text = absl::StrCat(absl::Dec(date.year(), absl::kZeroPad4));
  if (date.month() != 0) absl::StrAppend(&text, "-", absl::Dec(date.month(), absl::kZeroPad2));
  if (date.day() != 0) absl::StrAppend(&text, "-", absl::Dec(date.day(), absl::kZeroPad2));
  return text;
}

std::string TimeText(int64_t micros) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixMicros(micros),
                          absl::UTCTimeZone());
}

}  // namespace egov::ctl
