#include "services/ctl/calls.h"

#include <iostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/civil/date.h"
#include "libs/pki/sha256.h"
#include "services/ctl/context.h"
#include "services/ctl/files.h"
#include "services/identity/client/enrol.h"

namespace egov::ctl {
namespace {

// No process of ours keeps a caller's certificates fresh, and the one for connections lives a day.
// An enrolment service that is away is no reason not to call as long as the certificate holds.
absl::Status KeepFresh(const ContextConfig& context, const std::string& folder) {
  if (context.enrolment().empty()) return absl::OkStatus();
  for (const auto kind :
       {identity::v1::CERTIFICATE_KIND_TRANSPORT, identity::v1::CERTIFICATE_KIND_SEAL}) {
    const auto certificate = identity::CurrentCertificate(folder, kind);
    if (!certificate.ok()) continue;  // opening the client says what is missing
    const absl::Time now = absl::Now();
    const auto renewed = identity::RenewIfDue(context.enrolment(), folder, kind, now);
    if (!renewed.ok() && now > certificate->not_after()) return renewed.status();
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<Option> CallOptions(std::vector<Option> more) {
  more.push_back(
      {"as", "NAME", "as whom to call: a name in ctl.json, or a folder that `member enrol` wrote"});
  more.push_back(
      {"service", "NAME", "whom to call: a SPIFFE URI or a subsystem's name; default in ctl.json"});
  more.push_back({"purpose", "PURPOSE", "what for, as the right names it; default in ctl.json"});
  more.push_back({"basis", "ACT;PROVISION;VERSION", "the legal basis; default in ctl.json"});
  more.push_back({"case", "REFERENCE", "the caller's own case"});
  more.push_back(
      {"keep", "FILE", "keep question and answer, to make a proof of them with `evidence export`"});
  for (const Option& option : more) {
    if (option.name == "timeout") return more;  // a command's own
  }
  more.push_back({"timeout", "SECONDS", "how long to wait", false, "30"});
  return more;
}

absl::StatusOr<Caller> OpenCaller(const Arguments& arguments, std::vector<std::string> items) {
  EGOV_ASSIGN_OR_RETURN(const int64_t seconds, arguments.Number("timeout", 1, 86400));
  EGOV_ASSIGN_OR_RETURN(const ContextConfig context, LoadContext());
  EGOV_ASSIGN_OR_RETURN(const std::unique_ptr<identity::DirectoryCache> cache,
                        OpenDirectory(context));
  EGOV_ASSIGN_OR_RETURN(const auto directory, cache->Current());
  EGOV_ASSIGN_OR_RETURN(const auto service,
                        FindService(*directory, arguments.Has("service") ? arguments.Get("service")
                                                                         : context.service()));

  const std::string name = arguments.Has("as") ? arguments.Get("as") : context.identity();
  IdentityConfig identity;
  const auto known = context.identities().find(name);
  if (known != context.identities().end()) {
    identity = known->second;
  } else if (absl::StrContains(name, '/') || FileExists(name)) {
    identity.set_folder(name);
  } else {
    std::vector<std::string> names;
    for (const auto& entry : context.identities()) names.push_back(entry.first);
    const std::string near = Nearest(name, names);
    return base::Error(
        absl::StatusCode::kFailedPrecondition, "UNKNOWN_IDENTITY",
        absl::StrCat("ctl.json has no such identity", near.empty() ? "" : "; did you mean ", near));
  }

  EGOV_RETURN_IF_ERROR(KeepFresh(context, identity.folder()));
  Caller caller;
  caller.timeout = absl::Seconds(seconds);
  exchange::ClientOptions options;
  options.target = service.addresses(0);
  options.audience = service.audience();
  options.tls.files.key = identity.folder() + "/transport/current/key.pem";
  options.tls.files.certificate = identity.folder() + "/transport/current/cert.pem";
  options.tls.files.anchors = context.anchors();
  options.seal_key = identity.folder() + "/seal/current/key.pem";
  options.seal_certificate = identity.folder() + "/seal/current/cert.pem";
  options.anchors = context.anchors();
  options.authorities = context.authorities();
  if (!context.memory().empty()) {
    EGOV_RETURN_IF_ERROR(MakeFolder(context.memory()));
    // Each identity remembers for itself: what one has seen is no business of another.
    options.memory =
        absl::StrCat(context.memory(), "/",
                     base::ToHex(pki::AsBytes(pki::Sha256Of(identity.folder()))).substr(0, 16));
  }
  EGOV_ASSIGN_OR_RETURN(const std::string anchors, ReadFile(context.anchors()));
  EGOV_ASSIGN_OR_RETURN(caller.anchors, pki::Certificate::ChainFromPem(anchors));
  if (!context.authorities().empty()) {
    EGOV_ASSIGN_OR_RETURN(const std::string authorities, ReadFile(context.authorities()));
    EGOV_ASSIGN_OR_RETURN(caller.authorities, pki::Certificate::ChainFromPem(authorities));
  }
  caller.audience = service.audience();
  caller.keep = arguments.Get("keep");
  caller.warn = [](absl::string_view text) { std::cerr << "warning: " << text << std::endl; };
  EGOV_ASSIGN_OR_RETURN(caller.client, exchange::Client::Open(std::move(options)));

  caller.purpose.purpose = arguments.Has("purpose") ? arguments.Get("purpose") : identity.purpose();
  caller.purpose.case_reference = arguments.Get("case");
  caller.purpose.items = std::move(items);
  auto& basis = caller.purpose.legal_basis;
  if (arguments.Has("basis")) {
    const std::vector<std::string> parts = absl::StrSplit(arguments.Get("basis"), ';');
    if (parts.size() != 3 || std::count(parts.begin(), parts.end(), "") > 0)
      return UsageError("--basis takes ACT;PROVISION;VERSION, each of the three");
    basis.set_act(parts[0]);
    basis.set_provision(parts[1]);
    basis.set_version(parts[2]);
  } else {
    basis.set_act(identity.act());
    basis.set_provision(identity.provision());
    basis.set_version(identity.version());
  }
  return caller;
}

std::vector<Option> CodeOptions() {
  return {
      {"code-file", "FILE",
       "file whose first line is the code, so that no list of processes shows it; \"-\": stdin"},
      {"scheme", "SCHEME", "what the code is", false, "ee-isikukood"}};
}

absl::StatusOr<std::vector<std::string>> LinesOf(const std::string& path) {
  EGOV_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  if (!IsText(text)) return UsageError("the file is not text in UTF-8");
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(absl::StripPrefix(text, kByteOrderMark), '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (!line.empty()) lines.emplace_back(line);
  }
  return lines;
}

absl::StatusOr<egov::identifiers::v1::Identifier> CodeOf(const Arguments& arguments) {
  egov::identifiers::v1::Identifier identifier;
  identifier.set_scheme(arguments.Get("scheme"));
  const bool positional = !arguments.positional().empty();
  if (positional == arguments.Has("code-file")) return UsageError("one CODE, or --code-file");
  if (positional && arguments.positional()[0] != "-") {
    identifier.set_value(arguments.positional()[0]);
    return identifier;
  }
  EGOV_ASSIGN_OR_RETURN(const std::vector<std::string> lines,
                        LinesOf(positional ? "-" : arguments.Get("code-file")));
  if (lines.empty()) return UsageError("the file of the code is empty");
  identifier.set_value(lines[0]);
  return identifier;
}

absl::StatusOr<egov::civil::v1::PartialDate> DateOf(absl::string_view text,
                                                    absl::string_view option) {
  const auto parsed = civil::PartialDate::Parse(text);
  if (!parsed.ok())
    return UsageError(absl::StrCat("--", option, " takes a day: 1985-03-17, 1985-03 or 1985"));
  egov::civil::v1::PartialDate date;
  date.set_year(parsed->year());
  date.set_month(parsed->month());
  date.set_day(parsed->day());
  return date;
}

Option RequestIdOption() {
  return {"request-id", "UUID",
          "names the act, to repeat it when its answer was lost; a new one when left out"};
}

std::string RequestIdOf(const Arguments& arguments) {
  return arguments.Has("request-id") ? arguments.Get("request-id") : base::NewUuid();
}

}  // namespace egov::ctl
