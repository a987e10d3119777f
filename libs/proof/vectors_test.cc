// The test vectors of proto/egov/exchange/v1, which programs in other languages are held against.
#include <fstream>
#include <sstream>

#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "libs/base/bytes.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/pki/certificate.h"
#include "libs/proof/verify.h"
#include "libs/proof/wire.h"

namespace egov::proof {
namespace {

using base::IsOk;

std::string ReadAll(const std::string& name) {
  std::ifstream in("proto/egov/exchange/v1/testdata/" + name, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

class VectorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(
        google::protobuf::util::JsonStringToMessage(ReadAll("vectors.json"), &vectors_).ok());
  }
  const std::string& Text(const std::string& name) {
    EXPECT_TRUE(vectors_.fields().contains(name)) << name;
    return vectors_.fields().at(name).string_value();
  }
  std::string Hex(const std::string& name) { return base::FromHex(Text(name)).value(); }
  std::vector<std::string> List(const std::string& name) {
    std::vector<std::string> list;
    for (const auto& value : vectors_.fields().at(name).list_value().values()) {
      list.push_back(base::FromHex(value.string_value()).value());
    }
    return list;
  }
  pki::Certificate CertificateOf(const std::string& name) {
    return pki::Certificate::FromDer(Hex(name)).value();
  }

  google::protobuf::Struct vectors_;
};

TEST_F(VectorsTest, Commitments) {
  Commitment commitment(Hex("salt"));
  EXPECT_EQ(pki::AsBytes(Commitment(Hex("salt")).Finish()), Hex("commitment_to_nothing"));
  for (const std::string& message : List("messages")) commitment.Add(message);
  EXPECT_EQ(pki::AsBytes(commitment.Finish()), Hex("commitment"));
}

TEST_F(VectorsTest, SealsOfABatch) {
  const auto headers = List("headers"), leaves = List("header_leaves");
  const auto sealed = List("sealed_headers");
  const pki::Certificate certificate = CertificateOf("seal_certificate");
  ASSERT_EQ(sealed.size(), 3);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(pki::AsBytes(HeaderLeaf(headers[i])), leaves[i]);
    EGOV_ASSERT_OK_AND_ASSIGN(const OpenedHeader opened, OpenHeader(sealed[i]));
    EXPECT_EQ(opened.header.SerializeAsString(), headers[i]);
    EXPECT_EQ(pki::AsBytes(opened.root), Hex("batch_root"));
    EXPECT_EQ(SealedBytes(opened.size, opened.root), Hex("sealed_bytes"));
    EXPECT_THAT(certificate.public_key().Verify(Hex("sealed_bytes"), opened.signature), IsOk());
    EXPECT_EQ(opened.header.seal_certificate(), pki::AsBytes(certificate.fingerprint()));
  }
}

TEST_F(VectorsTest, RecordReceiptAndCheckpoint) {
  EXPECT_THAT(OpenRecord(Hex("record")), IsOk());
  EXPECT_EQ(pki::AsBytes(RecordLeaf(std::stoll(Text("recorded_micros")), Hex("record"))),
            Hex("record_leaf"));
  exchange::v1::Receipt receipt;
  ASSERT_THAT(ParseStrictly(Hex("receipt"), "R", &receipt), IsOk());
  EXPECT_EQ(receipt.checkpoint(), Text("checkpoint"));
  EGOV_ASSERT_OK_AND_ASSIGN(const Note note, ParseNote(Text("checkpoint")));
  EXPECT_THAT(VerifyNote(note, CertificateOf("log_certificate").public_key()), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const pki::Digest root, RootOfReceipt(receipt, note.size));
  EXPECT_EQ(root, note.root);
}

TEST_F(VectorsTest, AnEvidenceFile) {
  EXPECT_EQ(ReadAll("evidence.egov"), Hex("evidence_file"));
  EGOV_ASSERT_OK_AND_ASSIGN(const auto anchors,
                            pki::Certificate::ChainFromPem(ReadAll("anchors.pem")));
  EGOV_ASSERT_OK_AND_ASSIGN(
      const Report report,
      Verify(Hex("evidence_file"), anchors,
             absl::FromUnixSeconds(std::stoll(Text("verified_at_unix_seconds")))));
  EXPECT_EQ(report.windows.size(), 2);
  EXPECT_TRUE(report.complete);
}

}  // namespace
}  // namespace egov::proof
