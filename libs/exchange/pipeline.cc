#include "libs/exchange/pipeline.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/arena.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/exchange/attempt.h"
#include "libs/exchange/rows.pb.h"
#include "libs/proof/wire.h"
#include "libs/storage/table.h"

namespace egov::exchange {
namespace {

using absl::StatusCode;
using base::Error;
using egov::exchange::v1::AUTHORITY_OFFICER;
using egov::exchange::v1::SHAPE_FEED;
using egov::exchange::v1::SHAPE_LOAD;
using egov::exchange::v1::SHAPE_QUERY;
using egov::exchange::v1::SHAPE_WRITE;
using google::protobuf::Message;

constexpr storage::TableId kFirstAnswers = 0x0040;
constexpr int kAttempts = 32;
constexpr size_t kMaxAsked = size_t{1} << 20;
constexpr char kUsageService[] = "egov.disclosure.v1.UsageService";
constexpr char kOwnData[] = "own-data";

absl::Status TooManyAsked() {
  return Error(StatusCode::kInvalidArgument, "WINDOW_TOO_LARGE", "too many are asked about at once")
      .Expected("at most 1048576 in one window; a stream may have any number of windows");
}

std::string Bytes(const pki::Digest& digest) { return std::string(pki::AsBytes(digest)); }

std::vector<disclosure::SubjectKey> Known(const std::vector<disclosure::SubjectKey>& keys) {
  std::vector<disclosure::SubjectKey> known;
  for (const disclosure::SubjectKey key : keys) {
    if (key != 0) known.push_back(key);
  }
  return known;
}

absl::Status Busy() {
  return Error(StatusCode::kUnavailable, "BUSY",
               "others keep writing what this call reads; nothing was done")
      .RetryAfter(absl::Milliseconds(100));
}

std::string FirstAnswerKey(absl::string_view caller, absl::string_view request_id) {
  std::string key;
  base::AppendU16(kFirstAnswers, &key);
  absl::StrAppend(&key, caller, absl::string_view("\0", 1), request_id);
  return key;
}

// A string field by name; null when the message has none.
const std::string* StringField(const Message& message, const char* name, std::string* scratch) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr || field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING ||
      field->is_repeated()) {
    return nullptr;
  }
  return &message.GetReflection()->GetStringReference(message, field, scratch);
}

pki::Digest QuestionDigest(absl::string_view salt, absl::string_view method,
                           const std::vector<std::string>& parts) {
  proof::Commitment digest(absl::StrCat(salt, method, absl::string_view("\0", 1)));
  for (const std::string& part : parts) digest.Add(part);
  return digest.Finish();
}

}  // namespace

Pipeline::Pipeline(PipelineParts parts)
    : parts_(std::move(parts)), replies_([] {
        rpc::ExecutorOptions options;
        options.threads = 1;
        options.queue = size_t{1} << 20;  // admission bounds the calls; a reply is never refused
        return options;
      }()) {}

// What was handed to the store comes back once more through the replies, and may go to the store
// again.
Pipeline::~Pipeline() {
  (void)parts_.store->CommitAndWait(parts_.store->Begin());
  replies_.Stop();
  (void)parts_.store->CommitAndWait(parts_.store->Begin());
}

void Pipeline::RunAgain(std::shared_ptr<Attempt> attempt) {
  // Not on the reply thread, behind which everybody waits, as long as there is another: a load's
  // window takes long.
  if (parts_.workers != nullptr && parts_.workers->Run([this, attempt] { Run(attempt); }).ok())
    return;
  (void)replies_.Run([this, attempt = std::move(attempt)]() mutable { Run(std::move(attempt)); });
}

absl::Status Pipeline::Resolve(storage::Reader& reader, Attempt& attempt) const {
  attempt.keys.assign(attempt.asked.size(), 0);
  if (attempt.asked.empty() || parts_.subjects == nullptr) return absl::OkStatus();
  return parts_.subjects->Resolve(reader, attempt.asked, &attempt.keys);
}

