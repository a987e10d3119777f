// The real egov-tsa as a process, with curl and openssl as its clients.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/http/http.h"
#include "libs/pki/testing/authority.h"
#include "libs/pki/timestamp.h"
#include "services/identity/common/files.h"
#include "services/identity/common/testing/subprocess.h"

namespace egov::identity {
namespace {

using base::Fails;
using base::IsOk;
using pki::Purpose;
using pki::testing::MakeMember;
using pki::testing::MakeRoot;
using pki::testing::Must;

constexpr char kBinary[] = "services/identity/tsa/egov-tsa";

class TsaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(stamp_.key.Save(folder_ + "/key.pem"), IsOk());
    Write("cert.pem", pki::ToPem({stamp_.certificate, root_.certificate}));
    Write("anchors.pem", root_.certificate.ToPem());
    Write("config.json", Config());
  }
  std::string Config() {
    return absl::StrCat(
        "{\"listen\":\"127.0.0.1:0\",\"ops_listen\":\"127.0.0.1:0\",\"identity\":\"", folder_,
        "\",\"policy\":\"1.3.6.1.4.1.99999.1\",\"accuracy_ms\":1000,",
        "\"clock_assurance\":\"DECLARED\",\"state\":\"", folder_, "/state\"}");
  }
  void Write(const std::string& name, const std::string& bytes) {
    ASSERT_THAT(WriteFile(folder_ + "/" + name, bytes), IsOk());
  }
  std::unique_ptr<Subprocess> Start() {
    return std::make_unique<Subprocess>(
        std::vector<std::string>{kBinary, "--config", folder_ + "/config.json"},
        absl::StrCat(folder_, "/log", ++starts_));
  }
  int CheckConfig(const std::string& config) {
    Write("other.json", config);
    return Shell(
        absl::StrCat(kBinary, " --check-config --config ", folder_, "/other.json 2>/dev/null"));
  }

  const absl::Time now_ = absl::Now();
  const std::string folder_ = TemporaryFolder();
  pki::testing::Identity root_ = MakeRoot("Root", now_);
  pki::testing::Identity stamp_ = MakeMember(root_, Purpose::kTimeStamp, "", now_);
  int starts_ = 0;
};

TEST_F(TsaTest, CurlGetsAStampThatOpenSslAccepts) {
  const auto tsa = Start();
  const int port = tsa->NumberInLog("port");
  Write("data", "what is stamped");
  ASSERT_EQ(Shell(absl::StrCat(
                "cd ", folder_,
                " && openssl ts -query -data data -sha256 -cert -out q.tsq 2>/dev/null"
                " && curl -sf -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq"
                " http://127.0.0.1:",
                port, "/ -o r.tsr")),
            0);
  EXPECT_EQ(Shell(absl::StrCat("cd ", folder_,
                               " && openssl ts -verify -data data -in r.tsr -CAfile anchors.pem "
                               "> /dev/null 2>&1")),
            0);
  EXPECT_EQ(Shell(absl::StrCat("cd ", folder_,
                               " && openssl ts -verify -queryfile q.tsq -in r.tsr -CAfile "
                               "anchors.pem > /dev/null 2>&1")),
            0);
  EXPECT_EQ(tsa->Stop(), 0);
}

TEST_F(TsaTest, StampsAreInOrderAndQuick) {
  const auto tsa = Start();
  const std::string url = absl::StrCat("http://127.0.0.1:", tsa->NumberInLog("port"));
  const auto trust = Must(pki::ChainVerifier::Create({root_.certificate}));
  absl::Time last = absl::InfinitePast();
  absl::Duration quickest = absl::InfiniteDuration();
  for (int i = 0; i < 20; ++i) {
    const auto request = pki::TimeStampRequest::New(pki::Sha256Of(absl::StrCat(i)));
    const absl::Time start = absl::Now();
    const auto response = http::Post(url, "application/timestamp-query", request.ToDer());
    quickest = std::min(quickest, absl::Now() - start);
    ASSERT_THAT(response, IsOk());
    EXPECT_EQ(response->content_type, "application/timestamp-reply");
    const auto stamp = pki::VerifyTimeStamp(response->body, request.imprint, request.nonce, trust);
    ASSERT_THAT(stamp, IsOk());
    EXPECT_GT(stamp->time, last);
    EXPECT_EQ(stamp->accuracy, absl::Seconds(1));
    last = stamp->time;
  }
  // The best of twenty, so that a busy machine does not decide.
  EXPECT_LT(quickest, absl::Milliseconds(3));
}

