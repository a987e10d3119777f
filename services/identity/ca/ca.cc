#include "services/identity/ca/ca.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/pki/crl.h"
#include "services/identity/common/files.h"
#include "services/identity/common/token.h"

namespace egov::identity {
namespace {

constexpr absl::Duration kBackdate = absl::Minutes(5);  // clocks that run a little behind
constexpr absl::Duration kOrderAge = absl::Minutes(5);
constexpr int kRenewals = 10;  // of one certificate: one is usual, ten thousand are a stolen key

absl::Status Refused(absl::StatusCode code, absl::string_view reason, absl::string_view text) {
  return base::Error(code, reason, text);
}
absl::Status Invalid(absl::string_view reason, absl::string_view text) {
  return Refused(absl::StatusCode::kInvalidArgument, reason, text);
}
absl::Status Unauthenticated(absl::string_view reason, absl::string_view text) {
  return Refused(absl::StatusCode::kUnauthenticated, reason, text);
}

std::string Bytes(const pki::Digest& digest) { return std::string(pki::AsBytes(digest)); }

std::string Owner(const ca::Scope& scope) {
  return absl::StrCat(KindName(scope.kind()), " ", scope.spiffe_id());
}

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

// An authority that nobody trusts, for trying whether a certificate can be made.
absl::StatusOr<AuthorityKey> Rehearsal(absl::Time now) {
  EGOV_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::Generate());
  pki::CertificateProfile profile;
  profile.purpose = pki::Purpose::kAuthority;
  profile.common_name = "rehearsal";
  profile.not_before = now - absl::Hours(1);
  profile.not_after = now + absl::Hours(1);
  EGOV_ASSIGN_OR_RETURN(pki::Certificate certificate, pki::IssueRoot(profile, key));
  return AuthorityKey{"rehearsal", std::move(key), std::move(certificate)};
}

int Hours(int configured, int usual) { return configured > 0 ? configured : usual; }

}  // namespace

absl::StatusOr<std::unique_ptr<Ca>> Ca::Open(const ca::Config& config, const base::Clock& clock) {
  std::unique_ptr<Ca> authority(new Ca(config, clock));
  EGOV_ASSIGN_OR_RETURN(authority->home_, LoadHome(config.home()));
  EGOV_ASSIGN_OR_RETURN(authority->journal_,
                        Journal::Open(config.home() + "/journal", clock,
                                      [&](const ca::Entry& entry) { authority->Replay(entry); }));
  ca::Entry started;
  started.mutable_started()->set_torn_bytes(authority->journal_->torn_bytes());
  EGOV_RETURN_IF_ERROR(authority->Append(started, "egov-ca"));
  // The journal rules: a list on disk from before a revocation that was journalled is replaced now.
  for (const AuthorityKey& key : authority->home_->authorities) {
    EGOV_RETURN_IF_ERROR(authority->SignList(key));
  }
  // Until the root's list can be read the authorities themselves are unknown, no more.
  (void)authority->FollowRootList();
  return absl::StatusOr<std::unique_ptr<Ca>>(std::move(authority));
}

absl::Status Ca::Append(ca::Entry entry, const std::string& actor) {
  entry.set_actor(actor);
  return journal_->Append(std::move(entry));
}

void Ca::Remember(const ca::Issued& issued) {
  for (int i = 0; i < issued.certificates_size(); ++i) {
    const auto certificate = pki::Certificate::FromDer(issued.certificates(i));
    if (!certificate.ok()) continue;  // the chain value vouches for what we wrote ourselves
    Record record;
    record.scope = issued.scopes(i);
    record.serial = certificate->serial();
    record.not_after = certificate->not_after();
    record.key = certificate->public_key();
    key_owners_[Bytes(certificate->public_key().digest())] = Owner(record.scope);
    status_.Append(AuthorityIndex(record.scope.kind()), record.serial, absl::nullopt);
    certificates_[Bytes(certificate->fingerprint())] = std::move(record);
  }
  if (issued.by_token()) {
    Token& token = tokens_[issued.authorisation()];
    token.used_by = issued.request();
    token.issued = Answer(issued);
  } else {
    certificates_[issued.authorisation()].renewals++;
  }
}

