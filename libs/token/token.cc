#include "libs/token/token.h"

#include <utility>

#include "absl/time/time.h"
#include "libs/base/status.h"
#include "libs/token/internal/cryptoki.h"
#include "libs/token/internal/ecdsa.h"
#include "libs/token/internal/objects.h"

namespace egov::token {

using internal::Session;

namespace internal {

absl::Status KeyNotFound(absl::string_view why) {
  return base::Error(absl::StatusCode::kNotFound, "KEY_NOT_FOUND", why)
      .Expected("an id that Token::Read lists");
}

absl::StatusOr<Contents> ReadContents(const Session& session) {
  Contents contents;
  const CK_ULONG keys = CKO_PUBLIC_KEY;
  EGOV_ASSIGN_OR_RETURN(const auto key_objects, session.Find({Word(CKA_CLASS, keys)}));
  for (const CK_OBJECT_HANDLE object : key_objects) {
    auto key = ReadPublicKey(session, object);
    if (key.ok()) {
      contents.keys.push_back(
          {session.Read(object, CKA_ID), session.Read(object, CKA_LABEL), *std::move(key)});
    } else {
      ++contents.unread;
    }
  }
  const CK_ULONG certificates = CKO_CERTIFICATE;
  EGOV_ASSIGN_OR_RETURN(const auto objects, session.Find({Word(CKA_CLASS, certificates)}));
  for (const CK_OBJECT_HANDLE object : objects) {
    auto certificate = pki::Certificate::FromDer(session.Read(object, CKA_VALUE));
    if (certificate.ok()) {
      contents.certificates.push_back(
          {session.Read(object, CKA_ID), session.Read(object, CKA_LABEL), *std::move(certificate)});
    } else {
      ++contents.unread;
    }
  }
  return contents;
}

absl::StatusOr<pki::PublicKey> ReadPublicKey(const Session& session, CK_OBJECT_HANDLE object) {
  return PublicKeyOf(session.Read(object, CKA_EC_PARAMS), session.Read(object, CKA_EC_POINT));
}

absl::StatusOr<pki::PublicKey> FindPublicKey(const Session& session, absl::string_view id) {
  EGOV_ASSIGN_OR_RETURN(const Contents contents, ReadContents(session));
  absl::optional<pki::PublicKey> found;
  bool several = false;
  const auto take = [&](const pki::PublicKey& key) {
    if (!internal::IsEc(key.type())) return;
    several |= found.has_value() && *found != key;
    found = key;
  };
  for (const KeyOnToken& key : contents.keys) {
    if (key.id == id) take(key.public_key);
  }
  // A card may keep the public key in the certificate alone.
  for (const CertificateOnToken& entry : contents.certificates) {
    if (entry.id == id) take(entry.certificate.public_key());
  }
  if (!found) return KeyNotFound("no public EC key of this id is on the token");
  if (several) return AmbiguousKey();
  return *std::move(found);
}

base::Error AmbiguousKey() {
  return base::Error(absl::StatusCode::kFailedPrecondition, "AMBIGUOUS_KEY",
                     "different keys on the token have this id")
      .Field("id")
      .Expected("one key pair for each id: its issuer's program tells them apart");
}

absl::StatusOr<std::string> SignOnToken(Session* session, absl::string_view id,
                                        const pki::PublicKey& key, absl::string_view digest,
                                        const pki::Secret& pin) {
  EGOV_RETURN_IF_ERROR(CheckDigest(key, digest));
  const CK_ULONG private_key = CKO_PRIVATE_KEY;
  EGOV_ASSIGN_OR_RETURN(const auto objects,
                        session->Find({Word(CKA_CLASS, private_key), Bytes(CKA_ID, id)}));
  if (objects.empty()) return KeyNotFound("no private key of this id is on the token");
  if (objects.size() > 1) return AmbiguousKey();
  CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
  CK_RV rv = session->call().C_SignInit(session->handle(), &mechanism, objects[0]);
  if (rv != CKR_OK) return Failure(rv, "the token does not begin to sign");
  if (session->IsTrue(objects[0], CKA_ALWAYS_AUTHENTICATE)) {
    EGOV_RETURN_IF_ERROR(session->Login(CKU_CONTEXT_SPECIFIC, pin));
  }
  unsigned char raw[2 * 48];  // P-384, the largest
  CK_ULONG size = sizeof(raw);
  rv =
      session->call().C_Sign(session->handle(), const_cast<unsigned char*>(internal::Bytes(digest)),
                             digest.size(), raw, &size);
  if (rv != CKR_OK) return Failure(rv, "the token does not sign");
  return SignatureOf(absl::string_view(reinterpret_cast<char*>(raw), size), key, digest);
}

}  // namespace internal

const std::string& Token::label() const { return place_->label; }
const std::string& Token::serial() const { return place_->serial; }

absl::StatusOr<TokenInfo> Token::Info() const {
  EGOV_ASSIGN_OR_RETURN(const auto session, Session::Open(*place_, Session::Mode::kRead));
  return session->info();
}

absl::StatusOr<Contents> Token::Read() const {
  EGOV_ASSIGN_OR_RETURN(const auto session, Session::Open(*place_, Session::Mode::kRead));
  return internal::ReadContents(*session);
}

absl::StatusOr<std::string> Token::Sign(absl::string_view id, absl::string_view digest,
                                        const pki::Secret& pin) const {
  EGOV_ASSIGN_OR_RETURN(const auto session, Session::Open(*place_, Session::Mode::kRead));
  // Before the PIN is given: what cannot be signed costs no try.
  EGOV_ASSIGN_OR_RETURN(const pki::PublicKey key, internal::FindPublicKey(*session, id));
  EGOV_RETURN_IF_ERROR(internal::CheckDigest(key, digest));
  EGOV_RETURN_IF_ERROR(session->Login(CKU_USER, pin));
  return internal::SignOnToken(session.get(), id, key, digest, pin);
}

absl::StatusOr<pki::Csr> Token::Request(absl::string_view id, absl::string_view common_name,
                                        const pki::Secret& pin) const {
  EGOV_ASSIGN_OR_RETURN(const auto session, Session::Open(*place_, Session::Mode::kRead));
  EGOV_ASSIGN_OR_RETURN(const pki::PublicKey key, internal::FindPublicKey(*session, id));
  return internal::MakeCsr(key, common_name,
                           [&](absl::string_view digest) -> absl::StatusOr<std::string> {
                             EGOV_RETURN_IF_ERROR(session->Login(CKU_USER, pin));
                             return internal::SignOnToken(session.get(), id, key, digest, pin);
                           });
}

const Token& TokenCarrier::For(Use use) const {
  return use == Use::kAuthentication ? authentication_ : signature_;
}

namespace {

absl::StatusOr<CertificateOnToken> Newest(const Token& token, Use use) {
  EGOV_ASSIGN_OR_RETURN(const Contents contents, token.Read());
  const CertificateOnToken* newest = nullptr;
  for (const CertificateOnToken& entry : contents.certificates) {
    if (UseOf(entry.certificate) != use || !internal::IsEc(entry.certificate.public_key().type())) {
      continue;
    }
    if (newest == nullptr || newest->certificate.not_before() < entry.certificate.not_before()) {
      newest = &entry;
    }
  }
  if (newest == nullptr) {
    return base::Error(absl::StatusCode::kNotFound, "CERTIFICATE_NOT_FOUND",
                       "the token has no certificate for this use")
        .Field(UseName(use))
        .Expected("a certificate requested for a key on the token, and written to it");
  }
  return *newest;
}

}  // namespace

absl::StatusOr<pki::Certificate> TokenCarrier::Certificate(Use use) {
  EGOV_ASSIGN_OR_RETURN(CertificateOnToken newest, Newest(For(use), use));
  return std::move(newest.certificate);
}

absl::StatusOr<std::string> TokenCarrier::Sign(Use use, absl::string_view digest,
                                               const pki::Secret& pin) {
  EGOV_ASSIGN_OR_RETURN(const CertificateOnToken newest, Newest(For(use), use));
  EGOV_ASSIGN_OR_RETURN(std::string signature, For(use).Sign(newest.id, digest, pin));
  // The id ties key and certificate together only if whoever wrote them did it right.
  EGOV_RETURN_IF_ERROR(internal::VerifyDigest(newest.certificate.public_key(), digest, signature));
  return signature;
}

}  // namespace egov::token
