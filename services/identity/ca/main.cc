// egov-ca: the signer process of an instance's authorities. See README.md.
#include <cstdlib>
#include <iostream>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/pki/spiffe.h"
#include "services/identity/ca/admin.h"
#include "services/identity/ca/home.h"
#include "services/identity/ca/signer.h"
#include "services/identity/common/files.h"
#include "services/identity/common/process.h"

namespace egov::identity {
namespace {

constexpr char kUsage[] =
    R"(egov-ca: the authorities of an instance, behind Unix sockets only

  egov-ca init --home DIR --instance ee --organisation NAME [--public-url URL] [--ocsp-url URL]
      makes the root and the authorities for transport, seals and time-stamps; take DIR/root offline afterwards;
      the URLs (of egov-enrolment and egov-ocsp) go into certificates
  egov-ca serve --home DIR | --config FILE [--check-config]
      signs until stopped; FILE is DIR/ca.json unless given
  egov-ca token --home DIR --member ee/GOV/70000310/pensions --kinds transport,seal
                [--organisation NAME] [--dns HOST]... [--ip ADDRESS]... [--hours N]
      prints a one-time enrolment token (24 hours unless said otherwise); kinds: transport, seal, log, time-stamp,
      ocsp-transport, ocsp-seal, ocsp-time-stamp
  egov-ca revoke --home DIR (--member ID [--kinds ...] | --fingerprint SHA256) --reason N
      revokes certificates in force and unused tokens; reasons: 1 key compromise, 3 affiliation changed,
      4 superseded, 5 cessation of operation, 9 privilege withdrawn
  egov-ca list --home DIR [--member ID]
  egov-ca root-list --home DIR --root DIR [--revoke AUTHORITY --reason N]
      signs the root's revocation list for another year, with the root's folder at hand
  egov-ca root-responder --root DIR --csr FILE
      prints a certificate, for a year, for egov-ocsp to answer for the root itself; FILE is a PKCS #10 request
)";

absl::StatusOr<std::string> Required(const CommandLine& line, const std::string& name) {
  if (line.Has(name)) return line.Get(name);
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_COMMAND_LINE",
                     absl::StrCat("--", name, " is needed; egov-ca --help shows how"));
}

absl::StatusOr<ca::Config> ConfigOf(const CommandLine& line) {
  if (line.Has("config")) return ReadCaConfig(line.Get("config"));
  EGOV_ASSIGN_OR_RETURN(const std::string home, Required(line, "home"));
  return ReadCaConfig(home + "/ca.json");
}

absl::StatusOr<std::string> MemberUri(const CommandLine& line) {
  EGOV_ASSIGN_OR_RETURN(const std::string text, Required(line, "member"));
  EGOV_ASSIGN_OR_RETURN(const pki::SpiffeId id, text.rfind("spiffe:", 0) == 0
                                                    ? pki::SpiffeId::Parse(text)
                                                    : pki::SpiffeId::FromXRoad(text));
  return id.ToUri();
}

template <typename Message>
absl::Status AddKinds(const CommandLine& line, Message* message) {
  for (const absl::string_view word : absl::StrSplit(line.Get("kinds"), ',', absl::SkipEmpty())) {
    const v1::CertificateKind kind = KindOfName(word);
    if (kind == v1::CERTIFICATE_KIND_UNSPECIFIED) {
      return base::Error(absl::StatusCode::kInvalidArgument, "BAD_COMMAND_LINE", "unknown kind")
          .Expected(
              "transport, seal, log, time-stamp, ocsp-transport, ocsp-seal or ocsp-time-stamp");
    }
    message->add_kinds(kind);
  }
  return absl::OkStatus();
}

absl::StatusOr<int> NumberOf(const CommandLine& line, const std::string& name, int otherwise) {
  int number = otherwise;
  if (line.Has(name) && !absl::SimpleAtoi(line.Get(name), &number)) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_COMMAND_LINE",
                       absl::StrCat("--", name, " is not a number"));
  }
  return number;
}

absl::StatusOr<int> ReasonOf(const CommandLine& line) {
  EGOV_ASSIGN_OR_RETURN(const int reason, NumberOf(line, "reason", 0));
  for (const int known : {0, 1, 2, 3, 4, 5, 9}) {
    if (reason == known) return reason;
  }
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_COMMAND_LINE", "unknown reason")
      .Expected("0, 1, 2, 3, 4, 5 or 9");
}

absl::Status Init(const CommandLine& line) {
  EGOV_ASSIGN_OR_RETURN(const std::string home, Required(line, "home"));
  EGOV_ASSIGN_OR_RETURN(const std::string instance, Required(line, "instance"));
  EGOV_ASSIGN_OR_RETURN(const std::string organisation, Required(line, "organisation"));
  EGOV_RETURN_IF_ERROR(MakeHome(home, instance, organisation, absl::Now()));
  std::string urls;
  for (const char* name : {"public-url", "ocsp-url"}) {
    if (!line.Has(name)) continue;
    absl::StrAppend(&urls, ",\n  \"", name[0] == 'p' ? "public_url" : "ocsp_url", "\": \"",
                    line.Get(name), "\"");
  }
  // Where the commands that come later are run from does not matter.
  const std::unique_ptr<char, decltype(&free)> absolute(realpath(home.c_str(), nullptr), &free);
  return WriteFile(home + "/ca.json",
                   absl::StrCat("{\n  \"home\": \"", absolute.get(), "\"", urls, "\n}\n"));
}