void Pipeline::Attempt::See(const Message& part) {
  std::string scratch;
  const auto shape = question.method->method.shape;
  if (shape == SHAPE_WRITE || shape == SHAPE_LOAD) {
    const std::string& id = *StringField(part, "request_id", &scratch);
    if (parts_seen == 0) request_id = id;
    one_act = one_act && id == request_id;
  }
  if (parts_seen++ > 0) return;
  if (const std::string* said = StringField(part, "scheme", &scratch)) scheme = *said;
}

void Pipeline::Parse(Attempt& attempt) const {
  if (attempt.parsed) return;
  attempt.parsed = true;
  attempt.call.now = attempt.question.received;
  attempt.call.ids = parts_.ids;
  attempt.call.caller = attempt.question.caller;
  attempt.call.message_id = attempt.header().id();
  attempt.call.items = attempt.items;
  const Method& method = attempt.question.method->method;
  const std::vector<std::string>& parts = attempt.question.parts;
  // A window may be empty (the last of a question whose length was not known); a command gets one
  // empty part.
  const size_t count = std::max<size_t>(parts.size(), 1);
  size_t at = 0;
  const auto next = [&]() -> const Message* {
    if (at == count || !attempt.unreadable.ok()) return nullptr;
    Message* const request = method.request->New(&attempt.arena);
    const absl::string_view part = parts.empty() ? absl::string_view() : parts[at];
    const bool good = method.shape == SHAPE_LOAD
                          ? request->ParseFromArray(part.data(), static_cast<int>(part.size()))
                          : attempt.question.method->contract->Parse(part, request, &attempt.asked);
    if (!good) {
      attempt.unreadable = Error(StatusCode::kInvalidArgument, "BAD_MESSAGE",
                                 "a message of the question does not parse")
                               .Expected(std::string(method.request->GetTypeName()));
      return nullptr;
    }
    ++at;
    attempt.See(*request);
    return request;
  };
  if (method.shape == SHAPE_LOAD) {
    const auto next_alone = [&] {
      attempt.arena.Reset();
      return next();
    };
    attempt.prepared = method.prepare(attempt.call, next_alone);
    while (next_alone() != nullptr) {
    }  // whether all can be read is told first
    return;
  }
  while (const Message* const request = next()) {
    attempt.requests.push_back(request);
    // Parts are alike: room for those of all once the first is known.
    if (at == 1) attempt.asked.reserve(std::min(attempt.asked.size() * count, kMaxAsked));
  }
  attempt.call.asked = attempt.asked;
}

void Pipeline::FindNamed(Attempt& attempt) const {
  if (!attempt.asked.empty()) return;
  const BoundMethod& bound = *attempt.question.method;
  for (const std::string& part : attempt.question.parts) {
    Message* const request = bound.method.request->New(&attempt.arena);
    request->ParseFromString(part);
    bound.contract->AskedAbout(*request, &attempt.asked);
  }
}

void Pipeline::DigestAct(Attempt& attempt) const {
  if (!attempt.act_salt.empty()) return;
  attempt.act_salt = base::RandomBytes(proof::kSaltSize);
  attempt.act_digest =
      Bytes(QuestionDigest(attempt.act_salt, attempt.header().method(), attempt.question.parts));
}

absl::StatusOr<bool> Pipeline::AnsweredBefore(storage::Transaction& transaction, Attempt& attempt,
                                              std::string* key) const {
  if (!base::IsUuid(attempt.request_id)) {
    return Error(StatusCode::kInvalidArgument, "BAD_REQUEST_ID", "an act is named by a UUID")
        .Field("request_id")
        .Expected("a UUID of the caller's own making, the same when the act is sent again");
  }
  if (!attempt.one_act) {
    return Error(StatusCode::kInvalidArgument, "BAD_REQUEST_ID",
                 "the parts of a window are one act")
        .Field("request_id")
        .Expected("the same in all parts");
  }
  *key = FirstAnswerKey(attempt.question.caller, attempt.request_id);
  std::string value;
  EGOV_ASSIGN_OR_RETURN(const bool found, transaction.Get(*key, &value));
  if (!found) return false;
  rows::FirstAnswer first;
  if (!first.ParseFromString(value)) {
    return Error(StatusCode::kDataLoss, "ROW_UNREADABLE",
                 "the first answer of an act cannot be read");
  }
  if (first.question() != pki::AsBytes(QuestionDigest(first.salt(), attempt.header().method(),
                                                      attempt.question.parts))) {
    return Error(StatusCode::kAlreadyExists, "REQUEST_ID_REUSED", "another act has this request_id")
        .Field("request_id")
        .Expected("a new UUID for a new act");
  }
  std::unique_ptr<Message> response(attempt.question.method->method.response->New());
  if (!response->ParseFromString(first.response())) {
    return Error(StatusCode::kDataLoss, "ROW_UNREADABLE",
                 "the first answer of an act cannot be read");
  }
  std::vector<std::unique_ptr<Message>> again;
  again.push_back(std::move(response));
  EGOV_RETURN_IF_ERROR(Release(transaction, attempt, std::move(again)));
  return true;
}

