#include "services/identity/client/directory_fetch.h"

#include "libs/base/status.h"
#include "libs/http/http.h"

namespace egov::identity {

absl::Status FetchDirectory(const std::string& url, DirectoryCache& cache) {
  EGOV_ASSIGN_OR_RETURN(const http::Response response, http::Get(url + "/directory"));
  if (response.status != 200) {
    return base::Error(absl::StatusCode::kNotFound, "NO_DIRECTORY", "the front has no directory");
  }
  return cache.Update(response.body);
}

}  // namespace egov::identity
