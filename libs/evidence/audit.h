// Follows a service's log from outside and names what is wrong with it.
//
// The auditor keeps the hashes of the tree's right edge, not the records, and the last checkpoint.
// It works over what EvidenceService gives, so it can be run by anyone with the right `audit`, on
// any machine.
//
// Thread safety: an Auditor belongs to one thread. Cost: about 3 us for each entry and one
// signature check for each distinct batch seal.
#ifndef EGOV_LIBS_EVIDENCE_AUDIT_H_
#define EGOV_LIBS_EVIDENCE_AUDIT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "egov/evidence/v1/evidence_service.pb.h"
#include "libs/merkle/frontier.h"
#include "libs/pki/certificate.h"
#include "libs/pki/verify.h"
#include "libs/proof/wire.h"

namespace egov::evidence {

// What an auditor remembers from one run to the next.
struct AuditState {
  merkle::Frontier tree;        // of all records followed
  std::string checkpoint;       // the newest note that held; empty at the beginning
  int64_t recorded_micros = 0;  // of the last record
};

// Where the entries come from; statuses are passed on, except DATA_LOSS, which is a finding.
struct AuditSource {
  std::function<absl::StatusOr<evidence::v1::ListEntriesResponse>(uint64_t from)> list;
  std::function<absl::StatusOr<evidence::v1::GetConsistencyResponse>(uint64_t from, uint64_t to)>
      consistency;
};

enum class AuditProblem {
  kDeletion,       // a position, or the end of the log, is not there
  kReordering,     // records do not stand where they stood
  kRollback,       // the log is shorter than it was
  kSplitView,      // another log than the one seen before: its past differs
  kChangedRecord,  // a record is not the one that was sequenced, or does not fit its question
  kBadSeal,        // a question that its caller did not seal
  kTimeBack,       // record time decreases
  kBrokenWindows,  // a window names one before it that is not there
  kBadCheckpoint,  // unsigned, or not of this log
};
absl::string_view AuditProblemName(AuditProblem problem);

struct AuditFinding {
  AuditProblem problem;
  uint64_t position = 0;  // where it was noticed
  std::string text;
};

struct AuditReport {
  std::vector<AuditFinding> findings;  // at most 100; the audit stops at what it cannot go beyond
  uint64_t entries = 0, exchanges = 0, refusals = 0, statements = 0, seals_verified = 0;
  uint64_t size = 0;      // followed so far
  bool finished = false;  // up to the newest checkpoint, and it holds
};

class Auditor {
 public:
  struct Options {
    std::string origin;
    std::vector<pki::PublicKey> log_keys;       // of the log's certificates, verified by the caller
    const pki::ChainVerifier* trust = nullptr;  // for seals
    // A seal certificate by its SHA-256, and what else is needed for its chain.
    std::function<absl::StatusOr<std::vector<pki::Certificate>>(const pki::Digest&)> certificates;
  };

  Auditor(Options options, AuditSource source, AuditState state = {});

  // Follows the log up to the checkpoint that is newest when it begins. To be called once; the next
  // audit is another Auditor with the state of this one. An error is the source's; a
  // dishonest log is a report with findings. The state moves on only as far as all was well.
  absl::StatusOr<AuditReport> Run();

  const AuditState& state() const { return state_; }

 private:
  struct Window {
    std::string request;  // digest of the sealed header
    uint64_t number = 0;
  };

  bool OpenCheckpoint(absl::string_view bytes, proof::Note* note);
  absl::Status CheckExtends(const proof::Note& note, bool* extends);
  void Check(const evidence::v1::LogEntry& entry, uint64_t position);
  void CheckSeal(const evidence::v1::LogEntry& entry, const proof::OpenedHeader& opened,
                 bool refused, uint64_t position);
  void CheckWindows(const evidence::v1::LogEntry& entry, const exchange::v1::Header& header,
                    const exchange::v1::Record& record, uint64_t position);
  void NameMismatch(const proof::Note& note);
  void Find(AuditProblem problem, uint64_t position, absl::string_view text);

  const Options options_;
  const AuditSource source_;
  AuditState state_;
  AuditReport report_;
  const uint64_t began_;  // size of the state at the start: windows from before are not known

  merkle::Frontier good_;           // the tree at the last checkpoint that held
  std::vector<pki::Digest> since_;  // leaves after it, bounded
  std::set<pki::Digest> roots_;     // of seals verified, with their key
  std::map<pki::Digest, pki::Certificate> seals_;
  std::map<std::string, Window> open_;  // by digest of record: windows that others may follow
  bool forgot_ = false;                 // open_ was full once
};

}  // namespace egov::evidence

#endif  // EGOV_LIBS_EVIDENCE_AUDIT_H_
