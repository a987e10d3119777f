// egovctl pki ...: certificates and revocation lists, shown and checked.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/pki/certificate.h"
#include "libs/pki/crl.h"
#include "libs/pki/verify.h"
#include "services/ctl/calls.h"
#include "services/ctl/families.h"
#include "services/ctl/files.h"

namespace egov::ctl {
namespace {

using pki::Certificate;

std::string Moment(absl::Time time) {
  return time == absl::InfiniteFuture() ? "never" : TimeText(absl::ToUnixMicros(time));
}

std::string UseOf(const Certificate& certificate) {
  for (const pki::Purpose purpose :
       {pki::Purpose::kAuthority, pki::Purpose::kTransport, pki::Purpose::kLog, pki::Purpose::kSeal,
        pki::Purpose::kTimeStamp, pki::Purpose::kOcsp}) {
    if (certificate.CheckPurpose(purpose).ok()) return std::string(pki::PurposeName(purpose));
  }
  return "none of the platform's";
}

absl::StatusOr<std::vector<Certificate>> ChainIn(const std::string& path) {
  EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
  return Certificate::ChainFromPem(pem);
}

absl::Status Show(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const std::vector<Certificate> chain, ChainIn(arguments.positional()[0]));
  Table table(
      {"Subject", "Use", "Identity", "Issuer", "Valid from", "Valid to", "Serial", "SHA-256"});
  for (const Certificate& c : chain) {
    table.Add({c.subject(), UseOf(c),
               c.uri_names().empty() ? "" : absl::StrJoin(c.uri_names(), ", "), c.issuer(),
               Moment(c.not_before()), Moment(c.not_after()), c.serial(),
               base::ToHex(pki::AsBytes(c.fingerprint()))});
  }
  if (output.json()) {
    output.Print(table);
    return absl::OkStatus();
  }
  for (size_t i = 0; i < chain.size(); ++i) {
    const Certificate& c = chain[i];
    if (i > 0) output.Say("");
    output.PrintFacts(
        {{"subject", c.subject()},
         {"use", UseOf(c)},
         {"identity", c.uri_names().empty() ? "none" : absl::StrJoin(c.uri_names(), ", ")},
         {"issuer", c.issuer()},
         {"valid", absl::StrCat(Moment(c.not_before()), " to ", Moment(c.not_after()),
                                c.not_after() < absl::Now() ? " (over)" : "")},
         {"serial", c.serial()},
         {"SHA-256", base::ToHex(pki::AsBytes(c.fingerprint()))}});
  }
  return absl::OkStatus();
}

absl::StatusOr<pki::Purpose> PurposeNamed(absl::string_view name) {
  if (name == "transport") return pki::Purpose::kTransport;
  if (name == "seal") return pki::Purpose::kSeal;
  if (name == "log") return pki::Purpose::kLog;
  if (name == "time-stamp") return pki::Purpose::kTimeStamp;
  if (name == "ocsp") return pki::Purpose::kOcsp;
  if (name == "authority") return pki::Purpose::kAuthority;
  return UsageError("--for takes transport, seal, log, time-stamp, ocsp or authority");
}

absl::Status Verify(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const pki::Purpose purpose, PurposeNamed(arguments.Get("for")));
  EGOV_ASSIGN_OR_RETURN(std::vector<Certificate> chain, ChainIn(arguments.positional()[0]));
  EGOV_ASSIGN_OR_RETURN(std::vector<Certificate> anchors, ChainIn(arguments.Get("trust")));
  std::vector<Certificate> others(chain.begin() + 1, chain.end());
  for (const std::string& path : arguments.All("authorities")) {
    EGOV_ASSIGN_OR_RETURN(const std::vector<Certificate> more, ChainIn(path));
    others.insert(others.end(), more.begin(), more.end());
  }
  std::vector<pki::Crl> lists;
  for (const std::string& path : arguments.All("crl")) {
    EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
    EGOV_ASSIGN_OR_RETURN(pki::Crl list, pki::Crl::FromPem(pem));
    lists.push_back(std::move(list));
  }
  EGOV_ASSIGN_OR_RETURN(const pki::ChainVerifier verifier,
                        pki::ChainVerifier::Create(std::move(anchors), lists,
                                                   lists.empty() ? pki::Revocation::kIfKnown
                                                                 : pki::Revocation::kRequired));
  const auto verified = verifier.Verify(chain[0], others, purpose, absl::Now());
  if (!verified.ok()) return NotProven(verified.status());
  Table table({"Certificate", "Issued by"});
  for (const Certificate& c : *verified) table.Add({c.subject(), c.issuer()});
  output.Print(table);
  output.Say(
      absl::StrCat("\nGood now for ", pki::PurposeName(purpose),
                   lists.empty() ? "; revocation was not asked about (--crl)." : "; not revoked."));
  return absl::OkStatus();
}

absl::Status ShowCrl(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(arguments.positional()[0]));
  absl::StatusOr<pki::Crl> list = pki::Crl::FromPem(bytes);
  if (!list.ok()) list = pki::Crl::FromDer(bytes);
  if (!list.ok()) return list.status();
  if (arguments.Has("issuer")) {
    EGOV_ASSIGN_OR_RETURN(const std::vector<Certificate> issuer, ChainIn(arguments.Get("issuer")));
    const absl::Status signed_by = list->VerifySignature(issuer[0]);
    if (!signed_by.ok()) return NotProven(signed_by);
  }
  Table table({"Serial", "Revoked", "Reason"});
  for (const pki::RevokedCertificate& revoked : list->revoked()) {
    table.Add(
        {revoked.serial, Moment(revoked.revoked), absl::StrCat(static_cast<int>(revoked.reason))});
  }
  if (!output.json()) {
    output.PrintFacts({{"issuer", list->issuer()},
                       {"number", absl::StrCat(list->number())},
                       {"made", Moment(list->this_update())},
                       {"next", Moment(list->next_update())},
                       {"signature", arguments.Has("issuer") ? "good" : "not checked (--issuer)"}});
    output.Say("");
  }
  output.Print(table);
  return absl::OkStatus();
}

}  // namespace

Command PkiCommands() {
  Command family{"pki", "Shows and checks certificates and revocation lists"};
  {
    Command c{"show", "Shows the certificates of a PEM file"};
    c.positionals = {{"FILE", "certificates, PEM"}};
    c.examples = {"egovctl pki show anchors.pem"};
    c.run = Show;
    family.children.push_back(std::move(c));
  }
  {
    Command c{"verify", "Checks that a certificate leads to an anchor"};
    c.positionals = {{"FILE", "the certificate, those above it behind it, PEM"}};
    c.options = {{"trust", "FILE", "trust anchors, PEM", true},
                 {"for", "PURPOSE", "transport, seal, log, time-stamp, ocsp or authority", true},
                 {"authorities", "FILE", "further authorities, PEM", false, "", true},
                 {"crl", "FILE", "a revocation list, PEM; with one, every issuer needs one", false,
                  "", true}};
    c.examples = {
        "egovctl pki verify seal.pem --trust anchors.pem --authorities authorities.pem --for seal"};
    c.run = Verify;
    family.children.push_back(std::move(c));
  }
  {
    Command c{"crl", "Shows a revocation list"};
    c.positionals = {{"FILE", "the list, PEM or DER"}};
    c.options = {{"issuer", "FILE", "its issuer's certificate, PEM: the signature is checked"}};
    c.run = ShowCrl;
    family.children.push_back(std::move(c));
  }
  return family;
}

}  // namespace egov::ctl
