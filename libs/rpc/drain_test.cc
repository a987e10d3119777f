// What happens to calls while a server is renewed or goes: certificates and anchors change,
// replicas restart, a signal comes.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/bytes.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/executor.h"
#include "libs/rpc/server.h"
#include "libs/rpc/testing/client.h"
#include "libs/rpc/testing/echo.h"
#include "libs/rpc/testing/tls_world.h"

namespace egov::rpc {
namespace {

using ::egov::base::Fails;
using ::egov::base::IsOk;
using ::testing::ElementsAre;

constexpr char kServerId[] = "spiffe://ee/GOV/70000562/population";

class DrainTest : public ::testing::Test {
 protected:
  DrainTest() {
    world_.AddAuthority("First CA");
    world_.AddAuthority("Second CA");
    options_.tls.files = world_.Write("server", "ee/GOV/70000562/population");
    options_.tls.refresh = absl::Seconds(1);
    caller_ = world_.Write("caller", "ee/GOV/70000310/pensions");
    LogOptions quiet;
    quiet.level = LogLevel::kError;
    logger_ = std::make_unique<Logger>(quiet);
  }

  // A server that takes 5 ms on a worker and answers with the SHA-256 of the caller's certificate.
  std::unique_ptr<Server> Start(Metrics* metrics) {
    auto created = Server::Create(options_, logger_.get(), metrics);
    EXPECT_THAT(created, IsOk());
    std::unique_ptr<Server> server = *std::move(created);
    PeerCache* const peers = &server->peers();
    server->Add(
        testing::NewEchoService([this, peers](grpc::CallbackServerContext* context,
                                              const grpc::ByteBuffer*, grpc::ByteBuffer* response) {
          grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
          EXPECT_THAT(workers_.Run([=] {
            absl::SleepFor(absl::Milliseconds(5));
            const auto peer = peers->Identify(*context->auth_context());
            if (peer.ok()) {
              const auto& digest = (*peer)->certificate_sha256;
              *response = testing::ToBuffer(std::string(digest.begin(), digest.end()));
              ++handled_;
            }
            reactor->Finish(ToGrpc(peer.status(), "echo"));
          }),
                      IsOk());
          return reactor;
        }),
        testing::kEchoService);
    EXPECT_THAT(server->Start(), IsOk());
    return server;
  }

  std::unique_ptr<Channels> Connect(const std::string& target, const TlsFiles& files) {
    ChannelOptions options;
    options.target = target;
    options.audience = kServerId;
    options.tls = {files, absl::Seconds(1)};
    auto channels = Channels::Create(options);
    EXPECT_THAT(channels, IsOk());
    return *std::move(channels);
  }

  // Calls from four threads until Stop. A call is tried `attempts` times while the answer is
  // UNAVAILABLE, as the kit says.
  void StartLoad(const std::string& target, int attempts) {
    for (int i = 0; i < 4; ++i) {
      load_.emplace_back(
          [this, attempts, channels = std::shared_ptr<Channels>(Connect(target, caller_))] {
            while (!stop_) {
              absl::StatusOr<std::string> answer;
              for (int attempt = 0; attempt < attempts; ++attempt) {
                if (attempt > 0) absl::SleepFor(absl::Milliseconds(20));
                answer = testing::Call(channels->Next(), testing::kEchoMethod, "x");
                if (answer.ok() || !absl::IsUnavailable(answer.status())) break;
              }
              std::lock_guard<std::mutex> lock(mutex_);
              if (answer.ok()) {
                ++answered_;
                certificates_.insert(*answer);
              } else {
                failures_.push_back(answer.status());
              }
            }
          });
    }
  }

  void StopLoad() {
    stop_ = true;
    for (std::thread& thread : load_) thread.join();
    for (const absl::Status& failure : failures_) ADD_FAILURE() << failure;
  }

