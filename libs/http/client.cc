#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "libs/http/http.h"

namespace egov::http {
namespace {

constexpr size_t kMaxHeader = 16 * 1024;

struct Target {
  std::string host, port, path;
  std::string authority;  // host:port as written, for the Host field
};

absl::Status Error(absl::StatusCode code, absl::string_view reason, absl::string_view text) {
  return base::Error(code, reason, text);
}
absl::Status Unreachable(absl::string_view what) {
  return Error(absl::StatusCode::kUnavailable, "UNREACHABLE", what);
}
absl::Status TimedOut() {
  return Error(absl::StatusCode::kDeadlineExceeded, "TIMED_OUT", "no answer in time");
}
absl::Status BadHttp(absl::string_view what) {
  return Error(absl::StatusCode::kUnavailable, "BAD_HTTP", what);
}

absl::StatusOr<Target> ParseUrl(absl::string_view url) {
  const auto bad = [](absl::string_view why) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_URL",
                       absl::StrCat("the address cannot be used: ", why))
        .Expected("http://host:port/path")
        .status();
  };
  if (!absl::ConsumePrefix(&url, "http://")) return bad("it does not begin with http://");
  for (const char c : url) {
    if (c <= ' ' || c > '~') return bad("a character that is not allowed");
  }
  Target target;
  const size_t slash = url.find('/');
  target.path = slash == absl::string_view::npos ? "/" : std::string(url.substr(slash));
  const absl::string_view authority = url.substr(0, slash);
  target.authority = std::string(authority);
  absl::string_view host = authority, port = "80";
  if (absl::StartsWith(authority, "[")) {  // IPv6
    const size_t end = authority.find(']');
    if (end == absl::string_view::npos) return bad("a bracket is open");
    host = authority.substr(1, end - 1);
    const absl::string_view rest = authority.substr(end + 1);
    if (!rest.empty()) port = rest.substr(1);
  } else if (authority.find(':') != absl::string_view::npos) {
    host = authority.substr(0, authority.find(':'));
    port = authority.substr(authority.find(':') + 1);
  }
  if (host.empty() || port.empty()) return bad("no host or port");
  target.host = std::string(host);
  target.port = std::string(port);
  return target;
}

// A socket with a deadline over everything that is done with it.
class Connection {
 public:
  explicit Connection(absl::Time deadline) : deadline_(deadline) {}
  Connection(const Connection&) = delete;
  ~Connection() {
    if (socket_ >= 0) close(socket_);
  }

  absl::Status Connect(const Target& target) {
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &found) != 0) {
      return Unreachable("the host's name is not known");
    }
    absl::Status last = Unreachable("the host has no address");
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
      last = ConnectTo(*at);
      if (last.ok()) break;
    }
    freeaddrinfo(found);
    return last;
  }

  absl::Status Write(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(sent);
      } else if (errno == EAGAIN) {
        EGOV_RETURN_IF_ERROR(Wait(POLLOUT));
      } else if (errno != EINTR) {
        return Unreachable("the connection broke while asking");
      }
    }
    return absl::OkStatus();
  }

  // Appends what arrives; 0 at the end.
  absl::StatusOr<size_t> Read(std::string* out) {
    char buffer[16 * 1024];
    for (;;) {
      const ssize_t size = recv(socket_, buffer, sizeof(buffer), 0);
      if (size >= 0) {
        out->append(buffer, size);
        return static_cast<size_t>(size);
      }
      if (errno == EAGAIN) {
        EGOV_RETURN_IF_ERROR(Wait(POLLIN));
      } else if (errno != EINTR) {
        return Unreachable("the connection broke while waiting for the answer");
      }
    }
  }

 private:
  absl::Status ConnectTo(const addrinfo& address) {
    if (socket_ >= 0) close(socket_);
    socket_ = socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket_ < 0) return Unreachable("no socket");
    if (connect(socket_, address.ai_addr, address.ai_addrlen) == 0) return absl::OkStatus();
    if (errno != EINPROGRESS) return Unreachable("the connection was refused");
    EGOV_RETURN_IF_ERROR(Wait(POLLOUT));
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
    return error == 0 ? absl::OkStatus() : Unreachable("the connection was refused");
  }

  absl::Status Wait(int16_t what) {
    pollfd wait = {socket_, what, 0};
    for (;;) {
      const int64_t left = absl::ToInt64Milliseconds(deadline_ - absl::Now());
      if (left <= 0) return TimedOut();
      const int ready = poll(&wait, 1, static_cast<int>(std::min<int64_t>(left, 1000000)));
      if (ready > 0) return absl::OkStatus();
      if (ready < 0 && errno != EINTR) return Unreachable("waiting failed");
    }
  }

  const absl::Time deadline_;
  int socket_ = -1;
};

