// The real processes together: egov-ca, egov-enrolment, egov-ocsp, with openssl and curl asking.
#include <fstream>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "libs/base/bytes.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/http/http.h"
#include "libs/pki/ocsp.h"
#include "services/identity/ca/admin.h"
#include "services/identity/client/enrol.h"
#include "services/identity/common/files.h"
#include "services/identity/common/testing/subprocess.h"

namespace egov::identity {
namespace {

using base::Fails;
using base::IsOk;

constexpr char kCa[] = "services/identity/ca/egov-ca";
constexpr char kFront[] = "services/identity/enrolment/egov-enrolment";
constexpr char kOcsp[] = "services/identity/ocsp/egov-ocsp";
constexpr char kPensions[] = "ee/GOV/70000310/pensions";
constexpr char kResponder[] = "ee/GOV/70000600/ocsp";
constexpr auto kSeal = v1::CERTIFICATE_KIND_SEAL;

std::string ShortFolder() {
  std::string path = "/tmp/egovXXXXXX";
  return mkdtemp(&path[0]);
}

class OcspProcessesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(
        Shell(absl::StrCat(kCa, " init --home ", home_, " --instance ee --organisation Test")), 0);
    Write("front.json", absl::StrCat("{\"listen\":\"127.0.0.1:0\",\"ops_listen\":\"127.0.0.1:0\",",
                                     "\"signer_socket\":\"", home_, "/run/enrolment.sock\",",
                                     "\"published\":\"", home_, "/published\"}"));
    StartCa();
    front_ = std::make_unique<Subprocess>(
        std::vector<std::string>{kFront, "--config", folder_ + "/front.json"},
        folder_ + "/front.log");
    url_ = absl::StrCat("http://127.0.0.1:", front_->NumberInLog("port"));
    ASSERT_THAT(EnrolAs(kResponder, "ocsp-transport,ocsp-seal,ocsp-time-stamp", "ocsp",
                        {v1::CERTIFICATE_KIND_OCSP_TRANSPORT, v1::CERTIFICATE_KIND_OCSP_SEAL,
                         v1::CERTIFICATE_KIND_OCSP_TIME_STAMP}),
                IsOk());
    Write("ocsp.json", Config());
    StartOcsp();
  }
  void TearDown() override {
    ocsp_.reset();
    front_.reset();
    ca_.reset();
    EXPECT_EQ(Shell("rm -r " + folder_), 0);
  }

  std::string Config() {
    return absl::StrCat("{\"listen\":\"127.0.0.1:0\",\"ops_listen\":\"127.0.0.1:0\",",
                        "\"status_socket\":\"", home_, "/run/status.sock\",\"folder\":\"", folder_,
                        "/ocsp\",\"enrolment_url\":\"", url_, "\",\"silence_ms\":1500}");
  }
  void Write(const std::string& name, const std::string& bytes) {
    ASSERT_THAT(WriteFile(folder_ + "/" + name, bytes), IsOk());
  }
  void StartCa() {
    ca_ = std::make_unique<Subprocess>(std::vector<std::string>{kCa, "serve", "--home", home_},
                                       absl::StrCat(folder_, "/ca.log", ++starts_));
    for (int i = 0; i < 500 && !CaAdmin(home_ + "/run/admin.sock").Check().ok(); ++i) {
      absl::SleepFor(absl::Milliseconds(20));
    }
  }
  void StartOcsp() {
    ocsp_ = std::make_unique<Subprocess>(
        std::vector<std::string>{kOcsp, "--config", folder_ + "/ocsp.json"},
        absl::StrCat(folder_, "/ocsp.log", ++starts_));
    responder_ = absl::StrCat("http://127.0.0.1:", ocsp_->NumberInLog("port"));
    ops_ = absl::StrCat("http://127.0.0.1:", ocsp_->NumberInLog("ops_port"));
    for (int i = 0; i < 500 && http::Get(ops_ + "/readyz")->status != 200; ++i) {
      absl::SleepFor(absl::Milliseconds(20));
    }
    EXPECT_EQ(http::Get(ops_ + "/readyz")->status, 200);
  }

