// egovctl evidence ...: proof of what was asked and answered, offline and along a log.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "egov/evidence/v1/evidence_service.pb.h"
#include "libs/base/status.h"
#include "libs/evidence/audit.h"
#include "libs/pki/certificate.h"
#include "libs/pki/verify.h"
#include "libs/proof/verify.h"
#include "services/ctl/calls.h"
#include "services/ctl/families.h"
#include "services/ctl/files.h"
#include "services/ctl/kept.h"
#include "services/ctl/kept.pb.h"

namespace egov::ctl {
namespace {

using pki::Certificate;
namespace pb = ::egov::evidence::v1;

constexpr char kService[] = "/egov.evidence.v1.EvidenceService/";

absl::Status Verify(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const std::string file, ReadFile(arguments.positional()[0]));
  EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(arguments.Get("trust")));
  EGOV_ASSIGN_OR_RETURN(const std::vector<Certificate> anchors, Certificate::ChainFromPem(pem));
  proof::VerifyOptions options;
  options.partial = arguments.Has("partial");
  const auto report = proof::Verify(file, anchors, absl::Now(), options);
  if (!report.ok()) return NotProven(report.status());
  output.Raw(output.json() ? report->ToJson() : report->ToText());
  return absl::OkStatus();
}

absl::Status Export(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const Kept kept, ReadKept(arguments.positional()[0]));
  EGOV_ASSIGN_OR_RETURN(const Caller caller, OpenCaller(arguments, {}));
  if (kept.audience != caller.audience) {
    return base::Error(absl::StatusCode::kInvalidArgument, "OTHER_SERVICE",
                       "the exchange was with another service; --service names it");
  }
  EGOV_ASSIGN_OR_RETURN(
      const pb::EvidenceFile evidence,
      caller.client->Prove(kept.windows, !arguments.Has("without-content"), caller.timeout));
  const std::string file = proof::WriteFile(evidence);
  proof::VerifyOptions options;
  options.partial = arguments.Has("partial");
  const auto report = proof::Verify(file, caller.anchors, absl::Now(), options);
  if (!report.ok()) return NotProven(report.status());
  EGOV_RETURN_IF_ERROR(WriteFile(arguments.Get("out"), {file}, /*durable=*/true));
  output.PrintFacts({{"written", arguments.Get("out")},
                     {"bytes", absl::StrCat(file.size())},
                     {"content", arguments.Has("without-content") ? "left out" : "in it"}});
  return absl::OkStatus();
}

// Certificates that the service knows: those asked for and what stands above them; all that its
// log ever had when none is asked for.
absl::StatusOr<std::vector<Certificate>> CertificatesOf(const Caller& caller,
                                                        absl::string_view sha256) {
  pb::GetCertificatesRequest request;
  if (!sha256.empty()) request.add_sha256(std::string(sha256));
  pb::GetCertificatesResponse response;
  EGOV_RETURN_IF_ERROR(caller.client->CallPlain(absl::StrCat(kService, "GetCertificates"), request,
                                                &response, caller.timeout));
  std::vector<Certificate> certificates;
  for (const std::string& der : response.certificates()) {
    EGOV_ASSIGN_OR_RETURN(Certificate certificate, Certificate::FromDer(der));
    certificates.push_back(std::move(certificate));
  }
  return certificates;
}

// The keys that the service's log has and had, each from a certificate that leads to an anchor and
// names the service; older checkpoints name older keys. One that has expired is judged by its last
// moment: what it signed stands.
absl::StatusOr<std::vector<pki::PublicKey>> LogKeys(const Caller& caller,
                                                    const pki::ChainVerifier& trust) {
  EGOV_ASSIGN_OR_RETURN(const std::vector<Certificate> certificates, CertificatesOf(caller, ""));
  std::vector<Certificate> others = certificates;
  others.insert(others.end(), caller.authorities.begin(), caller.authorities.end());
  std::vector<pki::PublicKey> keys;
  for (const Certificate& certificate : certificates) {
    const auto& id = certificate.SpiffeId();
    if (!id.ok() || id->ToUri() != caller.audience) continue;
    const absl::Time at = std::min(absl::Now(), certificate.not_after());
    if (!trust.Verify(certificate, others, pki::Purpose::kLog, at).ok()) continue;
    keys.push_back(certificate.public_key());
  }
  if (keys.empty()) {
    return NotProven(base::Error(absl::StatusCode::kUnauthenticated, "NOT_THE_SERVICES_LOG",
                                 "no certificate of the log leads to a trust anchor"));
  }
  return keys;
}

absl::StatusOr<evidence::AuditState> ReadState(const std::string& path, const std::string& origin) {
  evidence::AuditState state;
  if (path.empty() || !FileExists(path)) return state;
  EGOV_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  KeptAudit kept;
  if (!kept.ParseFromString(bytes) || kept.origin() != origin) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_STATE",
                       "--state is the file of another audit");
  }
  EGOV_ASSIGN_OR_RETURN(state.tree, merkle::Frontier::Parse(kept.frontier()));
  state.checkpoint = kept.checkpoint();
  state.recorded_micros = kept.recorded_micros();
  return state;
}

absl::Status WriteState(const std::string& path, const std::string& origin,
                        const evidence::AuditState& state) {
  KeptAudit kept;
  kept.set_origin(origin);
  kept.set_frontier(state.tree.Serialize());
  kept.set_checkpoint(state.checkpoint);
  kept.set_recorded_micros(state.recorded_micros);
  const std::string bytes = kept.SerializeAsString();
  return WriteFile(path, {bytes}, /*durable=*/true);
}

