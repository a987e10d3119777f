#include "libs/proof/wire.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/zero_copy_stream.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"

namespace egov::proof {
namespace {

using egov::exchange::v1::ALGORITHM_ECDSA_P256_SHA256;
using egov::exchange::v1::Header;
using egov::exchange::v1::Receipt;
using egov::exchange::v1::Record;
using egov::exchange::v1::SealedHeader;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kMaxNoteBytes = 2048;
constexpr size_t kMaxSignatureBytes = 160;  // DER of P-384 is 104 at most
constexpr absl::string_view kDash = "\xe2\x80\x94 ";

// Takes what is serialized, in small pieces, and compares it with what it should be: nothing of a
// file's size is allocated.
class Comparison final : public google::protobuf::io::ZeroCopyOutputStream {
 public:
  explicit Comparison(absl::string_view expected) : expected_(expected) {}

  bool Next(void** data, int* size) override {
    Compare();
    *data = piece_;
    *size = pending_ = sizeof(piece_);
    return same_;
  }
  void BackUp(int count) override { pending_ -= count; }
  int64_t ByteCount() const override { return compared_ + pending_; }

  // Once all is serialized.
  bool Same() {
    Compare();
    return same_ && expected_.size() == static_cast<size_t>(compared_);
  }

 private:
  void Compare() {
    const absl::string_view piece(piece_, pending_);
    same_ = same_ && expected_.substr(compared_, pending_) == piece;
    if (same_) compared_ += pending_;
    pending_ = 0;
  }

  const absl::string_view expected_;
  char piece_[4096];
  int pending_ = 0;
  int64_t compared_ = 0;
  bool same_ = true;
};

base::Error Bad(absl::string_view reason, absl::string_view text) {
  return base::Error(absl::StatusCode::kInvalidArgument, reason, text);
}

std::string U32(uint32_t value) {
  std::string out;
  base::AppendU32(value, &out);
  return out;
}

bool HasUnknownFields(const Message& message) {
  const auto* reflection = message.GetReflection();
  if (!reflection->GetUnknownFields(message).empty()) return true;
  const auto* descriptor = message.GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (field->is_repeated()) {
      for (int n = 0; n < reflection->FieldSize(message, field); ++n) {
        if (HasUnknownFields(reflection->GetRepeatedMessage(message, field, n))) return true;
      }
    } else if (reflection->HasField(message, field) &&
               HasUnknownFields(reflection->GetMessage(message, field))) {
      return true;
    }
  }
  return false;
}

bool IsDigest(absl::string_view bytes) { return bytes.size() == 32; }
bool IsDigestOrEmpty(absl::string_view bytes) { return bytes.empty() || IsDigest(bytes); }

base::Error BadHeader(absl::string_view field, absl::string_view expected) {
  return Bad("BAD_HEADER", absl::StrCat("the header's ", field, " has not its form"))
      .Field(absl::StrCat("header.", field))
      .Expected(expected);
}

absl::Status CheckForm(const Header& header) {
  if (header.id().size() != kMessageIdSize) return BadHeader("id", "16 bytes");
  if (header.caller().empty()) return BadHeader("caller", "a SPIFFE URI");
  if (header.audience().empty()) return BadHeader("audience", "a SPIFFE URI");
  if (header.method().size() < 4 || header.method()[0] != '/') {
    return BadHeader("method", "/package.Service/Method");
  }
  if (header.issued_micros() <= 0) return BadHeader("issued_micros", "microseconds since 1970");
  for (int i = 0; i < header.items_size(); ++i) {
    if (header.items(i).empty() || (i > 0 && header.items(i) <= header.items(i - 1))) {
      return BadHeader("items", "sorted bytewise, each once");
    }
  }
  if (!IsDigest(header.request())) return BadHeader("request", "32 bytes");
  if (!IsDigestOrEmpty(header.end_user())) return BadHeader("end_user", "32 bytes or none");
  if (header.previous().size() != (header.window() == 0 ? 0 : 32)) {
    return BadHeader("previous", "32 bytes, none in window 0");
  }
  if (!IsDigest(header.seal_certificate())) return BadHeader("seal_certificate", "32 bytes");
  return absl::OkStatus();
}

// Takes the text up to the next newline, and the newline.
bool TakeLine(absl::string_view* rest, absl::string_view* line) {
  const size_t end = rest->find('\n');
  if (end == absl::string_view::npos) return false;
  *line = rest->substr(0, end);
  rest->remove_prefix(end + 1);
  return true;
}

// Base64 has many spellings of the same bytes; only the one with padding and clean last bits is
// taken.
bool FromBase64(absl::string_view text, std::string* bytes) {
  return absl::Base64Unescape(text, bytes) && absl::Base64Escape(*bytes) == text;
}

bool IsNoteName(absl::string_view name) {
  if (name.empty() || name.size() > 512) return false;
  for (const unsigned char c : name) {
    if (c <= ' ' || c >= 0x7f || c == '+') return false;
  }
  return true;
}

// "— name base64(key id | signature)"
bool ParseSignatureLine(absl::string_view line, absl::string_view* name, std::string* bytes) {
  if (line.substr(0, kDash.size()) != kDash) return false;
  line.remove_prefix(kDash.size());
  const size_t space = line.find(' ');
  if (space == absl::string_view::npos) return false;
  *name = line.substr(0, space);
  return IsNoteName(*name) && FromBase64(line.substr(space + 1), bytes) && bytes->size() > 4 &&
         bytes->size() <= 4 + kMaxSignatureBytes;
}

std::string NoteText(absl::string_view origin, uint64_t size, const pki::Digest& root) {
  return absl::StrCat(origin, "\n", size, "\n", absl::Base64Escape(pki::AsBytes(root)), "\n");
}

}  // namespace

