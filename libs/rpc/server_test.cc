// Server and channels together, over real mutual TLS on the loopback: who gets in, health, limits,
// overload.
#include "libs/rpc/server.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.pb.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/rpc/admission.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/testing/client.h"
#include "libs/rpc/testing/echo.h"
#include "libs/rpc/testing/tls_world.h"

namespace egov::rpc {
namespace {

using ::egov::base::Fails;
using ::egov::base::IsOk;
using ::egov::base::StatusOf;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kServerId[] = "spiffe://ee/GOV/70000562/population";
constexpr char kCallerId[] = "spiffe://ee/GOV/70000310/pensions";

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() : clock_(absl::Now()) {
    world_.AddAuthority("Transport CA");
    options_.tls.files = world_.Write("server", "ee/GOV/70000562/population");
    options_.tls.refresh = absl::Seconds(1);
    caller_ = world_.Write("caller", "ee/GOV/70000310/pensions");
    LogOptions quiet;
    quiet.level = LogLevel::kError;
    logger_ = std::make_unique<Logger>(quiet);
  }

  // Starts a server whose unary method answers with the caller's identity.
  void Start(std::function<absl::Status()> also = nullptr) {
    auto server = Server::Create(options_, logger_.get(), &metrics_, clock_);
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    PeerCache* const peers = &server_->peers();
    server_->readiness().Add("test", [this] {
      return ready_ ? absl::OkStatus()
                    : base::Error(absl::StatusCode::kUnavailable, "NOT_YET", "x").status();
    });
    server_->Add(
        testing::NewEchoService([peers, also](grpc::CallbackServerContext* context,
                                              const grpc::ByteBuffer*, grpc::ByteBuffer* response) {
          const auto peer = peers->Identify(*context->auth_context());
          absl::Status status = peer.status();
          if (status.ok() && also) status = also();
          if (status.ok()) *response = testing::ToBuffer((*peer)->spiffe);
          grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
          reactor->Finish(ToGrpc(status, "echo"));
          return reactor;
        }),
        testing::kEchoService);
    ASSERT_THAT(server_->Start(), IsOk());
  }

  std::unique_ptr<Channels> Connect(const TlsFiles& files,
                                    const std::string& audience = kServerId) {
    ChannelOptions options;
    options.target = absl::StrCat("127.0.0.1:", server_->port());
    options.audience = audience;
    options.tls = {files, absl::Seconds(1)};
    auto channels = Channels::Create(options);
    EXPECT_THAT(channels, IsOk());
    return *std::move(channels);
  }

  absl::StatusOr<std::string> Echo(Channels& channels) {
    return testing::Call(channels.Next(), testing::kEchoMethod, "hello");
  }

  absl::StatusOr<int> Health(Channels& channels, const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    EGOV_ASSIGN_OR_RETURN(const std::string bytes,
                          testing::Call(channels.Next(), "/grpc.health.v1.Health/Check",
                                        request.SerializeAsString()));
    HealthCheckResponse response;
    EXPECT_TRUE(response.ParseFromString(bytes));
    return response.status();
  }

  // Neither the service nor health answers.
  void ExpectShutOut(Channels& channels, absl::StatusCode code, const std::string& reason) {
    EXPECT_THAT(Echo(channels), Fails(code, reason));
    EXPECT_THAT(Health(channels, ""), Fails(code, reason));
  }

  testing::TlsWorld world_;
  ServerOptions options_;
  TlsFiles caller_;
  base::ManualClock clock_;
  Metrics metrics_;
  std::atomic<bool> ready_{true};
  std::unique_ptr<Logger> logger_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AMemberIsKnownByItsOneSpiffeUri) {
  Start();
  const auto channels = Connect(caller_);
  const auto answer = Echo(*channels);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(*answer, kCallerId);
}

TEST_F(ServerTest, WithoutACertificateNoCallSucceeds) {
  Start();
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = world_.authority(0).certificate.ToPem();
  grpc::ChannelArguments args;
  args.SetSslTargetNameOverride("localhost");
  const auto channel = grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                                 grpc::SslCredentials(tls), args);
  EXPECT_THAT(testing::Call(channel, testing::kEchoMethod, "x"),
              Fails(absl::StatusCode::kUnavailable, "UNAVAILABLE"));
  EXPECT_THAT(testing::Call(channel, "/grpc.health.v1.Health/Check", ""),
              Fails(absl::StatusCode::kUnavailable, "UNAVAILABLE"));
  const auto plain = grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                         grpc::InsecureChannelCredentials());
  EXPECT_THAT(testing::Call(plain, testing::kEchoMethod, "x"),
              Fails(absl::StatusCode::kUnavailable, "UNAVAILABLE"));
}