  absl::Status EnrolAs(const char* member, const std::string& kinds, const std::string& name,
                       std::vector<v1::CertificateKind> order) {
    EXPECT_EQ(Shell(absl::StrCat(kCa, " token --home ", home_, " --member ", member, " --kinds ",
                                 kinds, " > ", folder_, "/token")),
              0);
    EnrolOptions options;
    options.url = url_;
    options.identity = *pki::SpiffeId::FromXRoad(member);
    options.kinds = std::move(order);
    options.folder = absl::StrCat(folder_, "/", name);
    return Enrol(*ReadFile(folder_ + "/token"), options, absl::Now());
  }
  pki::Certificate Issuer(const std::string& name) {
    return *pki::Certificate::FromPem(*ReadFile(absl::StrCat(home_, "/published/", name, ".pem")));
  }
  void Revoke(const pki::Certificate& certificate, int reason) {
    EXPECT_EQ(Shell(absl::StrCat(kCa, " revoke --home ", home_, " --fingerprint ",
                                 base::ToHex(pki::AsBytes(certificate.fingerprint())), " --reason ",
                                 reason, " > /dev/null")),
              0);
  }

  // One exchange: the verdict, or how the responder refused.
  absl::StatusOr<pki::OcspVerdict> Ask(const pki::Certificate& certificate,
                                       const std::string& authority, bool nonce = true) {
    const pki::Certificate issuer = Issuer(authority);
    pki::OcspRequest request = *pki::OcspRequest::New(certificate, issuer);
    if (!nonce) request.nonce.clear();
    EGOV_ASSIGN_OR_RETURN(const http::Response response,
                          http::Post(responder_, "application/ocsp-request", request.ToDer()));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.content_type, "application/ocsp-response");
    pki::OcspExpectation expectation;
    if (nonce) expectation.nonce = request.nonce;
    expectation.at = absl::Now();
    expectation.max_age = absl::Seconds(5);
    return pki::VerifyOcsp(response.body, certificate, issuer, expectation);
  }
  pki::OcspState StateOf(const pki::Certificate& certificate, bool nonce = true) {
    const auto verdict = Ask(certificate, "seal", nonce);
    EXPECT_THAT(verdict, IsOk());
    return verdict.ok() ? verdict->status.state : pki::OcspState::kUnknown;
  }
  pki::Certificate EnrolledSeal(const std::string& name) {
    EXPECT_THAT(EnrolAs(kPensions, "seal", name, {kSeal}), IsOk());
    const pki::Certificate seal = *CurrentCertificate(folder_ + "/" + name, kSeal);
    // A new one is known within milliseconds; this test must not win that race.
    for (int i = 0; i < 100 && StateOf(seal) == pki::OcspState::kUnknown; ++i) {
      absl::SleepFor(absl::Milliseconds(10));
    }
    return seal;
  }
  // What openssl says about it when it asks the responder.
  std::string OpenSsl(const std::string& arguments) {
    (void)Shell(absl::StrCat("cd ", folder_, " && openssl ocsp -url ", responder_,
                             " -CAfile ocsp/anchors.pem ", arguments, " > said 2>&1"));
    return *ReadFile(folder_ + "/said");
  }

  const std::string folder_ = ShortFolder();
  const std::string home_ = folder_ + "/ca";
  std::unique_ptr<Subprocess> ca_, front_, ocsp_;
  std::string url_, responder_, ops_;
  int starts_ = 0;
};

TEST_F(OcspProcessesTest, OpenSslAcceptsTheAnswersForEachAuthority) {
  ASSERT_THAT(EnrolAs(kPensions, "transport,seal,time-stamp", "party",
                      {v1::CERTIFICATE_KIND_TRANSPORT, kSeal, v1::CERTIFICATE_KIND_TIME_STAMP}),
              IsOk());
  absl::SleepFor(absl::Milliseconds(200));
  for (const std::string& name :
       {std::string("transport"), std::string("seal"), std::string("time-stamp")}) {
    for (const char* hash : {"-sha1", "-sha256"}) {
      const std::string said = OpenSsl(absl::StrCat("-issuer ca/published/", name, ".pem ", hash,
                                                    " -cert party/", name, "/current/cert.pem"));
      EXPECT_TRUE(absl::StrContains(said, "Response verify OK")) << said;
      EXPECT_TRUE(absl::StrContains(said, "cert.pem: good")) << said;
      EXPECT_FALSE(absl::StrContains(said, "WARNING")) << said;
    }
  }
  // Never issued: not good, whatever the number.
  const std::string unknown = OpenSsl("-issuer ca/published/seal.pem -serial 0x4142");
  EXPECT_TRUE(absl::StrContains(unknown, "Response verify OK")) << unknown;
  EXPECT_TRUE(absl::StrContains(unknown, "0x4142: unknown")) << unknown;
  // Issued, but by another authority of the instance.
  const std::string serial = CurrentCertificate(folder_ + "/party", kSeal)->serial();
  EXPECT_TRUE(absl::StrContains(
      OpenSsl(absl::StrCat("-issuer ca/published/transport.pem -serial 0x", serial)), "unknown"));
  // Several at once, of one authority; of two nobody may answer; of a stranger neither.
  const std::string several =
      OpenSsl(absl::StrCat("-issuer ca/published/seal.pem -serial 0x", serial, " -serial 0x4143"));
  EXPECT_TRUE(absl::StrContains(several, "good") && absl::StrContains(several, "unknown"));
  EXPECT_TRUE(
      absl::StrContains(OpenSsl(absl::StrCat("-issuer ca/published/seal.pem -serial 0x", serial,
                                             " -issuer ca/published/transport.pem -serial 0x1")),
                        "unauthorized"));
  EXPECT_TRUE(absl::StrContains(
      OpenSsl("-issuer ca/published/root.pem -cert ca/published/seal.pem"), "unauthorized"));
}

