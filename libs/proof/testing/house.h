// A small country for tests of evidence: a root, authorities, a caller with its seal, a service
// with its log, a time-stamping authority; and exchanges between them, made in memory.
#ifndef EGOV_LIBS_PROOF_TESTING_HOUSE_H_
#define EGOV_LIBS_PROOF_TESTING_HOUSE_H_

#include <string>
#include <vector>

#include "egov/evidence/v1/evidence.pb.h"
#include "egov/exchange/v1/exchange.pb.h"
#include "libs/base/ids.h"
#include "libs/merkle/merkle.h"
#include "libs/pki/crl.h"
#include "libs/pki/testing/authority.h"
#include "libs/pki/timestamp.h"
#include "libs/proof/wire.h"

namespace egov::proof::testing {

using pki::testing::Identity;
using pki::testing::Must;

constexpr char kOrigin[] = "ee/GOV/70000310/population/log/0";
constexpr char kCaller[] = "ee/GOV/70000349/pensions";
constexpr char kService[] = "ee/GOV/70000310/population";
constexpr char kMethod[] = "/egov.population.v1.PopulationService/GetPerson";

inline absl::Time Start() { return absl::FromUnixSeconds(1800000000); }

// Seals a batch of headers under one signature.
inline std::vector<std::string> SealBatch(const std::vector<exchange::v1::Header>& headers,
                                          const pki::PrivateKey& key) {
  std::vector<merkle::Digest> leaves;
  for (const auto& header : headers) leaves.push_back(HeaderLeaf(header.SerializeAsString()));
  const merkle::BatchTree tree(leaves);
  const std::string signature =
      Must(key.Sign(SealedBytes(static_cast<uint32_t>(headers.size()), tree.root())));
  std::vector<std::string> sealed;
  for (size_t i = 0; i < headers.size(); ++i) {
    exchange::v1::SealedHeader one;
    one.set_header(headers[i].SerializeAsString());
    one.set_index(static_cast<uint32_t>(i));
    one.set_size(static_cast<uint32_t>(headers.size()));
    for (const auto& hash : tree.path(i)) one.add_path(std::string(pki::AsBytes(hash)));
    one.set_signature(signature);
    sealed.push_back(one.SerializeAsString());
  }
  return sealed;
}

struct House {
  absl::Time now = Start();
  Identity root = pki::testing::MakeRoot("Root", now);
  Identity seal_ca = Authority("Member seals");
  Identity tsa_ca = Authority("Time-stamping");
  Identity seal = pki::testing::MakeMember(seal_ca, pki::Purpose::kSeal, kCaller, now);
  Identity log = pki::testing::MakeMember(seal_ca, pki::Purpose::kLog, kService, now);
  Identity tsa = pki::testing::MakeMember(tsa_ca, pki::Purpose::kTimeStamp, "", now);
  pki::Crl crl = List(1, {});
  std::vector<pki::Certificate> anchors = {root.certificate};

  Identity Authority(absl::string_view name) const {
    pki::CertificateProfile profile = pki::testing::Profile(pki::Purpose::kAuthority, name, now);
    return pki::testing::MakeUnder(root, profile);
  }

  pki::Crl List(uint64_t number, const std::vector<pki::RevokedCertificate>& revoked) const {
    return Must(pki::Crl::Build(seal_ca.certificate, seal_ca.key, number, now - absl::Hours(1),
                                now + absl::Hours(24), revoked));
  }

  // An authority whose clock says `time`.
  pki::TimeStampAuthority TimeStamper(absl::Time time) const {
    return Must(pki::TimeStampAuthority::Create(
        {"1.3.6.1.4.1.99999.1", absl::Seconds(1), true}, tsa.certificate, tsa.key,
        {tsa_ca.certificate}, [time]() -> absl::StatusOr<absl::Time> { return time; },
        []() -> absl::StatusOr<uint64_t> { return 7; }));
  }

  evidence::v1::StampedCheckpoint Stamp(const std::string& note, absl::Time time) const {
    evidence::v1::StampedCheckpoint stamped;
    stamped.set_checkpoint(note);
    stamped.set_time_stamp(
        TimeStamper(time).Respond(pki::TimeStampRequest::New(pki::Sha256Of(note)).ToDer()).der);
    return stamped;
  }

  exchange::v1::Header NewHeader(uint64_t window = 0, bool last = true) const {
    exchange::v1::Header header;
    header.set_id(base::RandomBytes(kMessageIdSize));
    header.set_caller(absl::StrCat("spiffe://", kCaller));
    header.set_audience(absl::StrCat("spiffe://", kService));
    header.set_method(kMethod);
    header.set_issued_micros(absl::ToUnixMicros(now));
    header.set_purpose("old-age-pension");
    header.mutable_legal_basis()->set_act("RT I 2023, 12");
    header.mutable_legal_basis()->set_provision("§ 12 (3)");
    header.mutable_legal_basis()->set_version("2026-01-01");
    header.set_case_reference("run 2026-11");
    header.add_items("population.person.birth_date");
    header.add_items("population.person.death_date");
    header.set_window(window);
    header.set_last(last);
    header.set_algorithm(exchange::v1::ALGORITHM_ECDSA_P256_SHA256);
    header.set_seal_certificate(std::string(pki::AsBytes(seal.certificate.fingerprint())));
    return header;
  }
};

// A log in memory: leaves, their records, its checkpoints.
struct MemoryLog {
  explicit MemoryLog(const House& house) : house(house) {}

