#include "libs/signature/sign.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include <memory>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/base/bytes.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/pki/timestamp.h"
#include "libs/signature/internal/digest.h"
#include "libs/signature/internal/judge.h"
#include "libs/signature/internal/names.h"
#include "libs/signature/internal/xades.h"

namespace egov::signature {

using internal::Escape;
using internal::XadesSignature;

namespace {

constexpr absl::string_view kC14n = "http://www.w3.org/2001/10/xml-exc-c14n#";
constexpr absl::string_view kSha256 = "http://www.w3.org/2001/04/xmlenc#sha256";

absl::Status Invalid(absl::string_view reason, absl::string_view text, absl::string_view field) {
  return base::Error(absl::StatusCode::kInvalidArgument, reason, text).Field(field);
}
absl::Status NotNow(absl::string_view reason, absl::string_view text) {
  return base::Error(absl::StatusCode::kFailedPrecondition, reason, text);
}

std::string Base64(absl::string_view bytes) { return absl::Base64Escape(bytes); }
std::string Base64(const pki::Digest& digest) { return Base64(pki::AsBytes(digest)); }

absl::StatusOr<std::string> MethodOf(const pki::Certificate& signer) {
  switch (signer.public_key().type()) {
    case pki::KeyType::kP256:
      return std::string("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256");
    case pki::KeyType::kP384:
      return std::string("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384");
    case pki::KeyType::kRsa:
      return std::string("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256");
    case pki::KeyType::kEd25519:
      break;
  }
  return Invalid("UNSUPPORTED_KEY", "XAdES has no signature method for this kind of key", "signer");
}

Hash HashOf(const pki::Certificate& signer) {
  return signer.public_key().type() == pki::KeyType::kP384 ? Hash::kSha384 : Hash::kSha256;
}

// Text that XML can hold (XML 1.0 section 2.2) on one line.
bool IsText(absl::string_view text) {
  if (!internal::IsUtf8(text) || text.size() > 256) return false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) return false;
  }
  return true;
}

absl::Status CheckRequest(const SignatureRequest& request) {
  if (request.files.empty()) return Invalid("NO_FILES", "nothing is to be signed", "files");
  std::set<std::string> seen;
  for (const FileDigest& file : request.files) {
    if (!internal::IsDataFileName(file.name)) {
      return Invalid("BAD_NAME", "a data file cannot have this name", "files");
    }
    if (!seen.insert(file.name).second) {
      return Invalid("DUPLICATE_NAME", "two data files have one name", "files");
    }
    if (!IsText(file.media_type)) return Invalid("BAD_TEXT", "not text", "files");
  }
  for (const std::string& role : request.roles) {
    if (role.empty() || !IsText(role)) return Invalid("BAD_TEXT", "not text", "roles");
  }
  for (const std::string& part : {request.place.city, request.place.region,
                                  request.place.postal_code, request.place.country}) {
    if (!IsText(part)) return Invalid("BAD_TEXT", "not text", "place");
  }
  return request.signer.CheckPurpose(pki::Purpose::kSignature);
}

std::string Element(absl::string_view name, absl::string_view text) {
  return text.empty() ? "" : absl::StrCat("<", name, ">", Escape(text), "</", name, ">");
}

std::string DigestElements(absl::string_view base64) {
  return absl::StrCat("<ds:DigestMethod Algorithm=\"", kSha256, "\"/><ds:DigestValue>", base64,
                      "</ds:DigestValue>");
}

