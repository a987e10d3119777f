// The service with an authority in the same process, so that the test moves the clock of both.
#include "services/identity/ocsp/ocsp.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/pki/testing/authority.h"
#include "services/identity/ca/ca.h"
#include "services/identity/ca/signer.h"
#include "services/identity/client/enrol.h"
#include "services/identity/common/files.h"
#include "services/identity/common/frames.h"
#include "services/identity/common/testing/subprocess.h"
#include "services/identity/enrolment/front.h"

namespace egov::identity {
namespace {

using base::IsOk;
using pki::testing::Must;

constexpr auto kOcspSeal = v1::CERTIFICATE_KIND_OCSP_SEAL;

std::string ShortFolder() {
  std::string path = "/tmp/egovXXXXXX";
  return mkdtemp(&path[0]);
}

class OcspServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(MakeHome(home_, "ee", "Test", clock_.Now()), IsOk());
    ca::Config config;
    config.set_home(home_);
    config.set_seal_hours(10 * 24);
    ca_ = Must(Ca::Open(config, clock_));
    socket_ = Must(SocketServer::Start(
        folder_ + "/s", 0600, [this](const std::string& question, const std::string& actor) {
          ca::SignerRequest request;
          request.ParseFromString(question);
          return AnswerSigner(*ca_, request, false, actor, log_).SerializeAsString();
        }));
    status_ = Must(SocketServer::Start(folder_ + "/t", 0600,
                                       [this](const std::string& question, const std::string&) {
                                         ca::WatchStatusRequest request;
                                         request.ParseFromString(question);
                                         return ca_->WatchStatus(request).SerializeAsString();
                                       }));
    enrolment::Config front;
    front.set_signer_socket(folder_ + "/s");
    front.set_published(home_ + "/published");
    front_ = std::make_unique<EnrolmentFront>(front, log_, metrics_);
    http::ServerOptions options;
    options.listen = "127.0.0.1:0";
    server_ = Must(http::Server::Start(
        options, [this](const http::Request& request) { return front_->Answer(request); }));
    url_ = absl::StrCat("http://127.0.0.1:", server_->port());
  }
  void TearDown() override {
    ocsp_.reset();
    server_.reset();
    socket_.reset();
    status_.reset();
    EXPECT_EQ(Shell("rm -r " + folder_), 0);
  }

  pki::Certificate Enrolled(const std::string& name, v1::CertificateKind kind) {
    EnrolOptions options;
    options.kinds = {kind};
    options.url = url_;
    options.identity = Must(pki::SpiffeId::FromXRoad("ee/GOV/70000310/pensions"));
    options.folder = folder_ + "/" + name;
    ca::MakeTokenRequest request;
    request.set_spiffe_id(options.identity.ToUri());
    request.add_kinds(kind);
    EXPECT_THAT(Enrol(Must(ca_->MakeToken(request, "uid 0")), options, clock_.Now()), IsOk());
    return Must(CurrentCertificate(options.folder, kind));
  }
  void OpenOcsp() {
    ocsp::Config config;
    config.set_listen("127.0.0.1:0");
    config.set_ops_listen("127.0.0.1:0");
    config.set_status_socket(folder_ + "/t");
    config.set_folder(folder_ + "/ocsp");
    config.set_enrolment_url(url_);
    ocsp_ = Must(Ocsp::Open(config, clock_, log_, metrics_, readiness_));
  }
  // Waits for what happens in the service's own threads.
  template <typename Condition>
  static bool Soon(const Condition& condition) {
    for (int i = 0; i < 500; ++i) {
      if (condition()) return true;
      absl::SleepFor(absl::Milliseconds(20));
    }
    return false;
  }
  absl::StatusOr<pki::OcspVerdict> Ask(const pki::Certificate& certificate) {
    const auto issuer =
        Must(pki::Certificate::FromPem(Must(ReadFile(home_ + "/published/seal.pem"))));
    const auto request = Must(pki::OcspRequest::New(certificate, issuer));
    http::Request question;
    question.method = "POST";
    question.content_type = "application/ocsp-request";
    question.body = request.ToDer();
    pki::OcspExpectation expectation;
    expectation.nonce = request.nonce;
    expectation.at = clock_.Now();
    return pki::VerifyOcsp(ocsp_->Answer(question).body, certificate, issuer, expectation);
  }

  const std::string folder_ = ShortFolder();
  const std::string home_ = folder_ + "/ca";
  base::ManualClock clock_{absl::FromUnixSeconds(1800000000)};
  rpc::Logger log_{rpc::LogOptions{rpc::LogLevel::kError}};
  rpc::Metrics metrics_;
  rpc::Readiness readiness_;
  std::unique_ptr<Ca> ca_;
  std::unique_ptr<SocketServer> socket_, status_;
  std::unique_ptr<EnrolmentFront> front_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<Ocsp> ocsp_;
  std::string url_;
};

