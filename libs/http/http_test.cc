#include "libs/http/http.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"

namespace egov::http {
namespace {

using base::Fails;
using base::IsOk;

std::unique_ptr<Server> EchoServer() {
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  auto server = Server::Start(options, [](const Request& request) {
    return Response{request.path == "/teapot" ? 418 : 200, "text/plain",
                    absl::StrCat(request.method, " ", request.path, " ", request.content_type, " ",
                                 request.body)};
  });
  return *std::move(server);
}

// Answers one connection with fixed bytes, then closes it.
class FixedServer {
 public:
  explicit FixedServer(std::string answer) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    listen(listener_, 1);
    socklen_t size = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = absl::StrCat("http://127.0.0.1:", ntohs(address.sin_port), "/");
    thread_ = std::thread([this, answer] {
      const int connection = accept(listener_, nullptr, nullptr);
      char buffer[1024];
      (void)!read(connection, buffer, sizeof(buffer));
      (void)!send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      if (answer.empty()) sleep(1);
      close(connection);
    });
  }
  ~FixedServer() {
    thread_.join();
    close(listener_);
  }
  const std::string& url() const { return url_; }

 private:
  int listener_;
  std::string url_;
  std::thread thread_;
};

TEST(HttpTest, WhatIsAskedArrivesAndIsAnswered) {
  const auto server = EchoServer();
  const std::string url = absl::StrCat("http://127.0.0.1:", server->port());
  const auto got = Get(url + "/a/b");
  ASSERT_THAT(got, IsOk());
  EXPECT_EQ(got->body, "GET /a/b  ");
  EXPECT_EQ(got->content_type, "text/plain");
  const std::string body(60000, 'x');
  const auto posted = Post(url + "/p", "application/x-test; q=1", body);
  ASSERT_THAT(posted, IsOk());
  EXPECT_EQ(posted->body, "POST /p application/x-test " + body);
  EXPECT_EQ(Get(url + "/teapot")->status, 418);
}

TEST(HttpTest, AnAddressThatCarriesDataArrivesWhole) {
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  const auto server = *Server::Start(options, [](const Request& request) {
    return Response{200,
                    "text/plain",
                    absl::StrCat(request.path, " ", request.target),
                    {{"Cache-Control", "max-age=1"}, {"X-Test", "a"}}};
  });
  const std::string url = absl::StrCat("http://127.0.0.1:", server->port());
  EXPECT_EQ(Get(url + "/a//b/../c%2F%2Fd%2B+e==")->body, "/a/c/d++e== /a//b/../c//d++e==");
  std::string said;
  FILE* curl = popen(absl::StrCat("curl -s -D - -o /dev/null ", url).c_str(), "r");
  char buffer[4096];
  said.assign(buffer, fread(buffer, 1, sizeof(buffer), curl));
  pclose(curl);
  EXPECT_NE(said.find("\r\nCache-Control: max-age=1\r\nX-Test: a\r\n\r\n"), std::string::npos)
      << said;
}

TEST(HttpTest, AServerStopsAtOnce) {
  auto server = EchoServer();
  ASSERT_THAT(Get(absl::StrCat("http://127.0.0.1:", server->port(), "/")), IsOk());
  const absl::Time before = absl::Now();
  server.reset();
  EXPECT_LT(absl::Now() - before, absl::Seconds(1));
}

TEST(HttpTest, ALongQuestionIsRefused) {
  const auto server = EchoServer();
  const std::string url = absl::StrCat("http://127.0.0.1:", server->port());
  EXPECT_EQ(Post(url, "a/b", std::string(70000, 'x'))->status, 413);
}

TEST(HttpTest, AnAnswerIsReadInEachOfItsForms) {
  EXPECT_EQ(Get(FixedServer("HTTP/1.0 200 OK\r\n\r\nto the end").url())->body, "to the end");
  EXPECT_EQ(Get(FixedServer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n")
                    .url())
                ->body,
            "abc0123456789");
}

TEST(HttpTest, AnAnswerThatIsNoneIsAnError) {
  constexpr auto kUnavailable = absl::StatusCode::kUnavailable;
  EXPECT_THAT(Get(FixedServer("SSH-2.0\r\n\r\n").url()), Fails(kUnavailable, "BAD_HTTP"));
  EXPECT_THAT(Get(FixedServer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort").url()),
              Fails(kUnavailable, "BAD_HTTP"));
  EXPECT_THAT(Get(FixedServer("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n").url()),
              Fails(kUnavailable, "BAD_HTTP"));
  EXPECT_THAT(Get(FixedServer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").url()),
              Fails(kUnavailable, "BAD_HTTP"));
  ClientOptions options;
  options.timeout = absl::Milliseconds(100);
  EXPECT_THAT(Get(FixedServer("").url(), options),
              Fails(absl::StatusCode::kDeadlineExceeded, "TIMED_OUT"));
}

TEST(HttpTest, NobodyThereIsUnreachableAndABadAddressIsNamed) {
  const int port = EchoServer()->port();
  EXPECT_THAT(Get(absl::StrCat("http://127.0.0.1:", port)),
              Fails(absl::StatusCode::kUnavailable, "UNREACHABLE"));
  for (const char* url : {"https://a/", "a", "http://", "http://a b/", "http://[::1"}) {
    EXPECT_THAT(Get(url), Fails(absl::StatusCode::kInvalidArgument, "BAD_URL")) << url;
  }
}

}  // namespace
}  // namespace egov::http
