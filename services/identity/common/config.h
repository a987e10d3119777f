// Reading a process's configuration: a message in JSON; an unknown field stops the start.
#ifndef EGOV_SERVICES_IDENTITY_COMMON_CONFIG_H_
#define EGOV_SERVICES_IDENTITY_COMMON_CONFIG_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"

namespace egov::identity {

// Fills `config` from the file. NOT_FOUND/NO_FILE; INVALID_ARGUMENT/BAD_CONFIG says where the JSON
// is wrong.
absl::Status ReadConfig(const std::string& path, google::protobuf::Message* config);

// INVALID_ARGUMENT/BAD_CONFIG when a value that must be there is empty.
absl::Status RequireValue(const std::string& value, const char* field);

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_COMMON_CONFIG_H_