// The chunked transfer coding (RFC 9112 section 7.1) taken off; false while the last chunk has not
// come.
absl::StatusOr<bool> Unchunk(absl::string_view raw, size_t max_body, std::string* body) {
  body->clear();
  for (;;) {
    const size_t line = raw.find("\r\n");
    if (line == absl::string_view::npos) return false;
    const absl::string_view size_text = raw.substr(0, std::min(line, raw.find(';')));
    uint64_t size = 0;
    if (size_text.empty() || size_text.size() > 8) return BadHttp("a malformed chunk");
    for (const char c : size_text) {
      if (!absl::ascii_isxdigit(c)) return BadHttp("a malformed chunk");
      size = size * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    if (body->size() + size > max_body) return BadHttp("a longer answer than allowed");
    raw.remove_prefix(line + 2);
    if (size == 0) return true;
    if (raw.size() < size + 2) return false;
    body->append(raw.data(), size);
    raw.remove_prefix(size + 2);
  }
}

absl::StatusOr<Response> Exchange(absl::string_view method, const std::string& url,
                                  absl::string_view content_type, absl::string_view body,
                                  const ClientOptions& options) {
  EGOV_ASSIGN_OR_RETURN(const Target target, ParseUrl(url));
  Connection connection(absl::Now() + options.timeout);
  EGOV_RETURN_IF_ERROR(connection.Connect(target));
  std::string request =
      absl::StrCat(method, " ", target.path, " HTTP/1.1\r\nHost: ", target.authority,
                   "\r\nConnection: close\r\n");
  if (method == "POST") {
    absl::StrAppend(&request, "Content-Type: ", content_type, "\r\nContent-Length: ", body.size(),
                    "\r\n");
  }
  absl::StrAppend(&request, "\r\n", body);
  EGOV_RETURN_IF_ERROR(connection.Write(request));

  std::string raw;
  size_t header_end = std::string::npos;
  while (header_end == std::string::npos) {
    EGOV_ASSIGN_OR_RETURN(const size_t size, connection.Read(&raw));
    header_end = raw.find("\r\n\r\n");
    if (header_end == std::string::npos && (size == 0 || raw.size() > kMaxHeader)) {
      return BadHttp("no header");
    }
  }
  const std::vector<std::string> lines = absl::StrSplit(raw.substr(0, header_end), "\r\n");
  raw.erase(0, header_end + 4);
  Response response;
  if (!absl::StartsWith(lines[0], "HTTP/1.") || lines[0].size() < 12 ||
      !absl::SimpleAtoi(absl::string_view(lines[0]).substr(9, 3), &response.status)) {
    return BadHttp("no status line");
  }
  uint64_t length = 0;
  bool has_length = false, chunked = false;
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::pair<std::string, std::string> field =
        absl::StrSplit(lines[i], absl::MaxSplits(':', 1));
    const std::string name = absl::AsciiStrToLower(field.first);
    const absl::string_view value = absl::StripAsciiWhitespace(field.second);
    if (name == "content-length") {
      has_length = absl::SimpleAtoi(value, &length);
      if (!has_length || length > options.max_body) return BadHttp("a longer answer than allowed");
    } else if (name == "content-type") {
      response.content_type =
          absl::AsciiStrToLower(absl::StripAsciiWhitespace(value.substr(0, value.find(';'))));
    } else if (name == "transfer-encoding") {
      chunked = absl::AsciiStrToLower(value) == "chunked";
      if (!chunked) return BadHttp("a transfer coding that is not known");
    }
  }
  for (;;) {
    if (chunked) {
      EGOV_ASSIGN_OR_RETURN(const bool whole, Unchunk(raw, options.max_body, &response.body));
      if (whole) return response;
    } else if (has_length && raw.size() >= length) {
      response.body = raw.substr(0, length);
      return response;
    }
    if (raw.size() > options.max_body * 2 + kMaxHeader)
      return BadHttp("a longer answer than allowed");
    EGOV_ASSIGN_OR_RETURN(const size_t size, connection.Read(&raw));
    if (size > 0) continue;
    if (has_length || chunked || raw.size() > options.max_body) return BadHttp("a cut answer");
    response.body = std::move(raw);
    return response;
  }
}

}  // namespace

absl::Status CheckUrl(absl::string_view url) { return ParseUrl(url).status(); }

absl::StatusOr<Response> Get(const std::string& url, const ClientOptions& options) {
  return Exchange("GET", url, "", "", options);
}

absl::StatusOr<Response> Post(const std::string& url, absl::string_view content_type,
                              absl::string_view body, const ClientOptions& options) {
  return Exchange("POST", url, content_type, body, options);
}

}  // namespace egov::http
