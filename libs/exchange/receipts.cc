#include "libs/exchange/receipts.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "egov/evidence/v1/evidence_service.pb.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/merkle/merkle.h"

namespace egov::exchange {
namespace {

using absl::StatusCode;
using base::Error;

constexpr size_t kMostVerifiedNotes = 256;
// A service that answers calls but gives no proof of consistency for this long is not believed any
// more.
constexpr absl::Duration kLongestUnchecked = absl::Minutes(1);

absl::Status BadReceipt(absl::string_view text) {
  return Error(StatusCode::kDataLoss, "BAD_RECEIPT",
               absl::StrCat("the answer does not prove itself: ", text));
}

// "ee/GOV/70000310/population/log/0" of "spiffe://ee/GOV/70000310/population": a service has one
// log, and whoever shows another has split it.
std::string OriginOf(const std::string& audience) {
  constexpr absl::string_view kScheme = "spiffe://";
  return absl::StrCat(absl::string_view(audience).substr(std::min(kScheme.size(), audience.size())),
                      "/log/0");
}

absl::Status Unwritable() {
  return Error(StatusCode::kUnavailable, "MEMORY_UNWRITABLE",
               "cannot write remembered checkpoints");
}

uint32_t KeyId(const pki::PublicKey& key) { return base::ReadU32(pki::AsBytes(key.digest())); }

}  // namespace

absl::StatusOr<std::unique_ptr<CheckpointMemory>> CheckpointMemory::Open(std::string path) {
  std::unique_ptr<CheckpointMemory> memory(new CheckpointMemory(std::move(path)));
  if (!memory->path_.empty()) EGOV_RETURN_IF_ERROR(memory->ReadFile());
  return memory;
}

std::string CheckpointMemory::Get(const std::string& origin) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto it = notes_.find(origin);
  return it == notes_.end() ? std::string() : it->second.note;
}

absl::Status CheckpointMemory::Put(const std::string& origin, const std::string& note) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (path_.empty()) return Merge(origin, note);
  // Beside the file, because the file itself is replaced. Closing it gives it free.
  const int guard = open(absl::StrCat(path_, ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (guard < 0) return Unwritable();
  int locked = 0;
  do {
    locked = flock(guard, LOCK_EX);
  } while (locked != 0 && errno == EINTR);
  absl::Status status = locked == 0 ? absl::OkStatus() : Unwritable();
  if (status.ok()) status = ReadFile();
  if (status.ok()) status = Merge(origin, note);
  if (status.ok()) status = WriteFile();
  close(guard);
  return status;
}

absl::Status CheckpointMemory::Merge(const std::string& origin, const std::string& note) {
  EGOV_ASSIGN_OR_RETURN(const proof::Note parsed, proof::ParseNote(note));
  Kept& kept = notes_[origin];
  if (kept.size > parsed.size) return absl::OkStatus();
  if (kept.size == parsed.size && !kept.note.empty()) {
    if (kept.root == parsed.root) return absl::OkStatus();
    return Error(StatusCode::kDataLoss, "LOG_SPLIT",
                 "the log has shown two different trees of one size");
  }
  kept = {parsed.size, parsed.root, note};
  return absl::OkStatus();
}

absl::Status CheckpointMemory::ReadFile() {
  std::ifstream in(path_);
  std::string line;
  while (std::getline(in, line)) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    std::string note;
    if (words.size() != 2 || !absl::Base64Unescape(words[1], &note) ||
        !proof::ParseNote(note).ok()) {
      return Error(StatusCode::kDataLoss, "BAD_MEMORY",
                   absl::StrCat("the file of remembered checkpoints is damaged: ", path_))
          .Expected("the file as this program wrote it; without it a rewritten log goes unnoticed");
    }
    EGOV_RETURN_IF_ERROR(Merge(words[0], note));
  }
  return absl::OkStatus();
}

absl::Status CheckpointMemory::WriteFile() const {
  std::string text;
  for (const auto& [origin, kept] : notes_) {
    absl::StrAppend(&text, origin, " ", absl::Base64Escape(kept.note), "\n");
  }
  const std::string next = absl::StrCat(path_, ".new");  // only one writes: the lock is held
  const int file = open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return Unwritable();
  absl::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = write(file, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    rest.remove_prefix(static_cast<size_t>(written));
  }
  const bool synced = rest.empty() && fsync(file) == 0;
  if (close(file) != 0 || !synced || rename(next.c_str(), path_.c_str()) != 0) return Unwritable();
  return absl::OkStatus();
}

