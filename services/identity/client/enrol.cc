#include "services/identity/client/enrol.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/http/http.h"
#include "libs/pki/crl.h"
#include "libs/pki/issue.h"
#include "libs/pki/key.h"
#include "libs/pki/verify.h"
#include "services/identity/common/errors.h"
#include "services/identity/common/files.h"
#include "services/identity/common/token.h"

namespace egov::identity {
namespace {

constexpr const char* kLists[] = {"root", "transport", "seal", "time-stamp"};

pki::Purpose PurposeOf(v1::CertificateKind kind) {
  switch (kind) {
    case v1::CERTIFICATE_KIND_SEAL:
      return pki::Purpose::kSeal;
    case v1::CERTIFICATE_KIND_LOG:
      return pki::Purpose::kLog;
    case v1::CERTIFICATE_KIND_TIME_STAMP:
      return pki::Purpose::kTimeStamp;
    case v1::CERTIFICATE_KIND_OCSP_TRANSPORT:
    case v1::CERTIFICATE_KIND_OCSP_SEAL:
    case v1::CERTIFICATE_KIND_OCSP_TIME_STAMP:
      return pki::Purpose::kOcsp;
    default:
      return pki::Purpose::kTransport;
  }
}

absl::Status WrongAuthority(absl::string_view why) {
  return base::Error(absl::StatusCode::kUnauthenticated, "WRONG_AUTHORITY",
                     absl::StrCat("the certificates received cannot be trusted: ", why));
}

absl::StatusOr<v1::IssuedCertificates> Ask(const std::string& url, const std::string& request,
                                           size_t expected) {
  EGOV_ASSIGN_OR_RETURN(const http::Response response,
                        http::Post(url, "application/x-protobuf", request));
  v1::EnrolmentReply reply;
  if (!reply.ParseFromString(response.body) || !(reply.has_issued() || reply.has_error())) {
    return base::Error(absl::StatusCode::kUnavailable, "BAD_HTTP",
                       absl::StrCat("no enrolment front there (status ", response.status, ")"));
  }
  if (reply.has_error()) return FromWire(reply.error());
  if (static_cast<size_t>(reply.issued().certificates_size()) != expected) {
    return WrongAuthority("another number than asked for");
  }
  return reply.issued();
}

// A received certificate, checked: our key, our identity, its purpose, up to `root`.
absl::StatusOr<std::vector<pki::Certificate>> Check(
    const v1::IssuedCertificate& issued, v1::CertificateKind kind, const pki::PublicKey& key,
    const std::string& spiffe_id, const pki::ChainVerifier& trust, absl::Time now) {
  EGOV_ASSIGN_OR_RETURN(pki::Certificate leaf, pki::Certificate::FromDer(issued.certificate()));
  std::vector<pki::Certificate> above;
  for (const std::string& der : issued.chain()) {
    EGOV_ASSIGN_OR_RETURN(pki::Certificate certificate, pki::Certificate::FromDer(der));
    above.push_back(std::move(certificate));
  }
  if (leaf.public_key() != key) return WrongAuthority("another key");
  const auto chain = trust.Verify(leaf, above, PurposeOf(kind), now);
  if (!chain.ok()) return WrongAuthority(chain.status().message());
  const pki::Purpose purpose = PurposeOf(kind);
  const bool names_someone = purpose != pki::Purpose::kTimeStamp && purpose != pki::Purpose::kOcsp;
  if (names_someone && leaf.SpiffeId()->ToUri() != spiffe_id) {
    return WrongAuthority("another identity");
  }
  return *chain;
}

std::vector<int> Versions(const std::string& kind_folder) {
  std::vector<int> versions;
  DIR* folder = opendir(kind_folder.c_str());
  if (folder == nullptr) return versions;
  while (const dirent* entry = readdir(folder)) {
    int version = 0;
    if (entry->d_name[0] == 'v' && absl::SimpleAtoi(entry->d_name + 1, &version)) {
      versions.push_back(version);
    }
  }
  closedir(folder);
  std::sort(versions.begin(), versions.end());
  return versions;
}

// Puts key and certificate in place as a new version; the one before stays for whoever is reading
// it just now.
absl::Status Install(const std::string& folder, v1::CertificateKind kind,
                     const pki::PrivateKey& key, const std::vector<pki::Certificate>& chain) {
  const std::string kind_folder = absl::StrCat(folder, "/", FolderOf(kind));
  EGOV_RETURN_IF_ERROR(MakeFolder(kind_folder, 0700));
  const std::vector<int> versions = Versions(kind_folder);
  const std::string name = absl::StrCat("v", versions.empty() ? 1 : versions.back() + 1);
  const std::string version = absl::StrCat(kind_folder, "/", name);
  EGOV_RETURN_IF_ERROR(MakeFolder(version, 0700));
  EGOV_RETURN_IF_ERROR(key.Save(version + "/key.pem"));
  // Without the root: whoever trusts it has it, whoever has it not should not take it from here.
  const std::vector<pki::Certificate> shown(chain.begin(), chain.end() - 1);
  EGOV_RETURN_IF_ERROR(WriteFile(version + "/cert.pem", pki::ToPem(shown)));
  EGOV_RETURN_IF_ERROR(SwapLink(name, kind_folder + "/current"));
  for (size_t i = 0; i + 1 < versions.size(); ++i) {
    const std::string old = absl::StrCat(kind_folder, "/v", versions[i]);
    unlink((old + "/key.pem").c_str());
    unlink((old + "/cert.pem").c_str());
    rmdir(old.c_str());
  }
  return absl::OkStatus();
}

absl::StatusOr<pki::ChainVerifier> AnchorsOf(const std::string& folder) {
  EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(folder + "/anchors.pem"));
  EGOV_ASSIGN_OR_RETURN(auto anchors, pki::Certificate::ChainFromPem(pem));
  return pki::ChainVerifier::Create(std::move(anchors));
}

// What was begun: keys and order are on disk before anything is asked, so that a lost reply can be
// asked for again.
struct Pending {
  std::string folder;
  std::map<v1::CertificateKind, pki::PrivateKey> keys;
  std::string request;  // EnrolRequest
};

// Whether a request is for just this identity and these kinds.
bool AsksFor(const std::string& bytes, const EnrolOptions& options) {
  v1::EnrolRequest request;
  v1::EnrolOrder order;
  if (!request.ParseFromString(bytes) || !order.ParseFromString(request.order())) return false;
  if (order.spiffe_id() != options.identity.ToUri()) return false;
  return std::equal(order.certificates().begin(), order.certificates().end(), options.kinds.begin(),
                    options.kinds.end(),
                    [](const auto& one, v1::CertificateKind kind) { return one.kind() == kind; });
}

absl::StatusOr<Pending> Begin(const EnrolmentToken& token, const EnrolOptions& options) {
  Pending pending;
  pending.folder =
      absl::StrCat(options.folder, "/pending-",
                   base::ToHex(pki::AsBytes(token.key.public_key().digest())).substr(0, 16));
  const std::string request_path = pending.folder + "/request";
  if (Exists(request_path)) {
    EGOV_ASSIGN_OR_RETURN(pending.request, ReadFile(request_path));
    // Another command with the same token begins anew: what was asked before was not to be had.
    if (!AsksFor(pending.request, options)) pending.request.clear();
  }
  const bool resumed = !pending.request.empty();
  EGOV_RETURN_IF_ERROR(MakeFolder(pending.folder, 0700));
  v1::EnrolOrder order;
  order.set_spiffe_id(options.identity.ToUri());
  for (const v1::CertificateKind kind : options.kinds) {
    const std::string path = absl::StrCat(pending.folder, "/", FolderOf(kind), ".key");
    auto key = resumed ? pki::PrivateKey::LoadFile(path) : pki::PrivateKey::Generate();
    if (!key.ok()) return key.status();
    if (!resumed) EGOV_RETURN_IF_ERROR(key->Save(path));
    EGOV_ASSIGN_OR_RETURN(const pki::Csr csr, pki::Csr::Create(*key, options.identity.ToXRoad()));
    auto* one = order.add_certificates();
    one->set_kind(kind);
    one->set_csr(csr.ToDer());
    pending.keys.emplace(kind, *std::move(key));
  }
  if (resumed) return pending;
  v1::EnrolRequest request;
  request.set_order(order.SerializeAsString());
  request.set_token_key(token.key.public_key().ToDer());
  EGOV_ASSIGN_OR_RETURN(*request.mutable_signature(), token.key.Sign(EnrolBytes(request.order())));
  pending.request = request.SerializeAsString();
  EGOV_RETURN_IF_ERROR(WriteFile(request_path, pending.request, 0600));
  return pending;
}

void Finish(const Pending& pending) {
  for (const auto& [kind, key] : pending.keys) {
    unlink(absl::StrCat(pending.folder, "/", FolderOf(kind), ".key").c_str());
  }
  unlink((pending.folder + "/request").c_str());
  rmdir(pending.folder.c_str());
}

// The authority's certificates, from the front; each must lead to the anchor.
absl::Status FetchAuthorities(const std::string& url, const std::string& folder, absl::Time now) {
  EGOV_ASSIGN_OR_RETURN(const http::Response response, http::Get(url + "/authorities.pem"));
  if (response.status != 200) {
    return base::Error(absl::StatusCode::kUnavailable, "BAD_HTTP", "no authorities there");
  }
  EGOV_ASSIGN_OR_RETURN(const auto authorities, pki::Certificate::ChainFromPem(response.body));
  EGOV_ASSIGN_OR_RETURN(const pki::ChainVerifier trust, AnchorsOf(folder));
  for (const pki::Certificate& authority : authorities) {
    EGOV_RETURN_IF_ERROR(trust.Verify(authority, {}, pki::Purpose::kAuthority, now).status());
  }
  return WriteFile(folder + "/authorities.pem", pki::ToPem(authorities));
}

// The one authority whose list has this name: "root" is the anchor, the others say it in the common
// name that the root signed ("ee seal authority"). All lists come over one unprotected wire, so a
// genuine list of one authority must not pass under the name of another.
absl::StatusOr<pki::Certificate> AuthorityOf(absl::string_view name,
                                             const std::vector<pki::Certificate>& anchors,
                                             const std::vector<pki::Certificate>& authorities) {
  absl::optional<pki::Certificate> found;
  const std::string ending = absl::StrCat(" ", name, " authority");
  for (const pki::Certificate& one : name == "root" ? anchors : authorities) {
    if (name != "root" && !absl::EndsWith(one.common_name(), ending)) continue;
    if (found) return WrongAuthority(absl::StrCat("more than one authority for ", name));
    found = one;
  }
  if (!found) return WrongAuthority(absl::StrCat("no authority for ", name));
  return *std::move(found);
}

absl::Status FetchList(const std::string& url, const std::string& folder, const std::string& name,
                       const pki::Certificate& authority) {
  EGOV_ASSIGN_OR_RETURN(const http::Response response,
                        http::Get(absl::StrCat(url, "/crl/", name, ".pem")));
  if (response.status != 200) {
    return base::Error(absl::StatusCode::kUnavailable, "BAD_HTTP",
                       absl::StrCat("no list of ", name));
  }
  EGOV_ASSIGN_OR_RETURN(const pki::Crl list, pki::Crl::FromPem(response.body));
  if (!list.VerifySignature(authority).ok()) {
    return WrongAuthority(absl::StrCat("the list of ", name, " is not its authority's"));
  }
  const std::string path = absl::StrCat(folder, "/crl/", name, ".pem");
  if (Exists(path)) {
    EGOV_ASSIGN_OR_RETURN(const std::string old_pem, ReadFile(path));
    const auto old = pki::Crl::FromPem(old_pem);
    // What is not this authority's says nothing about which of its lists is the newer.
    if (old.ok() && old->VerifySignature(authority).ok()) {
      if (old->digest() == list.digest()) return absl::OkStatus();
      // Else whoever sits between could make a revocation undone.
      if (old->number() >= list.number()) return WrongAuthority("an older list than the one here");
    }
  }
  EGOV_RETURN_IF_ERROR(WriteFile(path, list.ToPem()));
  return SwapLink(name + ".pem", absl::StrCat(folder, "/crl/", list.HashName()));
}

// Held by one process at a time; the system lets go of it when the process ends.
class FolderLock {
 public:
  static absl::StatusOr<FolderLock> Wait(const std::string& folder) {
    const std::string path = folder + "/lock";
    FolderLock lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock.file_ < 0 || flock(lock.file_, LOCK_EX) != 0) {
      return base::Error(absl::StatusCode::kUnavailable, "FILE_FAILED",
                         absl::StrCat("cannot lock ", path));
    }
    return absl::StatusOr<FolderLock>(std::move(lock));
  }
  FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  ~FolderLock() {
    if (file_ >= 0) close(file_);
  }

