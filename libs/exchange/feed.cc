// Feeds: one question, windows of answers for as long as its reader stays.
#include <utility>

#include "libs/base/status.h"
#include "libs/exchange/attempt.h"
#include "libs/exchange/pipeline.h"

namespace egov::exchange {

using absl::StatusCode;
using base::Error;
using google::protobuf::Message;

absl::Status Pipeline::OpenFeed(Question question, std::shared_ptr<Feed>* feed, Reply* refusal) {
  auto attempt = std::make_shared<Attempt>();
  attempt->question = std::move(question);
  attempt->is_feed = true;
  attempt->more = true;
  const absl::Status admitted = Admit(*attempt);
  if (!admitted.ok()) {
    refusal->message_id = attempt->reply.message_id;
    refusal->details = parts_.details(admitted);
    refusal->status = admitted;
    return admitted;
  }
  attempt->refusal = CheckHeader(*attempt);
  if (attempt->refusal.ok()) attempt->refusal = CheckPlace(*attempt);
  if (attempt->refusal.ok() && attempt->question.parts.size() != 1) {
    attempt->refusal =
        Error(StatusCode::kInvalidArgument, "BAD_WINDOW", "a feed is asked for by one message");
  }
  if (attempt->refusal.ok()) {
    Message* const request = attempt->question.method->method.request->New(&attempt->arena);
    if (request->ParseFromString(attempt->question.parts[0])) {
      attempt->question.method->contract->AskedAbout(*request, &attempt->asked);
      attempt->requests.push_back(request);
      attempt->See(*request);
    } else {
      attempt->refusal =
          Error(StatusCode::kInvalidArgument, "BAD_MESSAGE", "the question does not parse")
              .Expected(std::string(request->GetTypeName()));
    }
  }
  *feed = std::make_shared<Feed>();
  (*feed)->attempt = std::move(attempt);
  return absl::OkStatus();
}

void Pipeline::Step(std::shared_ptr<Feed> feed, std::function<void(FeedReply)> done) {
  const std::shared_ptr<Attempt> attempt = feed->attempt;
  attempt->runs = 0;
  attempt->spent = false;
  attempt->told.clear();
  attempt->next_cursor = attempt->cursor;
  attempt->step = FeedStep::kMore;
  if (attempt->refusal.ok()) {
    // The right is asked for before anything is looked at, and again, with the record, by the
    // window's transaction.
    const std::unique_ptr<storage::Transaction> look = parts_.store->Begin();
    attempt->question.received = parts_.clock->Now();
    attempt->refusal = Authorize(*look, *attempt);
  }
  if (attempt->refusal.ok()) {
    absl::StatusOr<std::unique_ptr<storage::Reader>> snapshot = parts_.store->Snapshot();
    if (!snapshot.ok()) {
      attempt->refusal = snapshot.status();
    } else {
      attempt->revision = (*snapshot)->horizon();
      Call call;
      call.now = attempt->question.received;
      call.ids = parts_.ids;
      call.caller = attempt->question.caller;
      call.message_id = attempt->header().id();
      call.items = attempt->items;
      call.asked = attempt->asked;
      absl::StatusOr<FeedStep> step = attempt->question.method->method.step(
          **snapshot, call, attempt->requests[0], &attempt->next_cursor,
          [&](std::unique_ptr<Message> part) {
            attempt->told.push_back(std::move(part));
            return absl::OkStatus();
          });
      if (step.ok()) {
        attempt->step = *step;
      } else {
        attempt->refusal = step.status();
      }
    }
  }
  // "Nothing yet" is an answer too, but only the first time: an idle feed sends no windows.
  if (attempt->refusal.ok() && attempt->told.empty() && attempt->step != FeedStep::kEnd &&
      !attempt->first_window) {
    attempt->cursor = attempt->next_cursor;
    FeedReply idle;
    idle.idle = attempt->step == FeedStep::kIdle;
    return done(std::move(idle));
  }
  attempt->more = attempt->step != FeedStep::kEnd;
  // The attempt is kept by the feed; its reply goes out window by window.
  attempt->done = [feed, done = std::move(done)](Reply reply) {
    Attempt& told = *feed->attempt;
    FeedReply answer;
    answer.ended = !reply.status.ok() || told.step == FeedStep::kEnd;
    answer.idle = reply.status.ok() && told.step == FeedStep::kIdle;
    told.first_window = false;
    told.cursor = told.next_cursor;
    answer.reply = std::move(reply);
    done(std::move(answer));
  };
  Run(attempt);
}

}  // namespace egov::exchange
