// The real processes together: egov-ca, egov-enrolment, egov-tsa, with openssl and curl as judges
// from outside.
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/http/http.h"
#include "libs/pki/key.h"
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
constexpr char kTsa[] = "services/identity/tsa/egov-tsa";
constexpr char kPensions[] = "ee/GOV/70000310/pensions";

// Short: the messages of a failing test show it.
std::string ShortFolder() {
  std::string path = "/tmp/egovXXXXXX";
  return mkdtemp(&path[0]);
}

class ProcessesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(
        Shell(absl::StrCat(kCa, " init --home ", home_, " --instance ee --organisation Test")), 0);
    ASSERT_THAT(
        WriteFile(folder_ + "/front.json",
                  absl::StrCat("{\"listen\":\"127.0.0.1:0\",\"ops_listen\":\"127.0.0.1:0\",",
                               "\"signer_socket\":\"", home_, "/run/enrolment.sock\",",
                               "\"published\":\"", home_, "/published\",\"directory\":\"", folder_,
                               "/directory\"}")),
        IsOk());
    StartCa();
    front_ = std::make_unique<Subprocess>(
        std::vector<std::string>{kFront, "--config", folder_ + "/front.json"},
        folder_ + "/front.log");
    url_ = absl::StrCat("http://127.0.0.1:", front_->NumberInLog("port"));
  }
  void TearDown() override {
    tsa_.reset();
    front_.reset();
    ca_.reset();
    EXPECT_EQ(Shell("rm -r " + folder_), 0);
  }

  void StartCa() {
    ca_ = std::make_unique<Subprocess>(std::vector<std::string>{kCa, "serve", "--home", home_},
                                       folder_ + "/ca.log");
    for (int i = 0; i < 500 && !CaAdmin(home_ + "/run/admin.sock").Check().ok(); ++i) {
      absl::SleepFor(absl::Milliseconds(20));
    }
  }

  std::string Token(const std::string& kinds, const std::string& more = "") {
    EXPECT_EQ(Shell(absl::StrCat(kCa, " token --home ", home_, " --member ", kPensions, " --kinds ",
                                 kinds, " ", more, " > ", folder_, "/token")),
              0);
    return *ReadFile(folder_ + "/token");
  }

  absl::Status EnrolAs(const std::string& token, const std::string& name,
                       std::vector<v1::CertificateKind> kinds) {
    EnrolOptions options;
    options.url = url_;
    options.identity = *pki::SpiffeId::FromXRoad(kPensions);
    options.kinds = std::move(kinds);
    options.folder = absl::StrCat(folder_, "/", name);
    return Enrol(token, options, absl::Now());
  }

  const std::string folder_ = ShortFolder();
  const std::string home_ = folder_ + "/ca";
  std::unique_ptr<Subprocess> ca_, front_, tsa_;
  std::string url_;
};

TEST_F(ProcessesTest, ATokenMakesAPartyWhoseCertificatesOpenSslAccepts) {
  const std::string token =
      Token("transport,seal", "--dns localhost --ip 127.0.0.1 --organisation 'Pension Board'");
  ASSERT_THAT(EnrolAs(token, "party", {v1::CERTIFICATE_KIND_TRANSPORT, v1::CERTIFICATE_KIND_SEAL}),
              IsOk());
  const std::string party = folder_ + "/party";
  const auto verify = [&](const std::string& more) {
    return Shell(absl::StrCat("openssl verify -x509_strict -CAfile ", party,
                              "/anchors.pem -untrusted ", party, "/authorities.pem ", more,
                              " > /dev/null 2>&1"));
  };
  const std::string transport = party + "/transport/current/cert.pem";
  EXPECT_EQ(verify(absl::StrCat("-purpose sslserver -verify_hostname localhost ", transport)), 0);
  EXPECT_EQ(verify(absl::StrCat("-purpose sslclient -verify_ip 127.0.0.1 ", transport)), 0);
  EXPECT_EQ(verify(absl::StrCat("-crl_check_all -CRLfile ", party, "/crl/root.pem -CRLfile ", party,
                                "/crl/transport.pem ", transport)),
            0);
  // OpenSSL finds the lists by their hashed names, as gRPC does.
  EXPECT_EQ(verify(absl::StrCat("-crl_check_all -CApath ", party, "/crl ", transport)), 0);
  EXPECT_EQ(verify(party + "/seal/current/cert.pem"), 0);
  EXPECT_NE(verify("-purpose sslclient " + party + "/seal/current/cert.pem"), 0);
  EXPECT_THAT(pki::PrivateKey::LoadFile(party + "/seal/current/key.pem"), IsOk());
  EXPECT_NE(Shell("ls " + party + " | grep -q pending"), 0);
  EXPECT_THAT(EnrolAs(token, "other", {v1::CERTIFICATE_KIND_SEAL}),
              Fails(absl::StatusCode::kFailedPrecondition, "TOKEN_USED"));
  EXPECT_THAT(EnrolAs(token, "party", {v1::CERTIFICATE_KIND_SEAL}),
              Fails(absl::StatusCode::kFailedPrecondition, "ALREADY_ENROLLED"));
}