absl::Status Pipeline::Handle(storage::Transaction& transaction, Attempt& attempt) const {
  EGOV_RETURN_IF_ERROR(attempt.refusal);
  EGOV_RETURN_IF_ERROR(Authorize(transaction, attempt));
  const BoundMethod& bound = *attempt.question.method;
  Parse(attempt);
  EGOV_RETURN_IF_ERROR(attempt.unreadable);
  const bool is_load = bound.method.shape == SHAPE_LOAD;
  if (is_load && attempt.grant.codes_per_day != 0) FindNamed(attempt);
  if (attempt.asked.size() > kMaxAsked) {
    attempt.refusal = TooManyAsked();
    return attempt.refusal;
  }
  if (!attempt.spent) {
    // Once for the attempt, and before anything is looked up: a question about nobody counts like
    // any other.
    if (bound.contract->options().authority() != AUTHORITY_OFFICER) {
      EGOV_RETURN_IF_ERROR(
          parts_.access->Spend(attempt.grant, attempt.asked.size(), attempt.question.received));
    }
    attempt.spent = true;
  }
  std::string act;
  const bool is_act = bound.method.shape == SHAPE_WRITE || bound.method.shape == SHAPE_LOAD;
  if (is_act) {
    EGOV_ASSIGN_OR_RETURN(const bool answered, AnsweredBefore(transaction, attempt, &act));
    if (answered) return absl::OkStatus();
  }
  std::vector<std::unique_ptr<Message>> messages;
  const auto emit = [&](std::unique_ptr<Message> part) {
    messages.push_back(std::move(part));
    return absl::OkStatus();
  };
  if (is_load) {
    absl::Status done = attempt.prepared->status();
    if (done.ok()) done = (**attempt.prepared)(transaction, emit);
    if (!done.ok()) {
      FindNamed(attempt);
      if (attempt.asked.size() > kMaxAsked) return TooManyAsked();  // and nothing of why
      EGOV_RETURN_IF_ERROR(Resolve(transaction, attempt));
      return done;
    }
  } else {
    EGOV_RETURN_IF_ERROR(Resolve(transaction, attempt));
    attempt.call.keys = attempt.keys;
    EGOV_RETURN_IF_ERROR(bound.method.run(transaction, attempt.call, attempt.requests, emit));
  }
  EGOV_RETURN_IF_ERROR(Release(transaction, attempt, std::move(messages)));
  if (is_act) {
    rows::FirstAnswer first;
    first.set_message_id(attempt.header().id());
    DigestAct(attempt);
    first.set_salt(attempt.act_salt);
    first.set_question(attempt.act_digest);
    first.set_response(attempt.reply.parts.empty() ? std::string() : attempt.reply.parts[0]);
    transaction.Put(act, first.SerializeAsString());
  }
  return absl::OkStatus();
}