TEST_F(ServerTest, WithAnotherAuthoritysCertificateNoCallSucceeds) {
  Start();
  const size_t other = world_.AddAuthority("Other CA");
  const auto channels =
      Connect(world_.Write("stranger", "ee/GOV/70000310/pensions", other, {0, other}));
  ExpectShutOut(*channels, absl::StatusCode::kUnavailable, "UNAVAILABLE");
}

TEST_F(ServerTest, WithAnExpiredCertificateNoCallSucceeds) {
  Start();
  const auto channels =
      Connect(world_.Write("late", "ee/GOV/70000310/pensions", 0, {0},
                           absl::Now() - absl::Hours(48), absl::Now() - absl::Hours(24)));
  ExpectShutOut(*channels, absl::StatusCode::kUnavailable, "UNAVAILABLE");
}

TEST_F(ServerTest, WithoutASpiffeUriNoCallSucceeds) {
  Start();
  const auto channels = Connect(world_.WriteWithUris("none", {}));
  ExpectShutOut(*channels, absl::StatusCode::kUnauthenticated, "NO_SPIFFE_ID");
}

TEST_F(ServerTest, WithTwoSpiffeUrisNoCallSucceeds) {
  Start();
  const auto channels =
      Connect(world_.WriteWithUris("two", {kCallerId, "spiffe://ee/GOV/70000310/other"}));
  ExpectShutOut(*channels, absl::StatusCode::kUnauthenticated, "NO_SPIFFE_ID");
}

TEST_F(ServerTest, WithAUriThatIsNotASpiffeIdNoCallSucceeds) {
  Start();
  const auto channels = Connect(world_.WriteWithUris("web", {"https://ee/GOV/70000310/pensions"}));
  ExpectShutOut(*channels, absl::StatusCode::kUnauthenticated, "NO_SPIFFE_ID");
}

TEST_F(ServerTest, AClientSpeaksOnlyToTheServerItMeant) {
  Start();
  const auto channels = Connect(caller_, "spiffe://ee/GOV/70000562/business");
  EXPECT_THAT(Echo(*channels), Fails(absl::StatusCode::kUnavailable, "UNAVAILABLE"));
}

TEST_F(ServerTest, AServerWithTwoUrisIsNotBelieved) {
  options_.tls.files =
      world_.WriteWithUris("server2", {kServerId, "spiffe://ee/GOV/70000562/other"});
  Start();
  EXPECT_THAT(Echo(*Connect(caller_)), Fails(absl::StatusCode::kUnavailable, "UNAVAILABLE"));
}

TEST_F(ServerTest, ACertificateThatExpiresOnAnOpenConnectionIsRefusedAtTheNextCall) {
  Start();
  const auto channels = Connect(caller_);
  ASSERT_THAT(Echo(*channels), IsOk());
  clock_.Set(world_.Leaf("caller").not_after() + absl::Seconds(1));
  EXPECT_THAT(Echo(*channels), Fails(absl::StatusCode::kUnauthenticated, "CERTIFICATE_EXPIRED"));
  EXPECT_THAT(Health(*channels, ""),
              Fails(absl::StatusCode::kUnauthenticated, "CERTIFICATE_EXPIRED"));
}

