// The revocation lists of a directory, asked at each call. Internal to libs/rpc.
#ifndef EGOV_LIBS_RPC_REVOCATION_H_
#define EGOV_LIBS_RPC_REVOCATION_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/pki/crl.h"

namespace egov::rpc {

// The newest list of each issuer. Immutable.
class RevocationLists {
 public:
  // Reads every *.pem, *.crl and OpenSSL's hashed names (*.r0, *.r1 ...), all PEM.
  // FAILED_PRECONDITION / CRL_UNREADABLE.
  static absl::StatusOr<std::shared_ptr<const RevocationLists>> Read(
      const std::string& directory, const std::vector<std::string>& authority_files);

  bool IsRevoked(const std::string& issuer, const std::string& serial) const;

 private:
  std::map<std::string, pki::Crl> by_issuer_;
};

}  // namespace egov::rpc

#endif  // EGOV_LIBS_RPC_REVOCATION_H_
