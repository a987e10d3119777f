#include "services/identity/common/config.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "services/identity/common/files.h"

namespace egov::identity {

absl::Status ReadConfig(const std::string& path, google::protobuf::Message* config) {
  EGOV_ASSIGN_OR_RETURN(const std::string json, ReadFile(path));
  google::protobuf::util::JsonParseOptions strict;
  strict.ignore_unknown_fields = false;
  const auto status = google::protobuf::util::JsonStringToMessage(json, config, strict);
  if (!status.ok()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIG",
                       absl::StrCat(path, ": ", std::string(status.message())));
  }
  return absl::OkStatus();
}

absl::Status RequireValue(const std::string& value, const char* field) {
  if (!value.empty()) return absl::OkStatus();
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIG",
                     absl::StrCat("the configuration lacks ", field))
      .Field(field);
}

}  // namespace egov::identity