  uint64_t Append(const std::string& record, int64_t recorded_micros) {
    leaves.push_back(RecordLeaf(recorded_micros, record));
    return leaves.size() - 1;
  }
  std::string Note(uint64_t size) const {
    return Must(SignNote(kOrigin, size, merkle::Root(absl::MakeConstSpan(leaves).subspan(0, size)),
                         house.log.key));
  }

  const House& house;
  std::vector<merkle::Digest> leaves;
};

// An exchange of `windows` question windows, content and everything included, between other
// records of the log. The evidence file is whole and verifies.
struct Exchange {
  explicit Exchange(const House& house, int windows = 1, bool end_user = true) : log(house) {
    const int64_t base_micros = absl::ToUnixMicros(house.now);
    for (int i = 0; i < 5; ++i) log.Append(absl::StrCat("earlier ", i), base_micros - 5 + i);
    *file.mutable_before() = house.Stamp(log.Note(5), house.now - absl::Seconds(10));
    std::string previous_header, previous_record;
    for (int i = 0; i < windows; ++i) {
      auto* window = file.add_windows();
      window->set_request_salt(base::RandomBytes(kSaltSize));
      window->set_response_salt(base::RandomBytes(kSaltSize));
      exchange::v1::Header header = house.NewHeader(i, i + 1 == windows);
      Commitment request(window->request_salt());
      for (int part = 0; part < 2; ++part) {
        window->add_request_parts(absl::StrCat("question ", i, ".", part));
        request.Add(window->request_parts(part));
      }
      header.set_request(std::string(pki::AsBytes(request.Finish())));
      if (end_user) {
        window->set_end_user("assertion");
        header.set_end_user(
            std::string(pki::AsBytes(Commit(window->request_salt(), window->end_user()))));
      }
      if (i > 0) header.set_previous(std::string(pki::AsBytes(pki::Sha256Of(previous_header))));
      // A batch of three: the evidence must not tell about the others.
      window->set_sealed_header(
          SealBatch({house.NewHeader(), header, house.NewHeader()}, house.seal.key)[1]);
      exchange::v1::Record record;
      record.set_request(std::string(pki::AsBytes(pki::Sha256Of(window->sealed_header()))));
      window->add_response_parts(absl::StrCat("answer ", i));
      record.set_response(
          std::string(pki::AsBytes(Commit(window->response_salt(), window->response_parts(0)))));
      record.set_window(i);
      if (i > 0) record.set_previous(std::string(pki::AsBytes(pki::Sha256Of(previous_record))));
      record.set_received_micros(base_micros + i);
      record.set_revision(5);
      record.set_tls_certificate(std::string(32, 't'));
      record.set_revocation(std::string(pki::AsBytes(house.crl.digest())));
      window->set_record(record.SerializeAsString());
      window->set_recorded_micros(base_micros + i);
      window->set_index(log.Append(window->record(), window->recorded_micros()));
      log.Append(absl::StrCat("between ", i), base_micros + i);
      previous_header = window->sealed_header();
      previous_record = window->record();
    }
    file.set_origin(kOrigin);
    Finish(house);
  }

  // Makes paths, consistency, the stamp after and the lists anew from the log and the windows.
  void Finish(const House& house) {
    const uint64_t size = log.leaves.size();
    *file.mutable_after() = house.Stamp(log.Note(size), house.now + absl::Seconds(10));
    for (auto& window : *file.mutable_windows()) {
      window.clear_path();
      for (const auto& hash : PathTo(window.index(), 0, size)) {
        window.add_path(std::string(pki::AsBytes(hash)));
      }
    }
    file.clear_consistency();
    for (const auto& hash : ConsistencyFrom(5, 0, size, true)) {
      file.add_consistency(std::string(pki::AsBytes(hash)));
    }
    file.clear_certificates();
    for (const Identity* identity : {&house.seal, &house.log, &house.seal_ca}) {
      file.add_certificates(identity->certificate.ToDer());
    }
    file.clear_revocations();
    file.add_revocations(house.crl.ToDer());
  }

  // RFC 6962 sections 2.1.1 and 2.1.2, as they are written: an oracle beside libs/merkle.
  merkle::Digest RootOf(uint64_t begin, uint64_t end) const {
    return merkle::Root(absl::MakeConstSpan(log.leaves).subspan(begin, end - begin));
  }
  static uint64_t Split(uint64_t n) {
    uint64_t k = 1;
    while (k * 2 < n) k *= 2;
    return k;
  }
  merkle::Path PathTo(uint64_t m, uint64_t begin, uint64_t end) const {
    if (end - begin == 1) return {};
    const uint64_t middle = begin + Split(end - begin);
    merkle::Path path = m < middle ? PathTo(m, begin, middle) : PathTo(m, middle, end);
    path.push_back(m < middle ? RootOf(middle, end) : RootOf(begin, middle));
    return path;
  }
  merkle::Path ConsistencyFrom(uint64_t m, uint64_t begin, uint64_t end, bool whole) const {
    if (m == end) return whole ? merkle::Path{} : merkle::Path{RootOf(begin, end)};
    const uint64_t middle = begin + Split(end - begin);
    merkle::Path path;
    if (m <= middle) {
      path = ConsistencyFrom(m, begin, middle, whole);
      path.push_back(RootOf(middle, end));
    } else {
      path = ConsistencyFrom(m, middle, end, false);
      path.push_back(RootOf(begin, middle));
    }
    return path;
  }

  MemoryLog log;
  evidence::v1::EvidenceFile file;
};

}  // namespace egov::proof::testing

#endif  // EGOV_LIBS_PROOF_TESTING_HOUSE_H_
