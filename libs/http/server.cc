#include <arpa/inet.h>
#include <civetweb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/http/http.h"

namespace egov::http {
namespace {

const char* ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 503:
      return "Service Unavailable";
    default:
      return status < 400 ? "OK" : status < 500 ? "Client Error" : "Server Error";
  }
}

class CivetServer final : public Server {
 public:
  CivetServer(const ServerOptions& options, Handler handler)
      : options_(options), handler_(std::move(handler)) {}
  ~CivetServer() override {
    if (context_ == nullptr) return;
    // civetweb looks at its stop flag when a connection comes, else every two seconds.
    std::atomic<bool> stopped{false};
    std::thread knocker([this, &stopped] {
      while (!stopped) {
        Knock();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
    mg_stop(context_);
    stopped = true;
    knocker.join();
  }

  absl::Status Listen() {
    mg_init_library(0);
    mg_callbacks callbacks = {};
    callbacks.begin_request = &CivetServer::Answer;
    callbacks.log_message = [](const mg_connection*, const char*) { return 1; };
    const std::string threads = absl::StrCat(options_.threads);
    const std::string timeout = absl::StrCat(absl::ToInt64Milliseconds(options_.request_timeout));
    // Without keep-alive a silent client would hold one of the few threads; with it and a short
    // wait it holds one for that long only.
    const char* settings[] = {"listening_ports",
                              options_.listen.c_str(),
                              "num_threads",
                              threads.c_str(),
                              "request_timeout_ms",
                              timeout.c_str(),
                              "enable_keep_alive",
                              "yes",
                              "keep_alive_timeout_ms",
                              "500",
                              "tcp_nodelay",
                              "1",
                              nullptr};
    context_ = mg_start(&callbacks, this, settings);
    mg_server_port ports[1] = {};
    if (context_ == nullptr || mg_get_server_ports(context_, 1, ports) < 1) {
      return base::Error(absl::StatusCode::kUnavailable, "PORT_UNUSABLE",
                         "the HTTP port cannot be listened on")
          .Field("listen")
          .Expected("host:port, free");
    }
    port_ = ports[0].port;
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  void Knock() const {
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port_));
    const std::string host = options_.listen.substr(0, options_.listen.rfind(':'));
    if (inet_pton(AF_INET, host.c_str(), &to.sin_addr) != 1 || to.sin_addr.s_addr == INADDR_ANY) {
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    (void)connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
    close(fd);
  }

  static int Answer(mg_connection* connection) {
    const mg_request_info* info = mg_get_request_info(connection);
    return static_cast<CivetServer*>(info->user_data)->Answer(connection, *info);
  }

  int Answer(mg_connection* connection, const mg_request_info& info) {
    Request request;
    request.method = info.request_method;
    request.path = info.local_uri != nullptr ? info.local_uri : "";
    request.target = info.local_uri_raw != nullptr ? info.local_uri_raw : "";
    if (const char* type = mg_get_header(connection, "Content-Type")) {
      const absl::string_view text = type;
      request.content_type =
          absl::AsciiStrToLower(absl::StripAsciiWhitespace(text.substr(0, text.find(';'))));
    }
    Response response;
    if (info.content_length > static_cast<int64_t>(options_.max_body)) {
      response.status = 413;
    } else if (!ReadBody(connection, &request.body)) {
      response.status = request.body.size() > options_.max_body ? 413 : 400;
    } else {
      response = handler_(request);
    }
    // A refused body was not read to its end: the connection is of no further use.
    const char* keep = response.status == 413 || response.status == 400 ? "close" : "keep-alive";
    if (absl::string_view(keep) == "close") mg_disable_connection_keep_alive(connection);
    std::string more;
    for (const auto& [name, value] : response.headers) {
      absl::StrAppend(&more, name, ": ", value, "\r\n");
    }
    const std::string head =
        absl::StrCat("HTTP/1.1 ", response.status, " ", ReasonPhrase(response.status),
                     "\r\nContent-Length: ", response.body.size(), "\r\nConnection: ", keep,
                     "\r\nX-Content-Type-Options: nosniff\r\n",
                     response.content_type.empty() ? "" : "Content-Type: ", response.content_type,
                     response.content_type.empty() ? "" : "\r\n", more, "\r\n");
    // In one write: two small ones would wait for each other's acknowledgement.
    const std::string all = request.method == "HEAD" ? head : head + response.body;
    mg_write(connection, all.data(), all.size());
    return response.status;
  }

  bool ReadBody(mg_connection* connection, std::string* body) {
    char buffer[8192];
    for (;;) {
      const int size = mg_read(connection, buffer, sizeof(buffer));
      if (size < 0) return false;
      if (size == 0) return true;
      body->append(buffer, size);
      if (body->size() > options_.max_body) return false;
    }
  }

  const ServerOptions options_;
  const Handler handler_;
  mg_context* context_ = nullptr;
  int port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      Handler handler) {
  auto server = std::make_unique<CivetServer>(options, std::move(handler));
  EGOV_RETURN_IF_ERROR(server->Listen());
  return absl::StatusOr<std::unique_ptr<Server>>(std::move(server));
}

}  // namespace egov::http
