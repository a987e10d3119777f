// ocsp and tsa: what two services that sign each answer reach of the machine's signing rate.
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/pki/ocsp.h"
#include "libs/pki/testing/authority.h"
#include "libs/pki/timestamp.h"
#include "services/identity/ca/admin.h"
#include "services/identity/client/enrol.h"
#include "tests/load/http_drive.h"
#include "tests/load/rows.h"

namespace egov::load {
namespace {

constexpr char kMember[] = "ee/GOV/70000310/pensions";
constexpr size_t kQuestions = 4096;

void Write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// P-256 signatures a second, on both cores.
absl::StatusOr<double> SigningRate(absl::Duration time) {
  EGOV_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::Generate());
  const pki::Digest digest = pki::Sha256Of("data");
  std::vector<uint64_t> counts(2);
  std::vector<std::thread> threads;
  const absl::Time begun = absl::Now();
  for (uint64_t& count : counts) {
    threads.emplace_back([&, end = begun + time] {
      uint64_t n = 0;
      for (; absl::Now() < end; ++n) {
        if (!key.SignDigest(digest).ok()) return;
      }
      count = n;
    });
  }
  for (std::thread& thread : threads) thread.join();
  return static_cast<double>(counts[0] + counts[1]) / absl::ToDoubleSeconds(absl::Now() - begun);
}

// Rounds of service and baseline in turn.
absl::Status Measure(const Bench& bench, const std::string& row, const HttpLoad& load,
                     const Process& server, const std::string& more) {
  std::vector<double> rates, baselines, cpus;
  for (int round = 0; round < bench.rounds; ++round) {
    EGOV_ASSIGN_OR_RETURN(const HttpCost cost, DriveHttp(load, server, bench.round));
    EGOV_ASSIGN_OR_RETURN(const double baseline, SigningRate(bench.round));
    rates.push_back(cost.per_second);
    cpus.push_back(cost.cpu_us);
    baselines.push_back(baseline);
  }
  const double rate = Median(rates), baseline = Median(baselines);
  bench.report->Add({row, rate, "answers/s", baseline, rate / baseline,
                     absl::StrFormat("%.0f answers/s, %.1f us CPU each with the asker's; %.0f "
                                     "signatures/s%s",
                                     rate, Median(cpus), baseline, more)});
  return absl::OkStatus();
}

absl::Status OcspRow(const Bench& bench) {
  const std::string folder = bench.Folder("trust"), home = folder + "/ca";
  const std::string ca = bench.identity + "/ca/egov-ca";
  EGOV_ASSIGN_OR_RETURN(const auto init, Process::Start({ca, "init", "--home", home, "--instance",
                                                         "ee", "--organisation", "Load"},
                                                        folder + "/init.log"));
  while (init->Runs()) absl::SleepFor(absl::Milliseconds(10));
  EGOV_ASSIGN_OR_RETURN(const auto signer,
                        Process::Start({ca, "serve", "--home", home}, folder + "/ca.log"));
  const int front_port = FreePort(), front_ops = FreePort();
  Write(folder + "/front.json",
        absl::StrCat("{\"listen\":\"127.0.0.1:", front_port,
                     "\",\"ops_listen\":\"127.0.0.1:", front_ops, "\",\"signer_socket\":\"", home,
                     "/run/enrolment.sock\",\"published\":\"", home, "/published\"}"));
  EGOV_ASSIGN_OR_RETURN(const auto front,
                        Process::Start({bench.identity + "/enrolment/egov-enrolment", "--config",
                                        folder + "/front.json"},
                                       folder + "/front.log"));
  EGOV_RETURN_IF_ERROR(WaitReady(*front, front_ops, absl::Seconds(30)));

  const std::string url = absl::StrCat("http://127.0.0.1:", front_port);
  const auto enrol = [&](const std::string& name,
                         const std::vector<identity::v1::CertificateKind>& kinds) -> absl::Status {
    identity::ca::MakeTokenRequest request;
    identity::EnrolOptions options;
    EGOV_ASSIGN_OR_RETURN(options.identity, pki::SpiffeId::FromXRoad(kMember));
    request.set_spiffe_id(options.identity.ToUri());
    for (const auto kind : kinds) request.add_kinds(kind);
    EGOV_ASSIGN_OR_RETURN(const std::string token,
                          identity::CaAdmin(home + "/run/admin.sock").MakeToken(request));
    options.url = url;
    options.kinds = kinds;
    options.folder = absl::StrCat(folder, "/", name);
    return identity::Enrol(token, options, absl::Now());
  };
  EGOV_RETURN_IF_ERROR(enrol("ocsp", {identity::v1::CERTIFICATE_KIND_OCSP_SEAL}));
  EGOV_RETURN_IF_ERROR(enrol("party", {identity::v1::CERTIFICATE_KIND_SEAL}));

  HttpLoad load;
  load.port = FreePort();
  const int ops = FreePort();
  Write(folder + "/ocsp.json",
        absl::StrCat("{\"listen\":\"127.0.0.1:", load.port, "\",\"ops_listen\":\"127.0.0.1:", ops,
                     "\",\"status_socket\":\"", home, "/run/status.sock\",\"folder\":\"", folder,
                     "/ocsp\",\"enrolment_url\":\"", url, "\"}"));
  EGOV_ASSIGN_OR_RETURN(const auto responder, Process::Start({bench.identity + "/ocsp/egov-ocsp",
                                                              "--config", folder + "/ocsp.json"},
                                                             folder + "/ocsp.log"));
  EGOV_RETURN_IF_ERROR(WaitReady(*responder, ops, absl::Seconds(30)));

  EGOV_ASSIGN_OR_RETURN(
      const auto seal,
      identity::CurrentCertificate(folder + "/party", identity::v1::CERTIFICATE_KIND_SEAL));
  std::ifstream pem(home + "/published/seal.pem");
  EGOV_ASSIGN_OR_RETURN(const auto issuer,
                        pki::Certificate::FromPem(std::string(std::istreambuf_iterator<char>(pem),
                                                              std::istreambuf_iterator<char>())));
  load.content_type = "application/ocsp-request";
  for (size_t i = 0; i < kQuestions; ++i) {
    EGOV_ASSIGN_OR_RETURN(const auto request, pki::OcspRequest::New(seal, issuer));
    load.questions.push_back(request.ToDer());
    load.tokens.push_back(request.nonce);
  }
  HttpLoad same = load;
  pki::OcspRequest without;
  EGOV_ASSIGN_OR_RETURN(without, pki::OcspRequest::New(seal, issuer));
  without.nonce.clear();
  same.questions = {without.ToDer()};
  same.tokens = {without.ids[0].der};
  EGOV_ASSIGN_OR_RETURN(const HttpCost cached, DriveHttp(same, *responder, bench.round));
  return Measure(
      bench, "ocsp", load, *responder,
      absl::StrFormat("; without nonce %.0f/s, %.1f us", cached.per_second, cached.cpu_us));
}

absl::Status TsaRow(const Bench& bench) {
  const std::string folder = bench.Folder("stamps");
  const auto root = pki::testing::MakeRoot("Root", absl::Now());
  const auto stamp = pki::testing::MakeMember(root, pki::Purpose::kTimeStamp, "", absl::Now());
  EGOV_RETURN_IF_ERROR(stamp.key.Save(folder + "/key.pem"));
  Write(folder + "/cert.pem", pki::ToPem({stamp.certificate, root.certificate}));
  HttpLoad load;
  load.port = FreePort();
  const int ops = FreePort();
  Write(folder + "/tsa.json",
        absl::StrCat("{\"listen\":\"127.0.0.1:", load.port, "\",\"ops_listen\":\"127.0.0.1:", ops,
                     "\",\"identity\":\"", folder, "\",\"policy\":\"1.3.6.1.4.1.99999.1\",",
                     "\"accuracy_ms\":1000,\"clock_assurance\":\"DECLARED\",\"state\":\"", folder,
                     "/state\",\"threads\":32}"));
  EGOV_ASSIGN_OR_RETURN(const auto tsa, Process::Start({bench.identity + "/tsa/egov-tsa",
                                                        "--config", folder + "/tsa.json"},
                                                       folder + "/tsa.log"));
  EGOV_RETURN_IF_ERROR(WaitReady(*tsa, ops, absl::Seconds(30)));
  load.content_type = "application/timestamp-query";
  for (size_t i = 0; i < kQuestions; ++i) {
    const auto request = pki::TimeStampRequest::New(pki::Sha256Of(absl::StrCat(i)));
    load.questions.push_back(request.ToDer());
    load.tokens.push_back(std::string(pki::AsBytes(request.imprint)));
  }
  return Measure(bench, "tsa", load, *tsa, "");
}

}  // namespace

absl::Status TrustRows(const Bench& bench) {
  if (bench.Wants({"ocsp"})) EGOV_RETURN_IF_ERROR(OcspRow(bench));
  if (bench.Wants({"tsa"})) EGOV_RETURN_IF_ERROR(TsaRow(bench));
  return absl::OkStatus();
}

}  // namespace egov::load
