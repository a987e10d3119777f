// The parts of the kit that need no gRPC.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <limits>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/rpc/admission.h"
#include "libs/rpc/deadline.h"
#include "libs/rpc/executor.h"
#include "libs/rpc/log.h"
#include "libs/rpc/metrics.h"
#include "libs/rpc/ops.h"
#include "libs/rpc/trace.h"

namespace egov::rpc {
namespace {

using ::egov::base::Fails;
using ::egov::base::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1700000000);

// ---- deadlines

TEST(DeadlineTest, ACallWithoutOneGetsThirtySeconds) {
  const auto deadline = AdmitDeadline(std::chrono::system_clock::time_point::max(), kNow);
  ASSERT_THAT(deadline, IsOk());
  EXPECT_EQ(deadline->outer, kNow + absl::Seconds(30));
}

TEST(DeadlineTest, InnerWorkEndsBeforeTheCallerStopsWaiting) {
  const auto deadline = AdmitDeadline(absl::ToChronoTime(kNow + absl::Seconds(2)), kNow);
  ASSERT_THAT(deadline, IsOk());
  EXPECT_EQ(deadline->outer, kNow + absl::Seconds(2));
  EXPECT_EQ(deadline->inner, kNow + absl::Seconds(2) - absl::Milliseconds(2));
}

TEST(DeadlineTest, WhatCannotBeFinishedInTimeIsRefusedAtTheDoor) {
  EXPECT_THAT(AdmitDeadline(absl::ToChronoTime(kNow + absl::Milliseconds(4)), kNow),
              Fails(absl::StatusCode::kDeadlineExceeded, "DEADLINE_TOO_SHORT"));
  EXPECT_THAT(AdmitDeadline(absl::ToChronoTime(kNow - absl::Seconds(1)), kNow),
              Fails(absl::StatusCode::kDeadlineExceeded, "DEADLINE_TOO_SHORT"));
  EXPECT_THAT(AdmitDeadline(absl::ToChronoTime(kNow + absl::Milliseconds(5)), kNow), IsOk());
}

// ---- traces

TEST(TraceTest, ATraceOfTheCallerIsContinued) {
  const TraceContext trace =
      ContinueTrace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  EXPECT_EQ(trace.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(trace.parent_id, "00f067aa0ba902b7");
  EXPECT_TRUE(trace.sampled);
  const std::string next = NextTraceparent(trace);
  EXPECT_EQ(next.substr(0, 36), "00-4bf92f3577b34da6a3ce929d0e0e4736-");
  EXPECT_EQ(next.size(), 55);
  EXPECT_THAT(next, Not(HasSubstr("00f067aa0ba902b7")));
}

TEST(TraceTest, AMalformedHeaderStartsANewTrace) {
  for (const std::string header :
       {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01"}) {
    const TraceContext trace = ContinueTrace(header);
    EXPECT_EQ(trace.trace_id.size(), 32) << header;
    EXPECT_EQ(header.find(trace.trace_id), std::string::npos) << header;
  }
  EXPECT_NE(ContinueTrace("").trace_id, ContinueTrace("").trace_id);
}

TEST(TraceTest, ALaterVersionMayBeLonger) {
  EXPECT_EQ(ContinueTrace("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-new").trace_id,
            "4bf92f3577b34da6a3ce929d0e0e4736");
}

// ---- admission

TEST(AdmissionTest, CallsInFlightAreBounded) {
  AdmissionOptions options;
  options.max_calls = 2;
  Admission admission(options);
  auto first = admission.Admit(10);
  auto second = admission.Admit(10);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  const auto refused = admission.Admit(0);
  EXPECT_THAT(refused, Fails(absl::StatusCode::kResourceExhausted, "OVERLOADED"));
  EXPECT_GE(base::DetailOf(refused.status())->retry_after, options.retry_after);
  first->Release();
  EXPECT_THAT(admission.Admit(0), IsOk());
}

TEST(AdmissionTest, BytesHeldByCallsAreBoundedAndComeBack) {
  AdmissionOptions options;
  options.max_bytes = 100;
  Admission admission(options);
  {
    auto lease = admission.Admit(40);
    ASSERT_THAT(lease, IsOk());
    EXPECT_THAT(lease->Grow(60), IsOk());
    EXPECT_THAT(lease->Grow(1), Fails(absl::StatusCode::kResourceExhausted, "OVERLOADED"));
    EXPECT_EQ(admission.bytes(), 100);
    lease->Shrink(50);
    EXPECT_EQ(admission.bytes(), 50);
    Lease moved = *std::move(lease);
    EXPECT_EQ(admission.calls(), 1);
    EXPECT_THAT(admission.Admit(51), Fails(absl::StatusCode::kResourceExhausted, "OVERLOADED"));
  }
  EXPECT_EQ(admission.bytes(), 0);
  EXPECT_EQ(admission.calls(), 0);
}

TEST(AdmissionTest, ACapacityPutsThroughThatManyCallsASecond) {
  AdmissionOptions options;
  options.calls_per_second = 500;
  int64_t now = 0;
  Admission admission(options, [&now] { return now; });
  int admitted = 0, refused = 0;
  for (int i = 0; i < 10 * 5000; ++i) {  // ten times the capacity, for ten seconds
    now += 1000000000 / 5000;
    auto lease = admission.Admit(1);
    lease.ok() ? ++admitted : ++refused;
  }
  EXPECT_GE(admitted, 5000 * 0.98);
  EXPECT_LE(admitted, 5000 + 51);  // the burst, once
  EXPECT_GT(refused, 0);
  EXPECT_EQ(admission.calls(), 0);
  EXPECT_EQ(admission.bytes(), 0);
}

TEST(AdmissionTest, RefusalsAreSpreadInTime) {
  AdmissionOptions options;
  options.max_calls = 0;
  Admission admission(options);
  std::set<absl::Duration> waits;
  for (int i = 0; i < 100; ++i) {
    const auto wait = base::DetailOf(admission.Admit(0).status())->retry_after;
    EXPECT_GE(wait, options.retry_after);
    EXPECT_LE(wait, 2 * options.retry_after);
    waits.insert(wait);
  }
  EXPECT_GT(waits.size(), 30);
}

// ---- executor

TEST(ExecutorTest, RunsTasksAndFinishesThoseThatWaitWhenStopped) {
  std::atomic<int> ran{0};
  {
    Executor executor({2, 100});
    for (int i = 0; i < 50; ++i) EXPECT_THAT(executor.Run([&ran] { ++ran; }), IsOk());
  }
  EXPECT_EQ(ran, 50);
}

TEST(ExecutorTest, AFullQueueRefusesWithADelay) {
  Executor executor({1, 2});
  std::promise<void> go, busy;
  ASSERT_THAT(executor.Run([&] {
    busy.set_value();
    go.get_future().wait();
  }),
              IsOk());
  busy.get_future().wait();
  EXPECT_THAT(executor.Run([] {}), IsOk());
  EXPECT_THAT(executor.Run([] {}), IsOk());
  EXPECT_EQ(executor.waiting(), 2);
  const absl::Status refused = executor.Run([] {});
  EXPECT_THAT(refused, Fails(absl::StatusCode::kResourceExhausted, "OVERLOADED"));
  EXPECT_GT(base::DetailOf(refused)->retry_after, absl::ZeroDuration());
  go.set_value();
  executor.Stop();
  EXPECT_THAT(executor.Run([] {}), Fails(absl::StatusCode::kUnavailable, "SHUTTING_DOWN"));
}

// ---- metrics

TEST(MetricsTest, MethodsAreCountedUnderTheEcosystemsNames) {
  Metrics metrics;
  MethodMetrics& method = metrics.For("egov.x.v1.XService", "Get", "unary");
  EXPECT_EQ(&method, &metrics.For("egov.x.v1.XService", "Get", "unary"));
  method.Started();
  method.Started();
  method.Handled(absl::StatusCode::kPermissionDenied, absl::Milliseconds(3));
  const std::string text = metrics.Render();
  const std::string labels =
      R"(grpc_method="Get",grpc_service="egov.x.v1.XService",grpc_type="unary")";
  EXPECT_THAT(text, HasSubstr(absl::StrCat("grpc_server_started_total{", labels, "} 2\n")));
  EXPECT_THAT(text, HasSubstr(absl::StrCat("grpc_in_flight{", labels, "} 1\n")));
  EXPECT_THAT(text,
              HasSubstr(absl::StrCat("grpc_server_handled_total{grpc_code=\"PermissionDenied\",",
                                     labels, "} 1\n")));
  EXPECT_THAT(text, HasSubstr(absl::StrCat("grpc_server_handled_total{grpc_code=\"OK\",", labels,
                                           "} 0\n")));
  EXPECT_THAT(text, HasSubstr("grpc_server_handling_seconds_bucket{"));
  EXPECT_THAT(text, HasSubstr("# TYPE grpc_server_handling_seconds histogram"));
}

TEST(MetricsTest, OtherLibrariesCountByName) {
  Metrics metrics;
  Counter counter = metrics.GetCounter("egov_things_total", "Things.", {{"kind", "a"}});
  counter.Add();
  metrics.GetCounter("egov_things_total", "Things.", {{"kind", "a"}}).Add(2);
  EXPECT_EQ(counter.Value(), 3);
  double queue = 7;
  metrics.AddGaugeFunction("egov_queue", "Waiting.", {}, [&queue] { return queue; });
  metrics.GetHistogram("egov_bytes", "Sizes.", {10, 100}).Observe(50);
  EXPECT_THAT(metrics.Render(), HasSubstr("egov_queue 7\n"));
  queue = 8;
  EXPECT_THAT(metrics.Render(), HasSubstr("egov_queue 8\n"));
  EXPECT_THAT(metrics.Render(), HasSubstr("egov_bytes_bucket{le=\"100\"} 1\n"));
  Counter().Add();  // inert
}

// ---- logs

class LogTest : public ::testing::Test {
 protected:
  LogTest() {
    EXPECT_EQ(pipe(pipe_), 0);
    fcntl(pipe_[0], F_SETFL, O_NONBLOCK);
    options_.fd = pipe_[1];
  }
  ~LogTest() override {
    close(pipe_[0]);
    close(pipe_[1]);
  }
  std::vector<std::string> Lines() {
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = read(pipe_[0], buffer, sizeof(buffer))) > 0;)
      text.append(buffer, static_cast<size_t>(n));
    return absl::StrSplit(text, '\n', absl::SkipEmpty());
  }
  int pipe_[2];
  LogOptions options_;
  base::ManualClock clock_{absl::FromUnixMicros(1700000000123456)};
};

TEST_F(LogTest, ALineIsOneJsonObjectWithTypedFields) {
  Logger logger(options_, clock_);
  logger.Info("a \"quoted\"\nline", {{"n", 5},
                                     {"ok", true},
                                     {"x", 1.5},
                                     {"nan", std::numeric_limits<double>::quiet_NaN()},
                                     {"text", "tab\t \xff õ"}});
  logger.Flush();
  EXPECT_THAT(
      Lines(),
      ElementsAre("{\"time\":\"2023-11-14T22:13:20.123456Z\",\"level\":\"info\",\"message\":\"a "
                  "\\\"quoted\\\"\\u000aline\",\"n\":5,\"ok\":true,\"x\":1.5,\"nan\":null,"
                  "\"text\":\"tab\\u0009 \xEF\xBF\xBD õ\"}"));
}

TEST_F(LogTest, LinesBelowTheLevelAreNotWritten) {
  Logger logger(options_, clock_);
  logger.Debug("no");
  logger.SetLevel(LogLevel::kDebug);
  logger.Debug("yes");
  logger.Flush();
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1);
  EXPECT_THAT(lines[0], HasSubstr("\"yes\""));
}

