// The part of Token that changes what is on it.
#include <utility>

#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/token/internal/cryptoki.h"
#include "libs/token/internal/ecdsa.h"
#include "libs/token/internal/objects.h"
#include "libs/token/token.h"

namespace egov::token {

using internal::Failure;
using internal::Flag;
using internal::Session;
using internal::Word;

namespace {

// Whether the token says that the key was made there and cannot be shown (PKCS #11 section 4.9).
bool IsProtected(const Session& session, CK_OBJECT_HANDLE key) {
  return session.IsTrue(key, CKA_SENSITIVE) && session.IsTrue(key, CKA_ALWAYS_SENSITIVE) &&
         session.Read(key, CKA_EXTRACTABLE) == std::string(1, CK_FALSE) &&
         session.IsTrue(key, CKA_NEVER_EXTRACTABLE) && session.IsTrue(key, CKA_LOCAL);
}

struct Pair {
  CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
};

CK_RV Generate(const Session& session, const std::string& id, const std::string& label,
               const std::string& curve, bool pin_for_each_signature, Pair* pair) {
  CK_ATTRIBUTE for_public[] = {Flag(CKA_TOKEN, true),       Flag(CKA_PRIVATE, false),
                               Flag(CKA_VERIFY, true),      internal::Bytes(CKA_EC_PARAMS, curve),
                               internal::Bytes(CKA_ID, id), internal::Bytes(CKA_LABEL, label)};
  std::vector<CK_ATTRIBUTE> for_private = {
      Flag(CKA_TOKEN, true),       Flag(CKA_PRIVATE, true),
      Flag(CKA_SENSITIVE, true),   Flag(CKA_EXTRACTABLE, false),
      Flag(CKA_SIGN, true),        Flag(CKA_DECRYPT, false),
      Flag(CKA_UNWRAP, false),     Flag(CKA_DERIVE, false),
      internal::Bytes(CKA_ID, id), internal::Bytes(CKA_LABEL, label)};
  if (pin_for_each_signature) for_private.push_back(Flag(CKA_ALWAYS_AUTHENTICATE, true));
  CK_MECHANISM mechanism{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  return session.call().C_GenerateKeyPair(
      session.handle(), &mechanism, for_public, std::size(for_public), for_private.data(),
      for_private.size(), &pair->public_key, &pair->private_key);
}

// How modules say that they do not take an attribute.
bool RefusesTemplate(CK_RV rv) {
  return rv == CKR_TEMPLATE_INCONSISTENT || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
         rv == CKR_ATTRIBUTE_VALUE_INVALID || rv == CKR_ATTRIBUTE_READ_ONLY;
}

}  // namespace

absl::StatusOr<NewKey> Token::MakeKey(Use use, pki::KeyType type, const pki::Secret& pin) const {
  if (!internal::IsEc(type)) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_KEY_TYPE",
                       "keys of this type are not made on tokens")
        .Field("type")
        .Expected("P-256 or P-384");
  }
  EGOV_ASSIGN_OR_RETURN(const auto session, Session::Open(*place_, Session::Mode::kWrite));
  EGOV_RETURN_IF_ERROR(session->Login(CKU_USER, pin));
  const std::string id = base::RandomBytes(16);
  const std::string label(UseName(use));
  const std::string curve = internal::CurveParameters(type);
  Pair pair;
  bool each_time = use == Use::kSignature;
  CK_RV rv = Generate(*session, id, label, curve, each_time, &pair);
  if (each_time && RefusesTemplate(rv)) {
    each_time = false;
    rv = Generate(*session, id, label, curve, each_time, &pair);
  }
  if (rv != CKR_OK) return Failure(rv, "the token makes no key");

  auto public_key = internal::ReadPublicKey(*session, pair.public_key);
  const bool is_protected = IsProtected(*session, pair.private_key);
  if (!public_key.ok() || !is_protected) {
    session->call().C_DestroyObject(session->handle(), pair.private_key);
    session->call().C_DestroyObject(session->handle(), pair.public_key);
    if (!public_key.ok()) return public_key.status();
    return base::Error(absl::StatusCode::kFailedPrecondition, "KEY_NOT_PROTECTED",
                       "the token made a key that can leave it; the key was destroyed")
        .Expected("a token that honours CKA_SENSITIVE and CKA_EXTRACTABLE");
  }
  return NewKey{id, *std::move(public_key),
                session->IsTrue(pair.private_key, CKA_ALWAYS_AUTHENTICATE)};
}