absl::Status Token(const CommandLine& line) {
  EGOV_ASSIGN_OR_RETURN(const ca::Config config, ConfigOf(line));
  ca::MakeTokenRequest request;
  EGOV_ASSIGN_OR_RETURN(*request.mutable_spiffe_id(), MemberUri(line));
  EGOV_RETURN_IF_ERROR(AddKinds(line, &request));
  request.set_organisation(line.Get("organisation"));
  for (const char* name : {"dns", "ip"}) {
    const auto found = line.options.find(name);
    if (found == line.options.end()) continue;
    for (const std::string& value : found->second) {
      *(name[0] == 'd' ? request.add_dns_names() : request.add_ip_names()) = value;
    }
  }
  EGOV_ASSIGN_OR_RETURN(const int hours, NumberOf(line, "hours", 24));
  request.set_lifetime_s(int64_t{hours} * 3600);
  EGOV_ASSIGN_OR_RETURN(const std::string token, CaAdmin(config.admin_socket()).MakeToken(request));
  std::cout << token << "\n";
  return absl::OkStatus();
}

absl::Status Revoke(const CommandLine& line) {
  EGOV_ASSIGN_OR_RETURN(const ca::Config config, ConfigOf(line));
  ca::RevokeRequest request;
  if (line.Has("fingerprint")) {
    EGOV_ASSIGN_OR_RETURN(*request.mutable_fingerprint(), base::FromHex(line.Get("fingerprint")));
  } else {
    EGOV_ASSIGN_OR_RETURN(*request.mutable_spiffe_id(), MemberUri(line));
    EGOV_RETURN_IF_ERROR(AddKinds(line, &request));
  }
  EGOV_ASSIGN_OR_RETURN(const int reason, ReasonOf(line));
  request.set_reason(reason);
  EGOV_ASSIGN_OR_RETURN(const uint32_t count, CaAdmin(config.admin_socket()).Revoke(request));
  std::cout << count << " certificates revoked\n";
  return absl::OkStatus();
}

absl::Status List(const CommandLine& line) {
  EGOV_ASSIGN_OR_RETURN(const ca::Config config, ConfigOf(line));
  std::string uri;
  if (line.Has("member")) {
    EGOV_ASSIGN_OR_RETURN(uri, MemberUri(line));
  }
  EGOV_ASSIGN_OR_RETURN(const auto listed, CaAdmin(config.admin_socket()).List(uri));
  for (const ca::Listed& one : listed) {
    std::cout << KindName(one.kind()) << "\t" << one.spiffe_id() << "\t"
              << base::ToHex(one.fingerprint()) << "\t"
              << absl::FormatTime(absl::RFC3339_sec, absl::FromUnixSeconds(one.not_after()),
                                  absl::UTCTimeZone())
              << (one.revoked() ? "\trevoked" : "\tin force") << "\n";
  }
  return absl::OkStatus();
}

absl::Status RootList(const CommandLine& line) {
  EGOV_ASSIGN_OR_RETURN(const std::string home, Required(line, "home"));
  EGOV_ASSIGN_OR_RETURN(const std::string root, Required(line, "root"));
  EGOV_ASSIGN_OR_RETURN(const int reason, ReasonOf(line));
  return SignRootList(home, root, line.Get("revoke"), static_cast<pki::RevocationReason>(reason),
                      absl::Now());
}

absl::Status RootResponder(const CommandLine& line) {
  EGOV_ASSIGN_OR_RETURN(const std::string root, Required(line, "root"));
  EGOV_ASSIGN_OR_RETURN(const std::string csr, Required(line, "csr"));
  EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(csr));
  EGOV_ASSIGN_OR_RETURN(const std::string chain, IssueRootResponder(root, pem, absl::Now()));
  std::cout << chain;
  return absl::OkStatus();
}

absl::Status Run(const CommandLine& line) {
  const std::string& command = line.words[0];
  if (command == "init") return Init(line);
  if (command == "token") return Token(line);
  if (command == "revoke") return Revoke(line);
  if (command == "list") return List(line);
  if (command == "root-list") return RootList(line);
  if (command == "root-responder") return RootResponder(line);
  if (command == "serve") {
    EGOV_ASSIGN_OR_RETURN(const ca::Config config, ConfigOf(line));
    return line.Has("check-config") ? absl::OkStatus() : ServeSigner(config);
  }
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_COMMAND_LINE",
                     absl::StrCat("unknown command ", command, "; egov-ca --help lists them"));
}

}  // namespace
}  // namespace egov::identity

int main(int argc, char** argv) {
  using namespace egov::identity;  // NOLINT: main has no other names
  const auto line = ParseCommandLine(
      argc, argv, {"check-config", "help"},
      {"home", "config", "instance", "organisation", "public-url", "ocsp-url", "member", "kinds",
       "dns", "ip", "hours", "reason", "fingerprint", "root", "revoke", "csr"});
  if (!line.ok()) return ExitWith(line.status());
  if (line->Has("help") || line->words.size() != 1) {
    std::cout << kUsage;
    return line->Has("help") ? 0 : 2;
  }
  return ExitWith(Run(*line));
}
