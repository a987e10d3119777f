// The party's side against an authority in the same process, so that the test moves the clock of
// both.
#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/http/http.h"
#include "libs/pki/crl.h"
#include "libs/pki/testing/authority.h"
#include "services/identity/ca/ca.h"
#include "services/identity/ca/signer.h"
#include "services/identity/client/directory_fetch.h"
#include "services/identity/client/enrol.h"
#include "services/identity/client/renewer.h"
#include "services/identity/common/files.h"
#include "services/identity/common/frames.h"
#include "services/identity/common/testing/subprocess.h"
#include "services/identity/common/token.h"
#include "services/identity/enrolment/front.h"

namespace egov::identity {
namespace {

using base::Fails;
using base::IsOk;
using pki::testing::Must;

constexpr auto kTransport = v1::CERTIFICATE_KIND_TRANSPORT;
constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;

std::string ShortFolder() {
  std::string path = "/tmp/egovXXXXXX";
  return mkdtemp(&path[0]);
}

class ClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    EXPECT_THAT(MakeHome(home_, "ee", "Test", clock_.Now()), IsOk());
    ca::Config config;
    config.set_home(home_);
    ca_ = Must(Ca::Open(config, clock_));
    socket_ = Must(SocketServer::Start(
        folder_ + "/s", 0600, [this](const std::string& question, const std::string& actor) {
          ca::SignerRequest request;
          request.ParseFromString(question);
          return AnswerSigner(*ca_, request, false, actor, log_).SerializeAsString();
        }));
    enrolment::Config front;
    front.set_signer_socket(folder_ + "/s");
    front.set_published(home_ + "/published");
    front.set_directory(folder_ + "/directory");
    front_ = std::make_unique<EnrolmentFront>(front, log_, metrics_);
    http::ServerOptions options;
    options.listen = "127.0.0.1:0";
    server_ = Must(http::Server::Start(options, [this](const http::Request& request) {
      return absent_ ? http::Response{503, "text/plain", "gone"} : front_->Answer(request);
    }));
    url_ = absl::StrCat("http://127.0.0.1:", server_->port());
  }
  void TearDown() override {
    server_.reset();
    socket_.reset();
    EXPECT_EQ(Shell("rm -r " + folder_), 0);
  }

  std::string Token() {
    ca::MakeTokenRequest request;
    request.set_spiffe_id(identity_.ToUri());
    request.add_kinds(kTransport);
    request.add_kinds(v1::CERTIFICATE_KIND_SEAL);
    return Must(ca_->MakeToken(request, "uid 0"));
  }
  absl::Status EnrolWith(const std::string& token, std::vector<v1::CertificateKind> kinds = {
                                                       kTransport, v1::CERTIFICATE_KIND_SEAL}) {
    EnrolOptions options;
    options.kinds = std::move(kinds);
    options.url = url_;
    options.identity = identity_;
    options.folder = party_;
    return Enrol(token, options, clock_.Now());
  }
  RenewerOptions Renewing() {
    RenewerOptions options;
    options.url = url_;
    options.folder = party_;
    options.told = [this](const std::string& what, const absl::Status& result) {
      (result.ok() ? renewed_ : failed_)++;
    };
    return options;
  }
  pki::Certificate Current() { return Must(CurrentCertificate(party_, kTransport)); }

  const std::string folder_ = ShortFolder();
  const std::string home_ = folder_ + "/ca";
  const std::string party_ = folder_ + "/party";
  const pki::SpiffeId identity_ = Must(pki::SpiffeId::FromXRoad("ee/GOV/70000310/pensions"));
  base::ManualClock clock_{absl::FromUnixSeconds(1800000000)};
  rpc::Logger log_{rpc::LogOptions{rpc::LogLevel::kError}};
  rpc::Metrics metrics_;
  bool absent_ = false;
  int renewed_ = 0, failed_ = 0;
  std::unique_ptr<Ca> ca_;
  std::unique_ptr<SocketServer> socket_;
  std::unique_ptr<EnrolmentFront> front_;
  std::unique_ptr<http::Server> server_;
  std::string url_;
};