// Order of elements: XAdES schema (EN 319 132-1 annex C).
std::string SignedProperties(const SignatureRequest& request, const std::string& id) {
  std::string xml = absl::StrCat(
      "<xades:SignedProperties Id=\"", id, "-SignedProperties\"><xades:SignedSignatureProperties>",
      Element("xades:SigningTime",
              absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", request.claimed_time, absl::UTCTimeZone())),
      "<xades:SigningCertificateV2><xades:Cert><xades:CertDigest>",
      DigestElements(Base64(request.signer.fingerprint())),
      "</xades:CertDigest></xades:Cert></xades:SigningCertificateV2>");
  const std::string place = absl::StrCat(Element("xades:City", request.place.city),
                                         Element("xades:StateOrProvince", request.place.region),
                                         Element("xades:PostalCode", request.place.postal_code),
                                         Element("xades:CountryName", request.place.country));
  if (!place.empty()) {
    absl::StrAppend(&xml, "<xades:SignatureProductionPlaceV2>", place,
                    "</xades:SignatureProductionPlaceV2>");
  }
  if (!request.roles.empty()) {
    absl::StrAppend(&xml, "<xades:SignerRoleV2><xades:ClaimedRoles>");
    for (const std::string& role : request.roles) {
      absl::StrAppend(&xml, Element("xades:ClaimedRole", role));
    }
    absl::StrAppend(&xml, "</xades:ClaimedRoles></xades:SignerRoleV2>");
  }
  absl::StrAppend(&xml, "</xades:SignedSignatureProperties><xades:SignedDataObjectProperties>");
  for (size_t i = 0; i < request.files.size(); ++i) {
    absl::StrAppend(&xml, "<xades:DataObjectFormat ObjectReference=\"#", id, "-Reference", i,
                    "\"><xades:MimeType>", Escape(request.files[i].media_type),
                    "</xades:MimeType></xades:DataObjectFormat>");
  }
  return xml + "</xades:SignedDataObjectProperties></xades:SignedProperties>";
}

// The whole file; its first pass, for the digest of the signed properties, has none yet.
std::string SignatureXml(const SignatureRequest& request, const std::string& id,
                         const std::string& method, const std::string& properties_digest) {
  std::string references;
  for (size_t i = 0; i < request.files.size(); ++i) {
    const FileDigest& file = request.files[i];
    absl::StrAppend(&references, "<ds:Reference Id=\"", id, "-Reference", i, "\" URI=\"",
                    internal::PercentEncode(file.name), "\">", DigestElements(Base64(file.sha256)),
                    "</ds:Reference>");
  }
  return absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<asic:XAdESSignatures xmlns:asic=\"",
      internal::kAsic, "\" xmlns:ds=\"", internal::kDs, "\" xmlns:xades=\"", internal::kXades,
      "\"><ds:Signature Id=\"", id, "\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"",
      kC14n, "\"/><ds:SignatureMethod Algorithm=\"", method, "\"/>", references,
      "<ds:Reference Type=\"", internal::kSignedPropertiesType, "\" URI=\"#", id,
      "-SignedProperties\"><ds:Transforms><ds:Transform Algorithm=\"", kC14n,
      "\"/></ds:Transforms>", DigestElements(properties_digest),
      "</ds:Reference></ds:SignedInfo><ds:SignatureValue Id=\"", id,
      "-Value\"></ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>",
      Base64(request.signer.ToDer()),
      "</ds:X509Certificate></ds:X509Data></ds:KeyInfo><ds:Object><xades:QualifyingProperties "
      "Target=\"#",
      id, "\">", SignedProperties(request, id),
      "</xades:QualifyingProperties></ds:Object></ds:Signature></asic:XAdESSignatures>\n");
}

absl::StatusOr<std::string> SignedText(const XadesSignature& signature) {
  xmlNode* info = internal::OnlyChild(signature.signature, internal::kDs, "SignedInfo");
  const xmlNode* method = internal::OnlyChild(info, internal::kDs, "CanonicalizationMethod");
  const auto text =
      internal::Canonical(info, internal::Attribute(method, "Algorithm").value_or(""));
  if (!text) return Invalid("BAD_SIGNATURE_XML", "it has no canonical form", "");
  return *text;
}

// XML-DSig's form of an ECDSA value: r and s, each as long as the field (RFC 6931 section 2.3.6).
absl::StatusOr<std::string> EcdsaRaw(absl::string_view der, int field) {
  const unsigned char* at = reinterpret_cast<const unsigned char*>(der.data());
  std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> value(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), ECDSA_SIG_free);  // NOLINT
  std::string raw(2 * field, '\0');
  unsigned char* out = reinterpret_cast<unsigned char*>(&raw[0]);
  if (value == nullptr || BN_bn2binpad(ECDSA_SIG_get0_r(value.get()), out, field) != field ||
      BN_bn2binpad(ECDSA_SIG_get0_s(value.get()), out + field, field) != field) {
    ERR_clear_error();
    return Invalid("BAD_SIGNATURE_VALUE", "not an ECDSA signature", "value");
  }
  return raw;
}

}  // namespace

