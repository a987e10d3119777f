#include "libs/evidence/http.h"

#include <civetweb.h>

#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"

namespace egov::evidence {
namespace {

struct CloseConnection {
  void operator()(mg_connection* connection) const { mg_close_connection(connection); }
};

base::Error Failed(absl::string_view text) {
  return base::Error(absl::StatusCode::kUnavailable, "HTTP_FAILED", text);
}

}  // namespace

absl::StatusOr<HttpUrl> HttpUrl::Parse(absl::string_view text) {
  const auto bad = [] {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_URL",
                       "the authority's address has not its form")
        .Expected("http://host[:port][/path]");
  };
  for (const char c : text) {
    if (c <= ' ' || c == 0x7f) return bad();
  }
  if (!absl::ConsumePrefix(&text, "http://")) return bad();
  HttpUrl url;
  const size_t slash = text.find('/');
  if (slash != absl::string_view::npos) url.path = std::string(text.substr(slash));
  absl::string_view authority = text.substr(0, slash);
  const size_t colon = authority.rfind(':');
  if (colon != absl::string_view::npos) {
    if (!absl::SimpleAtoi(authority.substr(colon + 1), &url.port) || url.port < 1 ||
        url.port > 65535) {
      return bad();
    }
    authority = authority.substr(0, colon);
  }
  if (authority.empty()) return bad();
  url.host = std::string(authority);
  return url;
}

absl::StatusOr<std::string> HttpPost(const HttpUrl& url, absl::string_view content_type,
                                     absl::string_view body, absl::Duration timeout, size_t limit) {
  static const unsigned initialized = mg_init_library(0);  // counted by the library; thread safe
  (void)initialized;
  char error[256] = "";
  std::unique_ptr<mg_connection, CloseConnection> connection(
      mg_connect_client(url.host.c_str(), url.port, /*use_ssl=*/0, error, sizeof(error)));
  if (connection == nullptr) return Failed("no connection");
  const std::string request =
      absl::StrCat("POST ", url.path, " HTTP/1.1\r\nHost: ", url.host, ":", url.port,
                   "\r\nContent-Type: ", content_type, "\r\nContent-Length: ", body.size(),
                   "\r\nConnection: close\r\n\r\n", body);
  if (mg_write(connection.get(), request.data(), request.size()) !=
      static_cast<int>(request.size())) {
    return Failed("the connection broke");
  }
  if (mg_get_response(connection.get(), error, sizeof(error),
                      static_cast<int>(absl::ToInt64Milliseconds(timeout))) < 0) {
    return Failed("no answer in time, or none that is HTTP");
  }
  const mg_response_info* response = mg_get_response_info(connection.get());
  if (response == nullptr || response->status_code != 200) {
    return Failed(absl::StrCat("answered with HTTP status ",
                               response == nullptr ? 0 : response->status_code));
  }
  std::string answer;
  char buffer[8192];
  const absl::Time end = absl::Now() + timeout;
  for (int read; (read = mg_read(connection.get(), buffer, sizeof(buffer))) != 0;) {
    if (read < 0 || absl::Now() > end) return Failed("the answer broke off");
    answer.append(buffer, read);
    if (answer.size() > limit) return Failed("the answer is too long");
  }
  return answer;
}

}  // namespace egov::evidence
