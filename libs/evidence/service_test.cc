// The EvidenceService's answers, and the file that is made of them.
#include "libs/evidence/service.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/evidence/export.h"
#include "libs/evidence/testing/fixture.h"
#include "libs/proof/verify.h"

namespace egov::evidence {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using testing::House;
using testing::LogOnDisk;
using testing::TsaServer;

class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest()
      : clock_(house_.now), disk_(house_, &clock_), tsa_([this](const std::string& request) {
          return house_.TimeStamper(clock_.Now()).Respond(request).der;
        }) {
    EXPECT_THAT(disk_.log().State("opened"), IsOk());
    StamperOptions options;
    options.authorities = {{tsa_.url(), testing::Trust(house_)}};
    options.interval = absl::Hours(1);
    options.clock = &clock_;
    stamper_ = testing::Must(Stamper::Start(&disk_.log(), options));
    service_ = std::make_unique<EvidenceService>(
        &disk_.log(), stamper_.get(),
        std::vector<pki::Certificate>{house_.log.certificate, house_.seal_ca.certificate});
    EXPECT_THAT(disk_.store().Run([this](storage::Transaction& transaction) {
      EGOV_RETURN_IF_ERROR(
          disk_.log().KeepCertificate(transaction, house_.seal.certificate.ToDer()));
      return disk_.log().KeepRevocationList(transaction, house_.crl.ToDer());
    }),
                IsOk());
    caller_.spiffe = house_.NewHeader().caller();
    caller_.deadline = absl::Now() + absl::Seconds(5);
  }

  // An exchange as its caller keeps it.
  KeptWindow Exchange() {
    KeptWindow kept;
    kept.request_parts = {"question"};
    kept.response_parts = {"answer"};
    kept.request_salt = base::RandomBytes(16);
    kept.response_salt = base::RandomBytes(16);
    exchange::v1::Header header = house_.NewHeader();
    header.set_request(
        std::string(pki::AsBytes(proof::Commit(kept.request_salt, kept.request_parts[0]))));
    exchange::v1::Record record;
    record.set_response(
        std::string(pki::AsBytes(proof::Commit(kept.response_salt, kept.response_parts[0]))));
    const auto entry = disk_.AppendExchange(house_, header, record);
    kept.sealed_header = entry->sealed_header;
    kept.receipt = entry->Receipt();
    id_ = header.id();
    return kept;
  }

  absl::StatusOr<Proofs> AskProofs(const std::vector<KeptWindow>& windows) {
    Proofs proofs;
    evidence::v1::StampRequest stamp;
    stamp.set_origin(proof::testing::kOrigin);
    EGOV_ASSIGN_OR_RETURN(const auto positions, PositionsOf(windows));
    for (const uint64_t position : positions) stamp.add_indexes(position);
    EGOV_ASSIGN_OR_RETURN(proofs.stamps, service_->Stamp(stamp, caller_));
    evidence::v1::GetCertificatesRequest request;
    EGOV_ASSIGN_OR_RETURN(auto response, service_->GetCertificates(request, caller_));
    proofs.certificates.assign(response.certificates().begin(), response.certificates().end());
    request.add_sha256(std::string(pki::AsBytes(house_.seal.certificate.fingerprint())));
    request.add_sha256(std::string(pki::AsBytes(house_.crl.digest())));
    EGOV_ASSIGN_OR_RETURN(response, service_->GetCertificates(request, caller_));
    for (const auto& der : response.certificates()) proofs.certificates.push_back(der);
    for (const auto& der : response.revocations()) proofs.revocations.push_back(der);
    return proofs;
  }

  House house_;
  base::ManualClock clock_;
  LogOnDisk disk_;
  TsaServer tsa_;
  std::unique_ptr<Stamper> stamper_;
  std::unique_ptr<EvidenceService> service_;
  Asker caller_;
  std::string id_;
};

