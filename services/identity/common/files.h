// Files as the identity processes need them: whole reads, writes that are either there or not.
//
// Thread safety: free functions. Errors: NOT_FOUND/NO_FILE, UNAVAILABLE/FILE_FAILED; the text names
// the path, never content.
#ifndef EGOV_SERVICES_IDENTITY_COMMON_FILES_H_
#define EGOV_SERVICES_IDENTITY_COMMON_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace egov::identity {

absl::StatusOr<std::string> ReadFile(const std::string& path);

// Writes beside the file, syncs, renames, syncs the folder: after a crash there is the old content
// or the new.
absl::Status WriteFile(const std::string& path, absl::string_view bytes, int mode = 0644);

// Makes the folder and what is missing above it; an existing one keeps its mode.
absl::Status MakeFolder(const std::string& path, int mode = 0755);

// Makes `link` point to `target` in one step, whether it existed or not.
absl::Status SwapLink(const std::string& target, const std::string& link);

absl::Status SyncFolder(const std::string& path);

bool Exists(const std::string& path);

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_COMMON_FILES_H_