absl::Status Pipeline::Release(storage::Transaction& transaction, Attempt& attempt,
                               std::vector<std::unique_ptr<Message>> messages) const {
  const disclosure::Contract& contract = *attempt.question.method->contract;
  std::vector<disclosure::Subject> told;
  size_t bytes = 0;
  for (const std::unique_ptr<Message>& message : messages) {
    contract.Release(attempt.items, attempt.scheme, message.get(), &told);
    std::string part;
    message->SerializeToString(&part);
    bytes += part.size();
    attempt.reply.parts.push_back(std::move(part));
  }
  if (bytes > attempt.question.answer_room) {
    return Error(StatusCode::kOutOfRange, "ANSWER_TOO_LARGE",
                 "the answer exceeds what its message or window holds")
        .Expected("less asked for at once: a smaller page, fewer subjects; not in a bundle");
  }
  if (rpc::Lease* const lease = attempt.question.lease; lease != nullptr) {
    // As long as nothing is disclosed it can be refused.
    EGOV_RETURN_IF_ERROR(lease->Grow(static_cast<int64_t>(bytes)));
    lease->Shrink(static_cast<int64_t>(std::exchange(attempt.charged, bytes)));
  }
  // Who reads the list of who looked at them has not looked at anybody.
  if (attempt.question.method->service == kUsageService && attempt.header().purpose() == kOwnData)
    return absl::OkStatus();

  std::vector<disclosure::SubjectKey> noted;
  if (!contract.options().silence().empty()) {
    noted = attempt.keys;  // not to be named is an answer too; whoever is named was asked about
  } else if (parts_.subjects != nullptr) {
    std::vector<disclosure::Subject> unresolved;
    for (const disclosure::Subject& subject : told) {
      if (attempt.asked.size() == 1 && attempt.keys.size() == 1 &&
          attempt.asked[0].value == subject.value && attempt.asked[0].scheme == subject.scheme &&
          attempt.keys[0] != 0) {
        noted.push_back(attempt.keys[0]);
      } else {
        unresolved.push_back(subject);
      }
    }
    if (!unresolved.empty()) {
      std::vector<disclosure::SubjectKey> keys;
      EGOV_RETURN_IF_ERROR(parts_.subjects->Resolve(transaction, unresolved, &keys));
      noted.insert(noted.end(), keys.begin(), keys.end());
    }
  }
  return Note(transaction, attempt, noted);
}

absl::Status Pipeline::Note(storage::Transaction& transaction, const Attempt& attempt,
                            const std::vector<disclosure::SubjectKey>& subjects) const {
  if (subjects.empty()) return absl::OkStatus();
  return parts_.usage->Note(transaction, absl::ToUnixMicros(attempt.question.received),
                            attempt.header().id(), subjects);
}

std::shared_ptr<Pipeline::Attempt> Pipeline::Open(Question question) const {
  auto attempt = std::make_shared<Attempt>();
  attempt->question = std::move(question);
  attempt->unadmitted = Admit(*attempt);
  if (attempt->unadmitted.ok()) attempt->refusal = CheckHeader(*attempt);
  return attempt;
}

std::shared_ptr<Pipeline::Attempt> Pipeline::Prepare(Question question) const {
  std::shared_ptr<Attempt> attempt = Open(std::move(question));
  if (!attempt->unadmitted.ok() || !attempt->refusal.ok()) return attempt;
  Parse(*attempt);
  // A large window takes long: not while others wait for their turn.
  if (attempt->question.method->method.shape == SHAPE_LOAD && attempt->unreadable.ok())
    DigestAct(*attempt);
  return attempt;
}

void Pipeline::Serve(Question question, Done done) {
  Begin(Open(std::move(question)), std::move(done));
}

void Pipeline::Serve(std::shared_ptr<Attempt> prepared, Done done) {
  // It may have waited for its turn for long: what holds for a moment only is asked of this one.
  Attempt& attempt = *prepared;
  attempt.question.received = attempt.call.now = parts_.clock->Now();
  if (attempt.unadmitted.ok()) {
    auto signer = parts_.trust->Find(attempt.signer->certificate.fingerprint(),
                                     attempt.signer->certificate.ToDer(), pki::Purpose::kSeal,
                                     attempt.question.received);
    attempt.unadmitted = signer.status();
    if (signer.ok()) attempt.signer = *std::move(signer);
  }
  if (attempt.unadmitted.ok() && attempt.refusal.ok()) attempt.refusal = CheckAge(attempt);
  Begin(std::move(prepared), std::move(done));
}

void Pipeline::Begin(std::shared_ptr<Attempt> attempt, Done done) {
  attempt->done = std::move(done);
  if (!attempt->unadmitted.ok()) return Finish(*attempt, attempt->unadmitted);
  if (attempt->refusal.ok()) attempt->refusal = CheckPlace(*attempt);
  Run(std::move(attempt));
}