TEST_F(ServiceTest, WhatItGivesMakesAFileThatVerifies) {
  ASSERT_THAT(stamper_->StampNow(1, caller_.deadline), IsOk());  // the opening
  clock_.Advance(absl::Seconds(5));
  const KeptWindow window = Exchange();
  EGOV_ASSERT_OK_AND_ASSIGN(Proofs proofs, AskProofs({window}));
  // More than is needed does no harm.
  proofs.certificates.push_back(House().seal.certificate.ToDer());
  proofs.revocations.push_back(house_.List(7, {}).ToDer());
  EGOV_ASSERT_OK_AND_ASSIGN(const v1::EvidenceFile message,
                            Assemble({window}, proofs, house_.anchors));
  const std::string file = proof::WriteFile(message);
  EGOV_ASSERT_OK_AND_ASSIGN(const proof::Report report,
                            proof::Verify(file, house_.anchors, clock_.Now()));
  EXPECT_TRUE(report.complete);
  EXPECT_TRUE(report.windows[0].question_proven && report.windows[0].answer_proven);
  EXPECT_TRUE(report.windows[0].revocation_checked);
  EXPECT_EQ(report.before->time, house_.now);
  EXPECT_EQ(report.before->size, 1);
  EXPECT_EQ(report.after.time, house_.now + absl::Seconds(5));
}

TEST_F(ServiceTest, WhatAnEarlierKeyOfTheLogSignedIsProvableWithItsCertificate) {
  ASSERT_THAT(disk_.log().KeepOwnCertificates({house_.log.certificate, house_.seal_ca.certificate}),
              IsOk());
  ASSERT_THAT(stamper_->StampNow(1, caller_.deadline), IsOk());
  const KeptWindow window = Exchange();
  ASSERT_THAT(stamper_->StampNow(2, caller_.deadline), IsOk());

  const auto next = pki::testing::MakeMember(house_.seal_ca, pki::Purpose::kLog,
                                             proof::testing::kService, house_.now);
  service_.reset();
  stamper_.reset();
  ASSERT_THAT(disk_.Reopen(next.key), IsOk());
  EXPECT_THAT(disk_.log().KeepOwnCertificates({house_.log.certificate}),
              Fails(StatusCode::kInvalidArgument, "NOT_THE_LOGS_CERTIFICATE"));
  for (int opened = 0; opened < 2; ++opened) {
    ASSERT_THAT(disk_.log().KeepOwnCertificates({next.certificate, house_.seal_ca.certificate}),
                IsOk());
  }
  service_ = std::make_unique<EvidenceService>(&disk_.log(), nullptr,
                                               std::vector<pki::Certificate>{next.certificate});

  EGOV_ASSERT_OK_AND_ASSIGN(const auto own, service_->GetCertificates({}, caller_));
  EXPECT_THAT(own.certificates(),
              ::testing::ElementsAre(next.certificate.ToDer(), house_.seal_ca.certificate.ToDer(),
                                     house_.log.certificate.ToDer()));
  EGOV_ASSERT_OK_AND_ASSIGN(const Proofs proofs, AskProofs({window}));
  EGOV_ASSERT_OK_AND_ASSIGN(const v1::EvidenceFile message,
                            Assemble({window}, proofs, house_.anchors));
  EXPECT_THAT(proof::Verify(proof::WriteFile(message), house_.anchors, clock_.Now()), IsOk());
}

