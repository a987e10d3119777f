#include "services/identity/ca/home.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/pki/issue.h"
#include "libs/pki/spiffe.h"
#include "services/identity/common/files.h"

namespace egov::identity {
namespace {

constexpr absl::Duration kYear = absl::Hours(24 * 365);
constexpr const char* kAuthorities[] = {"transport", "seal", "time-stamp"};

struct KindWord {
  v1::CertificateKind kind;
  const char* name;
  const char* authority;
};
constexpr KindWord kKinds[] = {
    {v1::CERTIFICATE_KIND_TRANSPORT, "transport", "transport"},
    {v1::CERTIFICATE_KIND_SEAL, "seal", "seal"},
    {v1::CERTIFICATE_KIND_LOG, "log", "seal"},
    {v1::CERTIFICATE_KIND_TIME_STAMP, "time-stamp", "time-stamp"},
    // RFC 6960 section 4.2.2.2: a responder's certificate is the work of
    // the very authority that it answers for.
    {v1::CERTIFICATE_KIND_OCSP_TRANSPORT, "ocsp-transport", "transport"},
    {v1::CERTIFICATE_KIND_OCSP_SEAL, "ocsp-seal", "seal"},
    {v1::CERTIFICATE_KIND_OCSP_TIME_STAMP, "ocsp-time-stamp", "time-stamp"}};

absl::Status MakeAuthority(const std::string& home, const pki::CertificateProfile& base,
                           const std::string& name, const pki::Certificate& root,
                           const pki::PrivateKey& root_key) {
  pki::CertificateProfile profile = base;
  profile.common_name = absl::StrCat(base.common_name, " ", name, " authority");
  profile.not_after = profile.not_before + 10 * kYear;
  EGOV_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::Generate());
  EGOV_ASSIGN_OR_RETURN(const pki::Certificate certificate,
                        pki::Issue(profile, key.public_key(), root, root_key));
  EGOV_RETURN_IF_ERROR(key.Save(absl::StrCat(home, "/authorities/", name, ".key")));
  EGOV_RETURN_IF_ERROR(
      WriteFile(absl::StrCat(home, "/authorities/", name, ".pem"), certificate.ToPem()));
  return WriteFile(absl::StrCat(home, "/published/", name, ".pem"), certificate.ToPem());
}

}  // namespace

absl::string_view AuthorityOf(v1::CertificateKind kind) {
  for (const KindWord& word : kKinds) {
    if (word.kind == kind) return word.authority;
  }
  return "";
}

absl::string_view KindName(v1::CertificateKind kind) {
  for (const KindWord& word : kKinds) {
    if (word.kind == kind) return word.name;
  }
  return "";
}

v1::CertificateKind KindOfName(absl::string_view name) {
  for (const KindWord& word : kKinds) {
    if (name == word.name) return word.kind;
  }
  return v1::CERTIFICATE_KIND_UNSPECIFIED;
}

absl::Status MakeHome(const std::string& home, absl::string_view instance,
                      absl::string_view organisation, absl::Time now) {
  EGOV_RETURN_IF_ERROR(pki::SpiffeId::Make(instance, "x", "x", "x").status());
  if (Exists(home + "/root") || Exists(home + "/authorities") || Exists(home + "/journal")) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "ALREADY_MADE",
                       absl::StrCat(home, " already holds an authority"));
  }
  EGOV_RETURN_IF_ERROR(MakeFolder(home, 0750));
  EGOV_RETURN_IF_ERROR(MakeFolder(home + "/root", 0700));
  EGOV_RETURN_IF_ERROR(MakeFolder(home + "/authorities", 0700));
  EGOV_RETURN_IF_ERROR(MakeFolder(home + "/published", 0755));
  EGOV_RETURN_IF_ERROR(MakeFolder(home + "/published/crl", 0755));
  EGOV_RETURN_IF_ERROR(MakeFolder(home + "/published/crl-der", 0755));

  pki::CertificateProfile profile;
  profile.purpose = pki::Purpose::kAuthority;
  profile.organisation = std::string(organisation);
  profile.not_before = now - absl::Minutes(5);  // for machines whose clocks run a little behind
  profile.not_after = now + 20 * kYear;
  profile.path_length = 1;
  profile.common_name = absl::StrCat(instance, " root");
  EGOV_ASSIGN_OR_RETURN(const pki::PrivateKey root_key, pki::PrivateKey::Generate());
  EGOV_ASSIGN_OR_RETURN(const pki::Certificate root, pki::IssueRoot(profile, root_key));
  profile.path_length = 0;
  profile.common_name = std::string(instance);
  for (const char* name : kAuthorities) {
    EGOV_RETURN_IF_ERROR(MakeAuthority(home, profile, name, root, root_key));
  }
  std::string authorities;
  for (const char* name : kAuthorities) {
    EGOV_ASSIGN_OR_RETURN(const std::string pem,
                          ReadFile(absl::StrCat(home, "/published/", name, ".pem")));
    authorities += pem;
  }
  EGOV_RETURN_IF_ERROR(WriteFile(home + "/published/authorities.pem", authorities));
  EGOV_RETURN_IF_ERROR(WriteFile(home + "/published/root.pem", root.ToPem()));
  EGOV_RETURN_IF_ERROR(WriteFile(home + "/published/anchors.pem", root.ToPem()));
  EGOV_RETURN_IF_ERROR(WriteFile(home + "/root/root.pem", root.ToPem()));
  EGOV_RETURN_IF_ERROR(root_key.Save(home + "/root/root.key"));
  return SignRootList(home, home + "/root", "", pki::RevocationReason::kUnspecified, now);
}