void Commitment::Add(absl::string_view message) {
  hash_.Update(U32(static_cast<uint32_t>(message.size()))).Update(message);
}

pki::Digest Commit(absl::string_view salt, absl::string_view message) {
  Commitment commitment(salt);
  commitment.Add(message);
  return commitment.Finish();
}

pki::Digest HeaderLeaf(absl::string_view header) { return merkle::LeafHash(header); }

std::string SealedBytes(uint32_t size, const pki::Digest& root) {
  std::string out("egov.exchange.v1.seal\0", 22);
  base::AppendU32(size, &out);
  out.append(pki::AsBytes(root).data(), root.size());
  return out;
}

pki::Digest RecordLeaf(int64_t recorded_micros, absl::string_view record) {
  std::string recorded;
  base::AppendU64(static_cast<uint64_t>(recorded_micros), &recorded);
  return merkle::LeafHash({recorded, record});
}

absl::Status ParseStrictly(absl::string_view bytes, absl::string_view reason, Message* message) {
  if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Bad(reason, absl::StrCat("these bytes are no ", message->GetDescriptor()->full_name()));
  }
  if (HasUnknownFields(*message)) {
    return Bad(reason, absl::StrCat(message->GetDescriptor()->full_name(),
                                    " has fields that this version does not know"));
  }
  // The generated serializer writes fields in ascending order and no defaults: the canonical form.
  Comparison comparison(bytes);
  if (message->ByteSizeLong() != bytes.size() ||
      !message->SerializePartialToZeroCopyStream(&comparison) || !comparison.Same()) {
    return Bad(reason, absl::StrCat(message->GetDescriptor()->full_name(),
                                    " is not in its canonical serialization"));
  }
  return absl::OkStatus();
}

absl::StatusOr<merkle::Path> PathOf(const google::protobuf::RepeatedPtrField<std::string>& hashes,
                                    absl::string_view reason) {
  merkle::Path path(hashes.size());
  for (int i = 0; i < hashes.size(); ++i) {
    if (!pki::DigestFromBytes(hashes[i], &path[i])) return Bad(reason, "a hash has not 32 bytes");
  }
  return path;
}

absl::StatusOr<OpenedHeader> OpenHeader(absl::string_view sealed_header) {
  if (sealed_header.size() > kMaxHeaderBytes) {
    return Bad("BAD_HEADER", "the sealed header is longer than 1 KiB");
  }
  SealedHeader sealed;
  EGOV_RETURN_IF_ERROR(ParseStrictly(sealed_header, "BAD_HEADER", &sealed));
  OpenedHeader opened;
  EGOV_RETURN_IF_ERROR(ParseStrictly(sealed.header(), "BAD_HEADER", &opened.header));
  if (opened.header.algorithm() != ALGORITHM_ECDSA_P256_SHA256) {
    return base::Error(absl::StatusCode::kUnimplemented, "UNKNOWN_ALGORITHM",
                       "the header names an algorithm that is not known here")
        .Field("header.algorithm");
  }
  EGOV_RETURN_IF_ERROR(CheckForm(opened.header));
  if (sealed.size() < 1 || sealed.size() > kMaxBatch || sealed.index() >= sealed.size()) {
    return Bad("BAD_HEADER", "no such place in a batch").Field("index").Expected("below size");
  }
  if (sealed.signature().empty() || sealed.signature().size() > kMaxSignatureBytes) {
    return Bad("BAD_HEADER", "the seal is missing").Field("signature");
  }
  EGOV_ASSIGN_OR_RETURN(const merkle::Path path, PathOf(sealed.path(), "BAD_HEADER"));
  const auto root =
      merkle::RootFromPath(HeaderLeaf(sealed.header()), sealed.index(), sealed.size(), path);
  if (!root.ok()) return Bad("BAD_HEADER", "the path does not fit the batch").Field("path");
  opened.root = *root;
  opened.size = sealed.size();
  opened.signature = std::move(*sealed.mutable_signature());
  return opened;
}

