// Who is at the other end of a call: the one SPIFFE URI of its TLS certificate.
//
// Parsing a certificate costs ~150 us, so what was parsed is remembered by the certificate's bytes;
// a call then costs one hash and one comparison of them (~1 us). What can change while a connection
// is open, the time and the revocation lists, is asked at each call.
#ifndef EGOV_LIBS_RPC_PEER_H_
#define EGOV_LIBS_RPC_PEER_H_

#include <grpcpp/security/auth_context.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"

namespace egov::rpc {

struct Peer {
  std::string spiffe;  // "spiffe://ee/GOV/70000310/pensions", as it stands in the certificate
  std::array<uint8_t, 32> certificate_sha256{};  // of the leaf's DER
  absl::Time not_before;
  absl::Time not_after;
};

struct PeerCacheOptions {
  // Certificates remembered, the least recently used forgotten first (~3 KiB each).
  size_t capacity = 4096;
  std::string crl_directory;  // as in TlsFiles; empty: nobody is revoked
  // PEM files with the authorities that may sign the lists; required with a directory. A chain of
  // one's own may be among them.
  std::vector<std::string> authorities;
  absl::Duration refresh = absl::Seconds(30);  // how often the directory is read
};

// Thread safe. Owns one thread when there is a directory to watch.
class PeerCache {
 public:
  // Reads the lists once. FAILED_PRECONDITION / CRL_UNREADABLE when a directory is named that
  // cannot be read or holds a list that does not parse or that no authority signed.
  static absl::StatusOr<std::unique_ptr<PeerCache>> Create(
      const PeerCacheOptions& options, const base::Clock& clock = base::Clock::Real());
  virtual ~PeerCache() = default;

  // The peer of a call (`context->auth_context()`). UNAUTHENTICATED with reason NO_CERTIFICATE,
  // NO_SPIFFE_ID (none, more than one, or not a SPIFFE id), CERTIFICATE_EXPIRED (or not valid yet)
  // or CERTIFICATE_REVOKED.
  virtual absl::StatusOr<std::shared_ptr<const Peer>> Identify(
      const grpc::AuthContext& context) = 0;

  // The same for the leaf's PEM bytes.
  virtual absl::StatusOr<std::shared_ptr<const Peer>> IdentifyPem(absl::string_view pem) = 0;

  // Reads the lists now. On an error the lists read before stay in force.
  virtual absl::Status Reload() = 0;
  // How the last reading, by the thread or by Reload, went.
  virtual absl::Status LastReload() const = 0;
};

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_PEER_H_
