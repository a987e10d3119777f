// Gets the signed directory from the enrolment front into a cache.
#ifndef EGOV_SERVICES_IDENTITY_CLIENT_DIRECTORY_FETCH_H_
#define EGOV_SERVICES_IDENTITY_CLIENT_DIRECTORY_FETCH_H_

#include <string>

#include "absl/status/status.h"
#include "services/identity/directory/directory.h"

namespace egov::identity {

// Errors of libs/http and of DirectoryCache::Update; NOT_FOUND/NO_DIRECTORY when the front has
// none.
absl::Status FetchDirectory(const std::string& url, DirectoryCache& cache);

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_CLIENT_DIRECTORY_FETCH_H_