absl::StatusOr<Record> OpenRecord(absl::string_view bytes) {
  Record record;
  EGOV_RETURN_IF_ERROR(ParseStrictly(bytes, "BAD_RECORD", &record));
  if (!record.statement().empty()) {
    Record alone;
    alone.set_statement(record.statement());
    if (alone.ByteSizeLong() != record.ByteSizeLong()) {
      return Bad("BAD_RECORD", "a statement has no exchange beside it");
    }
    return record;
  }
  const bool good = IsDigest(record.request()) && IsDigest(record.response()) &&
                    IsDigestOrEmpty(record.details()) && record.code() <= 16 &&
                    record.previous().size() == (record.window() == 0 ? 0 : 32) &&
                    record.received_micros() > 0 && IsDigestOrEmpty(record.tls_certificate()) &&
                    IsDigestOrEmpty(record.revocation());
  if (!good) return Bad("BAD_RECORD", "a field of the record has not its form");
  return record;
}

absl::StatusOr<pki::Digest> RootOfReceipt(const Receipt& receipt, uint64_t checkpoint_size) {
  EGOV_ASSIGN_OR_RETURN(const merkle::Path path, PathOf(receipt.path(), "BAD_RECEIPT"));
  const auto root = merkle::RootFromPath(RecordLeaf(receipt.recorded_micros(), receipt.record()),
                                         receipt.index(), checkpoint_size, path);
  if (!root.ok()) return Bad("BAD_RECEIPT", "the path does not fit the checkpoint");
  return *root;
}

uint32_t NoteKeyId(const pki::PublicKey& key) { return base::ReadU32(pki::AsBytes(key.digest())); }

absl::StatusOr<Note> ParseNote(absl::string_view note) {
  const auto bad = [](absl::string_view text) { return Bad("BAD_CHECKPOINT", text); };
  if (note.size() > kMaxNoteBytes) return bad("the checkpoint is longer than 2 KiB");
  Note out;
  absl::string_view rest = note, origin, size, root, empty, line, name;
  std::string bytes;
  if (!TakeLine(&rest, &origin) || !TakeLine(&rest, &size) || !TakeLine(&rest, &root)) {
    return bad("a checkpoint has three lines of text");
  }
  out.signed_text = std::string(note.substr(0, note.size() - rest.size()));
  if (!TakeLine(&rest, &empty) || !empty.empty()) return bad("text and signatures run together");
  if (!IsNoteName(origin)) return bad("the origin has not its form");
  if (!absl::SimpleAtoi(size, &out.size) || absl::StrCat(out.size) != size) {
    return bad("the size has not its form");
  }
  if (!FromBase64(root, &bytes) || !pki::DigestFromBytes(bytes, &out.root)) {
    return bad("the root has not its form");
  }
  if (!TakeLine(&rest, &line) || !ParseSignatureLine(line, &name, &bytes) || name != origin) {
    return bad("the log's own signature must come first");
  }
  out.origin = std::string(origin);
  out.key_id = base::ReadU32(bytes);
  out.signature = bytes.substr(4);
  while (!rest.empty()) {
    if (!TakeLine(&rest, &line) || !ParseSignatureLine(line, &name, &bytes)) {
      return bad("a signature line has not its form");
    }
  }
  return out;
}

absl::Status VerifyNote(const Note& note, const pki::PublicKey& key) {
  if (note.key_id == NoteKeyId(key) && key.Verify(note.signed_text, note.signature).ok()) {
    return absl::OkStatus();
  }
  return base::Error(absl::StatusCode::kPermissionDenied, "BAD_SIGNATURE",
                     "the checkpoint is not signed by the log's key");
}

absl::StatusOr<std::string> SignNote(absl::string_view origin, uint64_t size,
                                     const pki::Digest& root, const pki::PrivateKey& key) {
  if (!IsNoteName(origin)) return Bad("BAD_CHECKPOINT", "the origin cannot stand in a note");
  const std::string text = NoteText(origin, size, root);
  EGOV_ASSIGN_OR_RETURN(const std::string signature, key.Sign(text));
  std::string bytes = U32(NoteKeyId(key.public_key()));
  bytes += signature;
  return absl::StrCat(text, "\n", kDash, origin, " ", absl::Base64Escape(bytes), "\n");
}

}  // namespace egov::proof