void Ca::Replay(const ca::Entry& entry) {
  switch (entry.what_case()) {
    case ca::Entry::kTokenMade:
      tokens_[entry.token_made().key_digest()].made = entry.token_made();
      break;
    case ca::Entry::kTokenWithdrawn:
      tokens_[entry.token_withdrawn().key_digest()].withdrawn = true;
      break;
    case ca::Entry::kIssued:
      Remember(entry.issued());
      break;
    case ca::Entry::kRevoked: {
      Record& record = certificates_[entry.revoked().fingerprint()];
      record.revoked =
          pki::RevokedCertificate{record.serial, absl::FromUnixMicros(entry.time_us()),
                                  static_cast<pki::RevocationReason>(entry.revoked().reason())};
      status_.Append(AuthorityIndex(record.scope.kind()), record.serial, record.revoked);
      break;
    }
    case ca::Entry::kListSigned:
      lists_[entry.list_signed().authority()].number = entry.list_signed().number();
      break;
    default:  // an intent without result issued nothing
      break;
  }
}

const AuthorityKey& Ca::Authority(v1::CertificateKind kind) const {
  return home_->authorities[AuthorityIndex(kind)];
}

size_t Ca::AuthorityIndex(v1::CertificateKind kind) const {
  for (size_t i = 0; i < home_->authorities.size(); ++i) {
    if (home_->authorities[i].name == AuthorityOf(kind)) return i;
  }
  return 0;  // kinds were checked
}

ca::StatusChanges Ca::WatchStatus(const ca::WatchStatusRequest& request) {
  ca::StatusChanges changes = status_.Watch(request);
  for (const AuthorityKey& authority : home_->authorities) {
    changes.add_authorities(Bytes(authority.certificate.fingerprint()));
  }
  changes.add_authorities(Bytes(home_->root.fingerprint()));
  return changes;
}

v1::IssuedCertificates Ca::Answer(const ca::Issued& issued) const {
  v1::IssuedCertificates answer;
  for (int i = 0; i < issued.certificates_size(); ++i) {
    auto* one = answer.add_certificates();
    one->set_kind(issued.scopes(i).kind());
    one->set_certificate(issued.certificates(i));
    one->add_chain(Authority(one->kind()).certificate.ToDer());
    one->add_chain(home_->root.ToDer());
  }
  return answer;
}

