// Makes proto/egov/exchange/v1/testdata: run it with that folder as its argument when the format
// changes. Keys are drawn anew; the files are what counts.
#include <cstdio>
#include <fstream>
#include <iostream>

#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "libs/base/bytes.h"
#include "libs/proof/testing/house.h"
#include "libs/proof/verify.h"

namespace egov::proof {
namespace {

using google::protobuf::Struct;

class Out {
 public:
  void Text(const std::string& name, const std::string& value) {
    (*struct_.mutable_fields())[name].set_string_value(value);
  }
  void Hex(const std::string& name, absl::string_view bytes) { Text(name, base::ToHex(bytes)); }
  void HexList(const std::string& name, const std::vector<std::string>& list) {
    auto* values = (*struct_.mutable_fields())[name].mutable_list_value();
    for (const std::string& bytes : list) {
      values->add_values()->set_string_value(base::ToHex(bytes));
    }
  }
  std::string Json() const {
    google::protobuf::util::JsonPrintOptions options;
    options.add_whitespace = true;
    std::string json;
    const auto status = google::protobuf::util::MessageToJsonString(struct_, &json, options);
    if (!status.ok()) std::abort();
    return json;
  }

 private:
  Struct struct_;
};

int Write(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  out.close();
  if (out.good()) return 0;
  std::cerr << "cannot write " << path << "\n";
  return 1;
}

int Run(const std::string& folder) {
  const testing::House house;
  Out out;
  out.Text("what", "Test vectors of README.md beside this folder; binary values in hexadecimal");
  out.Hex("seal_certificate", house.seal.certificate.ToDer());
  out.Hex("log_certificate", house.log.certificate.ToDer());

  const std::string salt = base::RandomBytes(kSaltSize);
  out.Hex("salt", salt);
  out.HexList("messages", {"one", "", std::string(300, 'm')});
  Commitment commitment(salt);
  for (const std::string& message : {std::string("one"), std::string(), std::string(300, 'm')}) {
    commitment.Add(message);
  }
  out.Hex("commitment", pki::AsBytes(commitment.Finish()));
  out.Hex("commitment_to_nothing", pki::AsBytes(Commitment(salt).Finish()));

  std::vector<exchange::v1::Header> headers;
  std::vector<std::string> serialized, leaves;
  std::vector<merkle::Digest> digests;
  for (int i = 0; i < 3; ++i) {
    headers.push_back(house.NewHeader());
    headers.back().set_request(std::string(pki::AsBytes(Commit(salt, "one"))));
    serialized.push_back(headers.back().SerializeAsString());
    digests.push_back(HeaderLeaf(serialized.back()));
    leaves.emplace_back(pki::AsBytes(digests.back()));
  }
  const std::vector<std::string> sealed = testing::SealBatch(headers, house.seal.key);
  out.HexList("headers", serialized);
  out.HexList("header_leaves", leaves);
  out.Hex("batch_root", pki::AsBytes(merkle::Root(digests)));
  out.Hex("sealed_bytes", SealedBytes(3, merkle::Root(digests)));
  out.HexList("sealed_headers", sealed);

  const testing::Exchange exchange(house, 2);
  const auto& window = exchange.file.windows(0);
  exchange::v1::Receipt receipt;
  receipt.set_record(window.record());
  receipt.set_recorded_micros(window.recorded_micros());
  receipt.set_index(window.index());
  *receipt.mutable_path() = window.path();
  receipt.set_checkpoint(exchange.file.after().checkpoint());
  out.Hex("record", window.record());
  out.Text("recorded_micros", absl::StrCat(window.recorded_micros()));
  out.Hex("record_leaf", pki::AsBytes(RecordLeaf(window.recorded_micros(), window.record())));
  out.Hex("receipt", receipt.SerializeAsString());
  out.Text("checkpoint", exchange.file.after().checkpoint());
  const std::string file = WriteFile(exchange.file);
  out.Hex("evidence_file", file);
  out.Text("verified_at_unix_seconds", absl::StrCat(absl::ToUnixSeconds(house.now) + 60));
  return Write(folder + "/vectors.json", out.Json()) + Write(folder + "/evidence.egov", file) +
         Write(folder + "/anchors.pem", house.root.certificate.ToPem());
}

}  // namespace
}  // namespace egov::proof

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: vectors FOLDER\n";
    return 2;
  }
  return egov::proof::Run(argv[1]);
}
