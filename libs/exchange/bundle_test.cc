// Calls that travel together, from the client through a real service, and what a client makes of a
// service that bundles wrongly.
#include "libs/exchange/bundle.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <functional>
#include <set>

#include "absl/strings/match.h"
#include "absl/synchronization/blocking_counter.h"
#include "egov/exchange/v1/bundle_service.pb.h"
#include "google/rpc/status.pb.h"
#include "libs/exchange/testing/fixture.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/tls.h"

namespace egov::exchange::testing {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using egov::exchange::v1::CallBundleRequest;
using egov::exchange::v1::CallBundleResponse;
using namespace egov::testing::lending::v1;  // NOLINT: the contract's messages

constexpr char kPath[] = "/egov.exchange.v1.BundleService/CallBundle";
constexpr char kBundled[] = "egov_bundled_calls_total";

using Answers = std::vector<absl::StatusOr<RawAnswer>>;

// Makes all calls without waiting for one another, then waits for all.
Answers CallAll(Client& client, const std::string& method, const std::vector<Purpose>& purposes,
                const std::vector<std::string>& requests) {
  Answers answers(requests.size());
  absl::BlockingCounter open(static_cast<int>(requests.size()));
  for (size_t i = 0; i < requests.size(); ++i) {
    client.CallAsync(method, purposes[i % purposes.size()], requests[i], absl::Seconds(30),
                     [&answers, &open, i](absl::StatusOr<RawAnswer> answer) {
                       answers[i] = std::move(answer);
                       open.DecrementCount();
                     });
  }
  open.Wait();
  return answers;
}

// Stands between a client and the register, with the register's own key, and changes what comes
// back.
class Relay final : public grpc::CallbackGenericService {
 public:
  using Twist = std::function<grpc::Status(const std::string& method, std::string* response)>;

  // Without `twist` it knows no bundles at all.
  Relay(const RegisterConfig& config, const ClientOptions& client, Twist twist)
      : twist_(std::move(twist)) {
    rpc::ChannelOptions channel;
    channel.target = client.target;
    channel.audience = client.audience;
    channel.tls = client.tls;
    channels_ = *rpc::Channels::Create(channel);
    stub_ = std::make_unique<grpc::GenericStub>(channels_->Next());
    rpc::TlsOptions tls;
    tls.files = {config.tls().key(), config.tls().certificate(), config.tls().anchors(), ""};
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", *rpc::ServerTls(tls), &port_);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }
  ~Relay() override {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

 private:
  class Call final : public grpc::ServerGenericBidiReactor {
   public:
    Call(Relay* relay, grpc::GenericCallbackServerContext* context)
        : relay_(relay), context_(context) {
      StartRead(&request_);
    }
    void OnReadDone(bool) override {
      if (!relay_->twist_ && context_->method() == kPath)
        return Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, ""));
      for (const auto& [key, value] : context_->client_metadata()) {
        if (absl::StartsWith(absl::string_view(key.data(), key.size()), "egov-"))
          out_.AddMetadata(std::string(key.data(), key.size()),
                           std::string(value.data(), value.size()));
      }
      out_.set_deadline(context_->deadline());
      relay_->stub_->UnaryCall(&out_, context_->method(), {}, &request_, &response_,
                               [this](const grpc::Status& status) { Answer(status); });
    }
    void OnDone() override { delete this; }

   private:
    void Answer(grpc::Status status) {
      for (const auto& [key, value] : out_.GetServerTrailingMetadata()) {
        if (absl::StartsWith(absl::string_view(key.data(), key.size()), "egov-"))
          context_->AddTrailingMetadata(std::string(key.data(), key.size()),
                                        std::string(value.data(), value.size()));
      }
      std::string bytes;
      if (status.ok()) {
        grpc::Slice slice;
        if (response_.DumpToSingleSlice(&slice).ok())
          bytes.assign(reinterpret_cast<const char*>(slice.begin()), slice.size());
        if (relay_->twist_) status = relay_->twist_(context_->method(), &bytes);
      }
      if (!status.ok()) return Finish(status);
      const grpc::Slice slice(bytes);
      response_ = grpc::ByteBuffer(&slice, 1);
      StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
    }

    Relay* const relay_;
    grpc::GenericCallbackServerContext* const context_;
    grpc::ClientContext out_;
    grpc::ByteBuffer request_, response_;
  };

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Call(this, context);
  }

