// XML as this library needs it: read without anything that reaches beyond the bytes, canonical form
// of one element, text of elements. The only header that names libxml2's types; not for others.
#ifndef EGOV_LIBS_SIGNATURE_INTERNAL_XML_H_
#define EGOV_LIBS_SIGNATURE_INTERNAL_XML_H_

#include <libxml/tree.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace egov::signature::internal {

struct FreeXmlDoc {
  void operator()(xmlDoc* doc) const { xmlFreeDoc(doc); }
};
using XmlDocPtr = std::unique_ptr<xmlDoc, FreeXmlDoc>;

// What a document may have, all of it more than any signature or manifest needs: reading names and
// canonical forms takes libxml2 time that grows with the square of the first two.
constexpr size_t kMaxAttributes = 64;  // of one element, namespace declarations included
constexpr size_t kMaxNamespaces = 128;
constexpr size_t kMaxTags = 50000;  // opening and closing ones

// Reads a document: UTF-8 only; no document type, hence no entities; no processing instructions; no
// network, no files. `reason` names the refusal (INVALID_ARGUMENT). `what` is for people.
absl::StatusOr<XmlDocPtr> ParseXml(absl::string_view bytes, absl::string_view reason,
                                   absl::string_view what);

// The element children in their order.
std::vector<xmlNode*> Children(const xmlNode* parent);
bool Is(const xmlNode* node, absl::string_view space, absl::string_view name);
// The element children of this name.
std::vector<xmlNode*> ChildrenNamed(const xmlNode* parent, absl::string_view space,
                                    absl::string_view name);
// The only element child of this name; null when there is none or more than one.
xmlNode* OnlyChild(const xmlNode* parent, absl::string_view space, absl::string_view name);
// Follows OnlyChild through names of one namespace.
xmlNode* Path(xmlNode* from, absl::string_view space,
              std::initializer_list<absl::string_view> names);

// The text of an element without element children, white space around it removed.
std::string Text(const xmlNode* node);
// An attribute without namespace.
absl::optional<std::string> Attribute(const xmlNode* node, absl::string_view name);
absl::optional<std::string> Attribute(const xmlNode* node, absl::string_view space,
                                      absl::string_view name);
// The bytes of an element's base64 text.
absl::optional<std::string> Base64Text(const xmlNode* node);

// C14N of the element and what is below it, without comments; nullopt for an algorithm that is not
// accepted. Accepted: Canonical XML 1.0 and 1.1, Exclusive XML Canonicalization 1.0.
absl::optional<std::string> Canonical(xmlNode* element, absl::string_view algorithm);
bool IsCanonicalization(absl::string_view algorithm);

std::string Escape(absl::string_view text);  // for text and attributes in double quotes
std::string Serialize(xmlDoc* doc);

// Names and addresses in references: percent-encoding of UTF-8 (RFC 3986 section 2.1).
std::string PercentEncode(absl::string_view name);
absl::optional<std::string> PercentDecode(absl::string_view uri);
bool IsUtf8(absl::string_view text);

}  // namespace egov::signature::internal

#endif  // EGOV_LIBS_SIGNATURE_INTERNAL_XML_H_
