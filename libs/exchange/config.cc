#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "libs/base/status.h"
#include "libs/exchange/register.h"
#include "libs/exchange/trust.h"

namespace egov::exchange {

absl::Status ReadConfig(const std::string& path, google::protobuf::Message* config) {
  EGOV_ASSIGN_OR_RETURN(const std::string json, ReadFile(path, "configuration"));
  google::protobuf::util::JsonParseOptions strict;
  strict.ignore_unknown_fields = false;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, config, strict);
  if (parsed.ok()) return absl::OkStatus();
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIG",
                     absl::StrCat("the configuration ", path,
                                  " is not right: ", std::string(parsed.message())))
      .Expected(absl::StrCat("JSON of the message ", config->GetTypeName()));
}

}  // namespace egov::exchange