TEST_F(ProcessesTest, RenewalGivesANewPairInOneStep) {
  const auto kind = v1::CERTIFICATE_KIND_TRANSPORT;
  ASSERT_THAT(EnrolAs(Token("transport"), "party", {kind}), IsOk());
  const std::string party = folder_ + "/party";
  for (int i = 0; i < 3; ++i) {
    const auto before = *CurrentCertificate(party, kind);
    ASSERT_THAT(Renew(url_, party, kind, absl::Now()), IsOk());
    const auto after = *CurrentCertificate(party, kind);
    EXPECT_NE(after, before);
    EXPECT_NE(after.public_key(), before.public_key());
    EXPECT_EQ(pki::PrivateKey::LoadFile(party + "/transport/current/key.pem")->public_key(),
              after.public_key());
  }
  // The pair before the current one is kept for whoever is reading it; older ones are gone.
  EXPECT_TRUE(Exists(party + "/transport/v3/key.pem"));
  EXPECT_FALSE(Exists(party + "/transport/v1"));
}

TEST_F(ProcessesTest, AKilledSignerForgetsNothingItSaid) {
  const std::string token = Token("seal");
  ASSERT_THAT(EnrolAs(token, "party", {v1::CERTIFICATE_KIND_SEAL}), IsOk());
  ca_->Stop(SIGKILL);
  StartCa();
  EXPECT_THAT(EnrolAs(token, "other", {v1::CERTIFICATE_KIND_SEAL}),
              Fails(absl::StatusCode::kFailedPrecondition, "TOKEN_USED"));
  EXPECT_THAT(Renew(url_, folder_ + "/party", v1::CERTIFICATE_KIND_SEAL, absl::Now()), IsOk());
  EXPECT_EQ(CaAdmin(home_ + "/run/admin.sock").List()->size(), 2u);
}

TEST_F(ProcessesTest, ARevokedMemberIsOnTheListThatEveryoneFetches) {
  ASSERT_THAT(EnrolAs(Token("seal"), "party", {v1::CERTIFICATE_KIND_SEAL}), IsOk());
  ASSERT_EQ(Shell(absl::StrCat(kCa, " revoke --home ", home_, " --member ", kPensions,
                               " --reason 1 > /dev/null")),
            0);
  ASSERT_THAT(FetchLists(url_, folder_ + "/party"), IsOk());
  EXPECT_NE(Shell(absl::StrCat("openssl verify -crl_check -CAfile ", folder_,
                               "/party/anchors.pem -untrusted ", folder_,
                               "/party/authorities.pem -CRLfile ", folder_, "/party/crl/seal.pem ",
                               folder_, "/party/seal/current/cert.pem > /dev/null 2>&1")),
            0);
  EXPECT_THAT(Renew(url_, folder_ + "/party", v1::CERTIFICATE_KIND_SEAL, absl::Now()),
              Fails(absl::StatusCode::kUnauthenticated, "REVOKED"));
}

TEST_F(ProcessesTest, TheFrontGivesOutWhatIsPublicAndNothingElse) {
  ASSERT_THAT(WriteFile(folder_ + "/directory", "signed"), IsOk());
  EXPECT_EQ(http::Get(url_ + "/directory")->body, "signed");
  EXPECT_EQ(http::Get(url_ + "/root.pem")->body, *ReadFile(home_ + "/published/root.pem"));
  EXPECT_EQ(Shell(absl::StrCat("curl -sf ", url_,
                               "/crl-der/seal.crl | openssl crl -inform DER "
                               "-noout > /dev/null")),
            0);
  for (const char* path : {"/", "/crl", "/crl/", "/../ca.json", "/crl/../../root/root.pem",
                           "/crl/%2e%2e/%2e%2e/root/root.pem", "/../root/root.pem", "/v1/token"}) {
    EXPECT_EQ(Shell(absl::StrCat("test $(curl -s -o /dev/null -w '%{http_code}' --path-as-is ",
                                 url_, path, ") -ge 400")),
              0)
        << path;
  }
  EXPECT_EQ(http::Get(url_ + "/v1/enrol")->status, 405);
  EXPECT_EQ(http::Post(url_ + "/v1/enrol", "application/x-protobuf", "\xff")->status, 400);
  EXPECT_EQ(http::Post(url_ + "/v1/enrol", "text/plain", "x")->status, 415);
}

TEST_F(ProcessesTest, WithoutSignerTheFrontSaysSoAndGoesOnPublishing) {
  const std::string token = Token("seal");
  const std::string ops = absl::StrCat("http://127.0.0.1:", front_->NumberInLog("ops_port"));
  EXPECT_EQ(http::Get(ops + "/readyz")->status, 200);
  EXPECT_EQ(ca_->Stop(), 0);
  EXPECT_THAT(EnrolAs(token, "party", {v1::CERTIFICATE_KIND_SEAL}),
              Fails(absl::StatusCode::kUnavailable, "SIGNER_ABSENT"));
  EXPECT_EQ(http::Get(ops + "/readyz")->status, 503);
  EXPECT_EQ(http::Get(ops + "/livez")->status, 200);
  EXPECT_EQ(http::Get(url_ + "/crl/seal.pem")->status, 200);
  // The try that failed left its keys; the next one uses them.
  StartCa();
  EXPECT_THAT(EnrolAs(token, "party", {v1::CERTIFICATE_KIND_SEAL}), IsOk());
}