absl::StatusOr<std::vector<FileDigest>> DigestFiles(const Container& container) {
  std::vector<FileDigest> digests;
  for (const DataFile& file : container.files()) {
    EGOV_ASSIGN_OR_RETURN(const std::string bytes, container.Digest(file.name, Hash::kSha256));
    FileDigest digest{file.name, file.media_type, {}};
    pki::DigestFromBytes(bytes, &digest.sha256);
    digests.push_back(std::move(digest));
  }
  return digests;
}

absl::StatusOr<Draft> Prepare(const SignatureRequest& request) {
  EGOV_RETURN_IF_ERROR(CheckRequest(request));
  EGOV_ASSIGN_OR_RETURN(const std::string method, MethodOf(request.signer));
  // Unique also among the signatures of one container: readers know a signature by it.
  char random[8];
  base::RandomBytes(random, sizeof(random));
  const std::string id = "S" + base::ToHex(absl::string_view(random, sizeof(random)));

  EGOV_ASSIGN_OR_RETURN(const XadesSignature first,
                        internal::ParseSignature(SignatureXml(request, id, method, "")));
  const auto properties = internal::Canonical(first.signed_properties, kC14n);
  if (!properties) return Invalid("BAD_SIGNATURE_XML", "it has no canonical form", "");
  Draft draft;
  draft.xml = SignatureXml(request, id, method, Base64(pki::Sha256Of(*properties)));
  EGOV_ASSIGN_OR_RETURN(const XadesSignature second, internal::ParseSignature(draft.xml));
  EGOV_ASSIGN_OR_RETURN(draft.text, SignedText(second));
  draft.hash = HashOf(request.signer);
  draft.digest = internal::DigestOf(draft.hash, draft.text);
  return draft;
}

absl::StatusOr<std::string> Finish(absl::string_view draft_xml, absl::string_view value) {
  EGOV_ASSIGN_OR_RETURN(const XadesSignature draft, internal::ParseSignature(draft_xml));
  if (!draft.value.empty()) return NotNow("ALREADY_SIGNED", "the draft has a value");
  const auto signer = internal::SignerOf(draft);
  if (!signer) return Invalid("BAD_SIGNATURE_XML", "the draft names no certificate of it", "");
  EGOV_ASSIGN_OR_RETURN(const std::string text, SignedText(draft));
  EGOV_RETURN_IF_ERROR(signer->public_key().Verify(text, value));
  std::string written(value);
  if (signer->public_key().type() != pki::KeyType::kRsa) {
    const int field = signer->public_key().type() == pki::KeyType::kP384 ? 48 : 32;
    EGOV_ASSIGN_OR_RETURN(written, EcdsaRaw(value, field));
  }
  xmlNodeAddContent(draft.value_node, reinterpret_cast<const xmlChar*>(Base64(written).c_str()));
  return internal::Serialize(draft.doc.get());
}