 private:
  explicit FolderLock(int file) : file_(file) {}
  int file_;
};

}  // namespace

absl::string_view FolderOf(v1::CertificateKind kind) {
  switch (kind) {
    case v1::CERTIFICATE_KIND_TRANSPORT:
      return "transport";
    case v1::CERTIFICATE_KIND_SEAL:
      return "seal";
    case v1::CERTIFICATE_KIND_LOG:
      return "log";
    case v1::CERTIFICATE_KIND_TIME_STAMP:
      return "time-stamp";
    case v1::CERTIFICATE_KIND_OCSP_TRANSPORT:
      return "ocsp-transport";
    case v1::CERTIFICATE_KIND_OCSP_SEAL:
      return "ocsp-seal";
    case v1::CERTIFICATE_KIND_OCSP_TIME_STAMP:
      return "ocsp-time-stamp";
    default:
      return "unknown";
  }
}

absl::StatusOr<pki::Certificate> CurrentCertificate(const std::string& folder,
                                                    v1::CertificateKind kind) {
  EGOV_ASSIGN_OR_RETURN(const std::string pem,
                        ReadFile(absl::StrCat(folder, "/", FolderOf(kind), "/current/cert.pem")));
  EGOV_ASSIGN_OR_RETURN(std::vector<pki::Certificate> chain, pki::Certificate::ChainFromPem(pem));
  return std::move(chain[0]);
}