void Pipeline::Run(std::shared_ptr<Attempt> attempt) {
  ++attempt->runs;
  if (parts_.clock->Now() > attempt->question.deadline) {
    return Finish(*attempt, Error(StatusCode::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                                  "there is no time left to answer"));
  }
  if (RefusedTooOften(attempt->question.caller)) {
    return Finish(*attempt, Error(StatusCode::kResourceExhausted, "TOO_MANY_REFUSALS",
                                  "this subsystem was refused too often within a minute")
                                .RetryAfter(absl::Minutes(1)));
  }
  attempt->keys.clear();
  Reply fresh;
  fresh.message_id = attempt->header().id();
  attempt->reply = std::move(fresh);
  const auto shape = attempt->question.method->method.shape;

  std::unique_ptr<storage::Transaction> transaction = parts_.store->Begin();
  const auto seen = [&]() -> absl::Status {
    if (attempt->is_feed && !attempt->first_window) return absl::OkStatus();
    EGOV_ASSIGN_OR_RETURN(const bool known,
                          parts_.log->Knows(*transaction, attempt->header().id()));
    if (!known) return absl::OkStatus();
    return Error(StatusCode::kAlreadyExists, "REPLAYED", "this attempt was answered before")
        .Field("header.id")
        .Expected("a new id for each attempt; GetReceipt has a lost receipt");
  };
  const absl::Status first_time = seen();
  if (!first_time.ok()) return Finish(*attempt, first_time);
  transaction->set_commit_class(shape == SHAPE_WRITE || shape == SHAPE_LOAD
                                    ? storage::CommitClass::kMutation
                                    : storage::CommitClass::kDisclosure);
  if (attempt->is_feed) {
    attempt->outcome = attempt->refusal;
    if (attempt->outcome.ok()) attempt->outcome = Authorize(*transaction, *attempt);
    if (attempt->outcome.ok() && !attempt->spent) {
      // Each window is a call; who is asked about is counted with the first.
      attempt->outcome =
          parts_.access->Spend(attempt->grant, attempt->first_window ? attempt->asked.size() : 0,
                               attempt->question.received);
      attempt->spent = attempt->outcome.ok();
    }
    if (attempt->outcome.ok()) {
      std::vector<std::unique_ptr<Message>> copies;
      for (const std::unique_ptr<Message>& message : attempt->told) {
        copies.emplace_back(message->New());
        copies.back()->CopyFrom(*message);
      }
      attempt->outcome = Release(*transaction, *attempt, std::move(copies));
    }
  } else {
    // A query reads beside the transaction too (a resident column), and then knows at least what
    // there was before.
    attempt->revision = transaction->horizon();
    attempt->outcome = Handle(*transaction, *attempt);
    // What a transaction itself has read is still so when it commits.
    if (shape != SHAPE_QUERY) attempt->revision = parts_.store->horizon();
  }
  if (storage::IsConflict(attempt->outcome)) {
    return attempt->runs < kAttempts ? Run(std::move(attempt)) : Finish(*attempt, Busy());
  }
  if (!attempt->outcome.ok()) {
    if (attempt->runs == 1) CountRefusal(attempt->question.caller);
    // What a refused command has written goes; the refusal itself is recorded. What it was refused
    // for must still be so then: the same act, sent twice at once, would else be refused for what
    // it has done itself.
    attempt->reply.parts.clear();
    attempt->reply.details = parts_.details(attempt->outcome);
    transaction->DropWrites();
    transaction->set_commit_class(storage::CommitClass::kDisclosure);
    // Why an act is refused may tell something about those whom it names.
    const absl::Status noted = Note(*transaction, *attempt, Known(attempt->keys));
    if (!noted.ok()) return Finish(*attempt, noted);
  }
  Record(std::move(attempt), std::move(transaction));
}