TEST_F(TsaTest, WhatIsNoQuestionIsRefusedInItsOwnWay) {
  const auto tsa = Start();
  const std::string url = absl::StrCat("http://127.0.0.1:", tsa->NumberInLog("port"));
  EXPECT_EQ(http::Get(url)->status, 405);
  EXPECT_EQ(http::Post(url, "text/plain", "x")->status, 415);
  EXPECT_EQ(http::Post(url, "application/timestamp-query", std::string(20000, 'x'))->status, 413);
  const auto garbage = http::Post(url, "application/timestamp-query", "x");
  ASSERT_THAT(garbage, IsOk());
  EXPECT_EQ(garbage->status, 200);
  const absl::Status refused = pki::TokenOfResponse(garbage->body).status();
  EXPECT_THAT(refused, Fails(absl::StatusCode::kUnavailable, "TIME_STAMP_REFUSED"));
  EXPECT_EQ(base::DetailOf(refused)->metadata.at("failure"), "badDataFormat");
}

TEST_F(TsaTest, AfterARestartItWaitsUntilItsLastStampIsPast) {
  const auto request = pki::TimeStampRequest::New(pki::Sha256Of("x"));
  const auto ask = [&](const Subprocess& tsa) {
    const std::string url = absl::StrCat("http://127.0.0.1:", tsa.NumberInLog("port"));
    return pki::TokenOfResponse(
               http::Post(url, "application/timestamp-query", request.ToDer())->body)
        .status();
  };
  auto tsa = Start();
  EXPECT_THAT(ask(*tsa), IsOk());
  tsa->Stop(SIGKILL);
  tsa = Start();
  const absl::Status early = ask(*tsa);
  if (!early.ok()) {  // on a slow machine the moment may already have passed
    EXPECT_EQ(base::DetailOf(early)->metadata.at("failure"), "timeNotAvailable");
  }
  absl::SleepFor(absl::Milliseconds(2500));
  EXPECT_THAT(ask(*tsa), IsOk());
}

TEST_F(TsaTest, OperationsSeeItsHealth) {
  const auto tsa = Start();
  const std::string ops = absl::StrCat("http://127.0.0.1:", tsa->NumberInLog("ops_port"));
  EXPECT_EQ(http::Get(ops + "/livez")->status, 200);
  const auto ready = http::Get(ops + "/readyz");
  EXPECT_EQ(ready->status, 200) << ready->body;
  EXPECT_TRUE(absl::StrContains(ready->body, "clock ok"));
  EXPECT_TRUE(absl::StrContains(http::Get(ops + "/metrics")->body, "egov_tsa_requests_total"));
}

TEST_F(TsaTest, AConfigurationThatIsNotUnderstoodStopsTheStart) {
  EXPECT_EQ(CheckConfig(Config()), 0);
  EXPECT_EQ(CheckConfig(absl::StrReplaceAll(Config(), {{"policy", "polici"}})), 2);
  EXPECT_EQ(CheckConfig(absl::StrReplaceAll(Config(), {{"1000", "0"}})), 2);
  EXPECT_EQ(CheckConfig(absl::StrReplaceAll(Config(), {{"DECLARED", "HOPED"}})), 2);
}

TEST_F(TsaTest, ASealIsNoTimeStampingIdentity) {
  Write("cert.pem", MakeMember(root_, Purpose::kSeal, "ee/GOV/1/a", now_).certificate.ToPem());
  EXPECT_EQ(Start()->Wait(), 1);
}

}  // namespace
}  // namespace egov::identity
