// The pipeline's checks before anything is read for a call: who asks, under which seal, for what,
// and whether they may.
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/exchange/attempt.h"
#include "libs/exchange/pipeline.h"
#include "libs/proof/wire.h"

namespace egov::exchange {
namespace {

using absl::StatusCode;
using base::Error;
using egov::exchange::v1::AUTHORITY_OFFICER;
using egov::exchange::v1::Header;

// A message id is accepted this long after (and, for clocks that differ, before) `issued`.
constexpr absl::Duration kHeaderLife = absl::Minutes(5);
// Refusals that one subsystem can have recorded in a minute: they cost a record each.
constexpr int kRefusalsPerMinute = 1000;

absl::Status BadHeader(absl::string_view reason, absl::string_view text, absl::string_view field,
                       absl::string_view expected) {
  return Error(StatusCode::kInvalidArgument, reason, text)
      .Field(absl::StrCat("header.", field))
      .Expected(expected);
}

}  // namespace

absl::Status Pipeline::MayKnock(absl::string_view caller, const BoundMethod& method) const {
  return parts_.access->MayKnock(caller, method.service, method.name);
}

absl::Status Pipeline::Admit(Attempt& attempt) const {
  const Question& question = attempt.question;
  EGOV_RETURN_IF_ERROR(MayKnock(question.caller, *question.method));
  if (question.sealed_header.empty()) {
    return Error(StatusCode::kInvalidArgument, "BAD_HEADER", "the call has no header")
        .Field("header")
        .Expected("a SealedHeader in egov-header-bin, or at the end of the window");
  }
  EGOV_ASSIGN_OR_RETURN(attempt.opened, proof::OpenHeader(question.sealed_header));
  attempt.reply.message_id = attempt.header().id();
  pki::Digest fingerprint;
  pki::DigestFromBytes(attempt.header().seal_certificate(),
                       &fingerprint);  // 32 bytes: OpenHeader has looked
  absl::StatusOr<std::shared_ptr<const Signer>> signer =
      parts_.trust->Find(fingerprint, question.certificate, pki::Purpose::kSeal, question.received);
  if (!signer.ok() && question.certificate.empty()) {
    // Not met since the start; but the log may have kept it.
    EGOV_ASSIGN_OR_RETURN(const auto kept, parts_.log->FindKept(fingerprint));
    if (kept.has_value()) {
      signer = parts_.trust->Find(fingerprint, kept->der, pki::Purpose::kSeal, question.received);
    }
  }
  EGOV_RETURN_IF_ERROR(signer.status());
  attempt.signer = *std::move(signer);
  EGOV_RETURN_IF_ERROR(seals_.Check(attempt.opened, *attempt.signer));
  attempt.items.assign(attempt.header().items().begin(), attempt.header().items().end());
  return absl::OkStatus();
}

absl::Status Pipeline::CheckAge(const Attempt& attempt) const {
  const absl::Duration age =
      attempt.question.received - absl::FromUnixMicros(attempt.header().issued_micros());
  if (age <= kHeaderLife && age >= -kHeaderLife) return absl::OkStatus();
  return BadHeader("STALE_HEADER", "the attempt was not made within the last five minutes",
                   "issued_micros", "a time within five minutes of the service's clock");
}

absl::Status Pipeline::CheckHeader(Attempt& attempt) const {
  const Question& question = attempt.question;
  const Header& header = attempt.header();
  if (header.caller() != question.caller || attempt.signer->spiffe != question.caller) {
    return Error(StatusCode::kUnauthenticated, "WRONG_CALLER",
                 "header, seal certificate and TLS certificate do not name the same caller")
        .Field("header.caller");
  }
  if (header.audience() != parts_.audience) {
    return BadHeader("WRONG_AUDIENCE", "the question was sealed for another service", "audience",
                     parts_.audience);
  }
  if (header.method() != question.method->contract->path()) {
    return BadHeader("WRONG_METHOD", "the question was sealed for another method", "method",
                     question.method->contract->path());
  }
  EGOV_RETURN_IF_ERROR(CheckAge(attempt));
  if (question.salt.size() != proof::kSaltSize) {
    return BadHeader("BAD_COMMITMENT", "the salt has not 16 bytes", "request",
                     "a salt of 16 bytes beside the header");
  }
  proof::Commitment commitment(question.salt);
  for (const std::string& part : question.parts) commitment.Add(part);
  if (pki::AsBytes(commitment.Finish()) != header.request()) {
    return BadHeader("BAD_COMMITMENT", "the header does not commit to these messages", "request",
                     "C(salt, messages of this window)");
  }
  if (question.end_user.empty() != header.end_user().empty() ||
      (!question.end_user.empty() &&
       pki::AsBytes(proof::Commit(question.salt, question.end_user)) != header.end_user())) {
    return BadHeader("BAD_COMMITMENT", "the header does not commit to this end-user assertion",
                     "end_user", "C(salt, assertion), or nothing without one");
  }
  return absl::OkStatus();
}

absl::Status Pipeline::CheckPlace(const Attempt& attempt) const {
  const Header& header = attempt.header();
  const StreamState* const stream = attempt.question.stream;
  if (stream == nullptr) {
    if (header.window() != 0 || !header.last()) {
      return BadHeader("BAD_WINDOW", "a unary call is one window", "window", "window 0, the last");
    }
  } else if (stream->last_seen || header.window() != stream->next_window ||
             header.previous() != stream->previous_question) {
    return BadHeader("BAD_WINDOW", "the window does not follow the one before", "window",
                     "the next number, naming the sealed header before");
  }
  return absl::OkStatus();
}

absl::Status Pipeline::Authorize(storage::Transaction& transaction, Attempt& attempt) const {
  const Question& question = attempt.question;
  if (question.method->contract->options().authority() == AUTHORITY_OFFICER) {
    return parts_.access->RequireOfficer(transaction, question.caller);
  }
  access::Asked asked;
  asked.caller = question.caller;
  asked.service = question.method->service;
  asked.method = question.method->name;
  asked.purpose = attempt.header().purpose();
  asked.items = attempt.items;
  asked.now = question.received;
  EGOV_ASSIGN_OR_RETURN(attempt.grant, parts_.access->Authorize(transaction, asked));
  if (attempt.grant.time_stamp_required && parts_.time_stamp_age() > parts_.time_stamp_grace) {
    return Error(
               StatusCode::kUnavailable, "TIME_STAMP_TOO_OLD",
               "this right needs time-stamped evidence, and no authority has answered for too long")
        .RetryAfter(absl::Seconds(30));
  }
  const std::string& silence = question.method->contract->options().silence();
  if (!silence.empty() &&
      !std::binary_search(attempt.items.begin(), attempt.items.end(), silence)) {
    return BadHeader("ITEM_MISSING", "this method discloses an item even by what it does not say",
                     "items", absl::StrCat("among them ", silence));
  }
  return absl::OkStatus();
}

bool Pipeline::RefusedTooOften(const std::string& caller) const {
  const int64_t minute = absl::ToUnixSeconds(parts_.clock->Now()) / 60;
  const std::lock_guard<std::mutex> lock(refusals_mutex_);
  if (minute > refusals_minute_) return false;
  const auto it = refusals_.find(caller);
  return it != refusals_.end() && it->second >= kRefusalsPerMinute;
}

void Pipeline::CountRefusal(const std::string& caller) const {
  const int64_t minute = absl::ToUnixSeconds(parts_.clock->Now()) / 60;
  const std::lock_guard<std::mutex> lock(refusals_mutex_);
  if (minute > refusals_minute_) {  // a clock that steps back begins no minute anew
    refusals_minute_ = minute;
    refusals_.clear();
  }
  ++refusals_[caller];
}

}  // namespace egov::exchange