  const Twist twist_;
  std::unique_ptr<rpc::Channels> channels_;
  std::unique_ptr<grpc::GenericStub> stub_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

class BundleTest : public LendingTest {
 protected:
  void SetUp() override {
    LendingTest::SetUp();
    GrantUsual();
    for (uint64_t number = 1; number <= 40; ++number) {
      ASSERT_THAT(Issue(number), IsOk());
      requests_.push_back(Ask(number).SerializeAsString());
    }
  }

  // What the shop is answered through a relay.
  Answers Through(Relay::Twist twist) {
    return Through(kShop, kGetCard, Sale(), requests_, std::move(twist));
  }
  Answers Through(const std::string& member, const char* method, const Purpose& purpose,
                  const std::vector<std::string>& requests, Relay::Twist twist) {
    ClientOptions options = world_.Member(member, config_, register_->port());
    const Relay relay(config_, options, std::move(twist));
    options.target = relay.address();
    const auto client = Client::Open(options);
    EXPECT_THAT(client, IsOk());
    return client.ok() ? CallAll(**client, method, {purpose}, requests) : Answers();
  }

  // Of the answers in bundles; the calls that go alone are answered as they are.
  static Relay::Twist OfBundles(std::function<void(CallBundleResponse&)> twist) {
    return [twist = std::move(twist)](const std::string& method, std::string* response) {
      CallBundleResponse bundle;
      if (method == kPath && bundle.ParseFromString(*response)) {
        twist(bundle);
        *response = bundle.SerializeAsString();
      }
      return grpc::Status::OK;
    };
  }

  static Purpose Sale() { return For("sale", {"lending.card.holder"}); }

  // How many were refused so; every other one must have been answered rightly.
  int Refused(const Answers& answers, StatusCode code, const std::string& reason) {
    int refused = 0;
    for (size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].ok()) {
        GetCardResponse response;
        EXPECT_TRUE(response.ParseFromString(answers[i]->message));
        EXPECT_EQ(response.card().holder(), absl::StrCat("Holder ", i + 1));
      } else {
        EXPECT_THAT(answers[i], Fails(code, reason));
        ++refused;
      }
    }
    return refused;
  }

  std::vector<std::string> requests_;
};

TEST_F(BundleTest, ManyCallsAtOnceTravelTogetherAndEachHasItsOwnAnswerReceiptAndRefusal) {
  for (uint64_t number = 41; number <= 300; ++number)
    requests_.push_back(Ask(number).SerializeAsString());
  const Answers answers =
      CallAll(*shop_, kGetCard, {Sale(), For("curiosity", {"lending.card.holder"})}, requests_);
  std::set<uint64_t> places;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (i % 2 == 1) {
      EXPECT_THAT(answers[i], Fails(StatusCode::kPermissionDenied, "PURPOSE_NOT_ALLOWED"));
    } else if (i >= 40) {
      EXPECT_THAT(answers[i], Fails(StatusCode::kNotFound, "UNKNOWN_CARD"));
    } else {
      ASSERT_THAT(answers[i], IsOk());
      GetCardResponse response;
      ASSERT_TRUE(response.ParseFromString(answers[i]->message));
      EXPECT_EQ(response.card().holder(), absl::StrCat("Holder ", i + 1));
      EXPECT_TRUE(places.insert(answers[i]->exchange.receipt.index()).second);
    }
  }
  EXPECT_GT(Metric(kBundled), 0);
  EXPECT_EQ(Metric("grpc_server_started_total{grpc_method=\"GetCard\",grpc_service=\"egov.testing."
                   "lending.v1.LendingService\",grpc_type=\"unary\"}"),
            300)
      << "counted as calls of their method";
}

TEST_F(BundleTest, OneCallAtATimeTravelsAlone) {
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Get(1, Sale()), IsOk());
  EXPECT_EQ(Metric(kBundled), 0);
}

TEST_F(BundleTest, CallsOfDifferentDeadlinesKeepTheirOwn) {
  Answers answers(300);
  absl::BlockingCounter open(300);
  for (size_t i = 0; i < answers.size(); ++i) {
    shop_->CallAsync(kGetCard, Sale(), requests_[0],
                     i % 10 == 9 ? absl::Milliseconds(1) : absl::Seconds(20),
                     [&, i](absl::StatusOr<RawAnswer> answer) {
                       answers[i] = std::move(answer);
                       open.DecrementCount();
                     });
  }
  open.Wait();
  for (size_t i = 0; i < answers.size(); ++i) {
    if (i % 10 == 9) {
      EXPECT_EQ(answers[i].status().code(), StatusCode::kDeadlineExceeded) << i;
    } else {
      EXPECT_THAT(answers[i], IsOk()) << i;
    }
  }
  EXPECT_GT(Metric(kBundled), 0);
}