void ReceiptChecker::Introduce(const std::string& der) {
  if (der.empty()) return;
  const absl::StatusOr<pki::Certificate> certificate = pki::Certificate::FromDer(der);
  if (!certificate.ok()) return;
  const auto signer = trust_->Check(*certificate, pki::Purpose::kLog, clock_->Now());
  // A certificate that is not a log's of this service proves nothing: its receipts will not verify.
  if (!signer.ok() || (*signer)->spiffe != audience_) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  logs_[KeyId(certificate->public_key())] = *signer;
}

bool ReceiptChecker::introduced() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return !logs_.empty();
}

void ReceiptChecker::Forget() {
  const std::lock_guard<std::mutex> lock(mutex_);
  logs_.clear();
}

absl::Status ReceiptChecker::health() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (poisoned_.ok() && clock_->Now() > unchecked_since_ + kLongestUnchecked) {
    return Error(StatusCode::kUnavailable, "LOG_UNCHECKED",
                 "the service has not proven for too long that its log is still the one it was");
  }
  return poisoned_;
}

std::string ReceiptChecker::origin() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return newest_.origin;
}

uint64_t ReceiptChecker::seen_size() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return newest_.size;
}

absl::Status ReceiptChecker::Poison(absl::Status why) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (poisoned_.ok()) poisoned_ = why;
  return why;
}

absl::Status ReceiptChecker::VerifyCheckpoint(const std::string& note, proof::Note* parsed) {
  std::shared_ptr<const Signer> log;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto known = verified_.find(note);
    if (known != verified_.end()) {
      *parsed = known->second;
      return absl::OkStatus();
    }
  }
  EGOV_ASSIGN_OR_RETURN(*parsed, proof::ParseNote(note));
  if (parsed->origin != OriginOf(audience_)) return BadReceipt("the checkpoint is of another log");
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = logs_.find(parsed->key_id);
    if (it != logs_.end()) log = it->second;
  }
  if (log == nullptr) {
    return Error(StatusCode::kUnavailable, "UNKNOWN_LOG_CERTIFICATE",
                 "the log's certificate is not known yet");
  }
  if (clock_->Now() > log->certificate.not_after())
    return BadReceipt("the log's certificate has expired");
  EGOV_RETURN_IF_ERROR(proof::VerifyNote(*parsed, log->certificate.public_key()));
  const std::lock_guard<std::mutex> lock(mutex_);
  if (verified_.emplace(note, *parsed).second) verified_order_.push_back(note);
  if (verified_order_.size() > kMostVerifiedNotes) {
    verified_.erase(verified_order_.front());
    verified_order_.pop_front();
  }
  if (parsed->size == newest_.size && parsed->origin == newest_.origin &&
      parsed->root != newest_.root) {
    poisoned_ = Error(StatusCode::kDataLoss, "LOG_SPLIT",
                      "the log has shown two different trees of one size");
    return poisoned_;
  }
  if (parsed->size > newest_.size || parsed->origin != newest_.origin) {
    newest_ = *parsed;
    newest_note_ = note;
  }
  return absl::OkStatus();
}

