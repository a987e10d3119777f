// What hostile and broken callers get who send calls together: refused by name, call by call, and
// nothing more than alone.
#include <grpcpp/client_context.h>

#include <vector>

#include "egov/exchange/v1/bundle_service.pb.h"
#include "google/rpc/status.pb.h"
#include "libs/exchange/testing/handmade.h"
#include "libs/proof/wire.h"
#include "libs/rpc/error_map.h"

namespace egov::exchange::testing {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using egov::exchange::v1::BundledAnswer;
using egov::exchange::v1::BundledCall;
using egov::exchange::v1::CallBundleRequest;
using egov::exchange::v1::CallBundleResponse;
using namespace egov::testing::lending::v1;  // NOLINT: the contract's messages

class HostileBundleTest : public HostileTest {
 protected:
  absl::StatusOr<CallBundleResponse> SendBundle(const CallBundleRequest& bundle,
                                                const std::string& certificate) {
    grpc::ClientContext context;
    channels_->Prepare(&context, absl::Seconds(10));
    context.AddMetadata("egov-certificate-bin", certificate);
    const auto answer =
        rpc::testing::Call(channels_->Next(), "/egov.exchange.v1.BundleService/CallBundle",
                           bundle.SerializeAsString(), &context);
    if (!answer.ok()) return answer.status();
    CallBundleResponse response;
    EXPECT_TRUE(response.ParseFromString(*answer));
    return response;
  }

  static CallBundleRequest Bundle(const std::vector<Handmade>& calls) {
    CallBundleRequest bundle;
    bundle.set_method(kGetCard);
    for (const Handmade& made : calls) {
      BundledCall& call = *bundle.add_calls();
      call.set_header(made.sealed.SerializeAsString());
      call.set_salt(made.salt);
      call.set_message(made.request);
    }
    return bundle;
  }

  static absl::Status Of(const BundledAnswer& answer) {
    google::rpc::Status status;
    EXPECT_TRUE(status.ParseFromString(answer.status()));
    return rpc::FromGrpc(grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                                      status.message(), answer.status()));
  }
};

TEST_F(HostileBundleTest, EachCallOfABundleIsAnsweredOrRefusedForItself) {
  const Handmade good = Make();
  Handmade garbage = Make();
  garbage.sealed.set_header("not a header");
  Handmade other = Make();
  other.request = Ask(8).SerializeAsString();
  const std::vector<Handmade> calls = {
      good,
      good,  // twice in one bundle: one of the two is a replay
      Make([](Handmade& m) { m.header.set_method(kIssueCard); }),
      garbage,
      other,
      Make([](Handmade& m) { m.header.set_purpose("curiosity"); }),
      Make(),
  };
  EGOV_ASSERT_OK_AND_ASSIGN(const CallBundleResponse response,
                            SendBundle(Bundle(calls), good.certificate));
  ASSERT_EQ(response.answers_size(), 7);
  const bool first = response.answers(0).status().empty();
  EXPECT_THAT(Of(response.answers(first ? 0 : 1)), IsOk());
  EXPECT_THAT(Of(response.answers(first ? 1 : 0)), Fails(StatusCode::kAlreadyExists, "REPLAYED"));
  EXPECT_THAT(Of(response.answers(2)),
              Fails(StatusCode::kInvalidArgument, "WRONG_METHOD", "header.method"));
  EXPECT_THAT(Of(response.answers(3)), Fails(StatusCode::kInvalidArgument, "BAD_HEADER"));
  EXPECT_THAT(Of(response.answers(4)), Fails(StatusCode::kInvalidArgument, "BAD_COMMITMENT"));
  EXPECT_THAT(Of(response.answers(5)), Fails(StatusCode::kPermissionDenied, "PURPOSE_NOT_ALLOWED"));
  EXPECT_THAT(Of(response.answers(6)), IsOk());
  // A receipt for whatever came behind a good seal and for the first time, a message for whom it
  // was answered.
  for (int i = 0; i < 7; ++i) {
    const BundledAnswer& answer = response.answers(i);
    EXPECT_EQ(answer.receipt().empty(), i == (first ? 1 : 0) || i == 3) << i;
    EXPECT_EQ(answer.message().empty(), !answer.status().empty()) << i;
  }
  // And once more: every attempt is known now.
  EGOV_ASSERT_OK_AND_ASSIGN(const CallBundleResponse again,
                            SendBundle(Bundle({good, calls[5], calls[6]}), good.certificate));
  for (const BundledAnswer& answer : again.answers()) {
    EXPECT_THAT(Of(answer), Fails(StatusCode::kAlreadyExists, "REPLAYED"));
    EXPECT_EQ(answer.receipt(), "");
  }
}