absl::Status Enrol(absl::string_view token_text, const EnrolOptions& options, absl::Time now) {
  EGOV_ASSIGN_OR_RETURN(const EnrolmentToken token, ParseToken(token_text));
  for (const v1::CertificateKind kind : options.kinds) {
    if (Exists(absl::StrCat(options.folder, "/", FolderOf(kind), "/current"))) {
      return base::Error(absl::StatusCode::kFailedPrecondition, "ALREADY_ENROLLED",
                         absl::StrCat(options.folder, " already has a certificate of this kind"));
    }
  }
  EGOV_RETURN_IF_ERROR(MakeFolder(options.folder, 0750));
  EGOV_ASSIGN_OR_RETURN(const Pending pending, Begin(token, options));
  EGOV_ASSIGN_OR_RETURN(const v1::IssuedCertificates issued,
                        Ask(options.url + "/v1/enrol", pending.request, options.kinds.size()));

  const auto& chain = issued.certificates(0).chain();
  if (chain.empty()) return WrongAuthority("no chain");
  EGOV_ASSIGN_OR_RETURN(const pki::Certificate root, pki::Certificate::FromDer(*chain.rbegin()));
  // The one check that everything hangs on: the token came by a trusted hand, the answer over any
  // wire.
  if (root.fingerprint() != token.root) return WrongAuthority("another root than the token names");
  EGOV_ASSIGN_OR_RETURN(const pki::ChainVerifier trust, pki::ChainVerifier::Create({root}));
  std::vector<std::vector<pki::Certificate>> chains;
  for (size_t i = 0; i < options.kinds.size(); ++i) {
    const v1::CertificateKind kind = options.kinds[i];
    EGOV_ASSIGN_OR_RETURN(auto checked, Check(issued.certificates(static_cast<int>(i)), kind,
                                              pending.keys.at(kind).public_key(),
                                              options.identity.ToUri(), trust, now));
    chains.push_back(std::move(checked));
  }
  EGOV_RETURN_IF_ERROR(WriteFile(options.folder + "/anchors.pem", root.ToPem()));
  EGOV_RETURN_IF_ERROR(FetchAuthorities(options.url, options.folder, now));
  EGOV_RETURN_IF_ERROR(FetchLists(options.url, options.folder));
  for (size_t i = 0; i < options.kinds.size(); ++i) {
    EGOV_RETURN_IF_ERROR(
        Install(options.folder, options.kinds[i], pending.keys.at(options.kinds[i]), chains[i]));
  }
  Finish(pending);
  return absl::OkStatus();
}