TEST_F(OcspProcessesTest, ARevokedCertificateIsSaidSoWithinASecondAlsoToThoseWithoutNonce) {
  const pki::Certificate seal = EnrolledSeal("party"), other = EnrolledSeal("other");
  EXPECT_EQ(StateOf(seal, false), pki::OcspState::kGood);
  const absl::Time before = absl::Now();
  Revoke(seal, 1);
  const absl::Time revoked = absl::Now();
  int good = 0;
  while (StateOf(seal, good++ % 2 == 0) == pki::OcspState::kGood) {
    ASSERT_LT(absl::Now() - revoked, absl::Seconds(1));
  }
  for (const bool nonce : {true, false}) {
    const auto verdict = Ask(seal, "seal", nonce);
    ASSERT_THAT(verdict, IsOk());
    EXPECT_EQ(verdict->status.state, pki::OcspState::kRevoked);
    EXPECT_EQ(verdict->status.reason, pki::RevocationReason::kKeyCompromise);
    EXPECT_GE(verdict->status.revoked, before - absl::Seconds(1));
    EXPECT_LE(verdict->status.revoked, absl::Now());
    EXPECT_EQ(verdict->status.archive_cutoff, Issuer("seal").not_before());
  }
  EXPECT_EQ(StateOf(other), pki::OcspState::kGood);
  const std::string said =
      OpenSsl("-issuer ca/published/seal.pem -cert party/seal/current/cert.pem");
  EXPECT_TRUE(absl::StrContains(said, "cert.pem: revoked")) << said;
  EXPECT_TRUE(absl::StrContains(said, "Reason: keyCompromise")) << said;
}

TEST_F(OcspProcessesTest, WhenTheSignerIsSilentNothingIsGoodAnyMore) {
  const pki::Certificate seal = EnrolledSeal("party");
  ca_->Stop(SIGKILL);
  absl::SleepFor(absl::Milliseconds(1800));
  for (const bool nonce : {true, false}) {
    const auto verdict = Ask(seal, "seal", nonce);
    EXPECT_THAT(verdict, Fails(absl::StatusCode::kUnavailable, "OCSP_REFUSED"));
    EXPECT_EQ(base::DetailOf(verdict.status())->metadata.at("failure"), "tryLater");
  }
  EXPECT_EQ(http::Get(ops_ + "/readyz")->status, 503);
  StartCa();
  for (int i = 0; i < 50 && !Ask(seal, "seal").ok(); ++i) absl::SleepFor(absl::Milliseconds(20));
  EXPECT_EQ(StateOf(seal), pki::OcspState::kGood);
  EXPECT_EQ(http::Get(ops_ + "/readyz")->status, 200);
}

// As the one before, but the signer is there and does not speak: a machine that hangs.
TEST_F(OcspProcessesTest, ASignerThatHangsIsSilentToo) {
  const pki::Certificate seal = EnrolledSeal("party");
  ca_->Signal(SIGSTOP);
  absl::SleepFor(absl::Milliseconds(2000));
  EXPECT_THAT(Ask(seal, "seal"), Fails(absl::StatusCode::kUnavailable, "OCSP_REFUSED"));
  ca_->Signal(SIGCONT);
  for (int i = 0; i < 100 && !Ask(seal, "seal").ok(); ++i) absl::SleepFor(absl::Milliseconds(20));
  EXPECT_EQ(StateOf(seal), pki::OcspState::kGood);
}

