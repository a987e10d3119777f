// One question and one answer over a Unix socket: frames of u32 big-endian length and a message.
#ifndef EGOV_SERVICES_IDENTITY_COMMON_FRAMES_H_
#define EGOV_SERVICES_IDENTITY_COMMON_FRAMES_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace egov::identity {

// Asks the process that listens on `socket`. UNAVAILABLE/UNREACHABLE; DEADLINE_EXCEEDED/TIMED_OUT.
// INVALID_ARGUMENT/BAD_PATH for a path whose folder is not there.
absl::StatusOr<std::string> AskSocket(const std::string& socket, absl::string_view question,
                                      absl::Duration timeout = absl::Seconds(20));

// Answers on a Unix socket until destroyed. At most 16 connections at a time (more wait), each with
// one question of at most 256 KiB and five seconds to ask it.
class SocketServer {
 public:
  // Gets the question and who asks ("uid 1000", as the kernel says).
  using Handler = std::function<std::string(const std::string& question, const std::string& actor)>;

  // Replaces a socket file that nobody listens on. FAILED_PRECONDITION/SOCKET_IN_USE when somebody
  // does.
  static absl::StatusOr<std::unique_ptr<SocketServer>> Start(const std::string& path, int mode,
                                                             Handler handler);
  ~SocketServer();

 private:
  struct Impl;
  explicit SocketServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace egov::identity

#endif  // EGOV_SERVICES_IDENTITY_COMMON_FRAMES_H_