TEST_F(ClientTest, AnAuthorityThatTheTokenDoesNotNameIsNotBelieved) {
  // This authority's secret with another root's digest: what a party sees when someone between puts
  // his own authority there.
  std::string bytes;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(Token().substr(13), &bytes));
  const std::string token =
      MakeTokenText(pki::Secret(bytes.substr(0, 32)), pki::Sha256Of("another root"));
  EXPECT_THAT(EnrolWith(token), Fails(kUnauthenticated, "WRONG_AUTHORITY"));
  EXPECT_FALSE(Exists(party_ + "/anchors.pem"));
  EXPECT_FALSE(Exists(party_ + "/transport/current"));
}

TEST_F(ClientTest, AWrongCommandWithATokenDoesNotSpoilTheRightOne) {
  const std::string token = Token();
  EXPECT_THAT(EnrolWith(token, {kTransport, v1::CERTIFICATE_KIND_LOG}),
              Fails(absl::StatusCode::kPermissionDenied, "NOT_IN_TOKEN"));
  EXPECT_THAT(EnrolWith(token), IsOk());
}

TEST_F(ClientTest, ALostReplyIsAskedForAgain) {
  const std::string token = Token();
  // The authority issues, the party does not come to its end: nothing is published for a moment.
  ASSERT_EQ(rename((home_ + "/published/authorities.pem").c_str(), (folder_ + "/kept").c_str()), 0);
  EXPECT_FALSE(EnrolWith(token).ok());
  EXPECT_EQ(ca_->List({}).size(), 2u);
  ASSERT_EQ(rename((folder_ + "/kept").c_str(), (home_ + "/published/authorities.pem").c_str()), 0);
  ASSERT_THAT(EnrolWith(token), IsOk());
  EXPECT_EQ(ca_->List({}).size(), 2u);  // the same two
}

TEST_F(ClientTest, ACertificateIsRenewedInTheLastThirdOfItsLife) {
  ASSERT_THAT(EnrolWith(Token()), IsOk());
  const pki::Certificate first = Current();
  Renewer renewer(Renewing(), clock_);
  renewer.Step();
  clock_.Advance(absl::Hours(14));
  renewer.Step();
  EXPECT_EQ(Current(), first);
  clock_.Advance(absl::Hours(4));  // 18 h: two thirds of a day and their tenth of chance
  renewer.Step();
  EXPECT_NE(Current(), first);
  EXPECT_EQ(renewed_, 1);
  EXPECT_EQ(failed_, 0);
  const absl::Time next = renewer.Step();
  EXPECT_GT(next, clock_.Now());
}

// A running register has its log's key in memory and says it in every receipt.
TEST_F(ClientTest, ALogCertificateIsRenewedWithTheSameKey) {
  constexpr auto kLog = v1::CERTIFICATE_KIND_LOG;
  ca::MakeTokenRequest request;
  request.set_spiffe_id(identity_.ToUri());
  request.add_kinds(kLog);
  ASSERT_THAT(EnrolWith(Must(ca_->MakeToken(request, "uid 0")), {kLog}), IsOk());
  const auto key = [&] {
    return Must(pki::PrivateKey::LoadFile(party_ + "/log/current/key.pem")).public_key();
  };
  const pki::PublicKey first_key = key();
  const pki::Certificate first = Must(CurrentCertificate(party_, kLog));
  RenewerOptions options = Renewing();
  options.kinds = {kLog};
  options.lists_every = absl::ZeroDuration();
  Renewer renewer(options, clock_);
  clock_.Advance(absl::Hours(24 * 200));
  renewer.Step();
  EXPECT_EQ(renewed_, 0);
  clock_.Advance(absl::Hours(24 * 100));
  renewer.Step();
  EXPECT_EQ(renewed_, 1);
  EXPECT_EQ(failed_, 0);
  const pki::Certificate second = Must(CurrentCertificate(party_, kLog));
  EXPECT_GT(second.not_after(), first.not_after());
  EXPECT_EQ(second.public_key(), first_key);
  EXPECT_EQ(key(), first_key);
}