absl::Status ReceiptChecker::Verify(const std::string& receipt_bytes, const absl::Status& outcome,
                                    const ReceiptContext& context, Exchange* exchange) {
  if (receipt_bytes.empty()) return BadReceipt("there is no receipt");
  egov::exchange::v1::Receipt& receipt = exchange->receipt;
  egov::exchange::v1::Record record;
  if (!proof::ParseStrictly(receipt_bytes, "BAD_RECEIPT", &receipt).ok() ||
      !proof::ParseStrictly(receipt.record(), "BAD_RECEIPT", &record).ok()) {
    return BadReceipt("receipt or record does not parse");
  }
  if (record.request() != pki::AsBytes(pki::Sha256Of(exchange->sealed_header))) {
    return BadReceipt("it is for another question");
  }
  proof::Commitment response(exchange->response_salt);
  for (const std::string& part : exchange->response_parts) response.Add(part);
  if (record.response() != pki::AsBytes(response.Finish()))
    return BadReceipt("it is for another answer");
  if (record.code() != static_cast<uint32_t>(outcome.code()))
    return BadReceipt("it is for another status");
  if (outcome.ok()) {
    if (!record.reason().empty() || !record.details().empty())
      return BadReceipt("it tells of a refusal");
  } else {
    const auto detail = base::DetailOf(outcome);
    if (!detail.has_value() || record.reason() != detail->reason)
      return BadReceipt("it gives another reason");
    if (record.details() != pki::AsBytes(pki::Sha256Of(exchange->details)))
      return BadReceipt("it is for other details");
  }
  if (record.window() != context.window || record.previous() != context.previous_record) {
    return BadReceipt("its window does not follow the one before");
  }
  proof::Note note;
  EGOV_RETURN_IF_ERROR(VerifyCheckpoint(receipt.checkpoint(), &note));
  const absl::StatusOr<pki::Digest> root = proof::RootOfReceipt(receipt, note.size);
  if (!root.ok() || *root != note.root)
    return BadReceipt("its path does not lead to the checkpoint");
  // A log only grows: what was asked later stands behind all that was seen before.
  if (receipt.index() < context.seen && note.origin == origin()) {
    return Poison(Error(StatusCode::kDataLoss, "LOG_REWRITTEN", "the log is shorter than it was"));
  }
  return absl::OkStatus();
}

absl::Status ReceiptChecker::Remember(const std::string& origin, const std::string& note) {
  const absl::Status status = memory_->Put(origin, note);
  const auto detail = base::DetailOf(status);
  return detail && detail->reason == "LOG_SPLIT" ? Poison(status) : status;
}

absl::Status ReceiptChecker::CheckConsistency(const Ask& get_consistency) {
  proof::Note newest;
  std::string newest_note;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (newest_note_.empty()) return absl::OkStatus();
    newest = newest_;
    newest_note = newest_note_;
  }
  const std::string kept_note = memory_->Get(newest.origin);
  if (kept_note.empty()) return Remember(newest.origin, newest_note);
  EGOV_ASSIGN_OR_RETURN(const proof::Note kept, proof::ParseNote(kept_note));
  if (kept.size == newest.size) {
    if (kept.root == newest.root) return absl::OkStatus();
    return Poison(Error(StatusCode::kDataLoss, "LOG_SPLIT",
                        "the log has shown two different trees of one size"));
  }
  egov::evidence::v1::GetConsistencyRequest request;
  request.set_origin(newest.origin);
  request.set_from_size(std::min(kept.size, newest.size));
  request.set_to_size(std::max(kept.size, newest.size));
  egov::evidence::v1::GetConsistencyResponse response;
  const absl::Status asked = get_consistency(request, &response);
  if (!asked.ok()) {
    // An absent service proves nothing against its log; one that answers and cannot is one that has
    // lost records.
    if (asked.code() == StatusCode::kUnavailable || asked.code() == StatusCode::kDeadlineExceeded ||
        asked.code() == StatusCode::kResourceExhausted || asked.code() == StatusCode::kCancelled) {
      const std::lock_guard<std::mutex> lock(mutex_);
      unchecked_since_ = std::min(unchecked_since_, clock_->Now());
      return asked;
    }
    return Poison(Error(StatusCode::kDataLoss, "LOG_REWRITTEN",
                        "the log cannot prove that it still holds what it held before"));
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    unchecked_since_ = absl::InfiniteFuture();
  }
  merkle::Path path;
  for (const std::string& hash : response.proof()) {
    pki::Digest digest;
    if (!pki::DigestFromBytes(hash, &digest)) {
      return Poison(Error(StatusCode::kDataLoss, "LOG_REWRITTEN",
                          "the log's proof of consistency is malformed"));
    }
    path.push_back(digest);
  }
  const bool grew = newest.size > kept.size;
  const proof::Note& older = grew ? kept : newest;
  const proof::Note& newer = grew ? newest : kept;
  if (!merkle::VerifyConsistency(older.size, older.root, newer.size, newer.root, path).ok()) {
    return Poison(Error(StatusCode::kDataLoss, "LOG_REWRITTEN",
                        "the log no longer holds what it held before"));
  }
  return grew ? Remember(newest.origin, newest_note) : absl::OkStatus();
}

}  // namespace egov::exchange