TEST_F(BundleTest, CallsOfDifferentMethodsKeepTheirOwn) {
  Grant(kLender, "GetCard", "lending", {"lending.card.holder"});
  Answers answers(200);
  absl::BlockingCounter open(200);
  for (size_t i = 0; i < answers.size(); ++i) {
    IssueCardRequest issue;
    issue.set_request_id(base::NewUuid());
    *issue.mutable_card() = MakeCard(1000 + i);
    const bool write = i % 2 == 0;
    lender_->CallAsync(write ? kIssueCard : kGetCard,
                       For("lending", write ? std::vector<std::string>()
                                            : std::vector<std::string>{"lending.card.holder"}),
                       write ? issue.SerializeAsString() : requests_[0], absl::Seconds(20),
                       [&, i](absl::StatusOr<RawAnswer> answer) {
                         answers[i] = std::move(answer);
                         open.DecrementCount();
                       });
  }
  open.Wait();
  for (const auto& answer : answers) EXPECT_THAT(answer, IsOk());
  for (size_t i = 0; i < answers.size(); i += 2) EXPECT_THAT(Get(1000 + i, Sale()), IsOk());
  EXPECT_GT(Metric(kBundled), 0);
}

TEST_F(BundleTest, WhatIsTooLargeForABundleIsAnsweredAloneAndMoreThanAMessageHoldsNot) {
  const auto issue = [&](uint64_t number, size_t holder) {
    IssueCardRequest request;
    request.set_request_id(base::NewUuid());
    *request.mutable_card() = MakeCard(number);
    request.mutable_card()->set_holder(std::string(holder / 2, 'h'));
    request.mutable_card()->set_address(std::string(holder / 2, 'a'));
    EXPECT_THAT(lender_->Call<IssueCardResponse>(kIssueCard, For("lending"), request), IsOk());
  };
  Grant(kShop, "GetCard", "audit", {"lending.card.address", "lending.card.holder"});
  issue(100, 3 << 20);
  const Purpose all = For("audit", {"lending.card.address", "lending.card.holder"});
  const Answers answers =
      CallAll(*shop_, kGetCard, {all}, std::vector<std::string>(24, Ask(100).SerializeAsString()));
  for (const auto& answer : answers) {
    ASSERT_THAT(answer, IsOk());
    EXPECT_GT(answer->message.size(), size_t{3} << 20);
  }
  EXPECT_GT(Metric(kBundled), 0);
  issue(101, (4 << 20) - (65 << 10));
  EXPECT_THAT(Get(101, all), IsOk());
  issue(102, (4 << 20) - (63 << 10));
  Exchange refused;
  EXPECT_THAT(Get(102, all, &refused), Fails(StatusCode::kOutOfRange, "ANSWER_TOO_LARGE"));
  EXPECT_GT(refused.receipt.index(), 0u) << "refused with a record";
}

TEST_F(BundleTest, MoreCallsThanAServiceTakesOnAtATimeWaitAndAreAllAnswered) {
  const Answers answers =
      CallAll(*shop_, kGetCard, {Sale()}, std::vector<std::string>(5000, requests_[0]));
  for (const auto& answer : answers) ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(Metric("grpc_server_handled_total{grpc_code=\"ResourceExhausted\",grpc_method="
                   "\"GetCard\",grpc_service=\"egov.testing.lending.v1.LendingService\",grpc_type="
                   "\"unary\"}"),
            0);
}

TEST_F(BundleTest, AnswersInTheWrongOrderAreHandedToNobody) {
  const Answers answers = Through(OfBundles([](CallBundleResponse& bundle) {
    bundle.mutable_answers()->SwapElements(0, bundle.answers_size() - 1);
  }));
  EXPECT_GT(Refused(answers, StatusCode::kDataLoss, "BAD_RECEIPT"), 0);
}

TEST_F(BundleTest, AnAnswerUnderAnothersReceiptIsHandedToNobody) {
  const Answers answers = Through(OfBundles([](CallBundleResponse& bundle) {
    bundle.mutable_answers(0)->set_receipt(bundle.answers(1).receipt());
  }));
  EXPECT_GT(Refused(answers, StatusCode::kDataLoss, "BAD_RECEIPT"), 0);
}

TEST_F(BundleTest, AnAnsweredCallThatIsToldToBeRefusedIsNotBelieved) {
  const Answers answers = Through(OfBundles([](CallBundleResponse& bundle) {
    google::rpc::Status status;
    status.set_code(7);
    bundle.mutable_answers(0)->set_status(status.SerializeAsString());
  }));
  EXPECT_GT(Refused(answers, StatusCode::kDataLoss, "BAD_RECEIPT"), 0);
}