absl::Status Token::WriteCertificate(const pki::Certificate& certificate,
                                     const pki::Secret& pin) const {
  EGOV_ASSIGN_OR_RETURN(const auto session, Session::Open(*place_, Session::Mode::kWrite));
  EGOV_ASSIGN_OR_RETURN(const Contents contents, internal::ReadContents(*session));
  const KeyOnToken* key = nullptr;
  for (const KeyOnToken& candidate : contents.keys) {
    if (candidate.public_key == certificate.public_key()) key = &candidate;
  }
  if (key == nullptr) {
    return internal::KeyNotFound("the certificate's key is not on the token");
  }
  EGOV_RETURN_IF_ERROR(session->Login(CKU_USER, pin));

  const CK_ULONG object_class = CKO_CERTIFICATE;
  const CK_ULONG kind = CKC_X_509;
  EGOV_ASSIGN_OR_RETURN(const auto before, session->Find({Word(CKA_CLASS, object_class),
                                                          internal::Bytes(CKA_ID, key->id)}));

  const unsigned char* at = internal::Bytes(certificate.ToDer());
  const internal::X509Ptr x509(
      d2i_X509(nullptr, &at, static_cast<long>(certificate.ToDer().size())));  // NOLINT
  const std::string subject =
      internal::ToDer<const X509_NAME>(i2d_X509_NAME, X509_get_subject_name(x509.get()));
  const std::string issuer =
      internal::ToDer<const X509_NAME>(i2d_X509_NAME, X509_get_issuer_name(x509.get()));
  const std::string serial =
      internal::ToDer<const ASN1_INTEGER>(i2d_ASN1_INTEGER, X509_get0_serialNumber(x509.get()));
  CK_ATTRIBUTE attributes[] = {Word(CKA_CLASS, object_class),
                               Word(CKA_CERTIFICATE_TYPE, kind),
                               Flag(CKA_TOKEN, true),
                               Flag(CKA_PRIVATE, false),
                               internal::Bytes(CKA_ID, key->id),
                               internal::Bytes(CKA_LABEL, key->label),
                               internal::Bytes(CKA_SUBJECT, subject),
                               internal::Bytes(CKA_ISSUER, issuer),
                               internal::Bytes(CKA_SERIAL_NUMBER, serial),
                               internal::Bytes(CKA_VALUE, certificate.ToDer())};
  CK_OBJECT_HANDLE written = CK_INVALID_HANDLE;
  CK_RV rv = session->call().C_CreateObject(session->handle(), attributes, std::size(attributes),
                                            &written);
  if (rv != CKR_OK) return Failure(rv, "the certificate is not written");
  for (const CK_OBJECT_HANDLE old : before) {
    rv = session->call().C_DestroyObject(session->handle(), old);
    if (rv != CKR_OK) return Failure(rv, "the certificate is written, an older one remains");
  }
  return absl::OkStatus();
}

absl::Status Token::Delete(absl::string_view id, const pki::Secret& pin) const {
  if (id.empty()) return internal::KeyNotFound("an empty id names no key");
  EGOV_ASSIGN_OR_RETURN(const auto session, Session::Open(*place_, Session::Mode::kWrite));
  EGOV_RETURN_IF_ERROR(session->Login(CKU_USER, pin));
  bool any = false;
  // The private key goes first: whatever stops us then, nothing usable is left.
  for (const CK_ULONG object_class : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE}) {
    EGOV_ASSIGN_OR_RETURN(const auto objects, session->Find({Word(CKA_CLASS, object_class),
                                                             internal::Bytes(CKA_ID, id)}));
    for (const CK_OBJECT_HANDLE object : objects) {
      const CK_RV rv = session->call().C_DestroyObject(session->handle(), object);
      if (rv != CKR_OK) return Failure(rv, "an object is not deleted");
      any = true;
    }
  }
  return any ? absl::OkStatus() : internal::KeyNotFound("nothing on the token has this id");
}

absl::Status Token::ChangePin(const pki::Secret& pin, const pki::Secret& new_pin) const {
  EGOV_ASSIGN_OR_RETURN(const auto session, Session::Open(*place_, Session::Mode::kWrite));
  EGOV_RETURN_IF_ERROR(internal::CheckPin(session->info(), pin, "pin"));
  EGOV_RETURN_IF_ERROR(internal::CheckPin(session->info(), new_pin, "new_pin"));
  const CK_RV rv = session->call().C_SetPIN(
      session->handle(), const_cast<unsigned char*>(internal::Bytes(pin.Reveal())), pin.size(),
      const_cast<unsigned char*>(internal::Bytes(new_pin.Reveal())), new_pin.size());
  if (rv != CKR_OK) return session->PinFailure(rv, CKU_USER);
  return absl::OkStatus();
}

absl::Status Token::Unblock(const pki::Secret& puk, const pki::Secret& new_pin) const {
  EGOV_ASSIGN_OR_RETURN(const auto session, Session::Open(*place_, Session::Mode::kWrite));
  EGOV_RETURN_IF_ERROR(internal::CheckPin(session->info(), new_pin, "new_pin"));
  EGOV_RETURN_IF_ERROR(session->Login(CKU_SO, puk));
  const CK_RV rv = session->call().C_InitPIN(
      session->handle(), const_cast<unsigned char*>(internal::Bytes(new_pin.Reveal())),
      new_pin.size());
  if (rv != CKR_OK) return session->PinFailure(rv, CKU_USER);
  return absl::OkStatus();
}

}  // namespace egov::token
