// One HTTP POST, for time-stamp requests (RFC 3161 section 3.4).
#ifndef EGOV_LIBS_EVIDENCE_HTTP_H_
#define EGOV_LIBS_EVIDENCE_HTTP_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace egov::evidence {

struct HttpUrl {
  std::string host;
  int port = 80;
  std::string path = "/";

  // INVALID_ARGUMENT BAD_URL unless it is http://host[:port][/path].
  static absl::StatusOr<HttpUrl> Parse(absl::string_view url);
};

// The body of a 200 answer. UNAVAILABLE HTTP_FAILED for everything else, and when it is longer than
// `limit` bytes. Blocks: at most 10 s to connect, `timeout` until the answer's head is there.
absl::StatusOr<std::string> HttpPost(const HttpUrl& url, absl::string_view content_type,
                                     absl::string_view body, absl::Duration timeout, size_t limit);

}  // namespace egov::evidence

#endif  // EGOV_LIBS_EVIDENCE_HTTP_H_
