// The bytes that are hashed and signed around an exchange, as proto/egov/exchange/v1/README.md
// specifies them. Both sides of the exchange and offline checking stand on these few functions, so
// that there is one of each.
//
// Thread safety: free functions and values. Cost: SHA-256 of what goes in; parsing strictly costs
// about twice an ordinary parse.
#ifndef EGOV_LIBS_PROOF_WIRE_H_
#define EGOV_LIBS_PROOF_WIRE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "egov/exchange/v1/exchange.pb.h"
#include "libs/merkle/merkle.h"
#include "libs/pki/key.h"
#include "libs/pki/sha256.h"

namespace egov::proof {

constexpr size_t kSaltSize = 16;
constexpr size_t kMessageIdSize = 16;
constexpr size_t kMaxHeaderBytes = 1024;   // of a SealedHeader
constexpr size_t kMaxReceiptBytes = 2560;  // of a Receipt
constexpr uint32_t kMaxBatch = 1024;

// C(salt, m1..mn) = SHA-256(salt | u32 length | m1 | ...), for messages that come one by one.
class Commitment {
 public:
  explicit Commitment(absl::string_view salt) { hash_.Update(salt); }
  void Add(absl::string_view message);
  pki::Digest Finish() { return hash_.Finish(); }

 private:
  pki::Sha256 hash_;
};

// The commitment to one message.
pki::Digest Commit(absl::string_view salt, absl::string_view message);

// The leaf of a header in its batch: SHA-256(0x00 | header).
pki::Digest HeaderLeaf(absl::string_view header);

// What a seal signs: "egov.exchange.v1.seal" | 0x00 | u32 size | root.
std::string SealedBytes(uint32_t size, const pki::Digest& root);

// The leaf of a record in its log: SHA-256(0x00 | u64 recorded | record).
pki::Digest RecordLeaf(int64_t recorded_micros, absl::string_view record);

// Parses a message of which every byte counts: no unknown fields, the one canonical serialization.
// INVALID_ARGUMENT with the given reason otherwise.
absl::Status ParseStrictly(absl::string_view bytes, absl::string_view reason,
                           google::protobuf::Message* message);

// The hashes of a repeated bytes field. INVALID_ARGUMENT with the given reason when one has not 32
// bytes.
absl::StatusOr<merkle::Path> PathOf(const google::protobuf::RepeatedPtrField<std::string>& hashes,
                                    absl::string_view reason);

// Parses a sealed header and the header in it, checks the form of every field, and computes the
// batch root that its signature must cover. Whether the signature does, and whose it is, is the
// caller's to check: certificate.public_key().Verify(SealedBytes(size, root), signature).
// INVALID_ARGUMENT BAD_HEADER; UNIMPLEMENTED UNKNOWN_ALGORITHM.
struct OpenedHeader {
  egov::exchange::v1::Header header;
  pki::Digest root = {};  // of the batch
  uint32_t size = 0;
  std::string signature;
};
absl::StatusOr<OpenedHeader> OpenHeader(absl::string_view sealed_header);

// Checks the form of a record's fields. INVALID_ARGUMENT BAD_RECORD.
absl::StatusOr<egov::exchange::v1::Record> OpenRecord(absl::string_view record);

// The root that a receipt's path leads to, from its record. INVALID_ARGUMENT BAD_RECEIPT.
absl::StatusOr<pki::Digest> RootOfReceipt(const egov::exchange::v1::Receipt& receipt,
                                          uint64_t checkpoint_size);

// A C2SP signed note that is a checkpoint (c2sp.org/tlog-checkpoint, without extension lines):
// "origin\nsize\nbase64(root)\n\n— origin base64(key id | signature)\n". Lines after the first
// signature line are cosignatures: their form is checked, their meaning is not known here.
struct Note {
  std::string origin;
  uint64_t size = 0;
  pki::Digest root = {};
  std::string signed_text;  // up to and including the newline before the empty line
  std::string signature;    // of the log's key, DER
  uint32_t key_id = 0;      // first four bytes of SHA-256 of the key's SubjectPublicKeyInfo
};
// The key's id in a note.
uint32_t NoteKeyId(const pki::PublicKey& key);
// INVALID_ARGUMENT BAD_CHECKPOINT.
absl::StatusOr<Note> ParseNote(absl::string_view note);
// PERMISSION_DENIED BAD_SIGNATURE.
absl::Status VerifyNote(const Note& note, const pki::PublicKey& key);
// INVALID_ARGUMENT BAD_CHECKPOINT when the origin cannot stand in a note.
absl::StatusOr<std::string> SignNote(absl::string_view origin, uint64_t size,
                                     const pki::Digest& root, const pki::PrivateKey& key);

}  // namespace egov::proof

#endif  // EGOV_LIBS_PROOF_WIRE_H_
