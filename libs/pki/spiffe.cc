#include "libs/pki/spiffe.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"

namespace egov::pki {
namespace {

constexpr absl::string_view kScheme = "spiffe://";
constexpr size_t kMaxUri = 2048;
constexpr size_t kMaxTrustDomain = 255;

absl::Status Bad(absl::string_view why) {
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_SPIFFE_ID",
                     absl::StrCat("not an identity: ", why))
      .Expected("spiffe://<instance>/<class>/<member>/<subsystem>");
}

// Whether the byte stands for itself in a spelling (the full stop never does).
bool Plain(unsigned char c, bool trust_domain) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         (!trust_domain && c >= 'A' && c <= 'Z');
}

// Reads one character of UTF-8 (RFC 3629) from the front; false when it is malformed.
bool NextCharacter(absl::string_view* text, uint32_t* character) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>((*text)[i]); };
  const unsigned char first = byte(0);
  size_t length = 1;
  uint32_t least = 0;
  if (first < 0x80) {
    *character = first;
  } else if ((first & 0xE0) == 0xC0) {
    length = 2, least = 0x80, *character = first & 0x1F;
  } else if ((first & 0xF0) == 0xE0) {
    length = 3, least = 0x800, *character = first & 0x0F;
  } else if ((first & 0xF8) == 0xF0) {
    length = 4, least = 0x10000, *character = first & 0x07;
  } else {
    return false;
  }
  if (text->size() < length) return false;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return false;
    *character = *character << 6 | (byte(i) & 0x3F);
  }
  text->remove_prefix(length);
  return *character >= least && *character <= 0x10FFFF &&
         !(*character >= 0xD800 && *character <= 0xDFFF);
}

absl::Status CheckPart(absl::string_view part) {
  if (part.empty()) return Bad("a part is empty");
  if (part == "." || part == "..") return Bad("a part is a path step");
  while (!part.empty()) {
    uint32_t c = 0;
    if (!NextCharacter(&part, &c)) return Bad("a part is not UTF-8");
    if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == '/' || c == ':' || c == ';' || c == '\\' ||
        c == '%' || c == 0x200B || c == 0xFEFF) {
      return Bad("a part has a character that identifiers may not have");
    }
  }
  return absl::OkStatus();
}

void AppendEscaped(absl::string_view part, bool trust_domain, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (const char c : part) {
    const auto byte = static_cast<unsigned char>(c);
    if (Plain(byte, trust_domain)) {
      out->push_back(c);
    } else {
      out->push_back('.');
      out->push_back(kHex[byte >> 4]);
      out->push_back(kHex[byte & 15]);
    }
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

absl::StatusOr<std::string> Unescape(absl::string_view segment, bool trust_domain) {
  std::string out;
  for (size_t i = 0; i < segment.size(); ++i) {
    const auto byte = static_cast<unsigned char>(segment[i]);
    if (Plain(byte, trust_domain)) {
      out.push_back(segment[i]);
      continue;
    }
    if (byte != '.') return Bad("a segment has a character that SPIFFE does not allow");
    const int high = i + 2 < segment.size() ? HexDigit(segment[i + 1]) : -1;
    const int low = i + 2 < segment.size() ? HexDigit(segment[i + 2]) : -1;
    if (high < 0 || low < 0) return Bad("a full stop is not followed by two hexadecimal digits");
    const auto value = static_cast<unsigned char>(high << 4 | low);
    // Else one identity would have two spellings, and a comparison of bytes could be got round.
    if (Plain(value, trust_domain)) return Bad("a character is escaped that needs no escape");
    out.push_back(static_cast<char>(value));
    i += 2;
  }
  return out;
}

}  // namespace

absl::StatusOr<SpiffeId> SpiffeId::Make(absl::string_view instance, absl::string_view member_class,
                                        absl::string_view member, absl::string_view subsystem) {
  for (absl::string_view part : {instance, member_class, member, subsystem}) {
    EGOV_RETURN_IF_ERROR(CheckPart(part));
  }
  SpiffeId id;
  id.uri_ = std::string(kScheme);
  AppendEscaped(instance, /*trust_domain=*/true, &id.uri_);
  if (id.uri_.size() > kScheme.size() + kMaxTrustDomain) return Bad("the instance is too long");
  for (absl::string_view part : {member_class, member, subsystem}) {
    id.uri_.push_back('/');
    AppendEscaped(part, /*trust_domain=*/false, &id.uri_);
  }
  if (id.uri_.size() > kMaxUri) return Bad("it is longer than 2,048 bytes");
  id.instance_ = std::string(instance);
  id.member_class_ = std::string(member_class);
  id.member_ = std::string(member);
  id.subsystem_ = std::string(subsystem);
  return id;
}

absl::StatusOr<SpiffeId> SpiffeId::Parse(absl::string_view uri) {
  if (uri.size() > kMaxUri) return Bad("it is longer than 2,048 bytes");
  // Lower case only: URIs may write a scheme in any case, but one identity has one spelling here.
  if (!absl::StartsWith(uri, kScheme)) return Bad("the scheme is not spiffe://");
  const std::vector<absl::string_view> segments = absl::StrSplit(uri.substr(kScheme.size()), '/');
  if (segments.size() != 4) return Bad("it does not have four parts");
  std::string parts[4];
  for (size_t i = 0; i < 4; ++i) {
    EGOV_ASSIGN_OR_RETURN(parts[i], Unescape(segments[i], /*trust_domain=*/i == 0));
  }
  return Make(parts[0], parts[1], parts[2], parts[3]);
}

absl::StatusOr<SpiffeId> SpiffeId::FromXRoad(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  if (parts.size() != 4) return Bad("it does not have four parts");
  return Make(parts[0], parts[1], parts[2], parts[3]);
}

std::string SpiffeId::ToXRoad() const {
  return empty() ? "" : absl::StrCat(instance_, "/", member_class_, "/", member_, "/", subsystem_);
}

absl::string_view SpiffeId::Escaped() const {
  absl::string_view uri = uri_;
  if (!uri.empty()) uri.remove_prefix(kScheme.size());
  return uri;
}

bool SpiffeId::SameMember(const SpiffeId& other) const {
  return !empty() && instance_ == other.instance_ && member_class_ == other.member_class_ &&
         member_ == other.member_;
}

}  // namespace egov::pki
