// egovctl directory ...: who is a member, which services exist, which authorities count.
#include "services/identity/directory/directory.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/pki/certificate.h"
#include "services/ctl/calls.h"
#include "services/ctl/context.h"
#include "services/ctl/families.h"
#include "services/ctl/files.h"

namespace egov::ctl {
namespace {

namespace pb = ::egov::directory::v1;

std::string TextOf(const google::protobuf::RepeatedPtrField<pb::LocalText>& texts) {
  return texts.empty() ? "" : texts[0].text();
}

std::string SecondsText(int64_t seconds) { return TimeText(seconds * 1000000); }

void Print(const pb::Directory& directory, Output& output) {
  if (output.json()) {
    output.Raw(identity::DirectoryToJson(directory));
    output.Raw("\n");
    return;
  }
  output.PrintFacts({{"instance", directory.instance()},
                     {"edition", absl::StrCat(directory.version())},
                     {"made", SecondsText(directory.issued())},
                     {"expires", SecondsText(directory.expires())}});
  Table members({"Member", "Name", "Subsystems", "State"});
  for (const auto& member : directory.members()) {
    std::vector<std::string> subsystems;
    for (const auto& subsystem : member.subsystems()) subsystems.push_back(subsystem.code());
    members.Add({absl::StrCat(member.member_class(), "/", member.code()), TextOf(member.name()),
                 absl::StrJoin(subsystems, ", "), member.suspended() ? "suspended" : "active"});
  }
  Table services({"Service", "Addresses"});
  for (const auto& service : directory.services()) {
    services.Add({service.audience(), absl::StrJoin(service.addresses(), ", ")});
  }
  Table authorities({"Authority", "Role", "Accepted from", "Accepted to"});
  for (const auto& authority : directory.authorities()) {
    const auto certificate = pki::Certificate::FromDer(authority.certificate());
    const int64_t to = authority.valid_to();
    authorities.Add({certificate.ok() ? certificate->subject() : "?",
                     std::string(absl::StripPrefix(pb::AuthorityRole_Name(authority.role()),
                                                   "AUTHORITY_ROLE_")),
                     SecondsText(authority.valid_from()),
                     to == 0 ? "its own end" : SecondsText(to)});
  }
  Table stamps({"Time-stamping authority", "Clock"});
  for (const auto& tsa : directory.time_stamping_authorities())
    stamps.Add({tsa.url(), tsa.clock_assurance()});
  for (const Table& table : {members, services, authorities, stamps}) {
    if (table.empty()) continue;
    output.Say("");
    output.Print(table);
  }
}

absl::StatusOr<identity::DirectoryKeys> KeysOf(const Arguments& arguments) {
  identity::DirectoryKeys keys;
  EGOV_ASSIGN_OR_RETURN(keys.threshold, arguments.Number("threshold", 1, 100));
  for (const std::string& path : arguments.All("key")) {
    EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
    EGOV_ASSIGN_OR_RETURN(pki::PublicKey key, pki::PublicKey::FromPem(pem));
    keys.keys.push_back(std::move(key));
  }
  return keys;
}

absl::StatusOr<pb::SignedDirectory> ReadSigned(const std::string& path) {
  EGOV_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  pb::SignedDirectory directory;
  if (!directory.ParseFromString(bytes)) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_DIRECTORY",
                       "the file is not a signed directory");
  }
  return directory;
}

absl::Status Show(const Arguments&, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const ContextConfig context, LoadContext());
  EGOV_ASSIGN_OR_RETURN(const auto cache, OpenDirectory(context));
  EGOV_ASSIGN_OR_RETURN(const auto directory, cache->Current());
  Print(*directory, output);
  return absl::OkStatus();
}

absl::Status Verify(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const pb::SignedDirectory directory, ReadSigned(arguments.positional()[0]));
  EGOV_ASSIGN_OR_RETURN(const identity::DirectoryKeys keys, KeysOf(arguments));
  const auto verified =
      identity::VerifyDirectory(directory, keys, absl::Now(), 0, absl::ZeroDuration());
  if (!verified.ok()) return NotProven(verified.status());
  Print(*verified, output);
  return absl::OkStatus();
}