absl::Status Ca::CheckKey(const pki::PublicKey& key, const ca::Scope& scope) const {
  if (key.type() != pki::KeyType::kP256) {
    return Invalid("KEY_NOT_ACCEPTED", "keys are ECDSA on P-256");
  }
  const auto owner = key_owners_.find(Bytes(key.digest()));
  // A key that both authenticates and seals would let one protocol's signature serve in the other.
  if (owner != key_owners_.end() && owner->second != Owner(scope)) {
    return Invalid("KEY_REUSED", "the key already belongs to another certificate's owner or kind");
  }
  for (const AuthorityKey& authority : home_->authorities) {
    if (authority.certificate.public_key() == key) {
      return Invalid("KEY_REUSED", "the key is an authority's");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<pki::Certificate> Ca::IssueOne(const ca::Scope& scope, const pki::PublicKey& key,
                                              const AuthorityKey& authority) const {
  EGOV_ASSIGN_OR_RETURN(const pki::SpiffeId id, pki::SpiffeId::Parse(scope.spiffe_id()));
  pki::CertificateProfile profile;
  profile.purpose = PurposeOf(scope.kind());
  profile.organisation = scope.organisation();
  profile.common_name = id.ToXRoad().substr(0, 64);
  if (profile.purpose != pki::Purpose::kTimeStamp && profile.purpose != pki::Purpose::kOcsp) {
    profile.spiffe = id;
  }
  if (profile.purpose == pki::Purpose::kTransport) {
    profile.dns_names.assign(scope.dns_names().begin(), scope.dns_names().end());
    profile.ip_names.assign(scope.ip_names().begin(), scope.ip_names().end());
  }
  const int hours =
      profile.purpose == pki::Purpose::kTransport   ? Hours(config_.transport_hours(), 24)
      : profile.purpose == pki::Purpose::kTimeStamp ? Hours(config_.time_stamp_hours(), 5 * 8760)
      : profile.purpose == pki::Purpose::kOcsp      ? Hours(config_.ocsp_hours(), 7 * 24)
                                                    : Hours(config_.seal_hours(), 8760);
  const absl::Time now = clock_.Now();
  profile.not_before = now - kBackdate;
  profile.not_after = now + absl::Hours(hours);
  if (!config_.public_url().empty()) {
    profile.crl_urls = {absl::StrCat(config_.public_url(), "/crl-der/", authority.name, ".crl")};
    profile.issuer_url = absl::StrCat(config_.public_url(), "/", authority.name, ".cer");
  }
  // Nobody asks a responder about itself.
  if (profile.purpose != pki::Purpose::kOcsp) profile.ocsp_url = config_.ocsp_url();
  return pki::Issue(profile, key, authority.certificate, authority.key);
}

absl::StatusOr<v1::IssuedCertificates> Ca::IssueAll(const std::string& request,
                                                    const std::string& authorisation, bool by_token,
                                                    const std::vector<ca::Scope>& scopes,
                                                    const std::vector<pki::PublicKey>& keys,
                                                    const std::string& actor) {
  std::set<pki::Digest> distinct;
  for (size_t i = 0; i < keys.size(); ++i) {
    EGOV_RETURN_IF_ERROR(CheckKey(keys[i], scopes[i]));
    if (!distinct.insert(keys[i].digest()).second) {
      return Invalid("KEY_REUSED", "two certificates with one key");
    }
  }
  ca::Entry intent;
  intent.mutable_intent()->set_request(request);
  intent.mutable_intent()->set_authorisation(authorisation);
  for (const ca::Scope& scope : scopes) *intent.mutable_intent()->add_scopes() = scope;
  for (const auto& key : keys) intent.mutable_intent()->add_keys(Bytes(key.digest()));
  EGOV_RETURN_IF_ERROR(Append(std::move(intent), actor));

  ca::Entry result;
  ca::Issued* issued = result.mutable_issued();
  issued->set_request(request);
  issued->set_authorisation(authorisation);
  issued->set_by_token(by_token);
  for (size_t i = 0; i < keys.size(); ++i) {
    EGOV_ASSIGN_OR_RETURN(const pki::Certificate certificate,
                          IssueOne(scopes[i], keys[i], Authority(scopes[i].kind())));
    *issued->add_scopes() = scopes[i];
    issued->add_certificates(certificate.ToDer());
  }
  EGOV_RETURN_IF_ERROR(Append(result, actor));
  Remember(*issued);
  return Answer(*issued);
}

absl::StatusOr<v1::IssuedCertificates> Ca::Enrol(const v1::EnrolRequest& request,
                                                 const std::string& actor) {
  const auto key = pki::PublicKey::FromDer(request.token_key());
  if (!key.ok() || key->type() != pki::KeyType::kEd25519) {
    return Unauthenticated("TOKEN_UNKNOWN", "no such enrolment token");
  }
  EGOV_RETURN_IF_ERROR(key->Verify(EnrolBytes(request.order()), request.signature()));
  v1::EnrolOrder order;
  if (!order.ParseFromString(request.order())) return Invalid("BAD_ORDER", "malformed order");
  const std::string digest = Bytes(pki::Sha256Of({"enrol", request.order()}));

  std::lock_guard<std::mutex> lock(mutex_);
  const std::string token_id = Bytes(key->digest());
  const auto found = tokens_.find(token_id);
  if (found == tokens_.end() || found->second.withdrawn) {
    return Unauthenticated("TOKEN_UNKNOWN", "no such enrolment token");
  }
  const Token& token = found->second;
  // The same order once more is a reply that was lost, and its keys are where they were.
  if (token.used_by == digest) return token.issued;
  if (!token.used_by.empty()) {
    return Refused(absl::StatusCode::kFailedPrecondition, "TOKEN_USED",
                   "the enrolment token was used before");
  }
  if (absl::FromUnixMicros(token.made.expires_us()) < clock_.Now()) {
    return Refused(absl::StatusCode::kFailedPrecondition, "TOKEN_EXPIRED",
                   "the enrolment token has expired");
  }
  std::vector<ca::Scope> scopes;
  std::vector<pki::PublicKey> keys;
  for (const v1::CertificateOrder& one : order.certificates()) {
    const auto scope =
        std::find_if(token.made.scopes().begin(), token.made.scopes().end(),
                     [&](const ca::Scope& allowed) { return allowed.kind() == one.kind(); });
    if (scope == token.made.scopes().end() || scope->spiffe_id() != order.spiffe_id()) {
      return Refused(absl::StatusCode::kPermissionDenied, "NOT_IN_TOKEN",
                     "the enrolment token is not for this identity or kind of certificate");
    }
    for (const ca::Scope& earlier : scopes) {
      if (earlier.kind() == one.kind()) return Invalid("BAD_ORDER", "a kind twice");
    }
    EGOV_ASSIGN_OR_RETURN(const pki::Csr csr, pki::Csr::FromDer(one.csr()));
    scopes.push_back(*scope);
    keys.push_back(csr.public_key());
  }
  if (scopes.empty()) return Invalid("BAD_ORDER", "nothing is asked for");
  return IssueAll(digest, token_id, /*by_token=*/true, scopes, keys, actor);
}

absl::StatusOr<v1::IssuedCertificates> Ca::Renew(const v1::RenewRequest& request,
                                                 const std::string& actor) {
  v1::RenewOrder order;
  if (!order.ParseFromString(request.order())) return Invalid("BAD_ORDER", "malformed order");

  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = certificates_.find(order.certificate());
  if (found == certificates_.end() || !found->second.key) {
    return Unauthenticated("CERTIFICATE_UNKNOWN", "this authority did not issue that certificate");
  }
  const Record& record = found->second;
  EGOV_RETURN_IF_ERROR(record.key->Verify(RenewBytes(request.order()), request.signature()));
  const absl::Time now = clock_.Now();
  if (record.revoked) return Unauthenticated("REVOKED", "the certificate is revoked");
  if (record.not_after < now) return Unauthenticated("EXPIRED", "the certificate has expired");
  if (absl::AbsDuration(now - absl::FromUnixMicros(order.issued_us())) > kOrderAge) {
    return Unauthenticated("ORDER_TOO_OLD",
                           "the order was not signed within the last five minutes");
  }
  if (order.replacement().kind() != record.scope.kind()) {
    return Refused(absl::StatusCode::kPermissionDenied, "NOT_IN_TOKEN",
                   "a certificate is renewed as its own kind");
  }
  if (record.renewals >= kRenewals) {
    return Refused(absl::StatusCode::kResourceExhausted, "RENEWED_TOO_OFTEN",
                   "the certificate was renewed too often");
  }
  EGOV_ASSIGN_OR_RETURN(const pki::Csr csr, pki::Csr::FromDer(order.replacement().csr()));
  return IssueAll(Bytes(pki::Sha256Of({"renew", request.order()})), order.certificate(),
                  /*by_token=*/false, {record.scope}, {csr.public_key()}, actor);
}

absl::StatusOr<std::string> Ca::MakeToken(const ca::MakeTokenRequest& request,
                                          const std::string& actor) {
  EGOV_ASSIGN_OR_RETURN(const pki::SpiffeId id, pki::SpiffeId::Parse(request.spiffe_id()));
  if (request.kinds().empty()) return Invalid("BAD_ORDER", "a token for nothing");
  if (request.lifetime_s() < 0) return Invalid("BAD_ORDER", "a token that has ended");
  ca::Entry entry;
  ca::TokenMade* made = entry.mutable_token_made();
  std::set<int> kinds;
  EGOV_ASSIGN_OR_RETURN(const AuthorityKey rehearsal, Rehearsal(clock_.Now()));
  for (const int kind : request.kinds()) {
    if (AuthorityOf(static_cast<v1::CertificateKind>(kind)).empty() || !kinds.insert(kind).second) {
      return Invalid("BAD_ORDER", "an unknown kind, or one twice");
    }
    ca::Scope* scope = made->add_scopes();
    scope->set_kind(static_cast<v1::CertificateKind>(kind));
    scope->set_spiffe_id(id.ToUri());
    scope->set_organisation(request.organisation());
    if (kind == v1::CERTIFICATE_KIND_TRANSPORT) {
      *scope->mutable_dns_names() = request.dns_names();
      *scope->mutable_ip_names() = request.ip_names();
    }
    // A name that no certificate can carry is better found by the officer than by the new member.
    EGOV_RETURN_IF_ERROR(IssueOne(*scope, rehearsal.key.public_key(), rehearsal).status());
  }
  const pki::Secret seed = pki::Secret::Random(32);
  EGOV_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::FromEd25519Seed(seed));
  made->set_key_digest(Bytes(key.public_key().digest()));
  const absl::Duration lifetime =
      absl::Seconds(request.lifetime_s() == 0 ? 86400 : request.lifetime_s());
  made->set_expires_us(absl::ToUnixMicros(clock_.Now() + lifetime));

  std::lock_guard<std::mutex> lock(mutex_);
  EGOV_RETURN_IF_ERROR(Append(entry, actor));
  tokens_[made->key_digest()].made = *made;
  return MakeTokenText(seed, home_->root.fingerprint());
}

absl::StatusOr<uint32_t> Ca::Revoke(const ca::RevokeRequest& request, const std::string& actor) {
  if (request.spiffe_id().empty() == request.fingerprint().empty()) {
    return Invalid("BAD_ORDER", "name either an identity or one certificate");
  }
  const auto named = [&](const ca::Scope& scope) {
    return scope.spiffe_id() == request.spiffe_id() &&
           (request.kinds().empty() || std::find(request.kinds().begin(), request.kinds().end(),
                                                 scope.kind()) != request.kinds().end());
  };
  std::lock_guard<std::mutex> lock(mutex_);
  const absl::Time now = clock_.Now();
  std::set<std::string> touched;
  uint32_t count = 0;
  for (auto& [fingerprint, record] : certificates_) {
    const bool meant = request.spiffe_id().empty() ? fingerprint == request.fingerprint()
                                                   : named(record.scope) && record.not_after > now;
    if (!meant || record.revoked || !record.key) continue;
    ca::Entry entry;
    entry.mutable_revoked()->set_fingerprint(fingerprint);
    entry.mutable_revoked()->set_reason(request.reason());
    EGOV_RETURN_IF_ERROR(Append(entry, actor));
    record.revoked = pki::RevokedCertificate{record.serial, now,
                                             static_cast<pki::RevocationReason>(request.reason())};
    // Before the lists: who asks for the status learns of it now.
    status_.Append(AuthorityIndex(record.scope.kind()), record.serial, record.revoked);
    touched.insert(std::string(AuthorityOf(record.scope.kind())));
    ++count;
  }
  // Else the one who is shut out comes back with a token that was still in a drawer.
  for (auto& [id, token] : tokens_) {
    if (request.spiffe_id().empty() || token.withdrawn || !token.used_by.empty()) continue;
    if (std::none_of(token.made.scopes().begin(), token.made.scopes().end(), named)) continue;
    ca::Entry entry;
    entry.mutable_token_withdrawn()->set_key_digest(id);
    EGOV_RETURN_IF_ERROR(Append(entry, actor));
    token.withdrawn = true;
  }
  for (const AuthorityKey& authority : home_->authorities) {
    if (touched.count(authority.name) > 0) EGOV_RETURN_IF_ERROR(SignList(authority));
  }
  return count;
}

std::vector<ca::Listed> Ca::List(const ca::ListRequest& request) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const absl::Time now = clock_.Now();
  std::vector<ca::Listed> result;
  for (const auto& [fingerprint, record] : certificates_) {
    if (record.not_after < now || !record.key) continue;
    if (!request.spiffe_id().empty() && record.scope.spiffe_id() != request.spiffe_id()) continue;
    ca::Listed listed;
    listed.set_kind(record.scope.kind());
    listed.set_spiffe_id(record.scope.spiffe_id());
    listed.set_fingerprint(fingerprint);
    listed.set_not_after(absl::ToUnixSeconds(record.not_after));
    listed.set_revoked(record.revoked.has_value());
    result.push_back(std::move(listed));
  }
  return result;
}

absl::Status Ca::SignList(const AuthorityKey& authority) {
  std::vector<pki::RevokedCertificate> revoked;
  for (const auto& [fingerprint, record] : certificates_) {
    if (record.revoked && AuthorityOf(record.scope.kind()) == authority.name) {
      revoked.push_back(*record.revoked);
    }
  }
  ListState& list = lists_[authority.name];
  const absl::Time now = clock_.Now();
  const absl::Time next = now + absl::Hours(Hours(config_.crl_hours(), 24));
  ca::Entry entry;
  entry.mutable_list_signed()->set_authority(authority.name);
  entry.mutable_list_signed()->set_number(list.number + 1);
  EGOV_RETURN_IF_ERROR(Append(entry, "egov-ca"));
  ++list.number;
  EGOV_ASSIGN_OR_RETURN(const pki::Crl crl, pki::Crl::Build(authority.certificate, authority.key,
                                                            list.number, now, next, revoked));
  EGOV_RETURN_IF_ERROR(PublishList(config_.home(), authority.name, crl));
  list.this_update = now;
  list.next_update = next;
  return absl::OkStatus();
}

// The root is not in the journal: what it says of the authorities is its list.
absl::Status Ca::FollowRootList() {
  EGOV_ASSIGN_OR_RETURN(const std::string pem,
                        ReadFile(config_.home() + "/published/crl/root.pem"));
  EGOV_ASSIGN_OR_RETURN(const pki::Crl list, pki::Crl::FromPem(pem));
  EGOV_RETURN_IF_ERROR(list.VerifySignature(home_->root));
  std::lock_guard<std::mutex> lock(mutex_);
  for (const AuthorityKey& authority : home_->authorities) {
    const std::string& serial = authority.certificate.serial();
    const auto revoked = list.Find(serial);
    const auto since = revoked ? absl::make_optional(revoked->revoked) : absl::nullopt;
    const auto known = authorities_.find(serial);
    if (known != authorities_.end() && known->second == since) continue;
    authorities_[serial] = since;
    status_.Append(home_->authorities.size(), serial, revoked);
  }
  return absl::OkStatus();
}

absl::Status Ca::Maintain() {
  std::lock_guard<std::mutex> lock(mutex_);
  const absl::Time now = clock_.Now();
  for (const AuthorityKey& authority : home_->authorities) {
    const ListState& list = lists_[authority.name];
    // Also when the clock went back: a list from the future is refused by its readers.
    const absl::Time half = list.this_update + (list.next_update - list.this_update) / 2;
    if (now >= half || now < list.this_update) EGOV_RETURN_IF_ERROR(SignList(authority));
  }
  return absl::OkStatus();
}

}  // namespace egov::identity
