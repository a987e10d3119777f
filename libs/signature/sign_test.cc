// Signing step by step, and that what comes out holds.
#include "libs/signature/sign.h"

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/signature/testing/house.h"
#include "libs/signature/validate.h"

namespace egov::signature {
namespace {

using base::Fails;
using base::IsOk;
using ::testing::ElementsAre;
using testing::House;
using ::testing::IsEmpty;
using testing::Must;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kNotNow = absl::StatusCode::kFailedPrecondition;
constexpr auto kNobody = absl::StatusCode::kUnauthenticated;

std::string TwoFiles() {
  return Must(CreateContainer({{"leping.txt", "text/plain", "Kokku lepitud.", ""},
                               {"lisa/t\xC3\xA4ht 1%.txt", "text/plain", "Lisa.", ""}}));
}

SignatureReport Only(const std::string& container, const House& house) {
  const Report report =
      Must(Validate(Must(Container::FromBytes(container)), house.anchors, house.now));
  EXPECT_EQ(report.signatures.size(), 1);
  return report.signatures.at(0);
}

class SignTest : public ::testing::Test {
 protected:
  House house;
  std::string bytes = TwoFiles();
  Container container = Must(Container::FromBytes(bytes));
};

TEST_F(SignTest, SignedStampedAndWithStatusItIsBaselineLt) {
  SignatureRequest request = house.Request(container, house.signer);
  request.roles = {"juhatuse liige"};
  request.place = {"Tartu", "Tartumaa", "51003", "EE"};
  const std::string b = house.Sign(request, house.signer.key);
  const std::string t = house.Stamped(b, house.now);
  const std::string lt =
      house.Complete(t, {{house.Good(house.signer.certificate, house.now)}, {}, {}});
  const SignatureReport report = Only(Must(WithSignature(bytes, lt)), house);
  EXPECT_TRUE(report.verdict.passed()) << report.verdict.reason << " " << report.verdict.text;
  EXPECT_EQ(report.level, Level::kLt);
  EXPECT_EQ(report.signer->common_name(), "Mari Maasikas");
  EXPECT_EQ(*report.claimed_time, house.now);
  EXPECT_EQ(*report.proven_time, house.now);
  EXPECT_EQ(*report.status_time, house.now);
  EXPECT_THAT(report.roles, ElementsAre("juhatuse liige"));
  EXPECT_EQ(report.place.city, "Tartu");
  EXPECT_EQ(report.place.country, "EE");
  EXPECT_THAT(report.files, ElementsAre("leping.txt", "lisa/t\xC3\xA4ht 1%.txt"));
  EXPECT_THAT(report.uncovered, IsEmpty());
  EXPECT_THAT(report.warnings, IsEmpty());
}

TEST_F(SignTest, BAndTAreNotEnoughToPass) {
  const std::string b = house.Sign(house.Request(container, house.signer), house.signer.key);
  SignatureReport report = Only(Must(WithSignature(bytes, b)), house);
  EXPECT_EQ(report.verdict.indication, Indication::kIndeterminate);
  EXPECT_EQ(report.verdict.sub_indication, SubIndication::kTryLater);
  EXPECT_EQ(report.level, Level::kB);
  report = Only(Must(WithSignature(bytes, house.Stamped(b, house.now))), house);
  EXPECT_EQ(report.verdict.indication, Indication::kIndeterminate);
  EXPECT_EQ(report.verdict.reason, "NO_STATUS");
  EXPECT_EQ(report.level, Level::kT);
}

TEST_F(SignTest, EveryKindOfKeySigns) {
  for (const pki::KeyType type : {pki::KeyType::kP256, pki::KeyType::kP384, pki::KeyType::kRsa}) {
    const auto signer = house.MakeSigner(type);
    const auto report = Only(Must(WithSignature(bytes, house.SignLt(container, signer))), house);
    EXPECT_TRUE(report.verdict.passed()) << static_cast<int>(type) << report.verdict.reason;
  }
  EXPECT_THAT(Prepare(house.Request(container, house.MakeSigner(pki::KeyType::kEd25519))),
              Fails(kInvalid, "UNSUPPORTED_KEY"));
}

TEST_F(SignTest, TheDigestIsOfTheText) {
  const Draft draft = Must(Prepare(house.Request(container, house.signer)));
  EXPECT_EQ(draft.digest, std::string(pki::AsBytes(pki::Sha256Of(draft.text))));
  pki::Digest digest;
  ASSERT_TRUE(pki::DigestFromBytes(draft.digest, &digest));
  EXPECT_THAT(Finish(draft.xml, Must(house.signer.key.SignDigest(digest))), IsOk());
  EXPECT_EQ(
      Must(Prepare(house.Request(container, house.MakeSigner(pki::KeyType::kP384)))).digest.size(),
      48);
}

TEST_F(SignTest, AValueOfRAndSBecomesDer) {
  // r = 1, s = 2^255: a leading zero is needed for it to stay positive.
  std::string raw(64, '\0');
  raw[31] = 1;
  raw[32] = '\x80';
  const std::string der = Must(EcdsaDer(raw));
  EXPECT_EQ(der.substr(0, 8), std::string("\x30\x26\x02\x01\x01\x02\x21\x00", 8));
  EXPECT_THAT(EcdsaDer(raw.substr(1)), Fails(kInvalid, "BAD_SIGNATURE_VALUE"));
}

TEST_F(SignTest, AnotherKeysValueIsRefused) {
  const Draft draft = Must(Prepare(house.Request(container, house.signer)));
  const auto other = house.MakeSigner();
  EXPECT_THAT(Finish(draft.xml, Must(other.key.Sign(draft.text))), Fails(kNobody, "BAD_SIGNATURE"));
  EXPECT_THAT(Finish(draft.xml, Must(house.signer.key.Sign("other text"))),
              Fails(kNobody, "BAD_SIGNATURE"));
  EXPECT_THAT(Finish(draft.xml, ""), Fails(kNobody, "BAD_SIGNATURE"));
}

TEST_F(SignTest, ADraftIsSignedOnce) {
  const Draft draft = Must(Prepare(house.Request(container, house.signer)));
  const std::string value = Must(house.signer.key.Sign(draft.text));
  const std::string b = Must(Finish(draft.xml, value));
  EXPECT_THAT(Finish(b, value), Fails(kNotNow, "ALREADY_SIGNED"));
  EXPECT_THAT(StampImprint(draft.xml), Fails(kNotNow, "NOT_SIGNED"));
}

TEST_F(SignTest, OnlyACertificateForSignaturesSigns) {
  const auto tls = pki::testing::MakeMember(house.authority, pki::Purpose::kTransport,
                                            "ee/GOV/70000310/pensions", house.now);
  SignatureRequest request = house.Request(container, tls);
  EXPECT_THAT(Prepare(request), Fails(absl::StatusCode::kPermissionDenied, "WRONG_USAGE"));
  request.signer = house.responder.certificate;
  EXPECT_THAT(Prepare(request), Fails(absl::StatusCode::kPermissionDenied, "WRONG_USAGE"));
}

TEST_F(SignTest, WhatCannotBeSignedIsRefused) {
  const SignatureRequest good = house.Request(container, house.signer);
  SignatureRequest request = good;
  request.files.clear();
  EXPECT_THAT(Prepare(request), Fails(kInvalid, "NO_FILES", "files"));
  request = good;
  request.files.push_back(request.files[0]);
  EXPECT_THAT(Prepare(request), Fails(kInvalid, "DUPLICATE_NAME", "files"));
  request = good;
  request.files[0].name = "../leping.txt";
  EXPECT_THAT(Prepare(request), Fails(kInvalid, "BAD_NAME", "files"));
  request = good;
  request.roles = {"juhatuse\nliige"};
  EXPECT_THAT(Prepare(request), Fails(kInvalid, "BAD_TEXT", "roles"));
  request = good;
  request.place.city = "\xFF";
  EXPECT_THAT(Prepare(request), Fails(kInvalid, "BAD_TEXT", "place"));
}

TEST_F(SignTest, ARoleIsTextAndNotXml) {
  SignatureRequest request = house.Request(container, house.signer);
  request.roles = {"</xades:ClaimedRole><evil a=\"b\">&amp;"};
  const std::string b = house.Sign(request, house.signer.key);
  EXPECT_THAT(Only(Must(WithSignature(bytes, b)), house).roles, ElementsAre(request.roles[0]));
}

TEST_F(SignTest, ATimeStampOfAnotherSignatureIsNotAdded) {
  const std::string b = house.Sign(house.Request(container, house.signer), house.signer.key);
  const std::string other = house.Sign(house.Request(container, house.signer), house.signer.key);
  const auto request = pki::TimeStampRequest::New(Must(StampImprint(other)));
  const std::string response = house.Stamp(request.ToDer(), house.now);
  EXPECT_THAT(AddTimeStamp(b, response, request.nonce, house.anchors),
              Fails(kNobody, "WRONG_IMPRINT"));
  EXPECT_THAT(AddTimeStamp(other, response, request.nonce + 1, house.anchors),
              Fails(kNobody, "WRONG_NONCE"));
  TrustAnchors strangers = house.anchors;
  strangers.time_stamping = {House(house.now).stamper.certificate};
  EXPECT_THAT(AddTimeStamp(other, response, request.nonce, strangers),
              Fails(kNobody, "UNKNOWN_ISSUER"));
  const std::string t = Must(AddTimeStamp(other, response, request.nonce, house.anchors));
  EXPECT_THAT(AddTimeStamp(t, response, request.nonce, house.anchors),
              Fails(kNotNow, "ALREADY_STAMPED"));
}

class EvidenceTest : public SignTest {
 protected:
  // The reason for which this evidence does not do.
  std::string Refusal(const Evidence& evidence) {
    const auto added = AddEvidence(t, evidence, house.anchors, house.now + absl::Hours(1));
    if (added.ok()) return "";
    EXPECT_THAT(added, Fails(kNotNow, "INSUFFICIENT_EVIDENCE"));
    return base::DetailOf(added.status())->metadata["reason"];
  }
  std::string Answer(pki::OcspStatus status, absl::Duration after) {
    return house.Answer(house.signer.certificate, std::move(status), house.now + after);
  }
  pki::OcspStatus Good(absl::Duration known) const {
    pki::OcspStatus status;
    status.state = pki::OcspState::kGood;
    status.this_update = house.now + known;
    return status;
  }
  pki::OcspStatus Revoked(absl::Duration when, pki::RevocationReason reason) const {
    pki::OcspStatus status = Good(absl::Seconds(1));
    status.state = pki::OcspState::kRevoked;
    status.revoked = house.now + when;
    status.reason = reason;
    return status;
  }
  std::string t =
      house.Stamped(house.Sign(house.Request(container, house.signer), house.signer.key),
                    house.now + absl::Milliseconds(700));
};

TEST_F(EvidenceTest, TheSameSecondIsNotBeforeTheTimeStamp) {
  EXPECT_EQ(Refusal({{Answer(Good(absl::ZeroDuration()), absl::ZeroDuration())}, {}, {}}), "");
}

TEST_F(EvidenceTest, AnAnswerBeforeTheTimeStampIsRefused) {
  EXPECT_EQ(Refusal({{Answer(Good(-absl::Seconds(1)), -absl::Seconds(1))}, {}, {}}),
            "OCSP_BEFORE_TIME_STAMP");
}

TEST_F(EvidenceTest, AnAnswerThatRepeatsOldNewsIsRefused) {
  pki::OcspStatus status = Good(-absl::Minutes(20));
  EXPECT_EQ(Refusal({{Answer(status, absl::Seconds(1))}, {}, {}}), "OCSP_STALE");
  // Also when the responder calls it current.
  status.next_update = house.now + absl::Hours(24);
  EXPECT_EQ(Refusal({{Answer(status, absl::Seconds(1))}, {}, {}}), "STALE_STATUS");
}

TEST_F(EvidenceTest, RevokedBeforeTheTimeStampIsRefusedAfterItIsNot) {
  const auto lost = pki::RevocationReason::kKeyCompromise;
  EXPECT_EQ(Refusal({{Answer(Revoked(-absl::Hours(1), lost), absl::Seconds(1))}, {}, {}}),
            "REVOKED");
  EXPECT_EQ(Refusal({{Answer(Revoked(absl::ZeroDuration(), lost), absl::Seconds(1))}, {}, {}}),
            "REVOKED");
  EXPECT_EQ(Refusal({{Answer(Revoked(absl::Seconds(1), lost), absl::Seconds(2))}, {}, {}}), "");
}

TEST_F(EvidenceTest, OnHoldIsRefused) {
  EXPECT_EQ(Refusal({{Answer(Revoked(-absl::Hours(1), pki::RevocationReason::kCertificateHold),
                             absl::Seconds(1))},
                     {},
                     {}}),
            "ON_HOLD");
}

TEST_F(EvidenceTest, AGoodAnswerDoesNotOutweighARevocation) {
  const std::string good = Answer(Good(absl::Seconds(1)), absl::Seconds(1));
  const std::string bad =
      Answer(Revoked(-absl::Hours(1), pki::RevocationReason::kUnspecified), absl::Seconds(1));
  EXPECT_EQ(Refusal({{good, bad}, {}, {}}), "REVOKED");
  EXPECT_EQ(Refusal({{bad, good}, {}, {}}), "REVOKED");
}

TEST_F(EvidenceTest, UnknownMissingAndForeignAnswersAreRefused) {
  pki::OcspStatus unknown = Good(absl::ZeroDuration());
  unknown.state = pki::OcspState::kUnknown;
  EXPECT_EQ(Refusal({{Answer(unknown, absl::Seconds(1))}, {}, {}}), "UNKNOWN_CERTIFICATE");
  EXPECT_EQ(Refusal({}), "NO_STATUS");
  EXPECT_EQ(Refusal({{"not an answer"}, {}, {}}), "NO_STATUS");
  const auto other = house.MakeSigner();
  EXPECT_EQ(Refusal({{house.Good(other.certificate, house.now)}, {}, {}}), "NO_STATUS");
  // A responder that the authority did not make.
  House strange(house.now);
  pki::OcspStatus good = Good(absl::Seconds(1));
  const auto ocsp = Must(pki::OcspResponder::Create(
      strange.authority.certificate, strange.responder.certificate, strange.responder.key));
  const auto id = Must(pki::OcspIdOf(house.authority.certificate, house.signer.certificate.serial(),
                                     pki::OcspHash::kSha1));
  EXPECT_EQ(Refusal({{Must(ocsp.Answer({{id, good}}, "", house.now + absl::Seconds(1)))}, {}, {}}),
            "OCSP_UNKNOWN_RESPONDER");
}

TEST_F(EvidenceTest, EvidenceComesOnceAndAfterTheTimeStamp) {
  const Evidence evidence{{Answer(Good(absl::Seconds(1)), absl::Seconds(1))}, {}, {}};
  const std::string lt = Must(AddEvidence(t, evidence, house.anchors, house.now));
  EXPECT_THAT(AddEvidence(lt, evidence, house.anchors, house.now),
              Fails(kNotNow, "ALREADY_COMPLETE"));
  const std::string b = house.Sign(house.Request(container, house.signer), house.signer.key);
  EXPECT_THAT(AddEvidence(b, evidence, house.anchors, house.now), Fails(kNotNow, "NOT_STAMPED"));
}

TEST_F(EvidenceTest, WhatStandsAboveAnAnchorNeedsNoStatus) {
  EXPECT_EQ(Refusal({{Answer(Good(absl::Seconds(1)), absl::Seconds(1))},
                     {},
                     {house.root.certificate, house.authority.certificate}}),
            "");
}

TEST_F(EvidenceTest, WithARootForAnchorTheAuthoritysStatusIsNeededToo) {
  house.anchors.authorities = {house.root.certificate};
  const std::string good = Answer(Good(absl::Seconds(1)), absl::Seconds(1));
  EXPECT_EQ(Refusal({{good}, {}, {}}), "UNKNOWN_ISSUER");
  EXPECT_EQ(Refusal({{good}, {}, {house.authority.certificate}}), "NO_STATUS");
  const auto list = [&](std::vector<pki::RevokedCertificate> revoked, absl::Duration from) {
    return Must(pki::Crl::Build(house.root.certificate, house.root.key, 1, house.now + from,
                                house.now + from + absl::Hours(24), revoked))
        .ToDer();
  };
  EXPECT_EQ(Refusal({{good}, {list({}, -absl::Hours(1))}, {house.authority.certificate}}), "");
  EXPECT_EQ(Refusal({{good}, {list({}, -absl::Hours(30))}, {house.authority.certificate}}),
            "STALE_STATUS");
  EXPECT_EQ(Refusal({{good},
                     {list({{house.authority.certificate.serial(), house.now - absl::Hours(3),
                             pki::RevocationReason::kSuperseded}},
                           -absl::Hours(1))},
                     {house.authority.certificate}}),
            "REVOKED");
}

TEST_F(EvidenceTest, WithAnAuthorityForAnchorTheStampersStatusIsNeededToo) {
  house.anchors.time_stamping = {house.root.certificate};
  const std::string good = Answer(Good(absl::Seconds(1)), absl::Seconds(1));
  EXPECT_EQ(Refusal({{good}, {}, {}}), "TIME_STAMP_NO_STATUS");
  const auto list = [&](std::vector<pki::RevokedCertificate> revoked) {
    return Must(pki::Crl::Build(house.root.certificate, house.root.key, 1, house.now,
                                house.now + absl::Hours(24), revoked))
        .ToDer();
  };
  EXPECT_EQ(Refusal({{good}, {list({})}, {}}), "");
  // A stamper's lost key can have made any old stamp; one that was just replaced cannot.
  const std::string serial = house.stamper.certificate.serial();
  EXPECT_EQ(
      Refusal(
          {{good},
           {list({{serial, house.now + absl::Hours(5), pki::RevocationReason::kKeyCompromise}})},
           {}}),
      "TIME_STAMP_REVOKED");
  EXPECT_EQ(
      Refusal({{good},
               {list({{serial, house.now + absl::Hours(5), pki::RevocationReason::kSuperseded}})},
               {}}),
      "");
}

}  // namespace
}  // namespace egov::signature