absl::StatusOr<std::string> EcdsaDer(absl::string_view raw) {
  if (raw.size() != 64 && raw.size() != 96) {
    return Invalid("BAD_SIGNATURE_VALUE", "not r and s of P-256 or P-384", "value");
  }
  const int field = static_cast<int>(raw.size() / 2);
  const unsigned char* at = reinterpret_cast<const unsigned char*>(raw.data());
  std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> value(ECDSA_SIG_new(), ECDSA_SIG_free);
  ECDSA_SIG_set0(value.get(), BN_bin2bn(at, field, nullptr), BN_bin2bn(at + field, field, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(value.get(), &der);
  if (size <= 0) return Invalid("BAD_SIGNATURE_VALUE", "not an ECDSA signature", "value");
  std::string bytes(reinterpret_cast<char*>(der), size);
  OPENSSL_free(der);
  return bytes;
}

absl::StatusOr<pki::Digest> StampImprint(absl::string_view xml) {
  EGOV_ASSIGN_OR_RETURN(const XadesSignature signature, internal::ParseSignature(xml));
  if (signature.value.empty()) return NotNow("NOT_SIGNED", "the draft has no value yet");
  const auto bytes = internal::StampedBytes(signature, kC14n);
  if (!bytes) return Invalid("BAD_SIGNATURE_XML", "it has no canonical form", "");
  return pki::Sha256Of(*bytes);
}

absl::StatusOr<std::string> AddTimeStamp(absl::string_view xml, absl::string_view response_or_token,
                                         absl::optional<uint64_t> nonce,
                                         const TrustAnchors& anchors) {
  EGOV_ASSIGN_OR_RETURN(const pki::Digest imprint, StampImprint(xml));
  EGOV_ASSIGN_OR_RETURN(const XadesSignature signature, internal::ParseSignature(xml));
  if (signature.time_stamp) return NotNow("ALREADY_STAMPED", "it has a time-stamp");
  EGOV_ASSIGN_OR_RETURN(const auto trust, pki::ChainVerifier::Create(anchors.time_stamping));
  EGOV_RETURN_IF_ERROR(
      pki::VerifyTimeStamp(response_or_token, imprint, nonce, trust, anchors.time_stamping)
          .status());
  const auto inside = pki::TokenOfResponse(response_or_token);
  const std::string token = inside.ok() ? *inside : std::string(response_or_token);
  return internal::WithUnsignedProperties(
      xml, absl::StrCat("<xades:SignatureTimeStamp Id=\"", signature.id,
                        "-TimeStamp\"><ds:CanonicalizationMethod Algorithm=\"", kC14n,
                        "\"/><xades:EncapsulatedTimeStamp>", Base64(token),
                        "</xades:EncapsulatedTimeStamp></xades:SignatureTimeStamp>"));
}

absl::StatusOr<std::string> AddEvidence(absl::string_view xml, const Evidence& evidence,
                                        const TrustAnchors& anchors, absl::Time now) {
  EGOV_ASSIGN_OR_RETURN(const XadesSignature before, internal::ParseSignature(xml));
  if (!before.time_stamp) return NotNow("NOT_STAMPED", "it has no time-stamp");
  if (!before.ocsp.empty() || !before.crls.empty()) {
    return NotNow("ALREADY_COMPLETE", "it has its evidence");
  }
  std::string elements, ocsp, crls;
  if (!evidence.certificates.empty()) {
    elements = "<xades:CertificateValues>";
    for (const pki::Certificate& certificate : evidence.certificates) {
      absl::StrAppend(&elements,
                      Element("xades:EncapsulatedX509Certificate", Base64(certificate.ToDer())));
    }
    elements += "</xades:CertificateValues>";
  }
  for (const std::string& der : evidence.ocsp) {
    absl::StrAppend(&ocsp, Element("xades:EncapsulatedOCSPValue", Base64(der)));
  }
  for (const std::string& der : evidence.crls) {
    absl::StrAppend(&crls, Element("xades:EncapsulatedCRLValue", Base64(der)));
  }
  absl::StrAppend(
      &elements, "<xades:RevocationValues>",
      crls.empty() ? "" : absl::StrCat("<xades:CRLValues>", crls, "</xades:CRLValues>"),
      ocsp.empty() ? "" : absl::StrCat("<xades:OCSPValues>", ocsp, "</xades:OCSPValues>"),
      "</xades:RevocationValues>");
  EGOV_ASSIGN_OR_RETURN(std::string complete, internal::WithUnsignedProperties(xml, elements));

  EGOV_ASSIGN_OR_RETURN(const XadesSignature after, internal::ParseSignature(complete));
  const auto signer = internal::SignerOf(after);
  if (!signer) return Invalid("BAD_SIGNATURE_XML", "it names no certificate of it", "");
  SignatureReport report;
  const Verdict verdict = internal::JudgeTrust(after, *signer, anchors, now, &report);
  if (!verdict.passed() || report.level != Level::kLt) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "INSUFFICIENT_EVIDENCE", verdict.text)
        .With("reason", verdict.reason)
        .With("sub_indication", SubIndicationName(verdict.sub_indication));
  }
  return complete;
}

}  // namespace egov::signature