TEST_F(LogTest, SuccessfulCallsAreLoggedOnlyWhenSlowOrAtDebug) {
  Logger logger(options_, clock_);
  CallRecord call{"4bf92f3577b34da6a3ce929d0e0e4736",
                  "aa",
                  "/egov.x.v1.X/Get",
                  "spiffe://ee/GOV/1/a",
                  absl::OkStatus(),
                  absl::Milliseconds(5)};
  logger.LogCall(call);
  logger.Flush();
  EXPECT_THAT(Lines(), IsEmpty());
  call.took = absl::Seconds(2);
  logger.LogCall(call);
  logger.Flush();
  EXPECT_EQ(Lines().size(), 1);
  logger.SetLevel(LogLevel::kDebug);
  call.took = absl::Milliseconds(5);
  logger.LogCall(call);
  logger.Flush();
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1);
  EXPECT_THAT(
      lines[0],
      HasSubstr(R"("trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","message_id":"aa",)"
                R"("method":"/egov.x.v1.X/Get","caller":"spiffe://ee/GOV/1/a","status":"OK",)"
                R"("duration_ms":5})"));
}

TEST_F(LogTest, FailedCallsAreLoggedWithTheirReasonAndBugsAsErrors) {
  Logger logger(options_, clock_);
  CallRecord call;
  call.status = base::Error(absl::StatusCode::kPermissionDenied, "NO_RIGHT", "no").status();
  logger.LogCall(call);
  call.status = absl::InternalError("column family missing");
  logger.LogCall(call);
  logger.Flush();
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 2);
  EXPECT_THAT(lines[0], HasSubstr(R"("level":"info","message":"call")"));
  EXPECT_THAT(lines[0], HasSubstr(R"("status":"PERMISSION_DENIED","reason":"NO_RIGHT")"));
  EXPECT_THAT(lines[1], HasSubstr(R"("level":"error")"));
  EXPECT_THAT(lines[1], HasSubstr("column family missing"));
}