absl::Status Renew(const std::string& url, const std::string& folder, v1::CertificateKind kind,
                   absl::Time now) {
  EGOV_ASSIGN_OR_RETURN(const pki::Certificate old, CurrentCertificate(folder, kind));
  EGOV_ASSIGN_OR_RETURN(
      const pki::PrivateKey old_key,
      pki::PrivateKey::LoadFile(absl::StrCat(folder, "/", FolderOf(kind), "/current/key.pem")));
  // A log is known by its key, which a running register keeps in memory: only the certificate is
  // new.
  EGOV_ASSIGN_OR_RETURN(const pki::PrivateKey key,
                        kind == v1::CERTIFICATE_KIND_LOG ? old_key : pki::PrivateKey::Generate());
  EGOV_ASSIGN_OR_RETURN(const pki::Csr csr, pki::Csr::Create(key, old.common_name()));
  v1::RenewOrder order;
  order.set_certificate(std::string(pki::AsBytes(old.fingerprint())));
  order.mutable_replacement()->set_kind(kind);
  order.mutable_replacement()->set_csr(csr.ToDer());
  order.set_issued_us(absl::ToUnixMicros(now));
  v1::RenewRequest request;
  request.set_order(order.SerializeAsString());
  EGOV_ASSIGN_OR_RETURN(*request.mutable_signature(), old_key.Sign(RenewBytes(request.order())));
  EGOV_ASSIGN_OR_RETURN(const v1::IssuedCertificates issued,
                        Ask(url + "/v1/renew", request.SerializeAsString(), 1));
  EGOV_ASSIGN_OR_RETURN(const pki::ChainVerifier trust, AnchorsOf(folder));
  const std::string spiffe_id = old.SpiffeId().ok() ? old.SpiffeId()->ToUri() : "";
  EGOV_ASSIGN_OR_RETURN(const auto chain, Check(issued.certificates(0), kind, key.public_key(),
                                                spiffe_id, trust, now));
  return Install(folder, kind, key, chain);
}