// The responder itself stood still, and finds an answer of the signer that lay there meanwhile.
TEST_F(OcspProcessesTest, WordThatLayUnreadIsAsOldAsItsQuestion) {
  const pki::Certificate seal = EnrolledSeal("party");
  ocsp_->Signal(SIGSTOP);
  absl::SleepFor(absl::Milliseconds(500));
  Revoke(seal, 1);
  ca_->Stop(SIGKILL);
  absl::SleepFor(absl::Milliseconds(1500));
  ocsp_->Signal(SIGCONT);
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(Ask(seal, "seal"), Fails(absl::StatusCode::kUnavailable, "OCSP_REFUSED"));
    absl::SleepFor(absl::Milliseconds(10));
  }
}

TEST_F(OcspProcessesTest, WhoAsksTwiceForOneCertificateIsToldOnce) {
  const pki::Certificate seal = EnrolledSeal("party");
  pki::OcspRequest request = *pki::OcspRequest::New(seal, Issuer("seal"));
  request.ids.push_back(request.ids[0]);
  pki::OcspExpectation expectation;
  expectation.nonce = request.nonce;
  expectation.at = absl::Now();
  const auto response = http::Post(responder_, "application/ocsp-request", request.ToDer());
  ASSERT_THAT(response, IsOk());
  EXPECT_THAT(pki::VerifyOcsp(response->body, seal, Issuer("seal"), expectation), IsOk());
}

TEST_F(OcspProcessesTest, WhoeverIsKilledTheRevokedStaysRevoked) {
  const pki::Certificate seal = EnrolledSeal("party"), other = EnrolledSeal("other");
  Revoke(seal, 9);
  for (int round = 0; round < 3; ++round) {
    ca_->Stop(SIGKILL);
    StartCa();
    if (round != 1) {
      ocsp_->Stop(SIGKILL);
      StartOcsp();
    }
    const pki::Certificate next = EnrolledSeal(absl::StrCat("next", round));
    EXPECT_EQ(StateOf(seal), pki::OcspState::kRevoked);
    EXPECT_EQ(StateOf(other), pki::OcspState::kGood);
    EXPECT_EQ(StateOf(next), pki::OcspState::kGood);
    Revoke(next, 4);
    absl::SleepFor(absl::Milliseconds(500));
    EXPECT_EQ(StateOf(next), pki::OcspState::kRevoked);
  }
}

TEST_F(OcspProcessesTest, GetAnswersAsPostDoesAndSaysWhatMayBeKept) {
  const pki::Certificate seal = EnrolledSeal("party");
  const auto get = [&](const std::string& options) {
    return Shell(absl::StrCat(
        "cd ", folder_,
        " && openssl ocsp -issuer ca/published/seal.pem -cert "
        "party/seal/current/cert.pem ",
        options, " -reqout q && curl -s -D head -o a ", responder_,
        "/$(openssl base64 -A -in q | sed 's/+/%2B/g;s/\\//%2F/g;s/=/%3D/g') && openssl ocsp "
        "-respin a -CAfile ocsp/anchors.pem -issuer ca/published/seal.pem -cert "
        "party/seal/current/cert.pem -no_nonce > said 2>&1"));
  };
  EXPECT_EQ(get("-no_nonce"), 0);
  EXPECT_TRUE(absl::StrContains(*ReadFile(folder_ + "/said"), "cert.pem: good"));
  EXPECT_TRUE(absl::StrContains(*ReadFile(folder_ + "/head"), "Cache-Control: max-age=1, public"));
  EXPECT_EQ(get(""), 0);
  EXPECT_TRUE(absl::StrContains(*ReadFile(folder_ + "/head"), "Cache-Control: no-store"));

  const auto refused = [&](const absl::StatusOr<http::Response>& response) {
    return response->status == 200 &&
           response->body == pki::OcspRefusal(pki::OcspFailure::kMalformedRequest);
  };
  EXPECT_TRUE(refused(http::Post(responder_, "application/ocsp-request", "x")));
  EXPECT_TRUE(refused(http::Post(responder_, "application/ocsp-request", "")));
  EXPECT_TRUE(refused(http::Get(responder_ + "/AAAA")));
  EXPECT_TRUE(refused(http::Get(responder_ + "/")));
  EXPECT_EQ(http::Post(responder_, "text/plain", "x")->status, 415);
  EXPECT_EQ(http::Post(responder_, "application/ocsp-request", std::string(9000, '0'))->status,
            413);
  EXPECT_EQ(Shell(absl::StrCat("test $(curl -s -o /dev/null -w '%{http_code}' -X PUT -d x ",
                               responder_, ") = 405")),
            0);
  const std::string metrics = http::Get(ops_ + "/metrics")->body;
  EXPECT_TRUE(absl::StrContains(metrics, "egov_ocsp_answers_total{result=\"malformedRequest\"} 4"))
      << metrics;
}

