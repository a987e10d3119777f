// TLS files for tests: authorities of their own and members below them, on disk as the kit reads
// them.
//
// Each member has a directory behind a symbolic link, so that a test can renew it in one step as
// operators do.
#ifndef EGOV_LIBS_RPC_TESTING_TLS_WORLD_H_
#define EGOV_LIBS_RPC_TESTING_TLS_WORLD_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/pki/testing/authority.h"
#include "libs/rpc/tls.h"

namespace egov::rpc::testing {

class TlsWorld {
 public:
  TlsWorld();   // makes a directory of its own below the test's
  ~TlsWorld();  // and removes it

  // A new authority; the first is 0.
  size_t AddAuthority(const std::string& common_name);
  const pki::testing::Identity& authority(size_t i) const { return authorities_[i]; }

  // Writes a member's files ("ee/GOV/70000310/pensions"), certificate by authority `issuer`,
  // trusting `trusted`. Called again with the same `name` it replaces them in one step; the paths
  // stay.
  TlsFiles Write(const std::string& name, absl::string_view xroad, size_t issuer = 0,
                 std::vector<size_t> trusted = {0}, absl::Time not_before = absl::InfinitePast(),
                 absl::Time not_after = absl::InfiniteFuture());

  // The same with exactly these URI names, for certificates that our own authority would refuse to
  // make (openssl(1)).
  TlsFiles WriteWithUris(const std::string& name, const std::vector<std::string>& uris);

  // The leaf last written under `name`.
  pki::Certificate Leaf(const std::string& name) const;

  // Writes authority `issuer`'s revocation list, with these certificates, into the directory
  // CrlDirectory().
  void Revoke(const std::vector<pki::Certificate>& certificates, size_t issuer = 0);
  std::string CrlDirectory();
  // Gives the lists there the names that OpenSSL looks for (openssl-rehash(1)).
  void Rehash();

  const std::string& directory() const { return directory_; }

 private:
  TlsFiles Publish(const std::string& name, absl::string_view key_pem, const std::string& chain_pem,
                   const std::vector<size_t>& trusted);

  std::string directory_;
  int version_ = 0;
  std::vector<pki::testing::Identity> authorities_;
};

}  // namespace egov::rpc::testing

#endif  // EGOV_LIBS_RPC_TESTING_TLS_WORLD_H_