bool InLastThird(const pki::Certificate& certificate, absl::Time now) {
  const absl::Duration life = certificate.not_after() - certificate.not_before();
  return now >= certificate.not_after() - life / 3;
}

absl::StatusOr<bool> RenewIfDue(const std::string& url, const std::string& folder,
                                v1::CertificateKind kind, absl::Time now) {
  EGOV_ASSIGN_OR_RETURN(const pki::Certificate seen, CurrentCertificate(folder, kind));
  if (!InLastThird(seen, now)) return false;
  EGOV_ASSIGN_OR_RETURN(const FolderLock lock, FolderLock::Wait(folder));
  // Another may have renewed it while this one waited.
  EGOV_ASSIGN_OR_RETURN(const pki::Certificate current, CurrentCertificate(folder, kind));
  if (!InLastThird(current, now)) return false;
  EGOV_RETURN_IF_ERROR(Renew(url, folder, kind, now));
  return true;
}

absl::Status FetchLists(const std::string& url, const std::string& folder) {
  EGOV_ASSIGN_OR_RETURN(const std::string anchors_pem, ReadFile(folder + "/anchors.pem"));
  EGOV_ASSIGN_OR_RETURN(const auto anchors, pki::Certificate::ChainFromPem(anchors_pem));
  EGOV_ASSIGN_OR_RETURN(const std::string authorities_pem, ReadFile(folder + "/authorities.pem"));
  EGOV_ASSIGN_OR_RETURN(const auto authorities, pki::Certificate::ChainFromPem(authorities_pem));
  EGOV_RETURN_IF_ERROR(MakeFolder(folder + "/crl", 0755));
  absl::Status first;
  for (const char* name : kLists) {
    const auto authority = AuthorityOf(name, anchors, authorities);
    first.Update(authority.ok() ? FetchList(url, folder, name, *authority) : authority.status());
  }
  return first;
}

}  // namespace egov::identity
