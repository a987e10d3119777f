// ${EGOV_HOME}/ctl.json: who egovctl is, and where services are.
//
// Thread safety: values and free functions. Errors: FAILED_PRECONDITION NO_CONTEXT, BAD_CONTEXT,
// UNKNOWN_IDENTITY, UNKNOWN_SERVICE, and those of the directory.
#ifndef EGOV_SERVICES_CTL_CONTEXT_H_
#define EGOV_SERVICES_CTL_CONTEXT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "egov/directory/v1/directory.pb.h"
#include "services/ctl/context.pb.h"
#include "services/identity/directory/directory.h"

namespace egov::ctl {

// ${EGOV_HOME}, or ~/.local/share/egov.
std::string HomeFolder();

// Reads ctl.json; paths in it come back absolute.
absl::StatusOr<ContextConfig> LoadContext();

// The directory that the context names, verified, opened so that a newer edition can be accepted.
absl::StatusOr<std::unique_ptr<identity::DirectoryCache>> OpenDirectory(
    const ContextConfig& context);

// The service of this SPIFFE URI or subsystem name.
absl::StatusOr<egov::directory::v1::Service> FindService(
    const egov::directory::v1::Directory& directory, absl::string_view name);

}  // namespace egov::ctl

#endif  // EGOV_SERVICES_CTL_CONTEXT_H_
