#include "libs/exchange/bundle.h"

#include <google/protobuf/io/coded_stream.h>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::exchange {
namespace {

// Fields of bytes, one behind the other (protobuf's wire type 2). False at the end, or when what
// follows is none: then `sound` is false.
class Fields {
 public:
  explicit Fields(absl::string_view bytes)
      : bytes_(bytes),
        in_(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size())) {}

  bool Next(uint32_t* number, absl::string_view* value) {
    const uint32_t tag = in_.ReadTag();
    if (tag == 0) {
      sound_ = sound_ && in_.ConsumedEntireMessage();
      return false;
    }
    uint32_t size = 0;
    const bool read = (tag & 7) == 2 && in_.ReadVarint32(&size);
    const size_t at = static_cast<size_t>(in_.CurrentPosition());
    if (!read || size > bytes_.size() - at || !in_.Skip(static_cast<int>(size))) {
      sound_ = false;
      return false;
    }
    *number = tag >> 3;
    *value = bytes_.substr(at, size);
    return true;
  }
  bool sound() const { return sound_; }

 private:
  const absl::string_view bytes_;
  google::protobuf::io::CodedInputStream in_;
  bool sound_ = true;
};

absl::Status Malformed() {
  return BadBundle("the bundle does not parse", "", "a CallBundleRequest in canonical form");
}

absl::StatusOr<BundledBytes> ReadCall(absl::string_view bytes) {
  BundledBytes call;
  absl::string_view* const parts[] = {&call.header, &call.salt, &call.end_user, &call.message};
  Fields fields(bytes);
  uint32_t number = 0, before = 0;
  absl::string_view value;
  while (fields.Next(&number, &value)) {
    if (number <= before || number > 4) return Malformed();
    *parts[number - 1] = value;
    before = number;
  }
  if (!fields.sound()) return Malformed();
  if (call.end_user.size() > kMaxBundledUser) {
    return BadBundle("an end-user assertion is too long for a bundle", "calls.end_user",
                     "at most 8 KiB; a longer one travels with a single call");
  }
  return call;
}

}  // namespace

absl::Status BadBundle(absl::string_view text, absl::string_view field,
                       absl::string_view expected) {
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_BUNDLE", text)
      .Field(field)
      .Expected(expected);
}

absl::StatusOr<BundleBytes> ReadBundle(absl::string_view bytes) {
  BundleBytes bundle;
  Fields fields(bytes);
  uint32_t number = 0;
  absl::string_view value;
  while (fields.Next(&number, &value)) {
    if (number == 1 && bundle.method.empty() && bundle.calls.empty()) {
      bundle.method = value;
    } else if (number == 2 && bundle.calls.size() < kMaxBundle) {
      EGOV_ASSIGN_OR_RETURN(const BundledBytes call, ReadCall(value));
      bundle.calls.push_back(call);
    } else if (number == 2) {
      return BadBundle("a bundle of too many", "calls", absl::StrCat("1 to ", kMaxBundle));
    } else {
      return Malformed();
    }
  }
  if (!fields.sound()) return Malformed();
  if (bundle.calls.empty())
    return BadBundle("a bundle of none", "calls", absl::StrCat("1 to ", kMaxBundle));
  return bundle;
}

}  // namespace egov::exchange
