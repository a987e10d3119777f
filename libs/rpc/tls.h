// Mutual TLS from files that are watched: keys, certificates and trust anchors change without a
// restart.
//
// Both sides always present a certificate and always verify the other's chain. The server reads the
// caller's identity from its SPIFFE URI (peer.h); the client accepts exactly one server identity,
// never a host name.
//
// Files are read again every `refresh`; what is new serves new handshakes, open connections keep
// what they have until they reach the server's greatest age. Whoever renews a certificate swaps key
// and chain in one step: a symbolic link to a directory (as Kubernetes does for a mounted Secret),
// or a rename of the directory.
//
// Thread safety: free functions. Errors: FAILED_PRECONDITION with reason TLS_FILE_UNREADABLE,
// TLS_KEY_MISMATCH or TLS_CERTIFICATE_UNUSABLE; INVALID_ARGUMENT with reason TLS_AUDIENCE_INVALID.
#ifndef EGOV_LIBS_RPC_TLS_H_
#define EGOV_LIBS_RPC_TLS_H_

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace egov::rpc {

// Paths of PEM files. All but `crl_directory` are required: who has no anchors trusts nobody.
struct TlsFiles {
  std::string key;            // private key, PKCS #8
  std::string certificate;    // leaf first, then its intermediates
  std::string anchors;        // the authorities whose peers are accepted
  std::string crl_directory;  // optional: PEM revocation lists, one for each issuing authority.
                              // Handshakes ask those named by OpenSSL's hash (`openssl rehash`:
                              // <hash>.r0); PeerCache asks every *.r<n> and *.pem
};

struct TlsOptions {
  TlsFiles files;
  absl::Duration refresh = absl::Seconds(30);  // whole seconds, at least one
};

// Reads the files once and checks what gRPC would only find at the first handshake: that they are
// there, parse, and that the key is the certificate's. ~1 ms.
absl::Status CheckTlsFiles(const TlsFiles& files);

// The end of validity of the leaf in `files.certificate`, for the metric tlsconfig_notafter_seconds
// and for readiness.
absl::StatusOr<absl::Time> CertificateNotAfter(const TlsFiles& files);

// Credentials of a server that wants a verified client certificate. TLS 1.2 or 1.3 (README).
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> ServerTls(const TlsOptions& options);

// Credentials of a client that speaks only to a server whose certificate has exactly one URI name,
// equal to `audience`
// (`spiffe://ee/GOV/70000562/population`).
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ChannelTls(const TlsOptions& options,
                                                                     absl::string_view audience);

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_TLS_H_
