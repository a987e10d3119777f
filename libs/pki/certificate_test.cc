#include "libs/pki/certificate.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/pki/crl.h"
#include "libs/pki/issue.h"
#include "libs/pki/testing/authority.h"
#include "libs/pki/verify.h"

namespace egov::pki {
namespace {

using base::Fails;
using base::IsOk;
using testing::Identity;
using testing::MakeMember;
using testing::MakeRoot;
using testing::MakeUnder;
using testing::Must;
using testing::Profile;

constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;
constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
constexpr char kPensions[] = "ee/GOV/70000310/pensions";
const absl::Time kNow = absl::FromUnixSeconds(1800000000);

// A root with one authority below it and certificates of each purpose.
class ChainTest : public ::testing::Test {
 protected:
  ChainVerifier Trusting(const Identity& anchor, std::vector<Crl> lists = {},
                         Revocation revocation = Revocation::kIfKnown) {
    return Must(ChainVerifier::Create({anchor.certificate}, std::move(lists), revocation));
  }
  Crl ListOf(const Certificate& revoked, absl::Time at,
             RevocationReason reason = RevocationReason::kKeyCompromise) {
    return Must(Crl::Build(authority_.certificate, authority_.key, 7, kNow - absl::Hours(1),
                           kNow + absl::Hours(1), {{revoked.serial(), at, reason}}));
  }
  absl::Status Verify(const ChainVerifier& verifier, const Certificate& leaf, Purpose purpose,
                      absl::Time at = kNow) {
    return verifier.Verify(leaf, {authority_.certificate}, purpose, at).status();
  }

