// What a new register gets for free, shown on a register of this test's own.
#include <filesystem>

#include "libs/exchange/testing/fixture.h"
#include "libs/proof/verify.h"

namespace egov::exchange::testing {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using namespace egov::testing::lending::v1;  // NOLINT: the contract's messages

const std::vector<std::string>& Both() {
  static const auto* const items =
      new std::vector<std::string>{"lending.card.holder", "lending.card.blocked"};
  return *items;
}

TEST_F(LendingTest, AnAnswerHoldsTheItemsAskedForAndProvesItself) {
  GrantUsual();
  ASSERT_THAT(Issue(7), IsOk());
  const auto answer = Get(7, For("sale", Both()));
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->message.card().holder(), "Holder 7");
  EXPECT_EQ(answer->message.card().number().value(), "7");
  EXPECT_EQ(answer->message.card().address(), "") << "an item outside the right never leaves";
  EXPECT_GT(answer->exchange.receipt.index(), 0u);
  const auto less = Get(7, For("sale", {"lending.card.blocked"}));
  ASSERT_THAT(less, IsOk());
  EXPECT_EQ(less->message.card().holder(), "") << "an item that was not asked for never leaves";
}

TEST_F(LendingTest, WithoutARightForMethodPurposeItemOrDayNothingIsRevealed) {
  EXPECT_THAT(Get(7, For("sale", Both())), Fails(StatusCode::kPermissionDenied, "NO_RIGHT"));
  GrantUsual();
  ASSERT_THAT(Issue(7), IsOk());
  for (const uint64_t number : {7, 8}) {  // one who exists and one who does not: the same answer
    EXPECT_THAT(Get(number, For("curiosity", Both())),
                Fails(StatusCode::kPermissionDenied, "PURPOSE_NOT_ALLOWED"));
    EXPECT_THAT(Get(number, For("sale", {"lending.card.address"})),
                Fails(StatusCode::kPermissionDenied, "ITEM_NOT_ALLOWED"));
  }
  auto past = MakeRight(kLender, "GetCard", "sale", Both());
  past.mutable_valid_to()->set_year(2021);
  past.mutable_valid_to()->set_month(1);
  past.mutable_valid_to()->set_day(1);
  Grant(past);
  EXPECT_THAT(lender_->Call<GetCardResponse>(kGetCard, For("sale", Both()), Ask(7)),
              Fails(StatusCode::kPermissionDenied, "RIGHT_NOT_IN_FORCE"));
}

TEST_F(LendingTest, ARefusalBehindAGoodSealIsRecordedToo) {
  GrantUsual();
  Exchange refused;
  EXPECT_THAT(Get(8, For("sale", Both()), &refused), Fails(StatusCode::kNotFound, "UNKNOWN_CARD"));
  ASSERT_FALSE(refused.receipt.record().empty());
  egov::exchange::v1::Record record;
  ASSERT_TRUE(record.ParseFromString(refused.receipt.record()));
  EXPECT_EQ(record.code(), static_cast<uint32_t>(StatusCode::kNotFound));
  EXPECT_EQ(record.reason(), "UNKNOWN_CARD");
}

TEST_F(LendingTest, QuotasOfCallsAndOfCodesAreExact) {
  Grant(kLender, "IssueCard", "lending");
  auto calls = MakeRight(kShop, "GetCard", "sale", Both());
  calls.set_calls_per_day(3);
  Grant(calls);
  auto codes = MakeRight(kShop, "FindBlocked", "sale", Both());
  codes.set_codes_per_day(5);
  Grant(codes);
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(Get(8, For("sale", Both())), Fails(StatusCode::kNotFound, "UNKNOWN_CARD"));
  EXPECT_THAT(Get(8, For("sale", Both())), Fails(StatusCode::kResourceExhausted, "CALL_QUOTA"));

  FindBlockedRequest six;
  six.set_scheme(kScheme);
  for (int i = 1; i <= 6; ++i) six.add_numbers(absl::StrCat(i));
  EGOV_ASSERT_OK_AND_ASSIGN(auto stream,
                            shop_->Open(kFindBlocked, For("sale", Both()), absl::Seconds(20)));
  ASSERT_THAT(stream->Send({six.SerializeAsString()}, true), IsOk());
  EXPECT_THAT(stream->Receive(), Fails(StatusCode::kResourceExhausted, "CODE_QUOTA"));
}

