// What gRPC itself costs, over the same TLS: the server of the baselines, in a process of its own
// as the register is.
#ifndef EGOV_TESTS_LOAD_ECHO_SERVER_H_
#define EGOV_TESTS_LOAD_ECHO_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "libs/rpc/channel.h"
#include "tests/load/drive.h"

namespace egov::load {

struct EchoOptions {
  int port = 0;
  rpc::TlsFiles tls;
  size_t response_bytes = 0;  // of each answer to Echo
  std::string parts;  // a file of WatchChangesResponse messages that Replay sends; may be empty
};

constexpr char kReplayMethod[] = "/egov.load.ReplayService/Replay";

// Serves until the process is told to end.
absl::Status ServeEcho(const EchoOptions& options);

// Calls Echo with so many bytes.
Issue EchoCalls(rpc::Channels* channels, size_t request_bytes);

// Asks for the parts, parses each, and returns how many changes they held.
absl::StatusOr<uint64_t> Replay(rpc::Channels* channels);

}  // namespace egov::load

#endif  // EGOV_TESTS_LOAD_ECHO_SERVER_H_
