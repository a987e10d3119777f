#include "libs/exchange/testing/world.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "libs/pki/crl.h"

namespace egov::exchange::testing {
namespace {

using pki::Purpose;
using pki::testing::Identity;
using pki::testing::Must;

Identity Authority(const Identity& root, const char* name, absl::Time now) {
  return pki::testing::MakeUnder(root, pki::testing::Profile(Purpose::kAuthority, name, now));
}

std::string Folder(const std::string& xroad) { return absl::StrReplaceAll(xroad, {{"/", "_"}}); }

}  // namespace

World::World()
    : directory_([] {
        std::string path =
            absl::StrCat(std::filesystem::temp_directory_path().string(), "/egov-world-XXXXXX");
        if (mkdtemp(&path[0]) == nullptr) std::abort();
        return path;
      }()),
      root_(pki::testing::MakeRoot("Root", absl::Now())),
      transport_(Authority(root_, "Transport CA", absl::Now())),
      seals_(Authority(root_, "Seal CA", absl::Now())),
      stamps_(pki::testing::MakeUnder(
          root_, pki::testing::Profile(Purpose::kTimeStamp, "Time-stamping", absl::Now()))) {
  Write(anchors(), root_.certificate.ToPem());
  Write(authorities(), absl::StrCat(transport_.certificate.ToPem(), seals_.certificate.ToPem()));
  std::filesystem::create_directories(crls());
  pki::TimeStampAuthority::Options options;
  options.policy = "0.4.0.2023.1.1";
  authority_ = std::make_unique<pki::TimeStampAuthority>(Must(pki::TimeStampAuthority::Create(
      options, stamps_.certificate, stamps_.key, {}, [] { return absl::Now(); },
      [this] { return serial_++; })));
  http::ServerOptions server;
  server.listen = "127.0.0.1:0";
  stamp_server_ = Must(http::Server::Start(server, [this](const http::Request& request) {
    http::Response response;
    if (!time_stamping_) {
      response.status = 503;
      return response;
    }
    response.content_type = "application/timestamp-reply";
    response.body = authority_->Respond(request.body).der;
    return response;
  }));
}

World::~World() {
  stamp_server_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

std::string World::time_stamping_url() const {
  return absl::StrCat("http://127.0.0.1:", stamp_server_->port(), "/");
}

void World::Write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::trunc) << text;
}

void World::Make(const std::string& folder, Purpose purpose, const std::string& name,
                 const std::string& xroad) {
  const std::string base = absl::StrCat(directory_, "/", folder, "/", name);
  if (std::filesystem::exists(base + ".key")) return;
  std::filesystem::create_directories(absl::StrCat(directory_, "/", folder));
  const Identity& issuer = purpose == Purpose::kTransport ? transport_ : seals_;
  const Identity identity = pki::testing::MakeMember(issuer, purpose, xroad, absl::Now());
  if (!identity.key.Save(base + ".key").ok()) std::abort();
  Write(base + ".pem", absl::StrCat(identity.certificate.ToPem(), issuer.certificate.ToPem()));
}

RegisterConfig World::Config(const std::string& name) {
  const std::string xroad = absl::StrCat("ee/GOV/70000562/", name);
  const std::string folder = Folder(xroad);
  Make(folder, Purpose::kTransport, "tls", xroad);
  Make(folder, Purpose::kLog, "log", xroad);
  const std::string base = absl::StrCat(directory_, "/", folder, "/");
  RegisterConfig config;
  config.set_audience(absl::StrCat("spiffe://", xroad));
  config.set_listen("127.0.0.1:0");
  config.set_ops_listen("127.0.0.1:0");
  config.set_data_directory(base + "data");
  config.mutable_tls()->set_key(base + "tls.key");
  config.mutable_tls()->set_certificate(base + "tls.pem");
  config.mutable_tls()->set_anchors(anchors());
  config.mutable_tls()->set_crl_directory(crls());
  config.set_log_key(base + "log.key");
  config.set_log_certificate(base + "log.pem");
  config.set_authorities(authorities());
  config.add_time_stamping()->set_url(time_stamping_url());
  config.set_first_officer("spiffe://ee/GOV/70000562/officers");
  config.set_time_zone("Europe/Tallinn");
  config.set_log_level("warning");
  return config;
}

ClientOptions World::Member(const std::string& xroad, const RegisterConfig& config, int port) {
  const std::string folder = Folder(xroad);
  Make(folder, Purpose::kTransport, "tls", xroad);
  Make(folder, Purpose::kSeal, "seal", xroad);
  const std::string base = absl::StrCat(directory_, "/", folder, "/");
  ClientOptions options;
  options.target = absl::StrCat("127.0.0.1:", port);
  options.audience = config.audience();
  options.tls.files = {base + "tls.key", base + "tls.pem", anchors(), ""};
  options.seal_key = base + "seal.key";
  options.seal_certificate = base + "seal.pem";
  options.anchors = anchors();
  options.authorities = authorities();
  return options;
}

void World::ReplaceTransport(const std::string& xroad, const Identity& identity) {
  const std::string base = absl::StrCat(directory_, "/", Folder(xroad), "/tls");
  std::filesystem::remove(base + ".key");
  if (!identity.key.Save(base + ".key").ok()) std::abort();
  Write(base + ".pem", absl::StrCat(identity.certificate.ToPem(), transport_.certificate.ToPem()));
}

void World::ReplaceSeal(const std::string& xroad, const Identity& identity) {
  const std::string base = absl::StrCat(directory_, "/", Folder(xroad), "/seal");
  std::filesystem::remove(base + ".key");
  if (!identity.key.Save(base + ".key").ok()) std::abort();
  Write(base + ".pem", identity.certificate.ToPem());
}

void World::RevokeSeal(const std::string& xroad) {
  std::ifstream in(absl::StrCat(directory_, "/", Folder(xroad), "/seal.pem"));
  const std::string pem((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const pki::Certificate certificate = Must(pki::Certificate::ChainFromPem(pem))[0];
  pki::RevokedCertificate revoked;
  revoked.serial = certificate.serial();
  revoked.revoked = absl::Now() - absl::Seconds(2);
  const pki::Crl list =
      Must(pki::Crl::Build(seals_.certificate, seals_.key, 2, absl::Now() - absl::Seconds(1),
                           absl::Now() + absl::Hours(24), {revoked}));
  Write(crls() + "/seals.pem", list.ToPem());
}

}  // namespace egov::exchange::testing
