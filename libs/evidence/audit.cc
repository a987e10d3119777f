#include "libs/evidence/audit.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/merkle/merkle.h"

namespace egov::evidence {
namespace {

using egov::exchange::v1::Header;
using egov::exchange::v1::Record;

constexpr size_t kMaxFindings = 100;
constexpr size_t kMaxRoots = 1 << 16;
constexpr size_t kMaxOpenWindows = 1 << 16;
constexpr size_t kMaxSince = 256;  // records among which an exchange of places is looked for

std::string DigestOf(absl::string_view bytes) {
  return std::string(pki::AsBytes(pki::Sha256Of(bytes)));
}

}  // namespace

absl::string_view AuditProblemName(AuditProblem problem) {
  switch (problem) {
    case AuditProblem::kDeletion:
      return "DELETION";
    case AuditProblem::kReordering:
      return "REORDERING";
    case AuditProblem::kRollback:
      return "ROLLBACK";
    case AuditProblem::kSplitView:
      return "SPLIT_VIEW";
    case AuditProblem::kChangedRecord:
      return "CHANGED_RECORD";
    case AuditProblem::kBadSeal:
      return "BAD_SEAL";
    case AuditProblem::kTimeBack:
      return "TIME_BACK";
    case AuditProblem::kBrokenWindows:
      return "BROKEN_WINDOWS";
    case AuditProblem::kBadCheckpoint:
      return "BAD_CHECKPOINT";
  }
  return "UNKNOWN";
}

Auditor::Auditor(Options options, AuditSource source, AuditState state)
    : options_(std::move(options)),
      source_(std::move(source)),
      state_(std::move(state)),
      began_(state_.tree.size()),
      good_(state_.tree) {}

void Auditor::Find(AuditProblem problem, uint64_t position, absl::string_view text) {
  if (report_.findings.size() < kMaxFindings) {
    report_.findings.push_back({problem, position, std::string(text)});
  }
}

bool Auditor::OpenCheckpoint(absl::string_view bytes, proof::Note* note) {
  auto parsed = proof::ParseNote(bytes);
  if (!parsed.ok() || parsed->origin != options_.origin) return false;
  for (const pki::PublicKey& key : options_.log_keys) {
    if (proof::VerifyNote(*parsed, key).ok()) {
      *note = *std::move(parsed);
      return true;
    }
  }
  return false;
}

// Whether the newest checkpoint is of the log that was followed before.
absl::Status Auditor::CheckExtends(const proof::Note& note, bool* extends) {
  *extends = false;
  if (note.size < began_) {
    Find(AuditProblem::kRollback, note.size,
         absl::StrCat("the log had ", began_, " records and now has ", note.size));
    return absl::OkStatus();
  }
  if (note.size == began_) {
    *extends = note.root == state_.tree.root();
    if (!*extends) {
      Find(AuditProblem::kSplitView, note.size, "the same size was seen with another root");
    }
    return absl::OkStatus();
  }
  *extends = true;
  if (began_ == 0) return absl::OkStatus();
  const auto response = source_.consistency(began_, note.size);
  if (!response.ok() && response.status().code() != absl::StatusCode::kDataLoss) {
    return response.status();
  }
  merkle::Path path;
  bool holds = response.ok();
  if (holds) {
    const auto parsed = proof::PathOf(response->proof(), "BAD_PROOF");
    holds =
        parsed.ok() &&
        merkle::VerifyConsistency(began_, state_.tree.root(), note.size, note.root, *parsed).ok();
  }
  if (!holds) {
    *extends = false;
    Find(AuditProblem::kSplitView, began_,
         absl::StrCat("the log does not extend what was seen of it: its first ", began_,
                      " records are others"));
  }
  return absl::OkStatus();
}

absl::StatusOr<AuditReport> Auditor::Run() {
  report_ = {};
  report_.size = began_;
  absl::optional<proof::Note> target;
  std::string target_note;
  merkle::Frontier tree = state_.tree;
  int64_t recorded = state_.recorded_micros;
  while (!target || tree.size() < target->size) {
    auto page = source_.list(tree.size());
    if (page.status().code() == absl::StatusCode::kDataLoss) {
      Find(AuditProblem::kDeletion, tree.size(), "the service itself finds records missing");
      return report_;
    }
    EGOV_RETURN_IF_ERROR(page.status());
    if (!target) {
      if (page->checkpoint().empty() && began_ == 0) {
        report_.finished = true;  // a log without records
        return report_;
      }
      proof::Note note;
      if (page->checkpoint().empty()) {
        Find(AuditProblem::kRollback, 0, "the log is empty and was not");
        return report_;
      }
      if (!OpenCheckpoint(page->checkpoint(), &note)) {
        Find(AuditProblem::kBadCheckpoint, tree.size(), "the checkpoint is not signed by the log");
        return report_;
      }
      bool extends = false;
      EGOV_RETURN_IF_ERROR(CheckExtends(note, &extends));
      if (!extends) return report_;
      target = std::move(note);
      target_note = page->checkpoint();
    }
    if (tree.size() == target->size) break;
    if (page->entries().empty()) {
      Find(AuditProblem::kDeletion, tree.size(),
           absl::StrCat("the log ends at ", tree.size(), ", its checkpoint says ", target->size));
      return report_;
    }
    // Stamped checkpoints on the way tell more exactly where something happened.
    std::map<uint64_t, proof::Note> on_the_way;
    for (const auto& stamped : page->stamps()) {
      proof::Note note;
      if (OpenCheckpoint(stamped.checkpoint(), &note)) {
        on_the_way.emplace(note.size, std::move(note));
      } else {
        Find(AuditProblem::kBadCheckpoint, tree.size(), "a stamped checkpoint is not the log's");
      }
    }
    for (const auto& entry : page->entries()) {
      const uint64_t position = tree.size();
      if (position == target->size) break;
      if (entry.index() != position) {
        Find(entry.index() > position ? AuditProblem::kDeletion : AuditProblem::kReordering,
             position,
             absl::StrCat("record ", entry.index(), " comes where ", position, " should"));
        return report_;
      }
      if (entry.recorded_micros() < recorded) {
        Find(AuditProblem::kTimeBack, position, "recorded earlier than the record before");
      }
      recorded = std::max<int64_t>(recorded, entry.recorded_micros());
      Check(entry, position);
      const pki::Digest leaf = proof::RecordLeaf(entry.recorded_micros(), entry.record());
      tree.Append(leaf);
      if (since_.size() <= kMaxSince) since_.push_back(leaf);
      report_.size = tree.size();
      const auto note = on_the_way.find(tree.size());
      const proof::Note* here = note != on_the_way.end()      ? &note->second
                                : tree.size() == target->size ? &*target
                                                              : nullptr;
      if (here == nullptr) continue;
      if (here->root != tree.root()) {
        NameMismatch(*here);
        return report_;
      }
      good_ = tree;
      since_.clear();
      if (report_.findings.empty()) {
        state_.tree = tree;
        state_.recorded_micros = recorded;
      }
    }
  }
  if (report_.findings.empty()) state_.checkpoint = std::move(target_note);
  report_.finished = true;
  return report_;
}

// The records since the last good checkpoint lead to another root than was signed. When two of them
// in each other's place lead to the right one, that is what happened.
void Auditor::NameMismatch(const proof::Note& note) {
  const uint64_t first = good_.size();
  const std::string range = absl::StrCat("among records ", first, " to ", note.size - 1);
  if (since_.size() <= kMaxSince) {
    for (size_t i = 0; i < since_.size(); ++i) {
      for (size_t j = i + 1; j < since_.size(); ++j) {
        merkle::Frontier other = good_;
        for (size_t k = 0; k < since_.size(); ++k) {
          other.Append(since_[k == i ? j : k == j ? i : k]);
        }
        if (other.root() == note.root) {
          Find(AuditProblem::kReordering, first + i,
               absl::StrCat("records ", first + i, " and ", first + j,
                            " stand in each other's place"));
          return;
        }
      }
    }
  }
  // Said already where a record was seen not to fit its question.
  for (const AuditFinding& finding : report_.findings) {
    if (finding.problem == AuditProblem::kChangedRecord) return;
  }
  Find(AuditProblem::kChangedRecord, first,
       absl::StrCat(range, " one is not what was sequenced: they lead to another root"));
}

void Auditor::Check(const v1::LogEntry& entry, uint64_t position) {
  ++report_.entries;
  const auto record = proof::OpenRecord(entry.record());
  if (!record.ok()) {
    return Find(AuditProblem::kChangedRecord, position, "the record has not its form");
  }
  if (!record->statement().empty()) {
    ++report_.statements;
    if (!entry.sealed_header().empty()) {
      Find(AuditProblem::kChangedRecord, position, "a statement has a question beside it");
    }
    return;
  }
  ++report_.exchanges;
  if (record->code() != 0) ++report_.refusals;
  if (record->request() != DigestOf(entry.sealed_header())) {
    return Find(AuditProblem::kChangedRecord, position, "record and question do not fit together");
  }
  const auto opened = proof::OpenHeader(entry.sealed_header());
  if (!opened.ok()) {
    return Find(AuditProblem::kBadSeal, position, "the sealed header has not its form");
  }
  CheckSeal(entry, *opened, record->code() != 0, position);
  CheckWindows(entry, opened->header, *record, position);
}

void Auditor::CheckSeal(const v1::LogEntry& entry, const proof::OpenedHeader& opened, bool refused,
                        uint64_t position) {
  pki::Digest fingerprint;
  pki::DigestFromBytes(opened.header.seal_certificate(), &fingerprint);
  const absl::Time at = absl::FromUnixMicros(entry.recorded_micros());
  auto found = seals_.find(fingerprint);
  if (found == seals_.end()) {
    const auto known = options_.certificates(fingerprint);
    if (!known.ok() || known->empty() || (*known)[0].fingerprint() != fingerprint) {
      return Find(AuditProblem::kBadSeal, position, "the seal's certificate is not to be had");
    }
    const auto chain = options_.trust->Verify((*known)[0], *known, pki::Purpose::kSeal, at);
    if (!chain.ok()) {
      return Find(AuditProblem::kBadSeal, position,
                  absl::StrCat("the seal's certificate: ", chain.status().message()));
    }
    found = seals_.emplace(fingerprint, (*known)[0]).first;
  }
  const pki::Certificate& seal = found->second;
  if (at < seal.not_before() || at > seal.not_after()) {
    return Find(AuditProblem::kBadSeal, position, "the seal's certificate was not valid then");
  }
  const auto& owner = seal.SpiffeId();
  // A refusal may be because of just that.
  if (!refused && (!owner.ok() || owner->ToUri() != opened.header.caller())) {
    return Find(AuditProblem::kBadSeal, position, "the seal is not that of the caller named");
  }
  // One signature covers a batch: each distinct one is verified once.
  const std::string sealed = proof::SealedBytes(opened.size, opened.root);
  const pki::Digest key = pki::Sha256Of({sealed, pki::AsBytes(fingerprint), opened.signature});
  if (roots_.count(key) != 0) return;
  if (!seal.public_key().Verify(sealed, opened.signature).ok()) {
    return Find(AuditProblem::kBadSeal, position, "the seal does not cover this question");
  }
  ++report_.seals_verified;
  if (roots_.size() >= kMaxRoots) roots_.clear();
  roots_.insert(key);
}

void Auditor::CheckWindows(const v1::LogEntry& entry, const Header& header, const Record& record,
                           uint64_t position) {
  // Windows that began before this audit, or that were forgotten, cannot be judged.
  const bool all_known = began_ == 0 && !forgot_;
  const std::string request = record.request();
  if (record.window() > 0) {
    const auto before = open_.find(record.previous());
    if (before == open_.end()) {
      if (all_known) {
        Find(AuditProblem::kBrokenWindows, position, "the window before is not in the log");
      }
    } else {
      const Window window = before->second;
      open_.erase(before);
      const bool same_question = request == window.request;
      if (record.window() != window.number + 1 ||
          (record.code() == 0 && !same_question && header.previous() != window.request)) {
        Find(AuditProblem::kBrokenWindows, position, "the window does not follow the one it names");
      }
    }
  } else if (record.code() == 0 && header.window() > 0) {
    Find(AuditProblem::kBrokenWindows, position, "a first answer to a later question");
  }
  if (record.code() == 0 && (record.more() || !header.last())) {
    if (open_.size() >= kMaxOpenWindows) {
      open_.clear();
      forgot_ = true;
    }
    open_[DigestOf(entry.record())] = {request, record.window()};
  }
}

}  // namespace egov::evidence