TEST_F(OcspProcessesTest, WithACertificateOfTheRootItAnswersForTheAuthorities) {
  ASSERT_EQ(
      Shell(absl::StrCat("mkdir -p ", folder_, "/ocsp/ocsp-root/current && cd ", folder_,
                         "/ocsp/ocsp-root/current && openssl req -new -nodes -newkey ec -pkeyopt "
                         "ec_paramgen_curve:P-256 -keyout key.pem -subj /CN=ocsp -out request.pem "
                         "2>/dev/null")),
      0);
  const std::string request = folder_ + "/ocsp/ocsp-root/current/request.pem";
  ASSERT_EQ(Shell(absl::StrCat(kCa, " root-responder --root ", home_, "/root --csr ", request,
                               " > ", folder_, "/chain && mv ", folder_, "/chain ", folder_,
                               "/ocsp/ocsp-root/current/cert.pem")),
            0);
  const auto ask = [&] {
    return OpenSsl("-issuer ca/published/root.pem -cert ca/published/seal.pem");
  };
  std::string said;
  for (int i = 0; i < 30 && !absl::StrContains(said = ask(), "seal.pem: good"); ++i) {
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_TRUE(absl::StrContains(said, "Response verify OK")) << said;
  EXPECT_TRUE(absl::StrContains(said, "seal.pem: good")) << said;
  ASSERT_EQ(Shell(absl::StrCat(kCa, " root-list --home ", home_, " --root ", home_,
                               "/root --revoke seal --reason 2")),
            0);
  for (int i = 0; i < 20 && !absl::StrContains(said = ask(), "seal.pem: revoked"); ++i) {
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_TRUE(absl::StrContains(said, "seal.pem: revoked")) << said;
  EXPECT_TRUE(absl::StrContains(said, "Reason: cACompromise")) << said;
  ca_->Stop(SIGKILL);
  StartCa();
  absl::SleepFor(absl::Milliseconds(500));
  EXPECT_TRUE(absl::StrContains(said = ask(), "seal.pem: revoked")) << said;
}

// From the certificate alone, as a stranger would: both addresses in it lead to what they promise.
TEST_F(OcspProcessesTest, ACertificateLeadsToItsStatusAndItsAuthority) {
  ca_->Stop();
  Write("ca/ca.json", absl::StrCat("{\"home\":\"", home_, "\",\"public_url\":\"", url_,
                                   "\",\"ocsp_url\":\"", responder_, "\"}"));
  StartCa();
  EnrolledSeal("party");
  EXPECT_EQ(Shell(absl::StrCat(
                "cd ", folder_,
                " && cert=party/seal/current/cert.pem && curl -sf $(openssl x509 -in $cert -noout "
                "-ext authorityInfoAccess | sed -n 's/.*CA Issuers - URI://p') | openssl x509 "
                "-inform DER -out issuer.pem && openssl ocsp -url $(openssl x509 -in $cert -noout "
                "-ocsp_uri) -issuer issuer.pem -cert $cert -CAfile ocsp/anchors.pem > said 2>&1 "
                "&& cmp -s issuer.pem ca/published/seal.pem")),
            0);
  EXPECT_TRUE(absl::StrContains(*ReadFile(folder_ + "/said"), "cert.pem: good"));
}

TEST_F(OcspProcessesTest, AConfigurationThatIsNotUnderstoodStopsTheStart) {
  const auto check = [&](const std::string& json) {
    Write("x.json", json);
    return Shell(absl::StrCat(kOcsp, " --check-config --config ", folder_, "/x.json 2>/dev/null"));
  };
  const std::string good = Config();
  EXPECT_EQ(check(good), 0);
  EXPECT_EQ(check("{\"listen\":\"127.0.0.1:0\"}"), 2);
  EXPECT_EQ(check(absl::StrCat(good.substr(0, good.size() - 1), ",\"silence\":1}")), 2);
  EXPECT_EQ(check(absl::StrCat(good.substr(0, good.rfind(':')), ":1}")), 2);
  EXPECT_EQ(check(absl::StrCat(good.substr(0, good.rfind(':')), ":70000}")), 2);
}

}  // namespace
}  // namespace egov::identity