TEST_F(ServiceTest, OfARenewedCertificateTheOneThatHeldAtTheStampIsTaken) {
  ASSERT_THAT(stamper_->StampNow(1, caller_.deadline), IsOk());
  clock_.Advance(absl::Minutes(10));
  house_.now = clock_.Now();
  pki::CertificateProfile profile = pki::testing::Profile(pki::Purpose::kLog, "member", house_.now);
  profile.spiffe = pki::testing::Must(pki::SpiffeId::FromXRoad(proof::testing::kService));
  profile.not_before = clock_.Now() - absl::Minutes(5);  // between the two stamps
  const auto renewed = pki::testing::Must(pki::Issue(
      profile, house_.log.key.public_key(), house_.seal_ca.certificate, house_.seal_ca.key));
  ASSERT_THAT(disk_.log().KeepOwnCertificates({house_.log.certificate, house_.seal_ca.certificate}),
              IsOk());
  ASSERT_THAT(disk_.log().KeepOwnCertificates({renewed, house_.seal_ca.certificate}), IsOk());
  service_ = std::make_unique<EvidenceService>(&disk_.log(), stamper_.get(),
                                               std::vector<pki::Certificate>{renewed});
  const KeptWindow window = Exchange();
  ASSERT_THAT(stamper_->StampNow(2, caller_.deadline), IsOk());
  EGOV_ASSERT_OK_AND_ASSIGN(const Proofs proofs, AskProofs({window}));
  EGOV_ASSERT_OK_AND_ASSIGN(const v1::EvidenceFile message,
                            Assemble({window}, proofs, house_.anchors));
  EXPECT_THAT(message.certificates(), ::testing::Contains(renewed.ToDer()));
  EXPECT_THAT(message.certificates(), ::testing::Contains(house_.log.certificate.ToDer()));
  EXPECT_THAT(proof::Verify(proof::WriteFile(message), house_.anchors, clock_.Now()), IsOk());
}

TEST_F(ServiceTest, WithoutSaltsTheFileHasNoContent) {
  ASSERT_THAT(stamper_->StampNow(1, caller_.deadline), IsOk());
  KeptWindow window = Exchange();
  window.request_salt.clear();
  window.response_salt.clear();
  EGOV_ASSERT_OK_AND_ASSIGN(const Proofs proofs, AskProofs({window}));
  EGOV_ASSERT_OK_AND_ASSIGN(const v1::EvidenceFile message,
                            Assemble({window}, proofs, house_.anchors));
  const std::string file = proof::WriteFile(message);
  EXPECT_EQ(file.find("question"), std::string::npos);
  EGOV_ASSERT_OK_AND_ASSIGN(const proof::Report report,
                            proof::Verify(file, house_.anchors, clock_.Now()));
  EXPECT_FALSE(report.windows[0].question_proven || report.windows[0].answer_proven);
}

TEST_F(ServiceTest, AnotherContentDoesNotVerifyAndOthersStampsDoNotFit) {
  ASSERT_THAT(stamper_->StampNow(1, caller_.deadline), IsOk());
  KeptWindow window = Exchange();
  EGOV_ASSERT_OK_AND_ASSIGN(Proofs proofs, AskProofs({window}));
  window.response_parts = {"another answer"};
  EGOV_ASSERT_OK_AND_ASSIGN(const v1::EvidenceFile message,
                            Assemble({window}, proofs, house_.anchors));
  EXPECT_THAT(proof::Verify(proof::WriteFile(message), house_.anchors, clock_.Now()),
              Fails(StatusCode::kInvalidArgument, "CONTENT_MISMATCH"));
  proofs.stamps.clear_paths();
  EXPECT_THAT(Assemble({window}, proofs, house_.anchors),
              Fails(StatusCode::kInvalidArgument, "BAD_STAMPS"));
}

TEST_F(ServiceTest, ALostReceiptIsGivenToItsCallerAndToAuditors) {
  const KeptWindow window = Exchange();
  evidence::v1::GetReceiptRequest request;
  request.set_id(id_);
  EGOV_ASSERT_OK_AND_ASSIGN(auto response, service_->GetReceipt(request, caller_));
  EXPECT_EQ(response.receipt(), window.receipt);
  Asker other;
  other.spiffe = "spiffe://ee/GOV/1/other";
  EXPECT_THAT(service_->GetReceipt(request, other), Fails(StatusCode::kNotFound, "NO_SUCH_RECORD"));
  other.may_audit = true;
  EXPECT_THAT(service_->GetReceipt(request, other), IsOk());
  request.set_id(std::string(16, 'x'));
  EXPECT_THAT(service_->GetReceipt(request, caller_),
              Fails(StatusCode::kNotFound, "NO_SUCH_RECORD"));
}

