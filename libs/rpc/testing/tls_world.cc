#include "libs/rpc/testing/tls_world.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "libs/pki/crl.h"

namespace egov::rpc::testing {
namespace {

using pki::testing::Must;

void Require(bool ok, absl::string_view what) {
  if (ok) return;
  std::cerr << "test files: " << what << "\n";
  abort();
}

void WriteFile(const std::string& path, absl::string_view content) {
  std::ofstream out(path, std::ios::binary);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  Require(out.good(), path);
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  return content.str();
}

}  // namespace

TlsWorld::TlsWorld() {
  const char* const base = getenv("TEST_TMPDIR");
  std::string path = absl::StrCat(base != nullptr ? base : "/tmp", "/tls_world.XXXXXX");
  Require(mkdtemp(&path[0]) != nullptr, path);
  directory_ = path;
}

TlsWorld::~TlsWorld() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

size_t TlsWorld::AddAuthority(const std::string& common_name) {
  authorities_.push_back(pki::testing::MakeRoot(common_name, absl::Now()));
  return authorities_.size() - 1;
}

TlsFiles TlsWorld::Write(const std::string& name, absl::string_view xroad, size_t issuer,
                         std::vector<size_t> trusted, absl::Time not_before, absl::Time not_after) {
  pki::CertificateProfile profile =
      pki::testing::Profile(pki::Purpose::kTransport, name, absl::Now());
  profile.spiffe = Must(pki::SpiffeId::FromXRoad(xroad));
  if (not_before != absl::InfinitePast()) profile.not_before = not_before;
  if (not_after != absl::InfiniteFuture()) profile.not_after = not_after;
  const pki::testing::Identity member = pki::testing::MakeUnder(authorities_[issuer], profile);
  return Publish(name, member.key.ToPem().Reveal(), member.certificate.ToPem(), trusted);
}

TlsFiles TlsWorld::WriteWithUris(const std::string& name, const std::vector<std::string>& uris) {
  const std::string stem = absl::StrCat(directory_, "/openssl.", version_);
  WriteFile(stem + ".ca.key", authorities_[0].key.ToPem().Reveal());
  WriteFile(stem + ".ca.pem", authorities_[0].certificate.ToPem());
  std::vector<std::string> names = {"DNS:localhost"};
  for (const std::string& uri : uris) names.push_back("URI:" + uri);
  WriteFile(stem + ".ext", absl::StrCat("keyUsage=critical,digitalSignature\nextendedKeyUsage="
                                        "serverAuth,clientAuth\nsubjectAltName=",
                                        absl::StrJoin(names, ","), "\n"));
  const std::string command = absl::StrCat(
      "exec 2>", stem,
      ".log; /usr/bin/openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ",
      stem, ".key -out ", stem, ".csr -subj /CN=test && /usr/bin/openssl x509 -req -in ", stem,
      ".csr -CA ", stem, ".ca.pem -CAkey ", stem, ".ca.key -set_serial 77", version_,
      " -days 30 -extfile ", stem, ".ext -out ", stem, ".pem");
  Require(system(command.c_str()) == 0, ReadFile(stem + ".log"));
  return Publish(name, ReadFile(stem + ".key"), ReadFile(stem + ".pem"), {0});
}

pki::Certificate TlsWorld::Leaf(const std::string& name) const {
  return Must(
      pki::Certificate::ChainFromPem(ReadFile(absl::StrCat(directory_, "/", name, "/tls.crt"))))[0];
}

std::string TlsWorld::CrlDirectory() {
  const std::string path = directory_ + "/crl";
  mkdir(path.c_str(), 0755);
  return path;
}

void TlsWorld::Revoke(const std::vector<pki::Certificate>& certificates, size_t issuer) {
  std::vector<pki::RevokedCertificate> revoked;
  for (const pki::Certificate& certificate : certificates) {
    revoked.push_back({certificate.serial(), absl::Now(), pki::RevocationReason::kKeyCompromise});
  }
  const auto& authority = authorities_[issuer];
  const pki::Crl list =
      Must(pki::Crl::Build(authority.certificate, authority.key, static_cast<uint64_t>(++version_),
                           absl::Now() - absl::Minutes(1), absl::Now() + absl::Hours(24), revoked));
  const std::string path = absl::StrCat(CrlDirectory(), "/", issuer, ".pem");
  WriteFile(path + ".new", list.ToPem());
  Require(rename((path + ".new").c_str(), path.c_str()) == 0, path);
}

void TlsWorld::Rehash() {
  const std::string command = absl::StrCat("/usr/bin/openssl rehash ", CrlDirectory());
  Require(system(command.c_str()) == 0, command);
}

TlsFiles TlsWorld::Publish(const std::string& name, absl::string_view key_pem,
                           const std::string& chain_pem, const std::vector<size_t>& trusted) {
  const std::string real = absl::StrCat(name, ".", ++version_);
  const std::string path = absl::StrCat(directory_, "/", real);
  Require(mkdir(path.c_str(), 0700) == 0, path);
  WriteFile(path + "/tls.key", key_pem);
  chmod((path + "/tls.key").c_str(), 0600);
  WriteFile(path + "/tls.crt", chain_pem);
  std::string anchors;
  for (const size_t i : trusted) anchors += authorities_[i].certificate.ToPem();
  WriteFile(path + "/ca.crt", anchors);
  const std::string link = absl::StrCat(directory_, "/", name);
  Require(symlink(real.c_str(), (link + ".new").c_str()) == 0, link);
  Require(rename((link + ".new").c_str(), link.c_str()) == 0, link);
  return {link + "/tls.key", link + "/tls.crt", link + "/ca.crt", ""};
}

}  // namespace egov::rpc::testing
