#include "libs/signature/internal/xades.h"

#include <libxml/parser.h>

#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/signature/internal/names.h"

namespace egov::signature::internal {
namespace {

// Far more than signatures need, and few enough for a parsed document to stay small.
constexpr size_t kMaxReferences = 1100;
constexpr size_t kMaxValues = 64;  // certificates, OCSP answers, revocation lists: each

absl::Status Fail(absl::string_view reason, absl::string_view text) {
  return base::Error(absl::StatusCode::kInvalidArgument, reason, text);
}
absl::Status Bad(absl::string_view why) {
  return Fail("BAD_SIGNATURE_XML", absl::StrCat("the signature: ", why));
}

// An id that means itself in a reference: a name without colon (XML Names), ASCII.
bool IsPlainId(absl::string_view id) {
  if (id.empty() || id.size() > 256) return false;
  for (size_t i = 0; i < id.size(); ++i) {
    const bool first = absl::ascii_isalpha(id[i]) || id[i] == '_';
    if (!first && (i == 0 || !(absl::ascii_isdigit(id[i]) || id[i] == '-' || id[i] == '.'))) {
      return false;
    }
  }
  return true;
}

// Walks all elements; every id is unique, and known as such to whoever resolves "#id" later.
absl::Status RegisterIds(xmlDoc* doc) {
  std::set<std::string> seen;
  xmlNode* at = xmlDocGetRootElement(doc);
  const xmlNode* const root = at;
  while (at != nullptr) {
    for (xmlAttr* attribute = at->properties; attribute != nullptr; attribute = attribute->next) {
      const absl::string_view name(reinterpret_cast<const char*>(attribute->name));
      if (!absl::EqualsIgnoreCase(name, "id")) continue;
      // Others may take xml:id, "ID" or "id" for an id; nobody needs them here.
      if (attribute->ns != nullptr || name != "Id") {
        return Fail("DUPLICATE_ID", "an id of another kind than Id");
      }
      const std::string id = *Attribute(at, "Id");
      if (!IsPlainId(id)) return Bad("an id is malformed");
      if (!seen.insert(id).second) return Fail("DUPLICATE_ID", "two elements have one id");
      xmlAddID(nullptr, doc, reinterpret_cast<const xmlChar*>(id.c_str()), attribute);
    }
    if (const auto children = Children(at); !children.empty()) {
      at = children.front();
      continue;
    }
    while (at != root && xmlNextElementSibling(at) == nullptr) at = at->parent;
    at = at == root ? nullptr : xmlNextElementSibling(at);
  }
  return absl::OkStatus();
}

absl::Status ReadReference(xmlNode* node, XadesSignature* out, int* to_properties) {
  const std::string uri = Attribute(node, "URI").value_or("");
  const std::string type = Attribute(node, "Type").value_or("");
  const xmlNode* method = OnlyChild(node, kDs, "DigestMethod");
  if (method == nullptr || OnlyChild(node, kDs, "DigestValue") == nullptr) {
    return Bad("a reference without a digest");
  }
  const std::string algorithm = Attribute(method, "Algorithm").value_or("");
  out->digest_algorithms.push_back(algorithm);
  const auto groups = ChildrenNamed(node, kDs, "Transforms");
  const auto transforms = groups.size() == 1 ? Children(groups[0]) : std::vector<xmlNode*>();
  if (groups.size() > 1) return Bad("a reference with two lists of transforms");

  if (type == kSignedPropertiesType) {
    const auto id = Attribute(out->signed_properties, "Id");
    if (!id || uri != absl::StrCat("#", *id)) {
      return Fail("SIGNED_PROPERTIES_NOT_SIGNED",
                  "the reference of signed properties leads elsewhere");
    }
    if (transforms.size() > 1 ||
        (transforms.size() == 1 &&
         !IsCanonicalization(Attribute(transforms[0], "Algorithm").value_or("")))) {
      return Fail("UNEXPECTED_REFERENCE",
                  "signed properties are transformed before they are signed");
    }
    ++*to_properties;
    return absl::OkStatus();
  }
  // Whole files by name and nothing else: no part of this document, no address, no query, no
  // transform that shows the signer one thing and the reader another.
  const auto file = PercentDecode(uri);
  if (!type.empty() || !groups.empty() || !file || !IsDataFileName(*file) ||
      uri.find_first_of("#?") != std::string::npos) {
    return Fail("UNEXPECTED_REFERENCE", "a reference to something other than a data file");
  }
  out->data.push_back({Attribute(node, "Id").value_or(""), uri, *file, algorithm, ""});
  return absl::OkStatus();
}

absl::Status ReadSignedInfo(xmlNode* info, XadesSignature* out) {
  const auto children = Children(info);
  const xmlNode* c14n = OnlyChild(info, kDs, "CanonicalizationMethod");
  const xmlNode* method = OnlyChild(info, kDs, "SignatureMethod");
  if (c14n == nullptr || method == nullptr || children.size() < 4 ||
      children.size() > kMaxReferences) {
    return Bad("SignedInfo is incomplete or too long");
  }
  if (!IsCanonicalization(Attribute(c14n, "Algorithm").value_or(""))) {
    return Bad("its canonicalization is not accepted");
  }
  out->signature_algorithm = Attribute(method, "Algorithm").value_or("");
  int to_properties = 0;
  for (size_t i = 2; i < children.size(); ++i) {
    if (!Is(children[i], kDs, "Reference")) return Bad("SignedInfo has an unknown part");
    EGOV_RETURN_IF_ERROR(ReadReference(children[i], out, &to_properties));
  }
  if (to_properties != 1) {
    return Fail("SIGNED_PROPERTIES_NOT_SIGNED",
                "not exactly one reference to the signed properties");
  }
  std::set<std::string> files;
  for (const DataReference& reference : out->data) {
    if (!files.insert(reference.file).second) {
      return Fail("UNEXPECTED_REFERENCE", "two references to one data file");
    }
  }
  if (out->data.empty()) return Bad("it signs no data file");
  return absl::OkStatus();
}

absl::Status ReadKeyInfo(const xmlNode* key_info, XadesSignature* out) {
  for (const xmlNode* data : ChildrenNamed(key_info, kDs, "X509Data")) {
    for (const xmlNode* node : ChildrenNamed(data, kDs, "X509Certificate")) {
      const auto der = Base64Text(node);
      if (!der || out->key_info.size() == kMaxValues) return Bad("a certificate is malformed");
      auto certificate = pki::Certificate::FromDer(*der);
      // One of another kind of key may stand beside the signer's.
      if (certificate.ok()) out->key_info.push_back(*std::move(certificate));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadSignatureProperties(const xmlNode* properties, XadesSignature* out) {
  const auto times = ChildrenNamed(properties, kXades, "SigningTime");
  if (times.size() > 1) return Bad("two signing times");
  if (times.size() == 1) {
    absl::Time time;
    if (!absl::ParseTime(absl::RFC3339_full, Text(times[0]), &time, nullptr)) {
      return Bad("its signing time is malformed");
    }
    out->claimed_time = time;
  }
  // Two words on who signed, by two properties or by both versions of it, are one too many. The
  // older version (digidoc4j still writes it) is as good when its digest is: SHA-1 is refused like
  // elsewhere.
  auto names = ChildrenNamed(properties, kXades, "SigningCertificateV2");
  const auto old_names = ChildrenNamed(properties, kXades, "SigningCertificate");
  names.insert(names.end(), old_names.begin(), old_names.end());
  if (names.size() > 1) {
    return Fail("TWO_SIGNING_CERTIFICATES", "it names the signer's certificate twice");
  }
  if (names.empty()) return Bad("it does not say with which certificate it was made");
  const auto certificates = ChildrenNamed(names[0], kXades, "Cert");
  if (certificates.size() != 1) {
    return Fail("TWO_SIGNING_CERTIFICATES", "its name of the signer's certificate is not of one");
  }
  const xmlNode* digest = OnlyChild(certificates[0], kXades, "CertDigest");
  const xmlNode* method = OnlyChild(digest, kDs, "DigestMethod");
  const auto value = Base64Text(OnlyChild(digest, kDs, "DigestValue"));
  if (method == nullptr || !value) return Bad("its name of the signer's certificate is malformed");
  out->certificate_digest_algorithm = Attribute(method, "Algorithm").value_or("");
  out->certificate_digest = *value;

  for (const absl::string_view name : {"SignatureProductionPlaceV2", "SignatureProductionPlace"}) {
    if (const xmlNode* place = OnlyChild(properties, kXades, name); place != nullptr) {
      out->city = Text(OnlyChild(place, kXades, "City"));
      out->region = Text(OnlyChild(place, kXades, "StateOrProvince"));
      out->postal_code = Text(OnlyChild(place, kXades, "PostalCode"));
      out->country = Text(OnlyChild(place, kXades, "CountryName"));
    }
  }
  for (const absl::string_view name : {"SignerRoleV2", "SignerRole"}) {
    const xmlNode* roles = OnlyChild(OnlyChild(properties, kXades, name), kXades, "ClaimedRoles");
    for (const xmlNode* role : ChildrenNamed(roles, kXades, "ClaimedRole")) {
      out->roles.push_back(Text(role));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadDataObjectFormats(const xmlNode* properties, XadesSignature* out) {
  std::set<std::string> seen;
  for (const xmlNode* format : ChildrenNamed(properties, kXades, "DataObjectFormat")) {
    const std::string target = Attribute(format, "ObjectReference").value_or("");
    if (!seen.insert(target).second) return Bad("two formats of one reference");
    for (DataReference& reference : out->data) {
      if (!reference.id.empty() && target == absl::StrCat("#", reference.id)) {
        reference.media_type = Text(OnlyChild(format, kXades, "MimeType"));
      }
    }
  }
  return absl::OkStatus();
}

// Certificates and revocation data prove themselves by their own signatures, wherever they stand.
absl::Status ReadValues(const xmlNode* holder, XadesSignature* out) {
  for (const xmlNode* node : Children(holder)) {
    if (Is(node, kXades, "EncapsulatedX509Certificate")) {
      const auto der = Base64Text(node);
      if (!der || out->certificates.size() == kMaxValues) return Bad("a certificate is malformed");
      auto certificate = pki::Certificate::FromDer(*der);
      if (certificate.ok()) out->certificates.push_back(*std::move(certificate));
    } else if (Is(node, kXades, "EncapsulatedOCSPValue") ||
               Is(node, kXades, "EncapsulatedCRLValue")) {
      auto& values = Is(node, kXades, "EncapsulatedOCSPValue") ? out->ocsp : out->crls;
      const auto der = Base64Text(node);
      if (!der || values.size() == kMaxValues) return Bad("a revocation value is malformed");
      values.push_back(*der);
    } else {
      EGOV_RETURN_IF_ERROR(ReadValues(node, out));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadUnsigned(const xmlNode* properties, XadesSignature* out) {
  for (const xmlNode* node : Children(properties)) {
    if (Is(node, kXades, "SignatureTimeStamp")) {
      const auto tokens = ChildrenNamed(node, kXades, "EncapsulatedTimeStamp");
      const xmlNode* c14n = OnlyChild(node, kDs, "CanonicalizationMethod");
      if (out->time_stamp || tokens.size() != 1) return Bad("more or less than one time-stamp");
      out->time_stamp_canonicalization = c14n == nullptr
                                             ? "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
                                             : Attribute(c14n, "Algorithm").value_or("");
      // Prefix lists would change what is stamped.
      if (c14n != nullptr && !Children(c14n).empty()) {
        return Bad("the time-stamp's canonicalization has parameters");
      }
      out->time_stamp = Base64Text(tokens[0]);
      if (!out->time_stamp) return Bad("the time-stamp is malformed");
    } else if (Is(node, kXades, "CertificateValues") || Is(node, kXades, "RevocationValues") ||
               Is(node, kXades141, "TimeStampValidationData") ||
               Is(node, kXades141, "AnyValidationData")) {
      EGOV_RETURN_IF_ERROR(ReadValues(node, out));
    } else if (Is(node, kXades141, "ArchiveTimeStamp")) {
      out->has_archive_time_stamp = true;
    } else {
      out->has_unread_properties = true;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<XadesSignature> ParseSignature(absl::string_view xml) {
  if (xml.size() > ContainerLimits().max_signature) return Bad("it is too large");
  XadesSignature out;
  EGOV_ASSIGN_OR_RETURN(out.doc, ParseXml(xml, "BAD_SIGNATURE_XML", "the signature"));
  xmlNode* root = xmlDocGetRootElement(out.doc.get());
  const auto top = Children(root);
  if (!Is(root, kAsic, "XAdESSignatures") || top.size() != 1 || !Is(top[0], kDs, "Signature")) {
    return Bad("the file does not hold one signature");
  }
  EGOV_RETURN_IF_ERROR(RegisterIds(out.doc.get()));
  out.signature = top[0];
  const auto id = Attribute(out.signature, "Id");
  if (!id) return Bad("it has no id");
  out.id = *id;

  // ds:Signature is SignedInfo, SignatureValue, KeyInfo, one Object (XML-DSig section 4.2), in this
  // order, so that no second SignedInfo or Object can be the one that somebody else reads.
  const auto parts = Children(out.signature);
  if (parts.size() != 4 || !Is(parts[0], kDs, "SignedInfo") ||
      !Is(parts[1], kDs, "SignatureValue") || !Is(parts[2], kDs, "KeyInfo") ||
      !Is(parts[3], kDs, "Object")) {
    return Bad("its parts are not SignedInfo, SignatureValue, KeyInfo and one Object");
  }
  out.value_node = parts[1];
  const auto value = Base64Text(parts[1]);
  if (!value) return Bad("its value is malformed");
  out.value = *value;

  const auto objects = Children(parts[3]);
  if (objects.size() != 1 || !Is(objects[0], kXades, "QualifyingProperties")) {
    return Bad("its Object does not hold its qualifying properties");
  }
  out.qualifying_properties = objects[0];
  if (Attribute(out.qualifying_properties, "Target") != absl::StrCat("#", out.id)) {
    return Bad("its qualifying properties are another's");
  }
  const auto halves = Children(out.qualifying_properties);
  if (halves.empty() || halves.size() > 2 || !Is(halves[0], kXades, "SignedProperties") ||
      (halves.size() == 2 && !Is(halves[1], kXades, "UnsignedProperties"))) {
    return Bad("its qualifying properties are not signed and unsigned ones");
  }
  out.signed_properties = halves[0];
  EGOV_RETURN_IF_ERROR(ReadSignedInfo(parts[0], &out));
  EGOV_RETURN_IF_ERROR(ReadKeyInfo(parts[2], &out));
  const xmlNode* of_signature =
      OnlyChild(out.signed_properties, kXades, "SignedSignatureProperties");
  if (of_signature == nullptr) return Bad("its signed properties are incomplete");
  EGOV_RETURN_IF_ERROR(ReadSignatureProperties(of_signature, &out));
  const auto of_data = ChildrenNamed(out.signed_properties, kXades, "SignedDataObjectProperties");
  if (of_data.size() > 1) return Bad("its signed properties are doubled");
  if (of_data.size() == 1) EGOV_RETURN_IF_ERROR(ReadDataObjectFormats(of_data[0], &out));
  if (halves.size() == 2) {
    const auto groups = Children(halves[1]);
    if (groups.size() > 1 ||
        (groups.size() == 1 && !Is(groups[0], kXades, "UnsignedSignatureProperties"))) {
      return Bad("its unsigned properties are malformed");
    }
    if (groups.size() == 1) EGOV_RETURN_IF_ERROR(ReadUnsigned(groups[0], &out));
  }
  return out;
}

absl::StatusOr<std::string> WithUnsignedProperties(absl::string_view xml,
                                                   absl::string_view elements) {
  EGOV_ASSIGN_OR_RETURN(XadesSignature signature, ParseSignature(xml));
  // Parsed inside declarations of the prefixes that the signature has.
  const std::string group =
      absl::StrCat("<xades:UnsignedProperties xmlns:xades=\"", kXades, "\" xmlns:ds=\"", kDs,
                   "\"><xades:UnsignedSignatureProperties>", elements,
                   "</xades:UnsignedSignatureProperties></xades:UnsignedProperties>");
  EGOV_ASSIGN_OR_RETURN(XmlDocPtr added,
                        ParseXml(group, "BAD_SIGNATURE_XML", "the added properties"));
  xmlNode* old = OnlyChild(signature.qualifying_properties, kXades, "UnsignedProperties");
  xmlNode* source = xmlDocGetRootElement(added.get());
  if (old == nullptr) {
    xmlNode* copy = xmlDocCopyNode(source, signature.doc.get(), 1);
    xmlAddChild(signature.qualifying_properties, copy);
    xmlReconciliateNs(signature.doc.get(), copy);
  } else {
    xmlNode* into = OnlyChild(old, kXades, "UnsignedSignatureProperties");
    if (into == nullptr) return Bad("its unsigned properties are malformed");
    for (xmlNode* node : Children(Children(source)[0])) {
      xmlNode* copy = xmlDocCopyNode(node, signature.doc.get(), 1);
      xmlAddChild(into, copy);
      xmlReconciliateNs(signature.doc.get(), copy);
    }
  }
  return Serialize(signature.doc.get());
}

}  // namespace egov::signature::internal