TEST_F(ServiceTest, ProvesThatTheLogOnlyGrew) {
  const Checkpoint before = disk_.log().Newest();
  for (int i = 0; i < 5; ++i) Exchange();
  evidence::v1::GetConsistencyRequest request;
  request.set_origin(proof::testing::kOrigin);
  request.set_from_size(before.size);
  EGOV_ASSERT_OK_AND_ASSIGN(const auto response, service_->GetConsistency(request, caller_));
  EGOV_ASSERT_OK_AND_ASSIGN(const auto note, proof::ParseNote(response.checkpoint()));
  EGOV_ASSERT_OK_AND_ASSIGN(const auto path, proof::PathOf(response.proof(), "R"));
  EXPECT_THAT(merkle::VerifyConsistency(before.size, before.root, note.size, note.root, path),
              IsOk());
  request.set_from_size(0);
  EXPECT_THAT(service_->GetConsistency(request, caller_),
              Fails(StatusCode::kInvalidArgument, "BAD_SIZE", "from_size"));
  request.set_origin("ee/GOV/1/other/log/0");
  EXPECT_THAT(service_->GetConsistency(request, caller_),
              Fails(StatusCode::kNotFound, "UNKNOWN_LOG"));
}

TEST_F(ServiceTest, OnlyAuditorsListTheLog) {
  Exchange();
  evidence::v1::ListEntriesRequest request;
  request.set_origin(proof::testing::kOrigin);
  EXPECT_THAT(service_->ListEntries(request, caller_),
              Fails(StatusCode::kPermissionDenied, "NO_RIGHT"));
  caller_.may_audit = true;
  EGOV_ASSERT_OK_AND_ASSIGN(const auto response, service_->ListEntries(request, caller_));
  EXPECT_EQ(response.entries_size(), 2);
  EXPECT_EQ(response.entries(1).index(), 1);
  EXPECT_EQ(response.checkpoint(), disk_.log().Newest().note);
  request.set_page_size(1001);
  EXPECT_THAT(service_->ListEntries(request, caller_),
              Fails(StatusCode::kInvalidArgument, "BAD_PAGE_SIZE"));
}

TEST_F(ServiceTest, StampsAreForRecordsThatAreThere) {
  evidence::v1::StampRequest request;
  request.set_origin(proof::testing::kOrigin);
  EXPECT_THAT(service_->Stamp(request, caller_),
              Fails(StatusCode::kInvalidArgument, "BAD_INDEXES"));
  request.add_indexes(7);
  EXPECT_THAT(service_->Stamp(request, caller_),
              Fails(StatusCode::kInvalidArgument, "BAD_INDEXES"));
  Exchange();
  request.clear_indexes();
  request.add_indexes(1);
  request.add_indexes(1);
  EXPECT_THAT(service_->Stamp(request, caller_),
              Fails(StatusCode::kInvalidArgument, "BAD_INDEXES"));
}

TEST_F(ServiceTest, UnknownCertificatesAreLeftOut) {
  evidence::v1::GetCertificatesRequest request;
  request.add_sha256(std::string(32, 'x'));
  EGOV_ASSERT_OK_AND_ASSIGN(const auto response, service_->GetCertificates(request, caller_));
  EXPECT_TRUE(response.certificates().empty() && response.revocations().empty());
  request.add_sha256("short");
  EXPECT_THAT(service_->GetCertificates(request, caller_),
              Fails(StatusCode::kInvalidArgument, "BAD_DIGEST"));
}

}  // namespace
}  // namespace egov::evidence