absl::Status Audit(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const Caller caller, OpenCaller(arguments, {}));
  EGOV_ASSIGN_OR_RETURN(const pki::ChainVerifier trust, pki::ChainVerifier::Create(caller.anchors));
  EGOV_ASSIGN_OR_RETURN(const pki::SpiffeId service, pki::SpiffeId::Parse(caller.audience));
  evidence::Auditor::Options options;
  options.origin = absl::StrCat(service.Escaped(), "/log/0");
  options.trust = &trust;
  EGOV_ASSIGN_OR_RETURN(options.log_keys, LogKeys(caller, trust));
  options.certificates =
      [&](const pki::Digest& digest) -> absl::StatusOr<std::vector<Certificate>> {
    EGOV_ASSIGN_OR_RETURN(std::vector<Certificate> found,
                          CertificatesOf(caller, pki::AsBytes(digest)));
    found.insert(found.end(), caller.authorities.begin(), caller.authorities.end());
    return found;
  };
  const std::string origin = options.origin;
  Progress progress(&output, "entries read", 0);
  evidence::AuditSource source;
  source.list = [&](uint64_t from) -> absl::StatusOr<pb::ListEntriesResponse> {
    pb::ListEntriesRequest request;
    request.set_origin(origin);
    request.set_from(from);
    pb::ListEntriesResponse response;
    EGOV_RETURN_IF_ERROR(caller.client->CallPlain(absl::StrCat(kService, "ListEntries"), request,
                                                  &response, caller.timeout));
    progress.Add(response.entries_size());
    return response;
  };
  source.consistency = [&](uint64_t from,
                           uint64_t to) -> absl::StatusOr<pb::GetConsistencyResponse> {
    pb::GetConsistencyRequest request;
    request.set_origin(origin);
    request.set_from_size(from);
    request.set_to_size(to);
    pb::GetConsistencyResponse response;
    EGOV_RETURN_IF_ERROR(caller.client->CallPlain(absl::StrCat(kService, "GetConsistency"), request,
                                                  &response, caller.timeout));
    return response;
  };
  const std::string state_file = arguments.Get("state");
  EGOV_ASSIGN_OR_RETURN(evidence::AuditState state, ReadState(state_file, origin));
  const uint64_t before = state.tree.size();
  evidence::Auditor auditor(std::move(options), std::move(source), std::move(state));
  EGOV_ASSIGN_OR_RETURN(const evidence::AuditReport report, auditor.Run());
  if (!state_file.empty()) EGOV_RETURN_IF_ERROR(WriteState(state_file, origin, auditor.state()));

  output.PrintFacts(
      {{"log", origin},
       {"entries", absl::StrCat(before, " to ", report.size)},
       {"exchanges", absl::StrCat(report.exchanges)},
       {"refusals", absl::StrCat(report.refusals)},
       {"seals verified", absl::StrCat(report.seals_verified)},
       {"findings", absl::StrCat(report.findings.size())},
       {"result", report.finished && report.findings.empty() ? "holds" : "does not hold"}});
  if (report.finished && report.findings.empty()) return absl::OkStatus();
  Table findings({"Problem", "Position", "What was seen"});
  for (const evidence::AuditFinding& finding : report.findings) {
    findings.Add({std::string(evidence::AuditProblemName(finding.problem)),
                  absl::StrCat(finding.position), finding.text});
  }
  output.err() << (output.json() ? findings.ToJson() : findings.ToText());
  return NotProven(
      base::Error(absl::StatusCode::kDataLoss, "AUDIT_FAILED", "the log does not hold"));
}

}  // namespace

Command EvidenceCommands() {
  Command family{"evidence", "Makes and checks proof of what was asked and answered"};
  {
    Command c{"verify", "Says offline what an evidence file proves"};
    c.description =
        "Needs nothing but the file and the trust anchors: who asked whom what and when, what was "
        "answered, between which "
        "time-stamps, and what the file does not prove. A changed byte anywhere makes it fail, "
        "with exit code 4.";
    c.positionals = {{"FILE", "the evidence file"}};
    c.options = {
        {"trust", "FILE", "trust anchors, PEM", true},
        {"partial", "", "accept an exchange that goes on after the file's last window (a feed)"}};
    c.examples = {"egovctl evidence verify answer/evidence.egov --trust anchors.pem"};
    c.run = Verify;
    family.children.push_back(std::move(c));
  }
  {
    Command c{"export", "Makes the file that proves one exchange to anyone"};
    c.description =
        "Every call can keep what was said with --keep; this asks the service for the time-stamps "
        "around it and writes one "
        "file that proves it offline. (`population vital-status` does so by itself.)";
    c.positionals = {{"FILE", "what --keep wrote"}};
    c.options = CallOptions(
        {{"out", "FILE", "the evidence file", true},
         {"without-content", "", "leave the messages out: only that they were exchanged is proven"},
         {"partial", "", "also when the exchange goes on after the last window kept (a feed)"}});
    c.examples = {"egovctl population get --code-file code.txt --keep said.egov",
                  "egovctl evidence export said.egov --out evidence.egov"};
    c.run = Export;
    family.children.push_back(std::move(c));
  }
  {
    Command c{"audit", "Follows a service's log and names what is wrong with it"};
    c.description =
        "Reads every record since the last audit (--state), checks seals, tree and checkpoints, "
        "and names deletion, "
        "reordering, rollback and split view. Needs the right `audit` of EvidenceService. Exit "
        "code 4 when the log does not "
        "hold.";
    c.options =
        CallOptions({{"state", "FILE", "where the audit got to; the next one goes on there"}});
    c.examples = {"egovctl evidence audit --as auditor --state population.audit"};
    c.run = Audit;
    family.children.push_back(std::move(c));
  }
  return family;
}

}  // namespace egov::ctl
