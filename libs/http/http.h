// Small HTTP/1.1 for what must be HTTP: time-stamps (RFC 3161 section 3.4), enrolment, published
// files. Calls between services are gRPC.
//
// Thread safety: free functions and Server are safe from any thread.
#ifndef EGOV_LIBS_HTTP_HTTP_H_
#define EGOV_LIBS_HTTP_HTTP_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace egov::http {

struct Response {
  int status = 200;
  std::string content_type;
  std::string body;
  // More header fields of a server's answer, name and value; not filled in by Get and Post.
  std::vector<std::pair<std::string, std::string>> headers = {};
};

struct ClientOptions {
  absl::Duration timeout = absl::Seconds(10);  // for the whole exchange, name look-up excepted
  size_t max_body = size_t{16} << 20;          // a longer answer is an error
};

// One exchange over a connection of its own, plain HTTP: what is fetched is signed, and checked by
// its reader. Any status is a Response. Errors: INVALID_ARGUMENT/BAD_URL; UNAVAILABLE/UNREACHABLE;
// DEADLINE_EXCEEDED/TIMED_OUT; UNAVAILABLE/BAD_HTTP for an answer that is none. Cost: one
// connection, ~0.2 ms on loopback.
absl::StatusOr<Response> Get(const std::string& url, const ClientOptions& options = {});
absl::StatusOr<Response> Post(const std::string& url, absl::string_view content_type,
                              absl::string_view body, const ClientOptions& options = {});

// Whether an address can be used at all: http://host[:port][/path]. INVALID_ARGUMENT/BAD_URL.
absl::Status CheckUrl(absl::string_view url);

struct Request {
  std::string method;  // "GET", "POST"
  std::string path;    // decoded, without the query; never has a ".." segment
  // As `path`, but with all that cleaning takes away ("//", ".."): for addresses that carry data,
  // not for names of files.
  std::string target;
  std::string content_type;  // lower case, without parameters
  std::string body;
};

struct ServerOptions {
  std::string listen;  // "host:port"; port 0 picks one
  int threads = 4;
  size_t max_body = size_t{64} << 10;                  // longer questions get 413
  absl::Duration request_timeout = absl::Seconds(10);  // of one that arrives slowly
};

// Answers in its own threads until destroyed, which waits for the handlers that run.
class Server {
 public:
  using Handler = std::function<Response(const Request&)>;

  // UNAVAILABLE/PORT_UNUSABLE when it cannot listen. The handler is called from many threads.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       Handler handler);
  virtual ~Server() = default;
  virtual int port() const = 0;
};

}  // namespace egov::http

#endif  // EGOV_LIBS_HTTP_HTTP_H_
