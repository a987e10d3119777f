// Keeps questions in flight over HTTP connections that stay open.
#ifndef EGOV_TESTS_LOAD_HTTP_DRIVE_H_
#define EGOV_TESTS_LOAD_HTTP_DRIVE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/load/process.h"

namespace egov::load {

struct HttpLoad {
  int port = 0;
  std::string content_type;
  // Bodies to send, again and again from the first; what each answer's body must contain.
  std::vector<std::string> questions, tokens;
  int connections = 16;
  int threads = 2;
};

struct HttpCost {
  double per_second = 0;
  double cpu_us = 0;  // an answer, of this process and the server's together
};

// Each connection has one question in flight. An answer without its token, or of another status
// than 200, ends it with an error.
absl::StatusOr<HttpCost> DriveHttp(const HttpLoad& load, const Process& server,
                                   absl::Duration time);

}  // namespace egov::load

#endif  // EGOV_TESTS_LOAD_HTTP_DRIVE_H_
