// Namespaces, types and file names of ASiC and XAdES. Not for others.
#ifndef EGOV_LIBS_SIGNATURE_INTERNAL_NAMES_H_
#define EGOV_LIBS_SIGNATURE_INTERNAL_NAMES_H_

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace egov::signature::internal {

constexpr absl::string_view kAsic = "http://uri.etsi.org/02918/v1.2.1#";
constexpr absl::string_view kDs = "http://www.w3.org/2000/09/xmldsig#";
constexpr absl::string_view kXades = "http://uri.etsi.org/01903/v1.3.2#";
constexpr absl::string_view kXades141 = "http://uri.etsi.org/01903/v1.4.1#";
constexpr absl::string_view kManifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0";
constexpr absl::string_view kSignedPropertiesType = "http://uri.etsi.org/01903#SignedProperties";

constexpr absl::string_view kMimetype = "mimetype";
constexpr absl::string_view kMeta = "META-INF/";
constexpr absl::string_view kManifestName = "META-INF/manifest.xml";

// EN 319 162-1 clause 4.4.3.2: "META-INF/*signatures*.xml", in that folder itself.
inline bool IsSignatureName(absl::string_view name) {
  if (!absl::StartsWith(name, kMeta) || !absl::EndsWith(name, ".xml")) return false;
  const absl::string_view rest = name.substr(kMeta.size());
  return absl::StrContains(rest, "signatures") && !absl::StrContains(rest, "/");
}

// A name that a data file may have: it stays in the folder that it is unpacked in, on any system.
bool IsDataFileName(absl::string_view name);

}  // namespace egov::signature::internal

#endif  // EGOV_LIBS_SIGNATURE_INTERNAL_NAMES_H_