TEST_F(ProcessesTest, OfficersQuestionsAreNotHeardOnTheFrontsSocket) {
  struct stat status {};
  ASSERT_EQ(stat((home_ + "/run/admin.sock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(stat((home_ + "/run/enrolment.sock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660u);
  ASSERT_EQ(stat((home_ + "/root/root.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const CaAdmin over_front(home_ + "/run/enrolment.sock");
  ca::MakeTokenRequest request;
  request.set_spiffe_id("spiffe://ee/GOV/70000310/pensions");
  request.add_kinds(v1::CERTIFICATE_KIND_SEAL);
  EXPECT_THAT(over_front.MakeToken(request),
              Fails(absl::StatusCode::kPermissionDenied, "OFFICERS_ONLY"));
  EXPECT_THAT(over_front.List(), Fails(absl::StatusCode::kPermissionDenied, "OFFICERS_ONLY"));
  EXPECT_THAT(over_front.Revoke({}), Fails(absl::StatusCode::kPermissionDenied, "OFFICERS_ONLY"));
  EXPECT_THAT(over_front.Check(), IsOk());
}

TEST_F(ProcessesTest, OneSignerHoldsTheAuthority) {
  Subprocess second({kCa, "serve", "--home", home_}, folder_ + "/second.log");
  EXPECT_EQ(second.Wait(), 1);
  EXPECT_TRUE(absl::StrContains(second.Log(), "JOURNAL_LOCKED")) << second.Log();
  EXPECT_THAT(CaAdmin(home_ + "/run/admin.sock").Check(), IsOk());
}

TEST_F(ProcessesTest, AnEnrolledAuthorityStampsForTheRootAlone) {
  ASSERT_THAT(EnrolAs(Token("time-stamp"), "tsa", {v1::CERTIFICATE_KIND_TIME_STAMP}), IsOk());
  ASSERT_THAT(
      WriteFile(
          folder_ + "/tsa.json",
          absl::StrCat("{\"listen\":\"127.0.0.1:0\",\"ops_listen\":\"127.0.0.1:0\",\"identity\":\"",
                       folder_, "/tsa/time-stamp/current\",\"policy\":\"1.3.6.1.4.1.99999.1\",",
                       "\"accuracy_ms\":1000,\"clock_assurance\":\"DECLARED\",\"state\":\"",
                       folder_, "/tsa/state\"}")),
      IsOk());
  tsa_ = std::make_unique<Subprocess>(
      std::vector<std::string>{kTsa, "--config", folder_ + "/tsa.json"}, folder_ + "/tsa.log");
  const int port = tsa_->NumberInLog("port");
  EXPECT_EQ(
      Shell(absl::StrCat(
          "cd ", folder_,
          " && echo data > data && openssl ts -query -data data -sha256 -cert -out q"
          " 2>/dev/null && curl -sf -H 'Content-Type: application/timestamp-query' --data-binary @q"
          " http://127.0.0.1:",
          port,
          "/ -o r && openssl ts -verify -data data -in r -CAfile"
          " tsa/anchors.pem > /dev/null 2>&1")),
      0);
}

TEST_F(ProcessesTest, AConfigurationThatIsNotUnderstoodStopsTheStart) {
  const auto check = [&](const char* binary, const std::string& json) {
    EXPECT_THAT(WriteFile(folder_ + "/x.json", json), IsOk());
    return Shell(absl::StrCat(binary, " --check-config --config ", folder_, "/x.json 2>/dev/null"));
  };
  const std::string ca = absl::StrCat(kCa, " serve");
  EXPECT_EQ(check(ca.c_str(), *ReadFile(home_ + "/ca.json")), 0);
  EXPECT_EQ(check(ca.c_str(), "{\"home\":\"/x\",\"hoem\":1}"), 2);
  EXPECT_EQ(check(kFront, *ReadFile(folder_ + "/front.json")), 0);
  EXPECT_EQ(check(kFront, "{\"listen\":\"127.0.0.1:0\"}"), 2);
}

TEST_F(ProcessesTest, NoTokenAndNoKeyIsInAnyLog) {
  const std::string text = Token("seal");
  const std::string token(absl::StripAsciiWhitespace(text));
  ASSERT_THAT(EnrolAs(token, "party", {v1::CERTIFICATE_KIND_SEAL}), IsOk());
  absl::SleepFor(absl::Milliseconds(200));
  for (const std::string& log : {ca_->Log(), front_->Log()}) {
    EXPECT_FALSE(absl::StrContains(log, token.substr(13, 20)));
    EXPECT_FALSE(absl::StrContains(log, "PRIVATE"));
    EXPECT_TRUE(absl::StrContains(log, "enrol"));
  }
}

}  // namespace
}  // namespace egov::identity