void Pipeline::Record(std::shared_ptr<Attempt> attempt,
                      std::unique_ptr<storage::Transaction> transaction) {
  const Question& question = attempt->question;
  attempt->reply.status = attempt->outcome;
  attempt->reply.salt = base::RandomBytes(proof::kSaltSize);
  proof::Commitment response(attempt->reply.salt);
  for (const std::string& part : attempt->reply.parts) response.Add(part);

  egov::exchange::v1::Record record;
  record.set_request(Bytes(pki::Sha256Of(question.sealed_header)));
  record.set_response(Bytes(response.Finish()));
  record.set_code(static_cast<uint32_t>(attempt->outcome.code()));
  if (!attempt->outcome.ok()) {
    const auto detail = base::DetailOf(attempt->outcome);
    record.set_reason(detail.has_value() ? detail->reason : "INTERNAL");
    if (!attempt->reply.details.empty())
      record.set_details(Bytes(pki::Sha256Of(attempt->reply.details)));
  }
  if (question.stream != nullptr) {
    record.set_window(question.stream->next_answer);
    record.set_previous(question.stream->previous_record);
    record.set_more(attempt->more && attempt->outcome.ok());
  }
  record.set_received_micros(absl::ToUnixMicros(question.received));
  record.set_revision(attempt->revision);
  record.set_tls_certificate(Bytes(question.tls_certificate));
  if (attempt->signer->revocation.has_value())
    record.set_revocation(Bytes(attempt->signer->revocation->digest()));

  auto entry = std::make_unique<evidence::LogEntry>();
  if (!attempt->is_feed || attempt->first_window) entry->id = attempt->header().id();
  entry->sealed_header = question.sealed_header;
  record.SerializeToString(&entry->record);
  attempt->record = entry->record;
  transaction->Append(std::move(entry));
  const absl::Status kept = KeepCertificates(*transaction, *attempt->signer);
  if (!kept.ok()) return Finish(*attempt, kept);
  storage::Store* const store = parts_.store;
  store->Commit(std::move(transaction),
                [this, attempt](absl::StatusOr<storage::CommitResult> result) mutable {
                  auto committed =
                      std::make_shared<absl::StatusOr<storage::CommitResult>>(std::move(result));
                  (void)replies_.Run([this, attempt = std::move(attempt), committed]() mutable {
                    Committed(std::move(attempt), std::move(*committed));
                  });
                });
}

void Pipeline::Committed(std::shared_ptr<Attempt> attempt,
                         absl::StatusOr<storage::CommitResult> result) {
  if (!result.ok()) {
    if (storage::IsConflict(result.status())) {
      return attempt->runs < kAttempts ? RunAgain(std::move(attempt)) : Finish(*attempt, Busy());
    }
    return Finish(*attempt, result.status());
  }
  attempt->signer->kept->store(true, std::memory_order_relaxed);
  attempt->reply.receipt = static_cast<evidence::LogEntry&>(*result->entry).Receipt();
  if (StreamState* const stream = attempt->question.stream) {
    ++stream->next_answer;
    stream->previous_record = Bytes(pki::Sha256Of(attempt->record));
    if (!attempt->is_feed || attempt->first_window) {
      ++stream->next_window;
      stream->previous_question = Bytes(pki::Sha256Of(attempt->question.sealed_header));
      stream->last_seen = attempt->header().last();
    }
  }
  const Done done = std::move(attempt->done);
  done(std::move(attempt->reply));
}

absl::Status Pipeline::KeepCertificates(storage::Transaction& transaction,
                                        const Signer& signer) const {
  if (signer.kept->load(std::memory_order_relaxed)) return absl::OkStatus();
  for (const pki::Certificate& certificate : signer.chain) {
    EGOV_RETURN_IF_ERROR(parts_.log->KeepCertificate(transaction, certificate.ToDer()));
  }
  if (!signer.revocation.has_value()) return absl::OkStatus();
  return parts_.log->KeepRevocationList(transaction, signer.revocation->ToDer());
}

void Pipeline::Finish(Attempt& attempt, absl::Status unrecorded) const {
  Reply reply;
  reply.message_id = attempt.reply.message_id;
  reply.details = parts_.details(unrecorded);
  reply.status = std::move(unrecorded);
  const Done done = std::move(attempt.done);
  done(std::move(reply));
}

}  // namespace egov::exchange