  Identity root_ = MakeRoot("Root", kNow);
  Identity authority_ = MakeUnder(root_, Profile(Purpose::kAuthority, "Authority", kNow));
  Identity transport_ = MakeMember(authority_, Purpose::kTransport, kPensions, kNow);
  Identity seal_ = MakeMember(authority_, Purpose::kSeal, kPensions, kNow);
  Identity log_ = MakeMember(authority_, Purpose::kLog, kPensions, kNow);
  Identity stamp_ = MakeMember(authority_, Purpose::kTimeStamp, "", kNow);
};

TEST_F(ChainTest, AProfileSaysExactlyWhatItsPurposeNeeds) {
  EXPECT_EQ(transport_.certificate.key_usage(), kDigitalSignature);
  EXPECT_EQ(transport_.certificate.extended_key_usage(),
            (std::vector<std::string>{"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}));
  EXPECT_EQ(transport_.certificate.uri_names(),
            std::vector<std::string>{"spiffe://ee/GOV/70000310/pensions"});
  EXPECT_EQ(seal_.certificate.key_usage(), kContentCommitment);
  EXPECT_EQ(seal_.certificate.unit(), "");
  EXPECT_EQ(log_.certificate.key_usage(), kContentCommitment);
  EXPECT_EQ(log_.certificate.unit(), "log");
  EXPECT_EQ(stamp_.certificate.extended_key_usage(), std::vector<std::string>{"1.3.6.1.5.5.7.3.8"});
  EXPECT_TRUE(stamp_.certificate.extended_key_usage_critical());
  EXPECT_TRUE(authority_.certificate.is_authority());
  EXPECT_EQ(authority_.certificate.subject(), "CN=Authority,O=Test");
  EXPECT_EQ(authority_.certificate.issuer(), "CN=Root,O=Test");
  EXPECT_EQ(authority_.certificate.serial().size(), 40u);
  EXPECT_EQ(authority_.certificate.not_before(), kNow - absl::Hours(24 * 180));
}

TEST_F(ChainTest, EachCertificateServesItsPurposeAndNoOther) {
  const ChainVerifier verifier = Trusting(root_);
  const std::pair<const Identity*, Purpose> all[] = {{&transport_, Purpose::kTransport},
                                                     {&seal_, Purpose::kSeal},
                                                     {&log_, Purpose::kLog},
                                                     {&stamp_, Purpose::kTimeStamp},
                                                     {&authority_, Purpose::kAuthority}};
  for (const auto& [identity, own] : all) {
    for (const auto& [other, purpose] : all) {
      const absl::Status status = Verify(verifier, identity->certificate, purpose);
      if (purpose == own) {
        EXPECT_THAT(status, IsOk()) << PurposeName(purpose);
      } else {
        EXPECT_THAT(status, Fails(kDenied, "WRONG_USAGE"))
            << PurposeName(own) << " as " << PurposeName(purpose);
      }
    }
  }
}

TEST_F(ChainTest, TheChainIsReturnedFromLeafToAnchor) {
  const auto chain = Must(Trusting(root_).Verify(transport_.certificate, {authority_.certificate},
                                                 Purpose::kTransport, kNow));
  EXPECT_EQ(chain, (std::vector<Certificate>{transport_.certificate, authority_.certificate,
                                             root_.certificate}));
  // An authority may itself be the anchor.
  EXPECT_EQ(Must(Trusting(authority_).Verify(transport_.certificate, {}, Purpose::kTransport, kNow))
                .size(),
            2u);
}

TEST_F(ChainTest, TheChainEndsAtItsAnchorWhateverStandsAboveIt) {
  const std::vector<Certificate> others = {authority_.certificate, root_.certificate};
  const ChainVerifier authority = Must(ChainVerifier::Create({authority_.certificate}));
  EXPECT_EQ(*authority.Verify(seal_.certificate, others, Purpose::kSeal, kNow),
            (std::vector<Certificate>{seal_.certificate, authority_.certificate}));
  const ChainVerifier itself = Must(ChainVerifier::Create({seal_.certificate}));
  EXPECT_EQ(*itself.Verify(seal_.certificate, others, Purpose::kSeal, kNow),
            (std::vector<Certificate>{seal_.certificate}));
}

TEST_F(ChainTest, AnotherHousesCertificateIsRefused) {
  const Identity other_root = MakeRoot("Root", kNow);
  EXPECT_THAT(Verify(Trusting(other_root), transport_.certificate, Purpose::kTransport),
              Fails(kUnauthenticated, "UNKNOWN_ISSUER"));
  EXPECT_THAT(Trusting(root_).Verify(transport_.certificate, {}, Purpose::kTransport, kNow),
              Fails(kUnauthenticated, "UNKNOWN_ISSUER"));
  const Identity self = MakeRoot("Self", kNow);
  EXPECT_THAT(Verify(Trusting(root_), self.certificate, Purpose::kAuthority),
              Fails(kUnauthenticated, "UNKNOWN_ISSUER"));
}

TEST_F(ChainTest, ValidityIsJudgedAtTheAskedMoment) {
  const ChainVerifier verifier = Trusting(root_);
  EXPECT_THAT(Verify(verifier, seal_.certificate, Purpose::kSeal, kNow + absl::Hours(24 * 181)),
              Fails(kUnauthenticated, "EXPIRED"));
  EXPECT_THAT(Verify(verifier, seal_.certificate, Purpose::kSeal, kNow - absl::Hours(24 * 181)),
              Fails(kUnauthenticated, "NOT_YET_VALID"));
}

TEST_F(ChainTest, AMemberCannotBeAnAuthority) {
  // A certificate "issued" with a member's own key, which the library itself refuses to make.
  CertificateProfile profile = Profile(Purpose::kTransport, "forged", kNow);
  profile.spiffe = *SpiffeId::FromXRoad("ee/GOV/1/other");
  EXPECT_THAT(
      Issue(profile, PrivateKey::Generate()->public_key(), transport_.certificate, transport_.key),
      Fails(kDenied, "WRONG_USAGE"));
}

TEST_F(ChainTest, NoAuthorityStandsBelowOneWithPathLengthZero) {
  const Identity below = MakeUnder(authority_, Profile(Purpose::kAuthority, "Below", kNow));
  const Identity leaf = MakeMember(below, Purpose::kSeal, kPensions, kNow);
  EXPECT_THAT(Trusting(root_).Verify(leaf.certificate, {below.certificate, authority_.certificate},
                                     Purpose::kSeal, kNow),
              Fails(kDenied, "WRONG_USAGE"));
}

TEST_F(ChainTest, ARevokedCertificateIsRefusedFromThatMoment) {
  const absl::Time revoked = kNow - absl::Minutes(10);
  const ChainVerifier verifier = Trusting(root_, {ListOf(seal_.certificate, revoked)});
  const absl::Status status = Verify(verifier, seal_.certificate, Purpose::kSeal);
  EXPECT_THAT(status, Fails(kUnauthenticated, "REVOKED"));
  EXPECT_EQ(base::DetailOf(status)->metadata.at("code"), "1");
  EXPECT_THAT(Verify(verifier, seal_.certificate, Purpose::kSeal, revoked - absl::Seconds(1)),
              IsOk());
  EXPECT_THAT(Verify(verifier, transport_.certificate, Purpose::kTransport), IsOk());
}

TEST_F(ChainTest, AListSignedByAnotherKeyRevokesNobody) {
  const Identity impostor = MakeUnder(root_, Profile(Purpose::kAuthority, "Authority", kNow));
  const Crl forged =
      Must(Crl::Build(impostor.certificate, impostor.key, 8, kNow, kNow + absl::Hours(1),
                      {{seal_.certificate.serial(), kNow, {}}}));
  EXPECT_THAT(Verify(Trusting(root_, {forged}), seal_.certificate, Purpose::kSeal), IsOk());
  EXPECT_THAT(forged.VerifySignature(authority_.certificate),
              Fails(kUnauthenticated, "BAD_SIGNATURE"));
}

TEST_F(ChainTest, WhereRevocationMustBeKnownAnOverdueListIsNotEnough) {
  const Crl list = ListOf(seal_.certificate, kNow);
  const Crl root_list =
      Must(Crl::Build(root_.certificate, root_.key, 1, kNow, kNow + absl::Hours(24), {}));
  EXPECT_THAT(Verify(Trusting(root_, {root_list}, Revocation::kRequired), transport_.certificate,
                     Purpose::kTransport),
              Fails(kUnauthenticated, "REVOCATION_UNKNOWN"));
  const ChainVerifier both = Trusting(root_, {root_list, list}, Revocation::kRequired);
  EXPECT_THAT(Verify(both, transport_.certificate, Purpose::kTransport), IsOk());
  EXPECT_THAT(Verify(both, transport_.certificate, Purpose::kTransport, kNow + absl::Hours(2)),
              Fails(kUnauthenticated, "REVOCATION_UNKNOWN"));
}

TEST_F(ChainTest, ARevokedAuthorityTakesItsCertificatesWithIt) {
  const Crl list = Must(Crl::Build(root_.certificate, root_.key, 1, kNow, kNow + absl::Hours(24),
                                   {{authority_.certificate.serial(), kNow, {}}}));
  EXPECT_THAT(Verify(Trusting(root_, {list}), seal_.certificate, Purpose::kSeal),
              Fails(kUnauthenticated, "REVOKED"));
}

TEST_F(ChainTest, WithoutAnchorNothingIsTrusted) {
  EXPECT_THAT(ChainVerifier::Create({}), Fails(absl::StatusCode::kInvalidArgument, "NO_ANCHOR"));
}

TEST_F(ChainTest, CertificatesComeBackFromPemAndDer) {
  const std::string pem = ToPem({transport_.certificate, authority_.certificate});
  EXPECT_EQ(*Certificate::ChainFromPem(pem),
            (std::vector<Certificate>{transport_.certificate, authority_.certificate}));
  EXPECT_EQ(*Certificate::FromDer(seal_.certificate.ToDer()), seal_.certificate);
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(Certificate::FromPem(pem), Fails(kInvalid, "BAD_CERTIFICATE"));
  EXPECT_THAT(Certificate::FromPem("none"), Fails(kInvalid, "BAD_CERTIFICATE"));
  EXPECT_THAT(Certificate::FromDer(seal_.certificate.ToDer() + "x"),
              Fails(kInvalid, "BAD_CERTIFICATE"));
  EXPECT_THAT(Certificate::FromDer(""), Fails(kInvalid, "BAD_CERTIFICATE"));
}

TEST_F(ChainTest, ACertificateWithoutOneSpiffeUriNamesNobody) {
  EXPECT_EQ(transport_.certificate.SpiffeId()->ToXRoad(), kPensions);
  EXPECT_THAT(stamp_.certificate.SpiffeId(), Fails(kUnauthenticated, "NO_SPIFFE_ID"));
}

TEST_F(ChainTest, AProfileThatDoesNotHoldTogetherIsRefused) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  const auto issue = [&](const CertificateProfile& profile) {
    return Issue(profile, seal_.key.public_key(), authority_.certificate, authority_.key);
  };
  CertificateProfile profile = Profile(Purpose::kSeal, "x", kNow);
  EXPECT_THAT(issue(profile), Fails(kInvalid, "BAD_PROFILE"));  // nobody
  profile.spiffe = *SpiffeId::FromXRoad(kPensions);
  EXPECT_THAT(issue(profile), IsOk());
  profile.dns_names = {"a.example"};
  EXPECT_THAT(issue(profile), Fails(kInvalid, "BAD_PROFILE"));  // a seal has no host
  profile.purpose = Purpose::kTransport;
  EXPECT_THAT(issue(profile), IsOk());
  // A name that would add another name to the extension.
  profile.dns_names = {"a.example,URI:spiffe://ee/GOV/1/other"};
  EXPECT_THAT(issue(profile), Fails(kInvalid, "BAD_PROFILE"));
  profile.dns_names = {};
  profile.not_after = profile.not_before;
  EXPECT_THAT(issue(profile), Fails(kInvalid, "BAD_PROFILE"));
}

TEST_F(ChainTest, NoCertificateOutlivesItsIssuer) {
  CertificateProfile profile = Profile(Purpose::kSeal, "x", kNow);
  profile.spiffe = *SpiffeId::FromXRoad(kPensions);
  profile.not_after = kNow + absl::Hours(24 * 4000);
  EXPECT_EQ(MakeUnder(authority_, profile).certificate.not_after(),
            authority_.certificate.not_after());
}

TEST_F(ChainTest, ASigningRequestProvesPossessionOfItsKey) {
  const Csr csr = Must(Csr::Create(seal_.key, "pensions"));
  EXPECT_EQ(Csr::FromPem(csr.ToPem())->public_key(), seal_.key.public_key());
  std::string der = csr.ToDer();
  der.back() ^= 1;
  EXPECT_THAT(Csr::FromDer(der), Fails(absl::StatusCode::kInvalidArgument, "BAD_CSR"));
}

TEST_F(ChainTest, AListKeepsNumberTimesAndReasons) {
  const Crl list =
      Must(Crl::FromPem(ListOf(seal_.certificate, kNow, RevocationReason::kSuperseded).ToPem()));
  EXPECT_EQ(list.number(), 7u);
  EXPECT_EQ(list.this_update(), kNow - absl::Hours(1));
  EXPECT_EQ(list.next_update(), kNow + absl::Hours(1));
  EXPECT_EQ(list.issuer(), authority_.certificate.subject());
  ASSERT_TRUE(list.Find(seal_.certificate.serial()).has_value());
  EXPECT_EQ(list.Find(seal_.certificate.serial())->reason, RevocationReason::kSuperseded);
  EXPECT_FALSE(list.Find(log_.certificate.serial()).has_value());
  EXPECT_THAT(list.VerifySignature(authority_.certificate), IsOk());
  EXPECT_THAT(list.VerifySignature(root_.certificate), Fails(kUnauthenticated, "BAD_SIGNATURE"));
}

}  // namespace
}  // namespace egov::pki