absl::StatusOr<Home> LoadHome(const std::string& home) {
  EGOV_ASSIGN_OR_RETURN(const std::string root_pem, ReadFile(home + "/published/root.pem"));
  EGOV_ASSIGN_OR_RETURN(pki::Certificate root, pki::Certificate::FromPem(root_pem));
  std::vector<AuthorityKey> authorities;
  for (const char* name : kAuthorities) {
    const std::string path = absl::StrCat(home, "/authorities/", name);
    EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path + ".pem"));
    EGOV_ASSIGN_OR_RETURN(pki::Certificate certificate, pki::Certificate::FromPem(pem));
    EGOV_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::LoadFile(path + ".key"));
    if (key.public_key() != certificate.public_key()) {
      return base::Error(absl::StatusCode::kFailedPrecondition, "KEY_MISMATCH",
                         absl::StrCat(path, ".key is not the key of ", path, ".pem"));
    }
    authorities.push_back({name, std::move(key), std::move(certificate)});
  }
  return Home{std::move(root), std::move(authorities)};
}

absl::Status PublishList(const std::string& home, absl::string_view authority,
                         const pki::Crl& list) {
  const std::string folder = home + "/published/crl/";
  EGOV_RETURN_IF_ERROR(
      WriteFile(absl::StrCat(home, "/published/crl-der/", authority, ".crl"), list.ToDer()));
  EGOV_RETURN_IF_ERROR(WriteFile(absl::StrCat(folder, authority, ".pem"), list.ToPem()));
  return SwapLink(absl::StrCat(authority, ".pem"), folder + list.HashName());
}

absl::Status SignRootList(const std::string& home, const std::string& root_folder,
                          absl::string_view revoke, pki::RevocationReason reason, absl::Time now) {
  EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(root_folder + "/root.pem"));
  EGOV_ASSIGN_OR_RETURN(const pki::Certificate root, pki::Certificate::FromPem(pem));
  EGOV_ASSIGN_OR_RETURN(const pki::PrivateKey key,
                        pki::PrivateKey::LoadFile(root_folder + "/root.key"));
  uint64_t number = 1;
  std::vector<pki::RevokedCertificate> revoked;
  const std::string path = home + "/published/crl/root.pem";
  if (Exists(path)) {
    EGOV_ASSIGN_OR_RETURN(const std::string old_pem, ReadFile(path));
    EGOV_ASSIGN_OR_RETURN(const pki::Crl old, pki::Crl::FromPem(old_pem));
    EGOV_RETURN_IF_ERROR(old.VerifySignature(root));
    number = old.number() + 1;
    revoked = old.revoked();
  }
  if (!revoke.empty()) {
    EGOV_ASSIGN_OR_RETURN(const std::string authority_pem,
                          ReadFile(absl::StrCat(home, "/published/", revoke, ".pem")));
    EGOV_ASSIGN_OR_RETURN(const pki::Certificate authority,
                          pki::Certificate::FromPem(authority_pem));
    revoked.push_back({authority.serial(), now, reason});
  }
  EGOV_ASSIGN_OR_RETURN(const pki::Crl list,
                        pki::Crl::Build(root, key, number, now, now + kYear, revoked));
  return PublishList(home, "root", list);
}

absl::StatusOr<std::string> IssueRootResponder(const std::string& root_folder,
                                               absl::string_view csr_pem, absl::Time now) {
  EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(root_folder + "/root.pem"));
  EGOV_ASSIGN_OR_RETURN(const pki::Certificate root, pki::Certificate::FromPem(pem));
  EGOV_ASSIGN_OR_RETURN(const pki::PrivateKey key,
                        pki::PrivateKey::LoadFile(root_folder + "/root.key"));
  EGOV_ASSIGN_OR_RETURN(const pki::Csr csr, pki::Csr::FromPem(csr_pem));
  pki::CertificateProfile profile;
  profile.purpose = pki::Purpose::kOcsp;
  profile.common_name = absl::StrCat(root.common_name(), " responder");
  profile.not_before = now - absl::Minutes(5);
  profile.not_after = now + kYear;
  EGOV_ASSIGN_OR_RETURN(const pki::Certificate certificate,
                        pki::Issue(profile, csr.public_key(), root, key));
  return pki::ToPem({certificate, root});
}

}  // namespace egov::identity
