#include "tests/load/http_drive.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace egov::load {
namespace {

class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  ~Connection() {
    if (socket_ >= 0) close(socket_);
  }
  bool Open(int port) {
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
  }
  bool Send(const std::string& bytes) {
    return send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  // Reads one answer and looks for `token` in its body.
  bool Receive(absl::string_view token) {
    char buffer[16 * 1024];
    size_t have = 0;
    for (;;) {
      const ssize_t got = recv(socket_, buffer + have, sizeof(buffer) - have, 0);
      if (got <= 0) return false;
      have += got;
      const absl::string_view all(buffer, have);
      const size_t end = all.find("\r\n\r\n");
      if (end == absl::string_view::npos) continue;
      constexpr absl::string_view kLength = "Content-Length: ";
      const size_t at = all.find(kLength);
      size_t length = 0;
      if (!absl::StartsWith(all, "HTTP/1.1 200") || at > end ||
          !absl::SimpleAtoi(
              all.substr(at + kLength.size(), all.find("\r\n", at) - at - kLength.size()),
              &length)) {
        return false;
      }
      if (have < end + 4 + length) continue;
      return absl::StrContains(all.substr(end + 4), token);
    }
  }

 private:
  int socket_ = -1;
};

}  // namespace

absl::StatusOr<HttpCost> DriveHttp(const HttpLoad& load, const Process& server,
                                   absl::Duration time) {
  std::vector<std::string> requests;
  for (const std::string& question : load.questions) {
    requests.push_back(
        absl::StrCat("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: ", load.content_type,
                     "\r\nContent-Length: ", question.size(), "\r\n\r\n", question));
  }
  std::atomic<bool> go{false}, stop{false}, failed{false};
  std::atomic<uint64_t> answers{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < load.threads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<Connection> connections(load.connections / load.threads);
      for (Connection& connection : connections) {
        if (!connection.Open(load.port)) failed = true;
      }
      size_t next = static_cast<size_t>(t) * requests.size() / load.threads;
      std::vector<size_t> asked(connections.size());
      while (!stop && !failed) {
        for (size_t i = 0; i < connections.size(); ++i) {
          asked[i] = next++ % requests.size();
          if (!connections[i].Send(requests[asked[i]])) failed = true;
        }
        for (size_t i = 0; i < connections.size() && !failed; ++i) {
          if (!connections[i].Receive(load.tokens[asked[i]])) failed = true;
          if (go) ++answers;
        }
      }
    });
  }
  absl::SleepFor(time / 4);  // warms up
  const absl::Time begun = absl::Now();
  const absl::Duration cpu_before = OwnCpu() + server.Cpu();
  go = true;
  absl::SleepFor(time);
  go = false;
  const uint64_t counted = answers;
  const absl::Duration cpu = OwnCpu() + server.Cpu() - cpu_before;
  const absl::Duration took = absl::Now() - begun;
  stop = true;
  for (std::thread& thread : threads) thread.join();
  if (failed || counted == 0) {
    return absl::UnavailableError("a question over HTTP was not answered as it should be");
  }
  return HttpCost{static_cast<double>(counted) / absl::ToDoubleSeconds(took),
                  absl::ToDoubleMicroseconds(cpu) / static_cast<double>(counted)};
}

}  // namespace egov::load
