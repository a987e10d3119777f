#include "libs/exchange/testing/lending.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"

namespace egov::exchange::testing {

using namespace egov::testing::lending::v1;  // NOLINT: the contract's messages
using absl::StatusCode;
using base::Error;
using storage::Transaction;

namespace {

std::string Prefix(storage::TableId table) {
  std::string prefix;
  base::AppendU16(table, &prefix);
  return prefix;
}

}  // namespace

absl::Status Lending::Resolve(storage::Reader& reader, absl::Span<const disclosure::Subject> asked,
                              std::vector<disclosure::SubjectKey>* keys) {
  keys->assign(asked.size(), 0);
  for (size_t i = 0; i < asked.size(); ++i) {
    uint64_t number = 0;
    if (asked[i].scheme != kScheme || !absl::SimpleAtoi(asked[i].value, &number)) continue;
    EGOV_ASSIGN_OR_RETURN(const bool found, cards_.Has(reader, number));
    if (found) (*keys)[i] = number;
  }
  return absl::OkStatus();
}

absl::Status Lending::Issue(Transaction& transaction, const Card& card) {
  uint64_t number = 0;
  if (card.number().scheme() != kScheme || !absl::SimpleAtoi(card.number().value(), &number) ||
      number == 0) {
    return Error(StatusCode::kInvalidArgument, "BAD_NUMBER", "a card has a number")
        .Field("card.number");
  }
  EGOV_ASSIGN_OR_RETURN(const bool taken, cards_.Has(transaction, number));
  if (taken)
    return Error(StatusCode::kAlreadyExists, "CARD_TAKEN", "somebody holds this card")
        .Field("card.number");
  std::string suffix;
  base::AppendU64(number, &suffix);
  transaction.PutStamped(Prefix(kIssued), suffix, "");
  return cards_.Insert(transaction, number, card);
}

Service Lending::MakeService() {
  Service service(kLending);
  service.Read<GetCardRequest, GetCardResponse>(
      "GetCard",
      [this](Transaction& transaction, const Call& call,
             const GetCardRequest&) -> absl::StatusOr<GetCardResponse> {
        GetCardResponse response;
        if (call.keys[0] == 0)
          return Error(StatusCode::kNotFound, "UNKNOWN_CARD", "nobody holds such a card");
        EGOV_RETURN_IF_ERROR(
            cards_.Get(transaction, call.keys[0], response.mutable_card()).status());
        return response;
      });
  service.Write<IssueCardRequest, IssueCardResponse>(
      "IssueCard",
      [this](Transaction& transaction, const Call&,
             const IssueCardRequest& request) -> absl::StatusOr<IssueCardResponse> {
        EGOV_RETURN_IF_ERROR(Issue(transaction, request.card()));
        IssueCardResponse response;
        *response.mutable_number() = request.card().number();
        response.set_before(transaction.horizon());
        return response;
      });
  service.Query<FindBlockedRequest, FindBlockedResponse>(
      "FindBlocked",
      [this](Transaction& transaction, const Call& call,
             absl::Span<const FindBlockedRequest* const>,
             Emit<FindBlockedResponse> emit) -> absl::Status {
        FindBlockedResponse response;
        for (size_t i = 0; i < call.keys.size(); ++i) {
          Card card;
          if (call.keys[i] == 0) continue;
          EGOV_RETURN_IF_ERROR(cards_.Get(transaction, call.keys[i], &card).status());
          if (!card.blocked()) continue;
          Blocked* const blocked = response.add_blocked();
          blocked->set_number(std::string(call.asked[i].value));
          blocked->set_holder(card.holder());
        }
        return emit(std::move(response));
      });
  service.Load<LoadCardsRequest, LoadCardsResponse>(
      "LoadCards",
      [this](const Call&,
             NextPart<LoadCardsRequest> next) -> absl::StatusOr<LoadStep<LoadCardsResponse>> {
        std::vector<Card> cards;
        while (const LoadCardsRequest* const part = next())
          cards.insert(cards.end(), part->cards().begin(), part->cards().end());
        return [this, cards](Transaction& transaction) -> absl::StatusOr<LoadCardsResponse> {
          for (const Card& card : cards) EGOV_RETURN_IF_ERROR(Issue(transaction, card));
          LoadCardsResponse response;
          response.set_loaded(cards.size());
          return response;
        };
      });
  service.Feed<WatchCardsRequest, WatchCardsResponse>(
      "WatchCards",
      [this](storage::Reader& reader, const Call&, const WatchCardsRequest& request,
             std::string* cursor, Emit<WatchCardsResponse> emit) -> absl::StatusOr<FeedStep> {
        if (cursor->empty() && !request.cursor().empty()) {
          EGOV_ASSIGN_OR_RETURN(*cursor, base::FromHex(request.cursor()));
        }
        if (cursor->empty()) *cursor = Prefix(kIssued);
        WatchCardsResponse response;
        std::vector<uint64_t> numbers;
        EGOV_RETURN_IF_ERROR(reader.Scan(
            *cursor, Prefix(kIssued + 1), [&](absl::string_view key, absl::string_view) {
              numbers.push_back(base::ReadU64(key.substr(key.size() - 8)));
              *cursor = absl::StrCat(key, absl::string_view("\0", 1));
              return numbers.size() < 100;
            }));
        for (const uint64_t number : numbers) {
          EGOV_RETURN_IF_ERROR(cards_.Get(reader, number, response.add_cards()).status());
        }
        response.set_next_cursor(base::ToHex(*cursor));
        if (!numbers.empty()) EGOV_RETURN_IF_ERROR(emit(std::move(response)));
        if (numbers.size() == 100) return FeedStep::kMore;
        return request.until_now() ? FeedStep::kEnd : FeedStep::kIdle;
      });
  return service;
}

}  // namespace egov::exchange::testing