TEST_F(HostileBundleTest, ABundleThatIsNoneIsRefusedAndNothingOfItIsDone) {
  const Handmade made = Make();
  const uint64_t before = register_->log().Newest().size;
  const auto bad = [&](const CallBundleRequest& bundle, const std::string& field) {
    EXPECT_THAT(SendBundle(bundle, made.certificate),
                Fails(StatusCode::kInvalidArgument, "BAD_BUNDLE", field));
  };
  bad(Bundle({}), "calls");
  bad(Bundle(std::vector<Handmade>(33, made)), "calls");
  for (const char* method :
       {"", "GetCard", kFindBlocked, "/egov.evidence.v1.EvidenceService/GetReceipt",
        "/egov.exchange.v1.BundleService/CallBundle"}) {
    CallBundleRequest bundle = Bundle({made});
    bundle.set_method(method);
    bad(bundle, "method");
  }
  const std::string good = Bundle({made}).SerializeAsString();
  for (const std::string& bytes :
       {std::string("\x0a\xff"), good + "\x18\x01", good.substr(0, good.size() - 1),
        good + good.substr(0, 2 + std::string(kGetCard).size())}) {
    grpc::ClientContext context;
    channels_->Prepare(&context, absl::Seconds(10));
    EXPECT_THAT(rpc::testing::Call(channels_->Next(), "/egov.exchange.v1.BundleService/CallBundle",
                                   bytes, &context),
                Fails(StatusCode::kInvalidArgument, "BAD_BUNDLE"));
  }
  CallBundleRequest talkative = Bundle({made});
  talkative.mutable_calls(0)->set_end_user(std::string(8193, 'u'));
  bad(talkative, "calls.end_user");
  EXPECT_GT(Metric("grpc_server_handled_total{grpc_code=\"InvalidArgument\",grpc_method="
                   "\"CallBundle\",grpc_service=\"egov.exchange.v1.BundleService\",grpc_type="
                   "\"unary\"}"),
            10)
      << "who sends such things is seen";
  EXPECT_EQ(register_->log().Newest().size, before);
  // The same attempt is still good for its first time.
  EXPECT_THAT(Send(made), IsOk());
}

TEST_F(HostileBundleTest, ABundleOfAStrangerToItsMethodIsRefusedAsAWhole) {
  const Handmade made = Make([](Handmade& m) { m.method = kIssueCard; });
  CallBundleRequest bundle = Bundle({made, Make()});
  bundle.set_method(kIssueCard);
  EXPECT_THAT(SendBundle(bundle, made.certificate),
              Fails(StatusCode::kPermissionDenied, "NO_RIGHT"));
}

TEST_F(HostileBundleTest, CallsCountOneByOneAgainstWhatTheServiceTakesOnAlsoInABundle) {
  channels_.reset();
  StopRegister();
  config_.set_calls_per_second(1);
  StartRegister();
  Connect();
  EGOV_ASSERT_OK_AND_ASSIGN(
      const CallBundleResponse response,
      SendBundle(Bundle({Make(), Make(), Make(), Make()}), certificate_->ToDer()));
  ASSERT_EQ(response.answers_size(), 4);
  EXPECT_THAT(Of(response.answers(0)), IsOk());
  for (int i = 1; i < 4; ++i) {
    EXPECT_THAT(Of(response.answers(i)), Fails(StatusCode::kResourceExhausted, "OVERLOADED"));
    EXPECT_GT(base::DetailOf(Of(response.answers(i)))->retry_after, absl::ZeroDuration());
  }
}

TEST_F(HostileBundleTest, ABundleOfTheLargestAnswersArrivesAndALargerOneIsRefusedForItself) {
  const auto issue = [&](uint64_t number, size_t holder) {
    IssueCardRequest request;
    request.set_request_id(base::NewUuid());
    *request.mutable_card() = MakeCard(number);
    request.mutable_card()->set_holder(std::string(holder, 'h'));
    EXPECT_THAT(lender_->Call<IssueCardResponse>(kIssueCard, For("lending"), request), IsOk());
  };
  constexpr size_t kMost = (size_t{1} << 20) - 100;
  issue(1, kMost);
  issue(2, kMost + 200);
  std::vector<Handmade> calls;
  for (int i = 0; i < 32; ++i) {
    calls.push_back(Make([&](Handmade& m) {
      m.request = Ask(i == 31 ? 2 : 1).SerializeAsString();
      m.header.set_request(Text(proof::Commit(m.salt, m.request)));
    }));
  }
  EGOV_ASSERT_OK_AND_ASSIGN(const CallBundleResponse response,
                            SendBundle(Bundle(calls), certificate_->ToDer()));
  ASSERT_EQ(response.answers_size(), 32);
  for (int i = 0; i < 31; ++i) EXPECT_GT(response.answers(i).message().size(), kMost);
  EXPECT_THAT(Of(response.answers(31)), Fails(StatusCode::kOutOfRange, "ANSWER_TOO_LARGE"));
  EXPECT_NE(response.answers(31).receipt(), "");
}

TEST_F(HostileBundleTest, AnEndUserInABundleIsBoundToItsCall) {
  const auto with_user = [&](const std::string& sealed, const std::string& sent) {
    const Handmade made =
        Make([&](Handmade& m) { m.header.set_end_user(Text(proof::Commit(m.salt, sealed))); });
    CallBundleRequest bundle = Bundle({made, Make()});
    bundle.mutable_calls(0)->set_end_user(sent);
    const auto response = SendBundle(bundle, made.certificate);
    EXPECT_THAT(response, IsOk());
    EXPECT_THAT(Of(response->answers(1)), IsOk());
    return Of(response->answers(0));
  };
  EXPECT_THAT(with_user("citizen", "citizen"), IsOk());
  EXPECT_THAT(with_user("citizen", "another"),
              Fails(StatusCode::kInvalidArgument, "BAD_COMMITMENT", "header.end_user"));
  EXPECT_THAT(with_user("citizen", ""),
              Fails(StatusCode::kInvalidArgument, "BAD_COMMITMENT", "header.end_user"));
}

}  // namespace
}  // namespace egov::exchange::testing
