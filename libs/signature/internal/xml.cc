#include "libs/signature/internal/xml.h"

#include <libxml/c14n.h>
#include <libxml/parser.h>
#include <libxml/xmlsave.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "libs/base/status.h"

namespace egov::signature::internal {
namespace {

absl::string_view View(const xmlChar* text) {
  return text == nullptr ? absl::string_view()
                         : absl::string_view(reinterpret_cast<const char*>(text));
}

std::string Take(xmlChar* text) {
  if (text == nullptr) return "";
  std::string copy(reinterpret_cast<char*>(text));
  xmlFree(text);
  return copy;
}

// Counted before parsing, so roughly, and never too few: quotes between one tag's beginning and the
// next's, whatever stands between.
bool IsSlow(absl::string_view bytes) {
  size_t tags = 0, namespaces = 0, quotes = 0;
  for (const char c : bytes) {
    if (c == '<') {
      quotes = 0;
      if (++tags > kMaxTags) return true;
    } else if ((c == '"' || c == '\'') && ++quotes > 2 * kMaxAttributes) {
      return true;
    }
  }
  for (size_t at = 0; (at = bytes.find("xmlns", at)) != absl::string_view::npos; at += 5) {
    if (++namespaces > kMaxNamespaces) return true;
  }
  return false;
}

void Silent(void*, xmlErrorPtr) {}

bool HasProcessingInstruction(const xmlNode* node) {
  for (const xmlNode* at = node; at != nullptr;) {
    if (at->type == XML_PI_NODE) return true;
    if (at->type == XML_ELEMENT_NODE && at->children != nullptr) {
      at = at->children;
      continue;
    }
    while (at != nullptr && at->next == nullptr) {
      at = at->parent;
      if (at == nullptr || at->type == XML_DOCUMENT_NODE) return false;
    }
    if (at != nullptr) at = at->next;
  }
  return false;
}

// Called by libxml2 for each node: is it in the subtree? Namespace declarations come with the
// element that has them.
int InSubtree(void* root, xmlNodePtr node, xmlNodePtr parent) {
  const xmlNode* at = node->type == XML_NAMESPACE_DECL ? parent : node;
  for (; at != nullptr; at = at->parent) {
    if (at == root) return 1;
  }
  return 0;
}

absl::optional<xmlC14NMode> ModeOf(absl::string_view algorithm) {
  if (algorithm == "http://www.w3.org/2001/10/xml-exc-c14n#") return XML_C14N_EXCLUSIVE_1_0;
  if (algorithm == "http://www.w3.org/TR/2001/REC-xml-c14n-20010315") return XML_C14N_1_0;
  if (algorithm == "http://www.w3.org/2006/12/xml-c14n11") return XML_C14N_1_1;
  return absl::nullopt;
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const unsigned char lead = text[i];
    const int more = lead < 0x80       ? 0
                     : lead >> 5 == 6  ? 1
                     : lead >> 4 == 14 ? 2
                     : lead >> 3 == 30 ? 3
                                       : -1;
    if (more < 0 || i + more >= text.size()) return false;
    uint32_t code = more == 0 ? lead : lead & (0x3F >> more);
    for (int k = 1; k <= more; ++k) {
      const unsigned char next = text[i + k];
      if (next >> 6 != 2) return false;
      code = code << 6 | (next & 0x3F);
    }
    static constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (code < kLeast[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
    i += more + 1;
  }
  return true;
}

absl::StatusOr<XmlDocPtr> ParseXml(absl::string_view bytes, absl::string_view reason,
                                   absl::string_view what) {
  const auto bad = [&](absl::string_view why) -> absl::Status {
    return base::Error(absl::StatusCode::kInvalidArgument, reason, absl::StrCat(what, ": ", why));
  };
  // The encoding is checked here and imposed below, so that what is searched for is what is parsed.
  if (!IsUtf8(bytes) || bytes.find('\0') != absl::string_view::npos) return bad("it is not UTF-8");
  // Entities need a document type; without one there is nothing to expand or fetch.
  if (bytes.find("<!DOCTYPE") != absl::string_view::npos ||
      bytes.find("<!ENTITY") != absl::string_view::npos) {
    return bad("a document type is not accepted");
  }
  if (IsSlow(bytes)) return bad("too many tags, attributes or namespaces");
  xmlInitParser();
  xmlParserCtxtPtr context = xmlNewParserCtxt();
  if (context == nullptr) return bad("no memory");
  xmlSetStructuredErrorFunc(nullptr, Silent);
  XmlDocPtr doc(xmlCtxtReadMemory(
      context, bytes.data(), static_cast<int>(bytes.size()), nullptr, "UTF-8",
      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA));
  const bool namespaces_hold = context->nsWellFormed == 1;
  xmlFreeParserCtxt(context);
  if (doc == nullptr || !namespaces_hold) return bad("it is not well-formed");
  if (doc->intSubset != nullptr || doc->extSubset != nullptr) {
    return bad("a document type is not accepted");
  }
  if (HasProcessingInstruction(doc->children)) {
    return bad("a processing instruction is not accepted");
  }
  return doc;
}

std::vector<xmlNode*> Children(const xmlNode* parent) {
  std::vector<xmlNode*> children;
  for (xmlNode* at = parent == nullptr ? nullptr : parent->children; at != nullptr; at = at->next) {
    if (at->type == XML_ELEMENT_NODE) children.push_back(at);
  }
  return children;
}

bool Is(const xmlNode* node, absl::string_view space, absl::string_view name) {
  return node != nullptr && node->type == XML_ELEMENT_NODE && node->ns != nullptr &&
         View(node->ns->href) == space && View(node->name) == name;
}

std::vector<xmlNode*> ChildrenNamed(const xmlNode* parent, absl::string_view space,
                                    absl::string_view name) {
  std::vector<xmlNode*> found;
  for (xmlNode* child : Children(parent)) {
    if (Is(child, space, name)) found.push_back(child);
  }
  return found;
}

xmlNode* OnlyChild(const xmlNode* parent, absl::string_view space, absl::string_view name) {
  const auto found = ChildrenNamed(parent, space, name);
  return found.size() == 1 ? found[0] : nullptr;
}

xmlNode* Path(xmlNode* from, absl::string_view space,
              std::initializer_list<absl::string_view> names) {
  for (const absl::string_view name : names) from = OnlyChild(from, space, name);
  return from;
}

std::string Text(const xmlNode* node) {
  if (node == nullptr || !Children(node).empty()) return "";
  return std::string(absl::StripAsciiWhitespace(Take(xmlNodeGetContent(node))));
}

absl::optional<std::string> Attribute(const xmlNode* node, absl::string_view name) {
  return Attribute(node, "", name);
}

absl::optional<std::string> Attribute(const xmlNode* node, absl::string_view space,
                                      absl::string_view name) {
  for (const xmlAttr* at = node == nullptr ? nullptr : node->properties; at != nullptr;
       at = at->next) {
    if (View(at->name) != name) continue;
    if ((at->ns == nullptr ? absl::string_view() : View(at->ns->href)) != space) continue;
    return Take(xmlNodeListGetString(at->doc, at->children, 1));
  }
  return absl::nullopt;
}

absl::optional<std::string> Base64Text(const xmlNode* node) {
  if (node == nullptr || !Children(node).empty()) return absl::nullopt;
  std::string text = Take(xmlNodeGetContent(node)), bytes;
  absl::StrReplaceAll({{" ", ""}, {"\n", ""}, {"\r", ""}, {"\t", ""}}, &text);
  if (!absl::Base64Unescape(text, &bytes)) return absl::nullopt;
  return bytes;
}

bool IsCanonicalization(absl::string_view algorithm) { return ModeOf(algorithm).has_value(); }

absl::optional<std::string> Canonical(xmlNode* element, absl::string_view algorithm) {
  const auto mode = ModeOf(algorithm);
  if (!mode || element == nullptr) return absl::nullopt;
  xmlBufferPtr buffer = xmlBufferCreate();
  xmlOutputBufferPtr out = xmlOutputBufferCreateBuffer(buffer, nullptr);
  const int done = xmlC14NExecute(element->doc, InSubtree, element, *mode, nullptr, 0, out);
  xmlOutputBufferClose(out);
  absl::optional<std::string> text;
  if (done >= 0) {
    text.emplace(reinterpret_cast<const char*>(xmlBufferContent(buffer)), xmlBufferLength(buffer));
  }
  xmlBufferFree(buffer);
  return text;
}

std::string Escape(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"},
                                    {"<", "&lt;"},
                                    {">", "&gt;"},
                                    {"\"", "&quot;"},
                                    {"\r", "&#xD;"},
                                    {"\n", "&#xA;"},
                                    {"\t", "&#x9;"}});
}

std::string Serialize(xmlDoc* doc) {
  xmlChar* bytes = nullptr;
  int size = 0;
  xmlDocDumpMemoryEnc(doc, &bytes, &size, "UTF-8");
  std::string text(reinterpret_cast<char*>(bytes), size);
  xmlFree(bytes);
  return text;
}

std::string PercentEncode(absl::string_view name) {
  std::string uri;
  for (const char c : name) {
    if (absl::ascii_isalnum(c) || absl::StrContains("-._~/", absl::string_view(&c, 1))) {
      uri += c;
    } else {
      absl::StrAppend(&uri, "%", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    }
  }
  // Digits in capitals (RFC 3986 section 2.1).
  for (size_t i = 0; i < uri.size(); ++i) {
    if (uri[i] == '%') {
      uri[i + 1] = absl::ascii_toupper(uri[i + 1]);
      uri[i + 2] = absl::ascii_toupper(uri[i + 2]);
    }
  }
  return uri;
}

absl::optional<std::string> PercentDecode(absl::string_view uri) {
  std::string name;
  for (size_t i = 0; i < uri.size(); ++i) {
    if (uri[i] != '%') {
      name += uri[i];
      continue;
    }
    if (i + 2 >= uri.size() || !absl::ascii_isxdigit(uri[i + 1]) ||
        !absl::ascii_isxdigit(uri[i + 2])) {
      return absl::nullopt;
    }
    name += absl::HexStringToBytes(uri.substr(i + 1, 2));
    i += 2;
  }
  return name;
}

}  // namespace egov::signature::internal