TEST_F(LogTest, AFloodOfFailedCallsIsCutAndCounted) {
  options_.calls_per_second = 10;
  Logger logger(options_, clock_);
  CallRecord call;
  call.status = base::Error(absl::StatusCode::kPermissionDenied, "NO_RIGHT", "no").status();
  for (int i = 0; i < 1000; ++i) logger.LogCall(call);
  clock_.Advance(absl::Seconds(1));
  logger.LogCall(call);
  logger.Flush();
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 12);
  EXPECT_THAT(lines[10], HasSubstr(R"("message":"call lines left out","count":990)"));
}

TEST_F(LogTest, AReaderThatStandsStillCostsLinesNotMemoryOrTime) {
  options_.buffer_bytes = 64 << 10;
  auto logger = std::make_unique<Logger>(options_, clock_);
  const std::string text(1000, 'x');
  for (int i = 0; i < 2000; ++i)
    logger->Info(text);  // 2 MB into a pipe of 64 KiB that nobody reads
  EXPECT_GT(logger->dropped(), 1000);
  std::thread reader([this] {
    char buffer[4096];
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
    while (std::chrono::steady_clock::now() < end) {
      if (read(pipe_[0], buffer, sizeof(buffer)) < 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  logger.reset();
  reader.join();
}

TEST_F(LogTest, ALineCostsTheCallerLittle) {
  const int null = open("/dev/null", O_WRONLY);
  options_.fd = null;
  Logger logger(options_);
  CallRecord call{"4bf92f3577b34da6a3ce929d0e0e4736",
                  "4bf92f3577b34da6a3ce929d0e0e4736",
                  "/egov.population.v1.PopulationService/GetPerson",
                  "spiffe://ee/GOV/70000310/pensions",
                  base::Error(absl::StatusCode::kPermissionDenied, "NO_RIGHT", "no").status(),
                  absl::Milliseconds(1)};
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10000; ++i) logger.LogCall(call);
  const double micros =
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count() /
      10000;
  printf("LogCall: %.2f us\n", micros);
  EXPECT_LT(micros, 50);  // a gross failure (a write at each line) even in a slow build
  logger.Flush();
  close(null);
}

TEST(LogLevelTest, AnUnknownLevelIsRefused) {
  LogLevel level;
  EXPECT_THAT(ParseLogLevel("warning", &level), IsOk());
  EXPECT_EQ(level, LogLevel::kWarning);
  EXPECT_THAT(ParseLogLevel("loud", &level),
              Fails(absl::StatusCode::kInvalidArgument, "LOG_LEVEL_UNKNOWN"));
}

// ---- ops port

std::string Http(int port, const std::string& request) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const std::string text = absl::StrCat(request, " HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  std::string answer;
  char buffer[4096];
  for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0;)
    answer.append(buffer, static_cast<size_t>(n));
  close(fd);
  return answer;
}

TEST(OpsTest, ReadinessNamesTheCheckThatFailsAndNothingElse) {
  Metrics metrics;
  metrics.GetCounter("egov_things_total", "Things.").Add();
  Readiness readiness;
  absl::Status store =
      base::Error(absl::StatusCode::kUnavailable, "STORE_CLOSED", "secret words").status();
  readiness.Add("store", [&store] { return store; });
  readiness.Add("keys", [] { return absl::OkStatus(); });
  auto ops = OpsServer::Start("127.0.0.1:0", readiness, metrics);
  ASSERT_THAT(ops, IsOk());
  const int port = (*ops)->port();
  std::string answer = Http(port, "GET /readyz");
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 503"));
  EXPECT_THAT(answer, HasSubstr("keys ok\nstore STORE_CLOSED\n"));
  EXPECT_THAT(answer, Not(HasSubstr("secret words")));
  EXPECT_THAT(Http(port, "GET /livez"), HasSubstr("HTTP/1.1 200"));  // alive, though not ready
  store = absl::OkStatus();
  EXPECT_THAT(Http(port, "GET /readyz"), HasSubstr("HTTP/1.1 200"));
  EXPECT_THAT(Http(port, "GET /metrics"), HasSubstr("egov_things_total 1\n"));
  EXPECT_THAT(Http(port, "GET /else"), HasSubstr("HTTP/1.1 404"));
  EXPECT_THAT(Http(port, "POST /readyz"), HasSubstr("HTTP/1.1 405"));
  readiness.StartDraining();
  answer = Http(port, "GET /readyz");
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 503"));
  EXPECT_THAT(answer, HasSubstr("draining\n"));
  EXPECT_THAT(OpsServer::Start(absl::StrCat("127.0.0.1:", port), readiness, metrics),
              Fails(absl::StatusCode::kUnavailable, "OPS_PORT_UNUSABLE"));
}

}  // namespace
}  // namespace egov::rpc
