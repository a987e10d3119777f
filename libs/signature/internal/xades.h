// One XAdES signature as we are willing to understand it: where each part is, and what it says.
// Reading proves nothing; it makes sure that there is one way to read it. Not for others.
#ifndef EGOV_LIBS_SIGNATURE_INTERNAL_XADES_H_
#define EGOV_LIBS_SIGNATURE_INTERNAL_XADES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "libs/pki/certificate.h"
#include "libs/signature/container.h"
#include "libs/signature/internal/xml.h"

namespace egov::signature::internal {

struct DataReference {
  std::string id;    // what DataObjectFormat refers to; may be empty
  std::string uri;   // as written
  std::string file;  // decoded
  std::string digest_algorithm;
  std::string media_type;  // of its DataObjectFormat; empty when it has none
};

struct XadesSignature {
  XmlDocPtr doc;
  xmlNode* signature = nullptr;
  xmlNode* value_node = nullptr;
  xmlNode* signed_properties = nullptr;
  xmlNode* qualifying_properties = nullptr;

  std::string id;
  std::string signature_algorithm;
  std::vector<std::string> digest_algorithms;  // of all references
  std::vector<DataReference> data;
  std::string value;

  std::vector<pki::Certificate> key_info;  // in their order
  absl::optional<absl::Time> claimed_time;
  std::string certificate_digest_algorithm, certificate_digest;  // of SigningCertificate(V2)
  std::string city, region, postal_code, country;                // SignatureProductionPlace(V2)
  std::vector<std::string> roles;                                // claimed

  // Unsigned properties.
  absl::optional<std::string> time_stamp;  // token, DER
  std::string time_stamp_canonicalization;
  std::vector<pki::Certificate> certificates;
  std::vector<std::string> ocsp, crls;  // DER
  bool has_archive_time_stamp = false;
  bool has_unread_properties = false;  // unsigned ones that we know nothing of
};

// Errors are INVALID_ARGUMENT:
//   BAD_SIGNATURE_XML        malformed, a document type, a part missing, doubled or out of place
//   DUPLICATE_ID             two elements of one id, or an xml:id
//   UNEXPECTED_REFERENCE     to anything but a data file, as its bytes, or the signed properties
//   SIGNED_PROPERTIES_NOT_SIGNED   no reference of the right type to this signature's own
//   TWO_SIGNING_CERTIFICATES       more than one certificate, property or version of it
absl::StatusOr<XadesSignature> ParseSignature(absl::string_view xml);

// Adds text of elements behind what UnsignedSignatureProperties has, made when missing.
absl::StatusOr<std::string> WithUnsignedProperties(absl::string_view xml,
                                                   absl::string_view elements);

}  // namespace egov::signature::internal

#endif  // EGOV_LIBS_SIGNATURE_INTERNAL_XADES_H_