TEST_F(ClientTest, ManyAtOnceRenewADueCertificateOnce) {
  ASSERT_THAT(EnrolWith(Token()), IsOk());
  const pki::Certificate first = Current();
  clock_.Advance(absl::Hours(15));
  EXPECT_FALSE(Must(RenewIfDue(url_, party_, kTransport, clock_.Now())));
  EXPECT_EQ(Current(), first);
  clock_.Advance(absl::Hours(2));
  std::atomic<int> renewed{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back(
        [&] { renewed += Must(RenewIfDue(url_, party_, kTransport, clock_.Now())) ? 1 : 0; });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(renewed, 1);
  EXPECT_GT(Current().not_after(), first.not_after());
  EXPECT_EQ(Must(pki::PrivateKey::LoadFile(party_ + "/transport/current/key.pem")).public_key(),
            Current().public_key());
}

TEST_F(ClientTest, AnAbsentAuthorityIsAskedAgainAfterGrowingPauses) {
  ASSERT_THAT(EnrolWith(Token()), IsOk());
  const pki::Certificate first = Current();
  RenewerOptions options = Renewing();
  options.lists_every = absl::ZeroDuration();
  Renewer renewer(options, clock_);
  absent_ = true;
  clock_.Advance(absl::Hours(18));
  absl::Duration last;
  for (int i = 0; i < 8; ++i) {
    const absl::Duration pause = renewer.Step() - clock_.Now();
    EXPECT_GE(pause, absl::Seconds(5));
    EXPECT_LE(pause, absl::Minutes(7.5));
    if (i == 0) {
      EXPECT_LE(pause, absl::Seconds(7.5));
    }
    clock_.Advance(pause + absl::Microseconds(1));  // the clock counts whole ones
    last = pause;
  }
  EXPECT_GE(last, absl::Minutes(5));
  EXPECT_EQ(failed_, 8);
  EXPECT_EQ(Current(), first);
  absent_ = false;
  renewer.Step();
  EXPECT_NE(Current(), first);
}

TEST_F(ClientTest, AnOlderRevocationListIsNotTakenBack) {
  ASSERT_THAT(EnrolWith(Token()), IsOk());
  const std::string published = home_ + "/published/crl/transport.pem";
  const std::string before = Must(ReadFile(published));
  ca::RevokeRequest revoke;
  revoke.set_spiffe_id(identity_.ToUri());
  EXPECT_EQ(Must(ca_->Revoke(revoke, "uid 0")), 2u);
  ASSERT_THAT(FetchLists(url_, party_), IsOk());
  const std::string after = Must(ReadFile(party_ + "/crl/transport.pem"));
  EXPECT_NE(after, before);
  ASSERT_THAT(WriteFile(published, before), IsOk());
  EXPECT_THAT(FetchLists(url_, party_), Fails(kUnauthenticated, "WRONG_AUTHORITY"));
  EXPECT_EQ(Must(ReadFile(party_ + "/crl/transport.pem")), after);
}

TEST_F(ClientTest, AListOfAnotherAuthorityIsNotTaken) {
  ASSERT_THAT(EnrolWith(Token()), IsOk());
  const auto stranger = pki::testing::MakeRoot("ee transport authority", clock_.Now());
  const auto forged = Must(pki::Crl::Build(stranger.certificate, stranger.key, 99, clock_.Now(),
                                           clock_.Now() + absl::Hours(1), {}));
  ASSERT_THAT(WriteFile(home_ + "/published/crl/transport.pem", forged.ToPem()), IsOk());
  EXPECT_THAT(FetchLists(url_, party_), Fails(kUnauthenticated, "WRONG_AUTHORITY"));
}

// All four lists come over one wire: whoever sits there can give each under the others' names.
TEST_F(ClientTest, AListUnderTheNameOfAnotherAuthorityIsNotTaken) {
  ASSERT_THAT(EnrolWith(Token()), IsOk());
  ca::RevokeRequest revoke;
  revoke.set_spiffe_id(identity_.ToUri());
  EXPECT_EQ(Must(ca_->Revoke(revoke, "uid 0")), 2u);
  ASSERT_THAT(FetchLists(url_, party_), IsOk());
  const std::string genuine = Must(ReadFile(party_ + "/crl/seal.pem"));
  const std::string published = home_ + "/published/crl/";
  for (const char* other : {"transport", "time-stamp", "root"}) {
    ASSERT_THAT(
        WriteFile(published + "seal.pem", Must(ReadFile(absl::StrCat(published, other, ".pem")))),
        IsOk());
    EXPECT_THAT(FetchLists(url_, party_), Fails(kUnauthenticated, "WRONG_AUTHORITY")) << other;
    EXPECT_EQ(Must(ReadFile(party_ + "/crl/seal.pem")), genuine) << other;
  }
  // Nor at first, when there is none here yet.
  ASSERT_EQ(unlink((party_ + "/crl/seal.pem").c_str()), 0);
  EXPECT_THAT(FetchLists(url_, party_), Fails(kUnauthenticated, "WRONG_AUTHORITY"));
  EXPECT_FALSE(Exists(party_ + "/crl/seal.pem"));
}

// What an earlier mistake left under the name is not the newer list.
TEST_F(ClientTest, AListThatDoesNotBelongUnderItsNameIsReplaced) {
  ASSERT_THAT(EnrolWith(Token()), IsOk());
  const std::string genuine = Must(ReadFile(party_ + "/crl/seal.pem"));
  const auto stranger = pki::testing::MakeRoot("ee seal authority", clock_.Now());
  const auto forged = Must(pki::Crl::Build(stranger.certificate, stranger.key, 99, clock_.Now(),
                                           clock_.Now() + absl::Hours(1), {}));
  for (const std::string& wrong :
       {Must(ReadFile(party_ + "/crl/transport.pem")), forged.ToPem(), std::string("nonsense")}) {
    ASSERT_THAT(WriteFile(party_ + "/crl/seal.pem", wrong), IsOk());
    ASSERT_THAT(FetchLists(url_, party_), IsOk());
    EXPECT_EQ(Must(ReadFile(party_ + "/crl/seal.pem")), genuine);
  }
}

TEST_F(ClientTest, TheDirectoryComesFromTheFrontIntoTheCache) {
  const auto key = Must(pki::PrivateKey::Generate());
  DirectoryKeys keys{{key.public_key()}, 1};
  auto cache = Must(DirectoryCache::Open(folder_ + "/cache", keys, absl::Hours(1), clock_));
  EXPECT_THAT(FetchDirectory(url_, *cache), Fails(absl::StatusCode::kNotFound, "NO_DIRECTORY"));
  directory::v1::Directory directory;
  directory.set_instance("ee");
  directory.set_version(1);
  directory.set_issued(absl::ToUnixSeconds(clock_.Now()));
  directory.set_expires(absl::ToUnixSeconds(clock_.Now() + absl::Hours(1)));
  auto signed_directory = Must(PrepareDirectory(directory));
  ASSERT_THAT(SignDirectory(key, &signed_directory), IsOk());
  ASSERT_THAT(WriteFile(folder_ + "/directory", signed_directory.SerializeAsString()), IsOk());
  EXPECT_THAT(FetchDirectory(url_, *cache), IsOk());
  EXPECT_EQ(Must(cache->Current())->version(), 1u);
}

}  // namespace
}  // namespace egov::identity