absl::Status Accept(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const ContextConfig context, LoadContext());
  EGOV_ASSIGN_OR_RETURN(const auto cache, OpenDirectory(context));
  EGOV_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(arguments.positional()[0]));
  EGOV_RETURN_IF_ERROR(cache->Update(bytes));
  EGOV_ASSIGN_OR_RETURN(const auto directory, cache->Current());
  output.PrintFacts({{"edition in force", absl::StrCat(directory->version())}});
  return absl::OkStatus();
}

// "LEFT=RIGHT".
absl::StatusOr<std::pair<std::string, std::string>> Halves(const std::string& text,
                                                           absl::string_view option) {
  const std::pair<std::string, std::string> halves = absl::StrSplit(text, absl::MaxSplits('=', 1));
  if (halves.first.empty() || halves.second.empty())
    return UsageError(absl::StrCat("--", option, " takes two parts with = between"));
  return halves;
}

absl::Status AddAuthorities(const Arguments& arguments, const std::string& option,
                            pb::AuthorityRole role, pb::Directory* directory) {
  for (const std::string& path : arguments.All(option)) {
    EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
    EGOV_ASSIGN_OR_RETURN(const pki::Certificate certificate, pki::Certificate::FromPem(pem));
    pb::Authority* authority = directory->add_authorities();
    authority->set_role(role);
    authority->set_certificate(certificate.ToDer());
    authority->set_valid_from(absl::ToUnixSeconds(certificate.not_before()));
  }
  return absl::OkStatus();
}

absl::Status Build(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const int64_t edition, arguments.Number("edition", 1, INT64_MAX));
  EGOV_ASSIGN_OR_RETURN(const int64_t days, arguments.Number("days", 1, 3660));
  pb::Directory directory;
  directory.set_instance(arguments.Get("instance"));
  directory.set_version(edition);
  directory.set_issued(absl::ToUnixSeconds(absl::Now()));
  directory.set_expires(absl::ToUnixSeconds(absl::Now() + absl::Hours(24) * days));
  for (const std::string& text : arguments.All("member")) {
    EGOV_ASSIGN_OR_RETURN(const auto halves, Halves(text, "member"));
    const std::vector<std::string> path = absl::StrSplit(halves.first, '/');
    if (path.size() < 2) return UsageError("--member takes CLASS/CODE[/SUBSYSTEM ...]=NAME");
    pb::Member* member = directory.add_members();
    member->set_member_class(path[0]);
    member->set_code(path[1]);
    pb::LocalText* name = member->add_name();
    name->set_language("en");
    name->set_text(halves.second);
    for (size_t i = 2; i < path.size(); ++i) member->add_subsystems()->set_code(path[i]);
  }
  for (const std::string& text : arguments.All("serve")) {
    EGOV_ASSIGN_OR_RETURN(const auto halves, Halves(text, "serve"));
    pb::Service* service = directory.add_services();
    service->set_audience(halves.first);
    service->add_addresses(halves.second);
  }
  EGOV_RETURN_IF_ERROR(AddAuthorities(arguments, "root", pb::AUTHORITY_ROLE_ROOT, &directory));
  EGOV_RETURN_IF_ERROR(
      AddAuthorities(arguments, "transport-ca", pb::AUTHORITY_ROLE_TRANSPORT, &directory));
  EGOV_RETURN_IF_ERROR(AddAuthorities(arguments, "seal-ca", pb::AUTHORITY_ROLE_SEAL, &directory));
  EGOV_RETURN_IF_ERROR(
      AddAuthorities(arguments, "time-stamp-ca", pb::AUTHORITY_ROLE_TIME_STAMP, &directory));
  for (const std::string& text : arguments.All("tsa")) {
    EGOV_ASSIGN_OR_RETURN(const auto halves, Halves(text, "tsa"));
    EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(halves.second));
    EGOV_ASSIGN_OR_RETURN(const std::vector<pki::Certificate> chain,
                          pki::Certificate::ChainFromPem(pem));
    pb::TimeStampingAuthority* tsa = directory.add_time_stamping_authorities();
    tsa->set_url(halves.first);
    tsa->set_certificate(chain[0].ToDer());
    tsa->set_clock_assurance(arguments.Get("clock"));
  }
  EGOV_RETURN_IF_ERROR(identity::CheckDirectory(directory));
  output.Raw(identity::DirectoryToJson(directory));
  output.Raw("\n");
  return absl::OkStatus();
}