TEST_F(BundleTest, TooFewAnswersTooManyOrNoneAtAllAreNone) {
  for (const auto& twist : std::vector<std::function<void(CallBundleResponse&)>>{
           [](CallBundleResponse& bundle) { bundle.mutable_answers()->RemoveLast(); },
           [](CallBundleResponse& bundle) { bundle.add_answers(); },
           [](CallBundleResponse& bundle) { bundle.Clear(); }}) {
    EXPECT_GT(Refused(Through(OfBundles(twist)), StatusCode::kDataLoss, "BAD_ANSWER"), 0);
  }
  EXPECT_GT(Refused(Through([](const std::string& method, std::string* response) {
                      if (method == kPath) *response = "\x0a\xff";
                      return grpc::Status::OK;
                    }),
                    StatusCode::kDataLoss, "BAD_ANSWER"),
            0);
}

TEST_F(BundleTest, ARefusalThatIsNoneIsNotAnAnswer) {
  for (const std::string status : {"x", "\x12\x01x"}) {  // not a Status; one without a code
    const Answers answers = Through(OfBundles([&](CallBundleResponse& bundle) {
      bundle.mutable_answers(0)->Clear();
      bundle.mutable_answers(0)->set_status(status);
    }));
    EXPECT_GT(Refused(answers, StatusCode::kDataLoss, "BAD_ANSWER"), 0);
  }
}

TEST_F(BundleTest, WithAServiceThatKnowsNoBundlesCallsTravelAlone) {
  for (const auto& answer : Through(nullptr)) EXPECT_THAT(answer, IsOk());
  EXPECT_EQ(Metric(kBundled), 0);
}

TEST_F(BundleTest, ActsWhoseAnswersWereLostOnTheWayHappenOnce) {
  std::vector<std::string> acts;
  for (uint64_t i = 0; i < 60; ++i) {
    IssueCardRequest issue;
    issue.set_request_id(base::NewUuid());
    *issue.mutable_card() = MakeCard(1000 + i);
    acts.push_back(issue.SerializeAsString());
  }
  std::atomic<int> lost{0};
  const Answers answers = Through(kLender, kIssueCard, For("lending"), acts,
                                  [&](const std::string& method, std::string*) {
                                    if (method != kPath || lost > 2) return grpc::Status::OK;
                                    ++lost;
                                    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
                                  });
  EXPECT_GT(lost, 0);
  // A second time they would be CARD_TAKEN.
  for (const auto& answer : answers) EXPECT_THAT(answer, IsOk());
}

TEST_F(BundleTest, AClientThatTheServiceDoesNotRememberIntroducesItselfAnew) {
  EXPECT_THAT(Get(1, Sale()), IsOk());
  StopRegister();
  StartRegister();
  const Answers answers = CallAll(*shop_, kGetCard, {Sale()}, requests_);
  for (const auto& answer : answers) EXPECT_THAT(answer, IsOk());
}

TEST(ReadBundleTest, AHugeMessageOfTinyCallsIsRefusedWithoutMakingThem) {
  std::string bytes = "\x0a\x01m";
  while (bytes.size() < size_t{4} << 20) bytes += std::string("\x12\x00", 2);
  EXPECT_THAT(ReadBundle(bytes), Fails(StatusCode::kInvalidArgument, "BAD_BUNDLE", "calls"));
}

TEST(ReadBundleTest, ReadsWhatWasSerialized) {
  CallBundleRequest request;
  request.set_method("/a.B/C");
  for (int i = 0; i < 32; ++i) {
    auto* const call = request.add_calls();
    call->set_header(absl::StrCat("header ", i));
    call->set_salt(std::string(16, 's'));
    if (i % 2 == 0) call->set_end_user("user");
    call->set_message(std::string(300, 'm'));
  }
  const std::string bytes = request.SerializeAsString();
  EGOV_ASSERT_OK_AND_ASSIGN(const BundleBytes bundle, ReadBundle(bytes));
  EXPECT_EQ(bundle.method, "/a.B/C");
  ASSERT_EQ(bundle.calls.size(), 32u);
  EXPECT_EQ(bundle.calls[31].header, "header 31");
  EXPECT_EQ(bundle.calls[31].end_user, "");
  EXPECT_EQ(bundle.calls[30].end_user, "user");
  EXPECT_EQ(bundle.calls[30].message, std::string(300, 'm'));
}

}  // namespace
}  // namespace egov::exchange::testing