TEST_F(ServerTest, ACertificateRevokedOnAnOpenConnectionIsRefusedAtTheNextCall) {
  const TlsFiles other = world_.Write("other", "ee/GOV/70000310/other");
  world_.Revoke({});
  options_.tls.files.crl_directory = world_.CrlDirectory();
  Start();
  const auto channels = Connect(caller_);
  ASSERT_THAT(Echo(*channels), IsOk());
  world_.Revoke({world_.Leaf("caller")});
  ASSERT_THAT(server_->peers().Reload(), IsOk());
  EXPECT_THAT(Echo(*channels), Fails(absl::StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"));
  EXPECT_THAT(Echo(*Connect(other)), IsOk());
}

TEST_F(ServerTest, RevocationListsAreReadAgainWithoutBeingTold) {
  world_.Revoke({});
  options_.tls.files.crl_directory = world_.CrlDirectory();
  Start();
  const auto channels = Connect(caller_);
  ASSERT_THAT(Echo(*channels), IsOk());
  world_.Revoke({world_.Leaf("caller")});
  absl::Status status;
  for (int i = 0; i < 50 && status.ok(); ++i) {
    absl::SleepFor(absl::Milliseconds(100));
    status = Echo(*channels).status();
  }
  EXPECT_THAT(status, Fails(absl::StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"));
}

TEST_F(ServerTest, AClientDoesNotSpeakToARevokedServer) {
  Start();
  world_.Revoke({});
  world_.Rehash();
  TlsFiles files = caller_;
  files.crl_directory = world_.CrlDirectory();
  EXPECT_THAT(Echo(*Connect(files)), IsOk());
  world_.Revoke({world_.Leaf("server")});
  world_.Rehash();
  EXPECT_THAT(Echo(*Connect(files)), Fails(absl::StatusCode::kUnavailable, "UNAVAILABLE"));
}

TEST_F(ServerTest, AListOfAnAuthorityThatIsNotOursIsPassedOver) {
  world_.Revoke({world_.Leaf("caller")});
  world_.Revoke({}, world_.AddAuthority("Seal CA"));
  options_.tls.files.crl_directory = world_.CrlDirectory();
  Start();
  EXPECT_THAT(Echo(*Connect(caller_)),
              Fails(absl::StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"));
}

TEST_F(ServerTest, AListInOurAuthoritysNameThatItDidNotSignChangesNothing) {
  world_.Revoke({world_.Leaf("caller")});
  options_.tls.files.crl_directory = world_.CrlDirectory();
  Start();
  const size_t other = world_.AddAuthority("Transport CA");
  world_.Revoke({}, other);
  EXPECT_THAT(server_->peers().Reload(),
              Fails(absl::StatusCode::kFailedPrecondition, "CRL_UNREADABLE"));
  EXPECT_THAT(server_->peers().LastReload(),
              Fails(absl::StatusCode::kFailedPrecondition, "CRL_UNREADABLE"));
  EXPECT_THAT(Echo(*Connect(caller_)),
              Fails(absl::StatusCode::kUnauthenticated, "CERTIFICATE_REVOKED"));
}

TEST_F(ServerTest, ACertificateIsParsedOnceAndForgottenInTurn) {
  PeerCacheOptions options;
  options.capacity = 2;
  const auto cache = PeerCache::Create(options);
  ASSERT_THAT(cache, IsOk());
  std::vector<std::string> pems;
  for (const std::string name : {"a", "b", "c"}) {
    world_.Write(name, "ee/GOV/1/" + name);
    pems.push_back(world_.Leaf(name).ToPem());
  }
  const auto first = (*cache)->IdentifyPem(pems[0]);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ((*first)->certificate_sha256[0], world_.Leaf("a").fingerprint()[0]);
  ASSERT_THAT((*cache)->IdentifyPem(pems[1]), IsOk());
  EXPECT_EQ(*(*cache)->IdentifyPem(pems[0]), *first);   // the same object
  ASSERT_THAT((*cache)->IdentifyPem(pems[2]), IsOk());  // b was used least recently
  EXPECT_EQ(*(*cache)->IdentifyPem(pems[0]), *first);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10000; ++i) ASSERT_TRUE((*cache)->IdentifyPem(pems[0]).ok());
  const double micros =
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count() /
      10000;
  printf("IdentifyPem, known: %.2f us\n", micros);
  EXPECT_LT(micros, 50);  // parsing takes three times that
  EXPECT_THAT((*cache)->IdentifyPem("garbage"),
              Fails(absl::StatusCode::kUnauthenticated, "NO_CERTIFICATE"));
}

TEST_F(ServerTest, FilesThatDoNotBelongTogetherStopTheStart) {
  options_.tls.files.key = caller_.key;
  EXPECT_THAT(Server::Create(options_, logger_.get(), &metrics_).status(),
              Fails(absl::StatusCode::kFailedPrecondition, "TLS_KEY_MISMATCH", "tls.key"));
  options_.tls.files.key = "/nowhere";
  EXPECT_THAT(Server::Create(options_, logger_.get(), &metrics_).status(),
              Fails(absl::StatusCode::kFailedPrecondition, "TLS_FILE_UNREADABLE", "tls.key"));
  options_.tls.files = caller_;
  options_.tls.files.anchors = caller_.certificate;
  EXPECT_THAT(
      Server::Create(options_, logger_.get(), &metrics_).status(),
      Fails(absl::StatusCode::kFailedPrecondition, "TLS_CERTIFICATE_UNUSABLE", "tls.anchors"));
}

TEST_F(ServerTest, ATakenPortAServiceTwiceAndNoServiceStopTheStart) {
  Start();
  ServerOptions again = options_;
  again.listen = absl::StrCat("127.0.0.1:", server_->port());
  auto second = Server::Create(again, logger_.get(), &metrics_);
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT((*second)->Start(), Fails(absl::StatusCode::kFailedPrecondition, "NO_SERVICE"));
  (*second)->Add(testing::NewEchoService(), testing::kEchoService);
  EXPECT_THAT((*second)->Start(), Fails(absl::StatusCode::kUnavailable, "PORT_UNUSABLE"));
  (*second)->Add(testing::NewEchoService(), testing::kEchoService);
  EXPECT_THAT((*second)->Start(), Fails(absl::StatusCode::kFailedPrecondition, "SERVICE_TWICE"));
}

TEST_F(ServerTest, HealthSaysNotServingUntilReadyAndKnowsItsServices) {
  ready_ = false;
  Start();
  const auto channels = Connect(caller_);
  EXPECT_THAT(*Health(*channels, ""), HealthCheckResponse::NOT_SERVING);
  EXPECT_THAT(*Health(*channels, testing::kEchoService), HealthCheckResponse::NOT_SERVING);
  EXPECT_THAT(Health(*channels, "egov.other.v1.Other"),
              Fails(absl::StatusCode::kNotFound, "UNKNOWN_SERVICE"));
  ready_ = true;
  int status = 0;
  for (int i = 0; i < 50 && status != HealthCheckResponse::SERVING; ++i) {
    absl::SleepFor(absl::Milliseconds(100));
    status = *Health(*channels, testing::kEchoService);
  }
  EXPECT_EQ(status, HealthCheckResponse::SERVING);
}

// Reads a watch until it ends; what it was told, in order.
class Watcher final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit Watcher(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {
    stub_.PrepareBidiStreamingCall(&context_, "/grpc.health.v1.Health/Watch", grpc::StubOptions(),
                                   this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&message_);
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    HealthCheckResponse response;
    EXPECT_TRUE(response.ParseFromString(testing::ToString(message_)));
    {
      std::lock_guard<std::mutex> lock(mutex_);
      told_.push_back(response.status());
    }
    StartRead(&message_);
  }
  void OnDone(const grpc::Status& status) override { done_.set_value(status); }
  grpc::Status Wait() { return done_.get_future().get(); }
  std::vector<int> told() {
    std::lock_guard<std::mutex> lock(mutex_);
    return told_;
  }

 private:
  grpc::ClientContext context_;
  grpc::GenericStub stub_;
  grpc::ByteBuffer request_ = testing::ToBuffer(""), message_;
  std::mutex mutex_;
  std::vector<int> told_;
  std::promise<grpc::Status> done_;
};

TEST_F(ServerTest, AWatchIsToldOfEachChangeAndEndsWithTheServer) {
  Start();
  const auto channels = Connect(caller_);
  Watcher watcher(channels->Next());
  for (int i = 0; i < 50 && watcher.told().empty(); ++i) absl::SleepFor(absl::Milliseconds(50));
  ready_ = false;
  for (int i = 0; i < 50 && watcher.told().size() < 2; ++i) absl::SleepFor(absl::Milliseconds(100));
  const auto begin = absl::Now();
  server_->Drain(absl::ZeroDuration(), absl::Seconds(20));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));  // the watch did not hold it up
  EXPECT_EQ(watcher.Wait().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(watcher.told(),
            (std::vector<int>{HealthCheckResponse::SERVING, HealthCheckResponse::NOT_SERVING}));
}

TEST_F(ServerTest, ReflectionIsOff) {
  Start();
  EXPECT_THAT(testing::Call(Connect(caller_)->Next(),
                            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", ""),
              Fails(absl::StatusCode::kUnimplemented, "UNIMPLEMENTED"));
}

TEST_F(ServerTest, MessagesAndMetadataAreLimited) {
  options_.max_receive_bytes = 1000;
  Start();
  const auto channels = Connect(caller_);
  EXPECT_THAT(
      testing::Call(channels->Next(), testing::kEchoMethod, std::string(1001, 'x')).status(),
      Fails(absl::StatusCode::kResourceExhausted, "TRANSPORT"));
  grpc::ClientContext context;
  context.AddMetadata("x", std::string(17 << 10, 'x'));
  EXPECT_THAT(testing::Call(channels->Next(), testing::kEchoMethod, "x", &context), Not(IsOk()));
  EXPECT_THAT(Echo(*Connect(caller_)), IsOk());  // that connection is lost, nobody else's
}

TEST_F(ServerTest, OverloadIsRefusedWithADelay) {
  AdmissionOptions limits;
  limits.calls_per_second = 1;
  limits.burst = 3;
  Admission admission(limits);
  Start([&admission] { return admission.Admit(100).status(); });
  const auto channels = Connect(caller_);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(Echo(*channels), IsOk());
  const auto refused = Echo(*channels);
  EXPECT_THAT(refused, Fails(absl::StatusCode::kResourceExhausted, "OVERLOADED"));
  const absl::Duration wait = base::DetailOf(refused.status())->retry_after;
  EXPECT_GT(wait, absl::Milliseconds(100));
  absl::SleepFor(wait);
  EXPECT_THAT(Echo(*channels), IsOk());  // what the delay promised
}

TEST_F(ServerTest, AnErrorsDetailsCrossTheWire) {
  Start([] {
    return base::Error(absl::StatusCode::kPermissionDenied, "NO_RIGHT", "No right for this item")
        .Field("items")
        .Expected("an item of the right")
        .status();
  });
  const auto answer = Echo(*Connect(caller_));
  EXPECT_THAT(answer, Fails(absl::StatusCode::kPermissionDenied, "NO_RIGHT", "items"));
  EXPECT_EQ(answer.status().message(), "No right for this item");
}

TEST_F(ServerTest, MetricsTellWhenTheCertificateEndsAndHowMuchMemoryIsUsed) {
  Start();
  const std::string text = metrics_.Render();
  EXPECT_THAT(text, HasSubstr("\ntlsconfig_notafter_seconds "));
  const double end = absl::ToDoubleSeconds(world_.Leaf("server").not_after() - absl::UnixEpoch());
  EXPECT_EQ(metrics_.GetGauge("tlsconfig_notafter_seconds", "", {}).Value(), end);
  EXPECT_GT(metrics_.GetGauge("process_resident_memory_bytes", "", {}).Value(), 1e6);
}

TEST_F(ServerTest, ACallWithoutADeadlineOfItsOwnGetsTheChannels) {
  Start();
  ChannelOptions options;
  options.target = absl::StrCat("127.0.0.1:", server_->port());
  options.audience = kServerId;
  options.tls = {caller_, absl::Seconds(1)};
  options.connections = 2;
  options.wait_for_ready = true;
  const auto channels = Channels::Create(options);
  ASSERT_THAT(channels, IsOk());
  EXPECT_NE((*channels)->Next(), (*channels)->Next());
  grpc::ClientContext context;
  (*channels)->Prepare(&context);
  EXPECT_LT(absl::FromChrono(context.deadline()) - absl::Now(), absl::Seconds(31));
  EXPECT_THAT(testing::Call((*channels)->Next(), testing::kEchoMethod, "x", &context), IsOk());
  options.audience = "population";
  EXPECT_THAT(Channels::Create(options).status(),
              Fails(absl::StatusCode::kInvalidArgument, "TLS_AUDIENCE_INVALID"));
  options.target = "";
  EXPECT_THAT(Channels::Create(options).status(),
              Fails(absl::StatusCode::kInvalidArgument, "TARGET_MISSING"));
}

}  // namespace
}  // namespace egov::rpc