absl::Status Sign(const Arguments& arguments, Output& output) {
  EGOV_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(arguments.Get("in")));
  pb::SignedDirectory directory;
  if (absl::StartsWith(bytes, "{")) {
    EGOV_ASSIGN_OR_RETURN(const pb::Directory plain, identity::DirectoryFromJson(bytes));
    EGOV_RETURN_IF_ERROR(identity::CheckDirectory(plain));
    EGOV_ASSIGN_OR_RETURN(directory, identity::PrepareDirectory(plain));
  } else {
    EGOV_ASSIGN_OR_RETURN(directory, ReadSigned(arguments.Get("in")));
  }
  for (const std::string& path : arguments.All("key")) {
    EGOV_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::LoadFile(path));
    EGOV_RETURN_IF_ERROR(identity::SignDirectory(key, &directory));
  }
  EGOV_RETURN_IF_ERROR(WriteFile(arguments.Get("out"), {directory.SerializeAsString()}));
  output.PrintFacts({{"signatures", absl::StrCat(directory.signatures_size())},
                     {"written", arguments.Get("out")}});
  return absl::OkStatus();
}

absl::Status NewKey(const Arguments& arguments, Output& output) {
  const std::string path = arguments.Get("out");
  if (FileExists(path)) {
    return base::Error(absl::StatusCode::kAlreadyExists, "KEY_EXISTS",
                       absl::StrCat(path, " is there already"));
  }
  EGOV_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::Generate());
  EGOV_RETURN_IF_ERROR(key.Save(path));
  EGOV_RETURN_IF_ERROR(WriteFile(path + ".pub", {key.public_key().ToPem()}));
  output.PrintFacts({{"key", path}, {"public key", path + ".pub"}});
  return absl::OkStatus();
}

}  // namespace

Command DirectoryCommands() {
  Command family{"directory", "Shows, checks and makes the signed directory"};
  family.description =
      "The directory says who is a member, where services are and which authorities count. It is "
      "signed offline by M of N "
      "keys; an older edition is never accepted again.";
  family.children = {
      {"show", "Shows the edition in force", "", {}, {}, {"egovctl directory show"}, Show},
      {"verify",
       "Checks a signed directory and shows it",
       "",
       {{"FILE", "the signed directory"}},
       {{"key", "FILE", "a signer's public key, PEM", true, "", true},
        {"threshold", "M", "how many must have signed", false, "1"}},
       {"egovctl directory verify directory.egov --key signer1.pub --key signer2.pub --threshold "
        "2"},
       Verify},
      {"accept",
       "Puts a newer edition into force here",
       "",
       {{"FILE", "the signed directory"}},
       {},
       {"egovctl directory accept directory.egov"},
       Accept},
      {"build",
       "Writes an unsigned edition as JSON, to be read, edited and signed",
       "",
       {},
       {{"instance", "NAME", "the instance", true},
        {"edition", "N", "the edition; greater than the last", true},
        {"days", "N", "how long it counts", false, "90"},
        {"member", "CLASS/CODE/SUBSYSTEM=NAME", "a member with its subsystems", false, "", true},
        {"serve", "URI=HOST:PORT", "a service and where it is", false, "", true},
        {"root", "FILE", "a root certificate, PEM", false, "", true},
        {"transport-ca", "FILE", "an authority of transport certificates", false, "", true},
        {"seal-ca", "FILE", "an authority of seals and logs", false, "", true},
        {"time-stamp-ca", "FILE", "an authority of time-stamping authorities", false, "", true},
        {"tsa", "URL=FILE", "a time-stamping authority and its certificate", false, "", true},
        {"clock", "ASSURANCE", "how these know the time: kernel or declared", false, "declared"}},
       {"egovctl directory build --instance ee --edition 2 --member "
        "GOV/70000310/pensions=\"Pension board\" ... > directory.json"},
       Build},
      {"sign",
       "Signs an edition",
       "",
       {},
       {{"in", "FILE", "JSON from `build`, or an edition to add a signature to", true},
        {"key", "FILE", "a signer's private key, PEM", true, "", true},
        {"out", "FILE", "the signed directory", true}},
       {"egovctl directory sign --in directory.json --key signer1.key --out directory.egov"},
       Sign},
      {"key",
       "Makes a signer's key",
       "",
       {},
       {{"out", "FILE", "the private key; the public one goes beside it as FILE.pub", true}},
       {},
       NewKey},
  };
  return family;
}

}  // namespace egov::ctl
