// Whole files. What egovctl writes is about people: only its owner may read it.
//
// Thread safety: free functions. Errors: NOT_FOUND NO_FILE, FAILED_PRECONDITION FILE_FAILED; they
// name the path.
#ifndef EGOV_SERVICES_CTL_FILES_H_
#define EGOV_SERVICES_CTL_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace egov::ctl {

// "-" is stdin.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// Writes the pieces to a new file that then takes the name. `durable`: synced before, for what
// cannot be made again.
absl::Status WriteFile(const std::string& path, const std::vector<absl::string_view>& pieces,
                       bool durable = false);

// Makes a folder and those above it, for the owner only.
absl::Status MakeFolder(const std::string& path);

bool FileExists(const std::string& path);

}  // namespace egov::ctl

#endif  // EGOV_SERVICES_CTL_FILES_H_