  testing::TlsWorld world_;
  ServerOptions options_;
  TlsFiles caller_;
  Metrics metrics_;
  std::unique_ptr<Logger> logger_;
  Executor workers_{{8, 1000}};
  std::atomic<int> handled_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> load_;
  std::mutex mutex_;
  int answered_ = 0;
  std::set<std::string> certificates_;
  std::vector<absl::Status> failures_;
};

TEST_F(DrainTest, CertificatesAndAnchorsChangeUnderLoadWithoutAFailedCall) {
  options_.max_connection_age = absl::Milliseconds(300);  // so that handshakes never stop
  const auto server = Start(&metrics_);
  const std::string target = absl::StrCat("127.0.0.1:", server->port());
  const TlsFiles old = world_.Write("old", "ee/GOV/70000310/old", 0, {0, 1});
  EXPECT_THAT(testing::Call(Connect(target, old)->Next(), testing::kEchoMethod, "x"), IsOk());
  StartLoad(target, 3);  // a call may meet a connection in the moment that it ends of age
  const absl::Duration known = absl::Milliseconds(2500);  // two refreshes
  absl::SleepFor(absl::Milliseconds(500));
  world_.Write("server", "ee/GOV/70000562/population", 0, {0, 1});
  world_.Write("caller", "ee/GOV/70000310/pensions", 0, {0, 1});
  absl::SleepFor(known);
  world_.Write("server", "ee/GOV/70000562/population", 1, {0, 1});
  world_.Write("caller", "ee/GOV/70000310/pensions", 1, {0, 1});
  absl::SleepFor(known);
  world_.Write("server", "ee/GOV/70000562/population", 1, {1});
  world_.Write("caller", "ee/GOV/70000310/pensions", 1, {1});
  absl::SleepFor(known);
  StopLoad();
  printf("%d calls answered\n", answered_);
  EXPECT_GT(answered_, 500);
  EXPECT_EQ(certificates_.size(), 4);  // each renewal was taken up
  EXPECT_THAT(testing::Call(Connect(target, old)->Next(), testing::kEchoMethod, "x"),
              Fails(absl::StatusCode::kUnavailable,
                    "UNAVAILABLE"));  // the first authority is trusted no more
}

TEST_F(DrainTest, ARollingRestartLosesNoRequest) {
  Metrics metrics[3];
  auto first = Start(&metrics[0]);
  auto second = Start(&metrics[1]);
  const int port = first->port();
  StartLoad(absl::StrCat("ipv4:127.0.0.1:", port, ",127.0.0.1:", second->port()), 8);
  absl::SleepFor(absl::Milliseconds(500));
  first->Drain(absl::Milliseconds(200), absl::Seconds(10));
  options_.listen = absl::StrCat("127.0.0.1:", port);
  first = Start(&metrics[2]);
  absl::SleepFor(absl::Seconds(1));
  second->Drain(absl::Milliseconds(200), absl::Seconds(10));
  absl::SleepFor(absl::Milliseconds(500));
  StopLoad();
  printf("%d calls answered\n", answered_);
  EXPECT_GT(answered_, 200);
  EXPECT_EQ(handled_, answered_);  // nothing that was begun was thrown away
}

TEST_F(DrainTest, ASignalDrainsFlushesAndClosesInOrder) {
  options_.drain_wait = absl::Milliseconds(300);
  const auto server = Start(&metrics_);
  std::vector<std::string> order;
  server->OnDraining([&order] { order.push_back("feeds end"); });
  server->OnDrained([&order] { order.push_back("store closes"); });
  server->OnDrained([&order] { order.push_back("log flushes"); });
  bool ready_while_waiting = true;
  std::thread killer([&] {
    absl::SleepFor(absl::Milliseconds(200));
    kill(getpid(), SIGTERM);
    absl::SleepFor(absl::Milliseconds(150));
    ready_while_waiting = server->readiness().Ask().ready;
    // Calls are still answered while the platform learns that no more should come.
    EXPECT_THAT(testing::Call(Connect(absl::StrCat("127.0.0.1:", server->port()), caller_)->Next(),
                              testing::kEchoMethod, "x"),
                IsOk());
  });
  EXPECT_EQ(server->RunUntilSignalled(), 0);
  killer.join();
  EXPECT_FALSE(ready_while_waiting);
  EXPECT_THAT(order, ElementsAre("feeds end", "log flushes", "store closes"));
}

// Holds a call until it is cancelled.
class Stuck final : public grpc::ServerUnaryReactor {
 public:
  void OnCancel() override { Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }
};

TEST_F(DrainTest, WhatDoesNotEndByTheDeadlineIsCancelled) {
  auto created = Server::Create(options_, logger_.get(), &metrics_);
  ASSERT_THAT(created, IsOk());
  Server& server = **created;
  std::atomic<bool> arrived{false};
  server.Add(testing::NewEchoService(
                 [&](grpc::CallbackServerContext*, const grpc::ByteBuffer*, grpc::ByteBuffer*) {
                   arrived = true;
                   return new Stuck;
                 }),
             testing::kEchoService);
  ASSERT_THAT(server.Start(), IsOk());
  const auto channels = Connect(absl::StrCat("127.0.0.1:", server.port()), caller_);
  auto call = std::async(std::launch::async, [&] {
    return testing::Call(channels->Next(), testing::kEchoMethod, "x", std::chrono::seconds(30))
        .status();
  });
  while (!arrived) absl::SleepFor(absl::Milliseconds(5));
  const absl::Time begin = absl::Now();
  server.Drain(absl::ZeroDuration(), absl::Milliseconds(300));
  const absl::Duration took = absl::Now() - begin;
  EXPECT_GE(took, absl::Milliseconds(290));
  EXPECT_LT(took, absl::Seconds(5));
  EXPECT_FALSE(call.get().ok());
}

}  // namespace
}  // namespace egov::rpc
