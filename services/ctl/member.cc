// egovctl member ...: becoming a party, and staying one.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/pki/spiffe.h"
#include "services/ctl/calls.h"
#include "services/ctl/context.h"
#include "services/ctl/families.h"
#include "services/ctl/files.h"
#include "services/identity/client/enrol.h"

namespace egov::ctl {
namespace {

absl::StatusOr<std::string> EnrolmentUrl(const Arguments& arguments) {
  if (arguments.Has("url")) return arguments.Get("url");
  const absl::StatusOr<ContextConfig> context = LoadContext();
  if (context.ok() && !context->enrolment().empty()) return context->enrolment();
  return UsageError("--url says where the enrolment service is; ctl.json does not");
}

absl::StatusOr<std::vector<identity::v1::CertificateKind>> KindsOf(const std::string& text) {
  std::vector<identity::v1::CertificateKind> kinds;
  for (absl::string_view word : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    bool known = false;
    for (const auto kind :
         {identity::v1::CERTIFICATE_KIND_TRANSPORT, identity::v1::CERTIFICATE_KIND_SEAL,
          identity::v1::CERTIFICATE_KIND_LOG, identity::v1::CERTIFICATE_KIND_TIME_STAMP,
          identity::v1::CERTIFICATE_KIND_OCSP_TRANSPORT, identity::v1::CERTIFICATE_KIND_OCSP_SEAL,
          identity::v1::CERTIFICATE_KIND_OCSP_TIME_STAMP}) {
      if (identity::FolderOf(kind) != word) continue;
      kinds.push_back(kind);
      known = true;
    }
    if (!known) {
      return UsageError(
          "kinds are transport, seal, log, time-stamp, ocsp-transport, ocsp-seal and "
          "ocsp-time-stamp");
    }
  }
  return kinds;
}

absl::Status PrintFolder(const std::string& folder,
                         const std::vector<identity::v1::CertificateKind>& kinds, Output& output) {
  Table table({"Kind", "Identity", "Valid to", "Folder"});
  for (const auto kind : kinds) {
    EGOV_ASSIGN_OR_RETURN(const pki::Certificate certificate,
                          identity::CurrentCertificate(folder, kind));
    table.Add({std::string(identity::FolderOf(kind)),
               certificate.uri_names().empty() ? "" : certificate.uri_names()[0],
               TimeText(absl::ToUnixMicros(certificate.not_after())),
               absl::StrCat(folder, "/", identity::FolderOf(kind), "/current")});
  }
  output.Print(table);
  return absl::OkStatus();
}

absl::Status Enrol(const Arguments& arguments, Output& output) {
  if (arguments.Has("token") == arguments.Has("token-file"))
    return UsageError("one of --token and --token-file");
  std::string token = arguments.Get("token");
  if (arguments.Has("token-file")) {
    EGOV_ASSIGN_OR_RETURN(const std::vector<std::string> lines,
                          LinesOf(arguments.Get("token-file")));
    if (lines.empty()) return UsageError("the file of the token is empty");
    token = lines[0];
  }
  identity::EnrolOptions options;
  EGOV_ASSIGN_OR_RETURN(options.url, EnrolmentUrl(arguments));
  EGOV_ASSIGN_OR_RETURN(options.identity, pki::SpiffeId::Parse(arguments.Get("member")));
  EGOV_ASSIGN_OR_RETURN(options.kinds, KindsOf(arguments.Get("kinds")));
  options.folder = arguments.Get("out");
  EGOV_RETURN_IF_ERROR(identity::Enrol(token, options, absl::Now()));
  return PrintFolder(options.folder, options.kinds, output);
}

absl::Status Renew(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const std::string url, EnrolmentUrl(arguments));
  EGOV_ASSIGN_OR_RETURN(const auto kinds, KindsOf(arguments.Get("kinds")));
  const std::string folder = arguments.positional()[0];
  for (const auto kind : kinds) {
    EGOV_RETURN_IF_ERROR(arguments.Has("if-due")
                             ? identity::RenewIfDue(url, folder, kind, absl::Now()).status()
                             : identity::Renew(url, folder, kind, absl::Now()));
  }
  EGOV_RETURN_IF_ERROR(identity::FetchLists(url, folder));
  return PrintFolder(folder, kinds, output);
}

}  // namespace

Command MemberCommands() {
  Command family{"member", "Gets and renews the certificates of a subsystem"};
  {
    Command c{"enrol", "Turns a one-time token into certificates"};
    c.description =
        "Makes the keys here, asks the authority, and checks its answer against the root that the "
        "token names. The folder "
        "then holds KIND/current/key.pem and cert.pem for each kind, whom to trust, and the "
        "revocation lists. After an "
        "interruption the same command finishes what was begun.";
    c.options = {
        {"token", "TOKEN",
         "the token from the authority; others on this machine can read it in the list of "
         "processes"},
        {"token-file", "FILE", "file whose first line is the token; \"-\": stdin"},
        {"member", "URI",
         "who enrols, as the token was made for: spiffe://ee/GOV/70000310/pensions", true},
        {"out", "DIR", "the folder", true},
        {"kinds", "LIST", "transport, seal, log, time-stamp, ocsp-...", false, "transport,seal"},
        {"url", "URL", "the enrolment service; default in ctl.json"}};
    c.examples = {
        "egovctl member enrol --token-file token --member spiffe://ee/GOV/70000310/pensions --out "
        "pensions"};
    c.run = Enrol;
    family.children.push_back(std::move(c));
  }
  {
    Command c{"renew", "Replaces certificates by those before them"};
    c.description =
        "Running services do this by themselves, and every call does it in the last third of the "
        "certificate's life. A certificate that is over needs a new token.";
    c.positionals = {{"DIR", "the folder that `enrol` wrote"}};
    c.options = {{"kinds", "LIST", "which", false, "transport"},
                 {"if-due", "", "only those whose last third has begun"},
                 {"url", "URL", "the enrolment service; default in ctl.json"}};
    c.examples = {"egovctl member renew pensions"};
    c.run = Renew;
    family.children.push_back(std::move(c));
  }
  return family;
}

}  // namespace egov::ctl