TEST_F(LendingTest, AnActSentAgainIsDoneOnceAndAnsweredAsAtFirst) {
  GrantUsual();
  const std::string id = base::NewUuid();
  const auto first = Issue(7, false, id);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(Issue(9), IsOk());
  const auto again = Issue(7, false, id);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->message.before(), first->message.before());
  EXPECT_NE(again->exchange.receipt.index(), first->exchange.receipt.index())
      << "each attempt has its own record";
  EXPECT_THAT(Issue(10, false, id),
              Fails(StatusCode::kAlreadyExists, "REQUEST_ID_REUSED", "request_id"));
  EXPECT_THAT(Issue(11, false, "once"),
              Fails(StatusCode::kInvalidArgument, "BAD_REQUEST_ID", "request_id"));
  EXPECT_THAT(Get(10, For("sale", Both())), Fails(StatusCode::kNotFound, "UNKNOWN_CARD"));
}

TEST_F(LendingTest, ARefusedActChangesNothing) {
  GrantUsual();
  ASSERT_THAT(Issue(7), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(auto stream,
                            lender_->Open(kLoadCards, For("lending"), absl::Seconds(20)));
  LoadCardsRequest load;
  load.set_request_id(base::NewUuid());
  *load.add_cards() = MakeCard(20);
  *load.add_cards() = MakeCard(7);  // taken
  ASSERT_THAT(stream->Send({load.SerializeAsString()}, true), IsOk());
  EXPECT_THAT(stream->Receive(), Fails(StatusCode::kAlreadyExists, "CARD_TAKEN"));
  EXPECT_THAT(Get(20, For("sale", Both())), Fails(StatusCode::kNotFound, "UNKNOWN_CARD"));
  EXPECT_EQ(Usages(7).size(), 2u) << "the issue, and the refusal, which told that it is taken";
}

TEST_F(LendingTest, ThePartsOfALoadAreOneAct) {
  GrantUsual();
  ASSERT_THAT(Issue(7), IsOk());
  const auto load = [&](std::vector<std::string> parts) {
    auto stream = lender_->Open(kLoadCards, For("lending"), absl::Seconds(20));
    EXPECT_THAT(stream, IsOk());
    EXPECT_THAT((*stream)->Send(std::move(parts), true), IsOk());
    return (*stream)->Receive().status();
  };
  const std::string id = base::NewUuid();
  const auto part = [](const std::string& request_id, int number) {
    LoadCardsRequest request;
    request.set_request_id(request_id);
    *request.add_cards() = MakeCard(number);
    return request.SerializeAsString();
  };
  EXPECT_THAT(load({part(id, 20), part(base::NewUuid(), 21)}),
              Fails(StatusCode::kInvalidArgument, "BAD_REQUEST_ID"));
  EXPECT_THAT(load({part(id, 20), "\xff"}), Fails(StatusCode::kInvalidArgument, "BAD_MESSAGE"));
  EXPECT_THAT(load({part(id, 20), part(id, 7)}), Fails(StatusCode::kAlreadyExists, "CARD_TAKEN"));
  EXPECT_EQ(Usages(7).size(), 2u) << "the issue, and the refusal, though it came in a later part";
  EXPECT_THAT(load({part(id, 20), part(id, 21)}), IsOk());
  for (const int number : {20, 21}) EXPECT_THAT(Get(number, For("sale", Both())), IsOk()) << number;
}

TEST_F(LendingTest, ALoadCountsThoseItNamesWhenItsRightHasAQuota) {
  auto right = MakeRight(kLender, "LoadCards", "lending", {});
  right.set_codes_per_day(3);
  Grant(right);
  const auto load = [&](int first, int count) {
    LoadCardsRequest request;
    request.set_request_id(base::NewUuid());
    for (int i = 0; i < count; ++i) *request.add_cards() = MakeCard(first + i);
    auto stream = lender_->Open(kLoadCards, For("lending"), absl::Seconds(20));
    EXPECT_THAT(stream, IsOk());
    EXPECT_THAT((*stream)->Send({request.SerializeAsString()}, true), IsOk());
    return (*stream)->Receive().status();
  };
  EXPECT_THAT(load(1, 2), IsOk());
  EXPECT_THAT(load(3, 2), Fails(StatusCode::kResourceExhausted, "CODE_QUOTA"));
  EXPECT_THAT(load(3, 1), IsOk());
}

TEST_F(LendingTest, AWindowThatIsRefusedTakesThoseBehindItWithIt) {
  GrantUsual();
  EGOV_ASSERT_OK_AND_ASSIGN(auto stream,
                            lender_->Open(kLoadCards, For("lending"), absl::Seconds(20)));
  // All are on their way before the first is answered: the third is prepared while the second is
  // refused.
  const std::vector<std::vector<int>> windows = {{20, 21}, {22, 20}, {23}};
  std::vector<std::string> ids;
  for (const std::vector<int>& numbers : windows) {
    LoadCardsRequest load;
    ids.push_back(base::NewUuid());
    load.set_request_id(ids.back());
    for (const int number : numbers) *load.add_cards() = MakeCard(number);
    (void)stream->Send({load.SerializeAsString()}, ids.size() == windows.size());
  }
  ASSERT_THAT(stream->Receive(), IsOk());
  EXPECT_THAT(stream->Receive(), Fails(StatusCode::kAlreadyExists, "CARD_TAKEN"));
  for (const int number : {20, 21}) EXPECT_THAT(Get(number, For("sale", Both())), IsOk()) << number;
  for (const int number : {22, 23})
    EXPECT_THAT(Get(number, For("sale", Both())), Fails(StatusCode::kNotFound, "UNKNOWN_CARD"));

  // What was not taken in is sent again, under the same id, and happens once.
  EGOV_ASSERT_OK_AND_ASSIGN(stream, lender_->Open(kLoadCards, For("lending"), absl::Seconds(20)));
  for (const size_t w : {0, 2}) {
    LoadCardsRequest load;
    load.set_request_id(ids[w]);
    for (const int number : windows[w]) *load.add_cards() = MakeCard(number);
    ASSERT_THAT(stream->Send({load.SerializeAsString()}, w == 2), IsOk());
  }
  for (const size_t w : {0, 2}) {
    const auto answer = stream->Receive();
    ASSERT_THAT(answer, IsOk());
    LoadCardsResponse response;
    ASSERT_TRUE(response.ParseFromString(answer->response_parts[0]));
    EXPECT_EQ(response.loaded(), windows[w].size());
  }
  EXPECT_THAT(Get(23, For("sale", Both())), IsOk());
}

TEST_F(LendingTest, AQuestionOfManyWindowsIsAnsweredWindowByWindow) {
  GrantUsual();
  LoadCardsRequest load;
  load.set_request_id(base::NewUuid());
  for (int i = 1; i <= 1000; ++i) *load.add_cards() = MakeCard(i, i % 10 == 0);
  EGOV_ASSERT_OK_AND_ASSIGN(auto loading,
                            lender_->Open(kLoadCards, For("lending"), absl::Seconds(20)));
  ASSERT_THAT(loading->Send({load.SerializeAsString()}, true), IsOk());
  ASSERT_THAT(loading->Receive(), IsOk());
  EXPECT_THAT(loading->Receive(), Fails(StatusCode::kOutOfRange, "END_OF_STREAM"));

  EGOV_ASSERT_OK_AND_ASSIGN(auto stream,
                            shop_->Open(kFindBlocked, For("sale", Both()), absl::Seconds(20)));
  int blocked = 0;
  std::vector<Exchange> windows;
  for (int w = 0; w < 3; ++w) {
    std::vector<std::string> parts;
    for (int p = 0; p < 2; ++p) {
      FindBlockedRequest part;
      part.set_scheme(kScheme);
      for (int i = 1; i <= 100; ++i) part.add_numbers(absl::StrCat(w * 200 + p * 100 + i));
      parts.push_back(part.SerializeAsString());
    }
    ASSERT_THAT(stream->Send(parts, w == 2), IsOk());
    auto window = stream->Receive();
    ASSERT_THAT(window, IsOk());
    for (const std::string& bytes : window->response_parts) {
      FindBlockedResponse part;
      ASSERT_TRUE(part.ParseFromString(bytes));
      blocked += part.blocked_size();
    }
    windows.push_back(*std::move(window));
  }
  EXPECT_EQ(blocked, 60);
  EXPECT_THAT(stream->Receive(), Fails(StatusCode::kOutOfRange, "END_OF_STREAM"));

  // All of it in one file that anyone can check offline.
  const auto file = shop_->Prove(windows, true, absl::Seconds(20));
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(file->windows_size(), 3);
}

TEST_F(LendingTest, SilenceIsADisclosureToo) {
  GrantUsual();
  for (int i = 1; i <= 3; ++i) ASSERT_THAT(Issue(i, i == 2), IsOk());
  FindBlockedRequest ask;
  ask.set_scheme(kScheme);
  for (int i = 1; i <= 3; ++i) ask.add_numbers(absl::StrCat(i));
  EGOV_ASSERT_OK_AND_ASSIGN(auto stream,
                            shop_->Open(kFindBlocked, For("sale", Both()), absl::Seconds(20)));
  ASSERT_THAT(stream->Send({ask.SerializeAsString()}, true), IsOk());
  ASSERT_THAT(stream->Receive(), IsOk());
  // Card 1 was not named in the answer; its holder still sees that the shop was told.
  const auto usages = Usages(1);
  ASSERT_EQ(usages.size(), 2u);  // the issue, then the question
  EXPECT_EQ(usages[0].caller(), std::string("spiffe://") + kShop);
  EXPECT_EQ(usages[0].purpose(), "sale");
  EXPECT_EQ(usages[0].legal_basis().provision(), "§ 15 (1)");
  EXPECT_EQ(usages[0].method(), kFindBlocked);
}

TEST_F(LendingTest, WhoseDataWereReadSeesItAndReadingThatListIsNotListed) {
  GrantUsual();
  ASSERT_THAT(Issue(7), IsOk());
  ASSERT_THAT(Get(7, For("sale", Both())), IsOk());
  EXPECT_THAT(Get(7, For("curiosity", Both())),
              Fails(StatusCode::kPermissionDenied, "PURPOSE_NOT_ALLOWED"));
  ASSERT_EQ(Usages(7).size(), 2u) << "the issue and the one answer; a refusal disclosed nothing";
  ASSERT_EQ(Usages(7).size(), 2u) << "own-data leaves no entry";
}

TEST_F(LendingTest, AMassQueryIsListedForEachOfThoseAskedAbout) {
  GrantUsual();
  LoadCardsRequest load;
  load.set_request_id(base::NewUuid());
  for (int i = 1; i <= 5000; ++i) *load.add_cards() = MakeCard(i);
  EGOV_ASSERT_OK_AND_ASSIGN(auto loading,
                            lender_->Open(kLoadCards, For("lending"), absl::Seconds(20)));
  ASSERT_THAT(loading->Send({load.SerializeAsString()}, true), IsOk());
  ASSERT_THAT(loading->Receive(), IsOk());
  FindBlockedRequest ask;
  ask.set_scheme(kScheme);
  for (int i = 1; i <= 4000; ++i) ask.add_numbers(absl::StrCat(i));
  EGOV_ASSERT_OK_AND_ASSIGN(auto stream,
                            shop_->Open(kFindBlocked, For("sale", Both()), absl::Seconds(20)));
  ASSERT_THAT(stream->Send({ask.SerializeAsString()}, true), IsOk());
  ASSERT_THAT(stream->Receive(), IsOk());
  ASSERT_EQ(Usages(3999).size(), 1u);
  EXPECT_TRUE(Usages(3999)[0].mass_query());
  EXPECT_EQ(Usages(4001).size(), 0u);
}

TEST_F(LendingTest, AFeedTellsWhatThereIsAndThenWhatComes) {
  GrantUsual();
  Grant(kShop, "WatchCards", "sale", {"lending.card.holder"});
  for (int i = 1; i <= 250; ++i) ASSERT_THAT(Issue(i), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(
      auto feed, shop_->Open(kWatchCards, For("sale", {"lending.card.holder"}), absl::Seconds(60)));
  ASSERT_THAT(feed->Send({WatchCardsRequest().SerializeAsString()}, true), IsOk());
  std::string cursor;
  int seen = 0;
  const auto next = [&]() -> absl::Status {
    const auto window = feed->Receive();
    if (!window.ok()) return window.status();
    for (const std::string& bytes : window->response_parts) {
      WatchCardsResponse part;
      EXPECT_TRUE(part.ParseFromString(bytes));
      for (const Card& card : part.cards()) {
        EXPECT_EQ(card.number().value(), absl::StrCat(++seen));
        EXPECT_EQ(card.address(), "");
      }
      cursor = part.next_cursor();
    }
    return absl::OkStatus();
  };
  while (seen < 250) ASSERT_THAT(next(), IsOk());
  ASSERT_THAT(Issue(251), IsOk());
  ASSERT_THAT(next(), IsOk());
  EXPECT_EQ(seen, 251);
  feed.reset();

  // Resumed by cursor: nothing left out.
  ASSERT_THAT(Issue(252), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(
      feed, shop_->Open(kWatchCards, For("sale", {"lending.card.holder"}), absl::Seconds(60)));
  WatchCardsRequest resume;
  resume.set_cursor(cursor);
  resume.set_until_now(true);
  ASSERT_THAT(feed->Send({resume.SerializeAsString()}, true), IsOk());
  ASSERT_THAT(next(), IsOk());
  EXPECT_EQ(seen, 252);
  EXPECT_THAT(feed->Receive(), Fails(StatusCode::kOutOfRange, "END_OF_STREAM"));
}

TEST_F(LendingTest, AWithdrawnRightEndsAFeedAtItsNextWindow) {
  GrantUsual();
  const std::string right = Grant(kShop, "WatchCards", "sale", {"lending.card.holder"});
  ASSERT_THAT(Issue(1), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(
      auto feed, shop_->Open(kWatchCards, For("sale", {"lending.card.holder"}), absl::Seconds(60)));
  ASSERT_THAT(feed->Send({WatchCardsRequest().SerializeAsString()}, true), IsOk());
  ASSERT_THAT(feed->Receive(), IsOk());
  Revoke(right);
  ASSERT_THAT(Issue(2), IsOk());
  EXPECT_THAT(feed->Receive(), Fails(StatusCode::kPermissionDenied, "NO_RIGHT"));
}

TEST_F(LendingTest, AWithdrawnRightStopsTheVeryNextCall) {
  Grant(kLender, "IssueCard", "lending");
  ASSERT_THAT(Issue(7), IsOk());
  const std::string right = Grant(kShop, "GetCard", "sale", Both());
  ASSERT_THAT(Get(7, For("sale", Both())), IsOk());
  Revoke(right);
  EXPECT_THAT(Get(7, For("sale", Both())), Fails(StatusCode::kPermissionDenied, "NO_RIGHT"));
}

TEST_F(LendingTest, OnlyOfficersChangeRights) {
  egov::access::v1::GrantRightRequest request;
  request.set_request_id(base::NewUuid());
  *request.mutable_right() = MakeRight(kShop, "GetCard", "sale", Both());
  EXPECT_THAT(shop_->Call<egov::access::v1::GrantRightResponse>(kGrantRight, For("administration"),
                                                                request),
              Fails(StatusCode::kPermissionDenied, "NO_RIGHT"));
}

TEST_F(LendingTest, TimeStampingAwayStopsOnlyRightsThatRequireIt) {
  world_.set_time_stamping(false);
  StopRegister();
  config_.set_time_stamp_grace_seconds(1);
  config_.set_stamp_interval_seconds(1);
  StartRegister();
  GrantUsual();
  auto strict = MakeRight(kLender, "GetCard", "sale", Both());
  strict.set_time_stamp_required(true);
  Grant(strict);
  ASSERT_THAT(Issue(7), IsOk());
  const auto strict_call = [&] {
    return lender_->Call<GetCardResponse>(kGetCard, For("sale", Both()), Ask(7), absl::Seconds(2));
  };
  // Asked now and then, so that the refusals stay below what a subsystem may have in a minute.
  const auto wait_until = [&](bool allowed) {
    const absl::Time limit = absl::Now() + absl::Seconds(30);
    while (strict_call().ok() != allowed && absl::Now() < limit) {
      absl::SleepFor(absl::Milliseconds(100));
    }
  };
  wait_until(false);
  EXPECT_THAT(strict_call(), Fails(StatusCode::kUnavailable, "TIME_STAMP_TOO_OLD"));
  EXPECT_THAT(Get(7, For("sale", Both())), IsOk());
  world_.set_time_stamping(true);
  wait_until(true);
  EXPECT_THAT(strict_call(), IsOk());
}

TEST_F(LendingTest, ARestartKeepsEverythingAndTheLogGoesOn) {
  GrantUsual();
  ASSERT_THAT(Issue(7), IsOk());
  const auto before = Get(7, For("sale", Both()));
  ASSERT_THAT(before, IsOk());
  StopRegister();
  StartRegister();
  const auto after = Get(7, For("sale", Both()));
  ASSERT_THAT(after, IsOk());
  EXPECT_GT(after->exchange.receipt.index(), before->exchange.receipt.index());
  EXPECT_THAT(shop_->CheckConsistency(), IsOk());
}

TEST_F(LendingTest, YesterdaysStorePutBackIsNoticedByAClientThatRemembers) {
  GrantUsual();
  ASSERT_THAT(Issue(7), IsOk());
  const std::string store = config_.data_directory() + "/store";
  StopRegister();
  std::filesystem::copy(store, store + ".yesterday", std::filesystem::copy_options::recursive);
  StartRegister();
  for (int i = 0; i < 5; ++i) ASSERT_THAT(Get(7, For("sale", Both())), IsOk());
  ASSERT_THAT(shop_->CheckConsistency(), IsOk());
  StopRegister();
  std::filesystem::remove_all(store);
  std::filesystem::rename(store + ".yesterday", store);
  StartRegister();
  EXPECT_THAT(Get(7, For("sale", Both())), Fails(StatusCode::kDataLoss, "LOG_REWRITTEN"));
  EXPECT_THAT(Get(7, For("sale", Both())), Fails(StatusCode::kDataLoss, "LOG_REWRITTEN"))
      << "nothing more is taken from it";
}

TEST_F(LendingTest, ALogThatWasRewrittenAndHasGrownAgainIsNoticedByAClientThatRemembersInAFile) {
  GrantUsual();
  ASSERT_THAT(Issue(7), IsOk());
  const std::string store = config_.data_directory() + "/store";
  const std::string memory = world_.directory() + "/memory";
  StopRegister();
  std::filesystem::copy(store, store + ".yesterday", std::filesystem::copy_options::recursive);
  StartRegister();
  shop_ = Member(kShop, memory);
  ASSERT_THAT(Get(7, For("sale", Both())), IsOk());
  shop_.reset();  // remembers on closing
  StopRegister();
  std::filesystem::remove_all(store);
  std::filesystem::rename(store + ".yesterday", store);
  StartRegister();
  lender_ = Member(kLender);
  for (int i = 0; i < 20; ++i) ASSERT_THAT(Issue(100 + i), IsOk());
  shop_ = Member(kShop, memory);
  (void)Get(7, For("sale", Both()));
  EXPECT_THAT(shop_->CheckConsistency(), Fails(StatusCode::kDataLoss, "LOG_REWRITTEN"));
}

TEST(RegisterTest, AContractWithAnUnmarkedFieldDoesNotStart) {
  World world;
  EGOV_ASSERT_OK_AND_ASSIGN(auto reg, Register::Open(world.Config("lending"), {}));
  Service service("egov.testing.lending.v1.UnmarkedService");
  service.Read<GetUnmarkedRequest, GetUnmarkedResponse>(
      "GetUnmarked", [](storage::Transaction&, const Call&, const GetUnmarkedRequest&) {
        return GetUnmarkedResponse();
      });
  EXPECT_THAT(reg->Add(std::move(service)),
              Fails(StatusCode::kFailedPrecondition, "UNMARKED_FIELD"));
}

TEST(RegisterTest, AMethodThatIsNotBoundOrBoundOtherwiseDoesNotStart) {
  World world;
  EGOV_ASSERT_OK_AND_ASSIGN(auto reg, Register::Open(world.Config("lending"), {}));
  EXPECT_THAT(reg->Add(Service(kLending)),
              Fails(StatusCode::kFailedPrecondition, "UNBOUND_METHOD"));
  Lending lending;
  Service service = lending.MakeService();
  service.Read<IssueCardRequest, IssueCardResponse>(
      "IssueCard", [](storage::Transaction&, const Call&, const IssueCardRequest&) {
        return IssueCardResponse();
      });
  EXPECT_THAT(reg->Add(std::move(service)), Fails(StatusCode::kFailedPrecondition, "WRONG_SHAPE"));
}

}  // namespace
}  // namespace egov::exchange::testing