TEST_F(OcspServiceTest, ItRenewsItselfAndGoesOnLongAfterACertificatesEnd) {
  const pki::Certificate first = Enrolled("ocsp", kOcspSeal);
  EXPECT_EQ(first.not_after(), clock_.Now() + absl::Hours(7 * 24));
  const pki::Certificate revoked = Enrolled("a", v1::CERTIFICATE_KIND_SEAL);
  const pki::Certificate good = Enrolled("b", v1::CERTIFICATE_KIND_SEAL);
  const absl::Time when = clock_.Now();
  ca::RevokeRequest revoke;
  revoke.set_fingerprint(std::string(pki::AsBytes(revoked.fingerprint())));
  revoke.set_reason(1);
  ASSERT_EQ(Must(ca_->Revoke(revoke, "uid 0")), 1u);
  OpenOcsp();
  ASSERT_TRUE(Soon([&] { return Ask(good).ok(); }));
  EXPECT_EQ(Must(Ask(good)).responder, first);

  // Each time the last third of its certificate's life has begun.
  while (clock_.Now() < good.not_after() + absl::Hours(24 * 10)) {
    const pki::Certificate before = Must(CurrentCertificate(folder_ + "/ocsp", kOcspSeal));
    clock_.Advance(absl::Hours(6 * 24));
    // The renewer looks at the clock at least each half minute; a new one looks at once.
    ocsp_.reset();
    OpenOcsp();
    ASSERT_TRUE(Soon([&] {
      return Must(CurrentCertificate(folder_ + "/ocsp", kOcspSeal)) != before && Ask(good).ok() &&
             Ask(good)->responder != before;
    }));
  }
  const auto still_good = Must(Ask(good)), still_revoked = Must(Ask(revoked));
  EXPECT_EQ(still_good.status.state, pki::OcspState::kGood);
  EXPECT_EQ(still_revoked.status.state, pki::OcspState::kRevoked);
  EXPECT_EQ(still_revoked.status.revoked, when);
  EXPECT_LE(*still_good.status.archive_cutoff, good.not_before());
}

TEST_F(OcspServiceTest, ACertificateThatEndedSignsNothing) {
  Enrolled("ocsp", kOcspSeal);
  const pki::Certificate seal = Enrolled("a", v1::CERTIFICATE_KIND_SEAL);
  OpenOcsp();
  ASSERT_TRUE(Soon([&] { return Ask(seal).ok(); }));
  EXPECT_TRUE(readiness_.Ask().ready);
  server_.reset();  // nobody renews
  clock_.Advance(absl::Hours(8 * 24));
  ASSERT_TRUE(Soon([&] {
    const auto verdict = Ask(seal);
    const auto detail = base::DetailOf(verdict.status());
    return detail && detail->metadata.count("failure") > 0 &&
           detail->metadata.at("failure") == "internalError";
  }));
  EXPECT_FALSE(readiness_.Ask().ready);
}

TEST_F(OcspServiceTest, WithoutAResponderCertificateItDoesNotStart) {
  ocsp::Config config;
  config.set_listen("127.0.0.1:0");
  config.set_ops_listen("127.0.0.1:0");
  config.set_status_socket(folder_ + "/t");
  config.set_folder(folder_ + "/nothing");
  config.set_enrolment_url(url_);
  EXPECT_THAT(Ocsp::Open(config, clock_, log_, metrics_, readiness_),
              base::Fails(absl::StatusCode::kNotFound, "NO_CERTIFICATE"));
}

TEST(StatusTableTest, KnowsWhatWasIssuedAndWhatBecameOfIt) {
  const pki::Digest seals = pki::Sha256Of("seals"), others = pki::Sha256Of("others");
  ca::StatusChanges changes;
  changes.add_authorities(std::string(pki::AsBytes(seals)));
  const auto change = [&](absl::string_view serial, int64_t us, int reason) {
    changes.clear_changes();
    auto* one = changes.add_changes();
    one->set_serial(std::string(serial));
    one->set_revoked_us(us);
    one->set_reason(reason);
    return changes;
  };
  StatusTable table;
  table.Apply(change("\x0a\xbc", 0, 0));
  EXPECT_EQ(table.Find(seals, "abc").state, pki::OcspState::kGood);
  EXPECT_EQ(table.Find(seals, "abd").state, pki::OcspState::kUnknown);
  EXPECT_EQ(table.Find(others, "abc").state, pki::OcspState::kUnknown);
  table.Apply(change("\x0a\xbc", 5000000, 6));
  EXPECT_EQ(table.Find(seals, "abc").state, pki::OcspState::kRevoked);
  EXPECT_EQ(table.Find(seals, "abc").reason, pki::RevocationReason::kCertificateHold);
  EXPECT_EQ(table.Find(seals, "abc").revoked, absl::FromUnixSeconds(5));
  table.Apply(change("\x0a\xbc", 0, 0));  // the hold was lifted
  EXPECT_EQ(table.Find(seals, "abc").state, pki::OcspState::kGood);
  changes.mutable_changes(0)->set_authority(7);
  table.Apply(changes);
  EXPECT_EQ(table.size(), 1u);
}

TEST(AnswerCacheTest, AnswersOfAnotherMomentAreGone) {
  AnswerCache cache;
  cache.Keep({1, 1, 1}, "q", "a");
  EXPECT_EQ(cache.Find({1, 1, 1}, "q"), "a");
  EXPECT_EQ(cache.Find({1, 1, 1}, "r"), "");
  EXPECT_EQ(cache.Find({1, 2, 1}, "q"), "");
  cache.Keep({1, 2, 1}, "r", "b");
  // Made of the state before, ready only now.
  cache.Keep({1, 1, 1}, "q", "a");
  EXPECT_EQ(cache.Find({1, 1, 1}, "q"), "");
  EXPECT_EQ(cache.Find({1, 2, 1}, "q"), "");
  EXPECT_EQ(cache.Find({1, 2, 1}, "r"), "b");
}

}  // namespace
}  // namespace egov::identity
