#include "libs/rpc/error_map.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"

namespace egov::rpc {
namespace {

using ::egov::base::Fails;
using ::egov::base::IsOk;
using ::testing::HasSubstr;
using ::testing::Not;

google::rpc::Status Details(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

TEST(ErrorMapTest, EveryPartOfAnErrorComesBack) {
  const absl::Status error = base::Error(absl::StatusCode::kInvalidArgument, "DEATH_BEFORE_BIRTH",
                                         "The death precedes the birth")
                                 .Field("event.death_date")
                                 .Expected("a date on or after the birth")
                                 .RetryAfter(absl::Milliseconds(1500))
                                 .With("rule", "7");
  const grpc::Status wire = ToGrpc(error, "population");
  EXPECT_EQ(wire.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const absl::Status back = FromGrpc(wire);
  EXPECT_THAT(back,
              Fails(absl::StatusCode::kInvalidArgument, "DEATH_BEFORE_BIRTH", "event.death_date"));
  EXPECT_EQ(back.message(), error.message());
  const auto detail = base::DetailOf(back);
  EXPECT_EQ(detail->expected, "a date on or after the birth");
  EXPECT_EQ(detail->retry_after, absl::Milliseconds(1500));
  EXPECT_EQ(detail->metadata.at("rule"), "7");
}

TEST(ErrorMapTest, TheWireFormIsThePublicOne) {
  const grpc::Status wire = ToGrpc(
      base::Error(absl::StatusCode::kInvalidArgument, "MALFORMED", "x").Field("id").Expected("y"),
      "population");
  const google::rpc::Status details = Details(wire);
  EXPECT_EQ(details.code(), 3);
  ASSERT_EQ(details.details_size(), 2);
  EXPECT_EQ(details.details(0).type_url(), "type.googleapis.com/google.rpc.ErrorInfo");
  EXPECT_EQ(details.details(1).type_url(), "type.googleapis.com/google.rpc.BadRequest");
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(info.ParseFromString(details.details(0).value()));
  EXPECT_EQ(info.reason(), "MALFORMED");
  EXPECT_EQ(info.domain(), "population.egov");
}

TEST(ErrorMapTest, AFailedPreconditionHasItsOwnDetail) {
  const grpc::Status wire = ToGrpc(
      base::Error(absl::StatusCode::kFailedPrecondition, "ALREADY_DEAD", "x").Field("person"),
      "population");
  EXPECT_EQ(Details(wire).details(1).type_url(),
            "type.googleapis.com/google.rpc.PreconditionFailure");
  EXPECT_THAT(FromGrpc(wire),
              Fails(absl::StatusCode::kFailedPrecondition, "ALREADY_DEAD", "person"));
}

TEST(ErrorMapTest, EveryCodeKeepsItsNumberThereAndBack) {
  for (int code = 1; code <= 16; ++code) {
    const auto error =
        base::Error(static_cast<absl::StatusCode>(code), "SOME_REASON", "text").status();
    const grpc::Status wire = ToGrpc(error, "x");
    EXPECT_EQ(static_cast<int>(wire.error_code()), code);
    EXPECT_THAT(FromGrpc(wire), Fails(static_cast<absl::StatusCode>(code), "SOME_REASON"));
  }
  EXPECT_TRUE(ToGrpc(absl::OkStatus(), "x").ok());
  EXPECT_THAT(FromGrpc(grpc::Status::OK), IsOk());
}

TEST(ErrorMapTest, ABugTellsNothingOfItsInside) {
  for (const absl::Status& bug :
       {absl::NotFoundError("rocksdb: /var/lib/egov/000012.sst"),
        absl::UnknownError("std::bad_alloc"),
        base::Error(absl::StatusCode::kInternal, "STORE_BROKEN", "/var/lib/egov")
            .With("file", "000012.sst")
            .status()}) {
    const grpc::Status wire = ToGrpc(bug, "population");
    EXPECT_EQ(wire.error_code(), grpc::StatusCode::INTERNAL);
    EXPECT_EQ(wire.error_message(), kInternalErrorText);
    EXPECT_THAT(wire.error_details(), Not(HasSubstr("egov/")));
    EXPECT_THAT(wire.error_details(), Not(HasSubstr("sst")));
  }
  EXPECT_THAT(FromGrpc(ToGrpc(absl::NotFoundError("x"), "population")),
              Fails(absl::StatusCode::kInternal, "INTERNAL"));
}

TEST(ErrorMapTest, DetailsNeverExceedTheirLimit) {
  base::Error error(absl::StatusCode::kInvalidArgument, std::string(100, 'R'),
                    std::string(5000, 'm'));
  error.Field(std::string(3000, 'f')).Expected(std::string(3000, 'e'));
  for (int i = 0; i < 50; ++i) error.With(absl::StrCat("k", i), std::string(100, 'v'));
  const grpc::Status wire = ToGrpc(error.status(), "population");
  EXPECT_LE(wire.error_details().size(), kMaxErrorDetails);
  const auto detail = base::DetailOf(FromGrpc(wire));
  EXPECT_EQ(detail->reason, std::string(63, 'R'));
  EXPECT_EQ(detail->field, std::string(128, 'f'));
}

TEST(ErrorMapTest, AShortenedTextStaysUtf8) {
  std::string text = "x";
  for (int i = 0; i < 400; ++i) text += "õ";
  const grpc::Status wire = ToGrpc(base::Error(absl::StatusCode::kNotFound, "GONE", text), "x");
  EXPECT_EQ(wire.error_message().size() % 2, 1);  // one byte, then whole characters of two
  EXPECT_EQ(Details(wire).message(), wire.error_message());
}

TEST(ErrorMapTest, ErrorsOfTheTransportGetAReasonByTheirCode) {
  EXPECT_THAT(FromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection refused")),
              Fails(absl::StatusCode::kUnavailable, "UNAVAILABLE"));
  EXPECT_THAT(FromGrpc(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "too large")),
              Fails(absl::StatusCode::kResourceExhausted, "TRANSPORT"));
  EXPECT_THAT(FromGrpc(grpc::Status(grpc::StatusCode::NOT_FOUND, "x", "garbage \xff\xfe")),
              Fails(absl::StatusCode::kNotFound, "TRANSPORT"));
}

TEST(ErrorMapTest, ACallThatNobodyCancelledIsOneToRetry) {
  const grpc::Status bare(grpc::StatusCode::CANCELLED, "CANCELLED");
  EXPECT_THAT(FromGrpc(bare), Fails(absl::StatusCode::kUnavailable, "SERVER_WENT_AWAY"));
  EXPECT_THAT(FromGrpc(bare, /*cancelled_by_us=*/true),
              Fails(absl::StatusCode::kCancelled, "CANCELLED"));
  const auto said = base::Error(absl::StatusCode::kCancelled, "WITHDRAWN", "x").status();
  EXPECT_THAT(FromGrpc(ToGrpc(said, "x")), Fails(absl::StatusCode::kCancelled, "WITHDRAWN"));
}

TEST(ErrorMapTest, DetailsOfAnotherCodeAreNotBelieved) {
  const grpc::Status wire = ToGrpc(base::Error(absl::StatusCode::kNotFound, "GONE", "x"), "x");
  EXPECT_THAT(FromGrpc(grpc::Status(grpc::StatusCode::UNAVAILABLE, "x", wire.error_details())),
              Fails(absl::StatusCode::kUnavailable, "UNAVAILABLE"));
}

TEST(ErrorMapTest, AForeignRetryDelayIsBounded) {
  google::rpc::Status details;
  details.set_code(8);
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(INT64_MAX);
  retry.mutable_retry_delay()->set_nanos(-5);
  details.add_details()->PackFrom(retry);
  const auto back = FromGrpc(
      grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "x", details.SerializeAsString()));
  EXPECT_EQ(base::DetailOf(back)->retry_after, absl::Hours(1));
}

}  // namespace
}  // namespace egov::rpc
