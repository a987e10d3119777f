#include "libs/proof/wire.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "libs/base/bytes.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/merkle/merkle.h"

namespace egov::proof {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using egov::exchange::v1::Header;
using egov::exchange::v1::Receipt;
using egov::exchange::v1::Record;
using egov::exchange::v1::SealedHeader;

constexpr char kOrigin[] = "ee/GOV/70000310/population/log/0";

Header GoodHeader() {
  Header header;
  header.set_id(std::string(16, 'i'));
  header.set_caller("spiffe://ee/GOV/70000310/pensions");
  header.set_audience("spiffe://ee/GOV/70000310/population");
  header.set_method("/egov.population.v1.PopulationService/GetPerson");
  header.set_issued_micros(1);
  header.set_purpose("pension");
  header.add_items("a.b.c");
  header.add_items("a.b.d");
  header.set_request(std::string(32, 'r'));
  header.set_last(true);
  header.set_algorithm(egov::exchange::v1::ALGORITHM_ECDSA_P256_SHA256);
  header.set_seal_certificate(std::string(32, 'c'));
  return header;
}

SealedHeader Seal(const Header& header) {
  SealedHeader sealed;
  sealed.set_header(header.SerializeAsString());
  sealed.set_size(1);
  sealed.set_signature("signature");
  return sealed;
}

std::string Sealed(const Header& header) { return Seal(header).SerializeAsString(); }

TEST(CommitmentTest, IsTheHashOfSaltAndLengthPrefixedMessages) {
  const std::string salt(16, 's');
  Commitment two(salt);
  two.Add("ab");
  two.Add("");
  EXPECT_EQ(two.Finish(), pki::Sha256Of({salt, absl::string_view("\0\0\0\2ab\0\0\0\0", 10)}));
  EXPECT_EQ(Commit(salt, "x"), pki::Sha256Of({salt, absl::string_view("\0\0\0\1x", 5)}));
  EXPECT_EQ(Commitment(salt).Finish(), pki::Sha256Of(salt));
}

TEST(SealTest, SignsContextSizeAndRoot) {
  pki::Digest root;
  root.fill(0xee);
  const std::string bytes = SealedBytes(0x01020304, root);
  EXPECT_EQ(bytes, absl::StrCat("egov.exchange.v1.seal", std::string(1, '\0'), "\1\2\3\4",
                                std::string(32, '\xee')));
}

TEST(RecordLeafTest, HashesTimeBeforeRecord) {
  EXPECT_EQ(RecordLeaf(258, "r"), pki::Sha256Of(absl::string_view("\0\0\0\0\0\0\0\1\2r", 10)));
}

TEST(OpenHeaderTest, TheBatchRootComesFromTheHeadersPlace) {
  std::vector<merkle::Digest> leaves;
  std::vector<Header> headers(3, GoodHeader());
  for (int i = 0; i < 3; ++i) {
    headers[i].set_id(std::string(16, 'a' + i));
    leaves.push_back(HeaderLeaf(headers[i].SerializeAsString()));
  }
  const merkle::BatchTree tree(leaves);
  for (int i = 0; i < 3; ++i) {
    SealedHeader sealed = Seal(headers[i]);
    sealed.set_index(i);
    sealed.set_size(3);
    for (const auto& hash : tree.path(i)) sealed.add_path(std::string(pki::AsBytes(hash)));
    EGOV_ASSERT_OK_AND_ASSIGN(const OpenedHeader opened, OpenHeader(sealed.SerializeAsString()));
    EXPECT_EQ(opened.root, tree.root());
    EXPECT_EQ(opened.size, 3);
    EXPECT_EQ(opened.signature, "signature");
    EXPECT_EQ(opened.header.id(), headers[i].id());
    sealed.set_size(5);  // another size has another path length here, or leads elsewhere
    const auto other = OpenHeader(sealed.SerializeAsString());
    EXPECT_TRUE(!other.ok() || other->root != tree.root());
  }
}

TEST(OpenHeaderTest, AFieldWithoutItsFormIsRefusedByName) {
  const std::vector<std::pair<std::string, std::function<void(Header*)>>> cases = {
      {"header.id", [](Header* h) { h->set_id("short"); }},
      {"header.caller", [](Header* h) { h->clear_caller(); }},
      {"header.audience", [](Header* h) { h->clear_audience(); }},
      {"header.method", [](Header* h) { h->set_method("GetPerson"); }},
      {"header.issued_micros", [](Header* h) { h->set_issued_micros(-1); }},
      {"header.items", [](Header* h) { h->add_items("a.b.d"); }},
      {"header.items", [](Header* h) { h->add_items("a.a"); }},
      {"header.request", [](Header* h) { h->clear_request(); }},
      {"header.end_user", [](Header* h) { h->set_end_user("x"); }},
      {"header.previous", [](Header* h) { h->set_previous(std::string(32, 'p')); }},
      {"header.previous", [](Header* h) { h->set_window(1); }},
      {"header.seal_certificate", [](Header* h) { h->set_seal_certificate("x"); }},
  };
  ASSERT_THAT(OpenHeader(Sealed(GoodHeader())), IsOk());
  for (const auto& [field, change] : cases) {
    Header header = GoodHeader();
    change(&header);
    EXPECT_THAT(OpenHeader(Sealed(header)),
                Fails(StatusCode::kInvalidArgument, "BAD_HEADER", field));
  }
  Header other = GoodHeader();
  other.clear_algorithm();
  EXPECT_THAT(OpenHeader(Sealed(other)), Fails(StatusCode::kUnimplemented, "UNKNOWN_ALGORITHM"));
}

TEST(OpenHeaderTest, ABatchThatCannotBeIsRefused) {
  const auto refused = [](const SealedHeader& sealed) {
    EXPECT_THAT(OpenHeader(sealed.SerializeAsString()),
                Fails(StatusCode::kInvalidArgument, "BAD_HEADER"));
  };
  SealedHeader sealed = Seal(GoodHeader());
  sealed.set_size(0);
  refused(sealed);
  sealed = Seal(GoodHeader());
  sealed.set_size(1025);
  refused(sealed);
  sealed = Seal(GoodHeader());
  sealed.set_index(1);
  refused(sealed);
  sealed = Seal(GoodHeader());
  sealed.add_path(std::string(32, 'x'));
  refused(sealed);
  sealed = Seal(GoodHeader());
  sealed.set_size(2);
  sealed.add_path(std::string(31, 'x'));
  refused(sealed);
  sealed = Seal(GoodHeader());
  sealed.clear_signature();
  refused(sealed);
}

TEST(OpenHeaderTest, MoreThanAKibibyteIsRefused) {
  Header header = GoodHeader();
  header.set_case_reference(std::string(900, 'c'));
  EXPECT_THAT(OpenHeader(Sealed(header)), Fails(StatusCode::kInvalidArgument, "BAD_HEADER"));
}

TEST(ParseStrictlyTest, UnknownFieldsAreRefusedAtAnyDepth) {
  Header header = GoodHeader();
  // Field 100, varint 1, behind the header and inside its legal basis.
  const std::string unknown("\xa0\x06\x01", 3);
  EXPECT_THAT(ParseStrictly(header.SerializeAsString() + unknown, "R", &header),
              Fails(StatusCode::kInvalidArgument, "R"));
  header = GoodHeader();
  header.mutable_legal_basis()
      ->GetReflection()
      ->MutableUnknownFields(header.mutable_legal_basis())
      ->AddVarint(100, 1);
  const std::string bytes = header.SerializeAsString();
  EXPECT_THAT(ParseStrictly(bytes, "R", &header), Fails(StatusCode::kInvalidArgument, "R"));
}

TEST(ParseStrictlyTest, AnotherSerializationOfTheSameMessageIsRefused) {
  Record record;
  for (const absl::string_view bytes : {
           absl::string_view("\x18\x00", 2),          // a default, written
           absl::string_view("\x18\x85\x00", 3),      // a varint longer than needed
           absl::string_view("\x18\x05\x18\x05", 4),  // twice
           absl::string_view("\x30\x01\x18\x05", 4),  // not in order
           absl::string_view("\x40\x02", 2),          // a true that is not 1
           absl::string_view("\x1a\x01x", 3),         // another wire type
           absl::string_view("\x18", 1),              // cut
           absl::string_view("\x22\x01\xff", 3),      // text that is not UTF-8
       }) {
    EXPECT_THAT(ParseStrictly(bytes, "R", &record), Fails(StatusCode::kInvalidArgument, "R"))
        << base::ToHex(bytes);
  }
  EXPECT_THAT(ParseStrictly(absl::string_view("\x18\x05\x30\x01", 4), "R", &record), IsOk());
}

TEST(OpenRecordTest, AStatementStandsAlone) {
  Record record;
  record.set_statement("log opened");
  EXPECT_THAT(OpenRecord(record.SerializeAsString()), IsOk());
  record.set_code(5);
  EXPECT_THAT(OpenRecord(record.SerializeAsString()),
              Fails(StatusCode::kInvalidArgument, "BAD_RECORD"));
}

TEST(OpenRecordTest, AFieldWithoutItsFormIsRefused) {
  Record good;
  good.set_request(std::string(32, 'q'));
  good.set_response(std::string(32, 'a'));
  good.set_received_micros(7);
  ASSERT_THAT(OpenRecord(good.SerializeAsString()), IsOk());
  const std::vector<std::function<void(Record*)>> changes = {
      [](Record* r) { r->clear_request(); },
      [](Record* r) { r->set_response("x"); },
      [](Record* r) { r->set_code(17); },
      [](Record* r) { r->set_details("x"); },
      [](Record* r) { r->set_window(1); },
      [](Record* r) { r->set_previous(std::string(32, 'p')); },
      [](Record* r) { r->clear_received_micros(); },
      [](Record* r) { r->set_tls_certificate("x"); },
      [](Record* r) { r->set_revocation("x"); },
  };
  for (const auto& change : changes) {
    Record record = good;
    change(&record);
    EXPECT_THAT(OpenRecord(record.SerializeAsString()),
                Fails(StatusCode::kInvalidArgument, "BAD_RECORD"));
  }
}

TEST(ReceiptTest, LeadsToTheRootOfTheLog) {
  const std::vector<merkle::Digest> leaves = {RecordLeaf(1, "a"), RecordLeaf(2, "b"),
                                              RecordLeaf(3, "c")};
  const merkle::BatchTree tree(leaves);
  Receipt receipt;
  receipt.set_record("b");
  receipt.set_recorded_micros(2);
  receipt.set_index(1);
  for (const auto& hash : tree.path(1)) receipt.add_path(std::string(pki::AsBytes(hash)));
  EGOV_ASSERT_OK_AND_ASSIGN(pki::Digest root, RootOfReceipt(receipt, 3));
  EXPECT_EQ(root, tree.root());
  receipt.set_recorded_micros(3);
  EGOV_ASSERT_OK_AND_ASSIGN(root, RootOfReceipt(receipt, 3));
  EXPECT_NE(root, tree.root());
  EXPECT_THAT(RootOfReceipt(receipt, 1), Fails(StatusCode::kInvalidArgument, "BAD_RECEIPT"));
  receipt.set_path(0, "short");
  EXPECT_THAT(RootOfReceipt(receipt, 3), Fails(StatusCode::kInvalidArgument, "BAD_RECEIPT"));
}

class NoteTest : public testing::Test {
 protected:
  NoteTest() { root_.fill(7); }
  void SetUp() override {
    EGOV_ASSERT_OK_AND_ASSIGN(pki::PrivateKey key, pki::PrivateKey::Generate());
    key_ = std::make_unique<pki::PrivateKey>(key);
    EGOV_ASSERT_OK_AND_ASSIGN(note_, SignNote(kOrigin, 42, root_, *key_));
  }
  pki::Digest root_;
  std::unique_ptr<pki::PrivateKey> key_;
  std::string note_;
};

TEST_F(NoteTest, SaysWhatWasSignedAndItsKeySignedIt) {
  EGOV_ASSERT_OK_AND_ASSIGN(const Note note, ParseNote(note_));
  EXPECT_EQ(note.origin, kOrigin);
  EXPECT_EQ(note.size, 42);
  EXPECT_EQ(note.root, root_);
  EXPECT_THAT(VerifyNote(note, key_->public_key()), IsOk());
  EXPECT_EQ(note.signed_text,
            absl::StrCat(kOrigin, "\n42\n", absl::Base64Escape(std::string(32, '\7')), "\n"));
}

TEST_F(NoteTest, AnotherKeysSignatureIsRefused) {
  EGOV_ASSERT_OK_AND_ASSIGN(Note note, ParseNote(note_));
  EGOV_ASSERT_OK_AND_ASSIGN(const pki::PrivateKey other, pki::PrivateKey::Generate());
  EXPECT_THAT(VerifyNote(note, other.public_key()),
              Fails(StatusCode::kPermissionDenied, "BAD_SIGNATURE"));
  note.key_id = NoteKeyId(other.public_key());
  EXPECT_THAT(VerifyNote(note, other.public_key()),
              Fails(StatusCode::kPermissionDenied, "BAD_SIGNATURE"));
}

TEST_F(NoteTest, AFlippedByteAnywhereIsSeen) {
  for (size_t i = 0; i < note_.size(); ++i) {
    std::string changed = note_;
    changed[i] ^= 1;
    const auto note = ParseNote(changed);
    EXPECT_FALSE(note.ok() && VerifyNote(*note, key_->public_key()).ok()) << i;
  }
}

TEST_F(NoteTest, CosignaturesMayFollow) {
  const std::string line =
      absl::StrCat("\xe2\x80\x94 witness.example ", absl::Base64Escape(std::string(76, 'w')), "\n");
  EXPECT_THAT(ParseNote(note_ + line), IsOk());
  EXPECT_THAT(ParseNote(note_ + "witness\n"),
              Fails(StatusCode::kInvalidArgument, "BAD_CHECKPOINT"));
}

TEST_F(NoteTest, AFormOfItsOwnIsRefused) {
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\n42\n", "\n042\n"},
                                                        {"\n42\n", "\n+42\n"},
                                                        {"\n42\n", "\n 42\n"},
                                                        {"=\n\n", "\n\n"},
                                                        {"=\n\n", "=\nextension\n\n"},
                                                        {"\n\n", "\n"},
                                                        {"\n42\n", "\n42\r\n"}}) {
    EXPECT_THAT(ParseNote(absl::StrReplaceAll(note_, {{from, to}})),
                Fails(StatusCode::kInvalidArgument, "BAD_CHECKPOINT"))
        << to;
  }
  EXPECT_THAT(SignNote("with space", 1, root_, *key_),
              Fails(StatusCode::kInvalidArgument, "BAD_CHECKPOINT"));
}

}  // namespace
}  // namespace egov::proof
