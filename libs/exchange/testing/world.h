// A small instance for tests of registers: authorities, members with real certificates, a real
// time-stamping authority over HTTP, a register's configuration. Everything in one temporary
// directory.
#ifndef EGOV_LIBS_EXCHANGE_TESTING_WORLD_H_
#define EGOV_LIBS_EXCHANGE_TESTING_WORLD_H_

#include <atomic>
#include <memory>
#include <string>

#include "libs/exchange/client.h"
#include "libs/exchange/config.pb.h"
#include "libs/http/http.h"
#include "libs/pki/testing/authority.h"
#include "libs/pki/timestamp.h"

namespace egov::exchange::testing {

class World {
 public:
  // Certificates are good around the machine's present time.
  World();
  ~World();

  const std::string& directory() const { return directory_; }
  std::string anchors() const { return directory_ + "/anchors.pem"; }
  std::string authorities() const { return directory_ + "/authorities.pem"; }
  std::string crls() const { return directory_ + "/crls"; }

  // The configuration of a register "ee/GOV/70000562/<name>", with its keys made; the first officer
  // is "ee/GOV/70000562/officers".
  RegisterConfig Config(const std::string& name);

  // What a member needs to call it: keys and certificates of "ee/GOV/70000310/pensions", say, made
  // on first use.
  ClientOptions Member(const std::string& xroad, const RegisterConfig& config, int port);

  // Puts a transport or seal certificate of the member in place of the good one.
  void ReplaceTransport(const std::string& xroad, const pki::testing::Identity& identity);
  void ReplaceSeal(const std::string& xroad, const pki::testing::Identity& identity);

  // Revokes a member's seal and writes the list.
  void RevokeSeal(const std::string& xroad);

  // Whether the authority answers; while not, it says 503.
  void set_time_stamping(bool on) { time_stamping_ = on; }
  std::string time_stamping_url() const;

  const pki::testing::Identity& root() const { return root_; }
  const pki::testing::Identity& transport_authority() const { return transport_; }
  const pki::testing::Identity& seal_authority() const { return seals_; }

 private:
  void Write(const std::string& path, const std::string& text);
  void Make(const std::string& folder, pki::Purpose purpose, const std::string& name,
            const std::string& xroad);

  std::string directory_;
  pki::testing::Identity root_, transport_, seals_, stamps_;
  std::unique_ptr<pki::TimeStampAuthority> authority_;
  std::unique_ptr<http::Server> stamp_server_;
  std::atomic<bool> time_stamping_{true};
  std::atomic<uint64_t> serial_{1};
};

}  // namespace egov::exchange::testing

#endif  // EGOV_LIBS_EXCHANGE_TESTING_WORLD_H_
