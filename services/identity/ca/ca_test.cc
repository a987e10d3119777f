#include "services/identity/ca/ca.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/pki/crl.h"
#include "libs/pki/testing/authority.h"
#include "libs/pki/verify.h"
#include "services/identity/common/files.h"
#include "services/identity/common/testing/subprocess.h"
#include "services/identity/common/token.h"

namespace egov::identity {
namespace {

using base::Fails;
using base::IsOk;
using pki::Purpose;
using pki::testing::Must;

constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
constexpr char kPensions[] = "spiffe://ee/GOV/70000310/pensions";
const absl::Time kNow = absl::FromUnixSeconds(1800000000);

class CaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(MakeHome(home_, "ee", "Test", kNow), IsOk());
    Open();
  }
  void Open() {
    ca_.reset();
    ca::Config config;
    config.set_home(home_);
    config.set_public_url("http://pki.example");
    ca_ = Must(Ca::Open(config, clock_));
  }

  std::string Token(std::vector<v1::CertificateKind> kinds, std::vector<std::string> dns = {}) {
    ca::MakeTokenRequest request;
    request.set_spiffe_id(kPensions);
    for (const auto kind : kinds) request.add_kinds(kind);
    for (const auto& name : dns) request.add_dns_names(name);
    request.set_organisation("Pension Board");
    return Must(ca_->MakeToken(request, "uid 0"));
  }

  static v1::EnrolRequest Request(
      const std::string& token, const std::string& spiffe_id,
      std::vector<std::pair<v1::CertificateKind, pki::PrivateKey>> keys) {
    const EnrolmentToken parsed = Must(ParseToken(token));
    v1::EnrolOrder order;
    order.set_spiffe_id(spiffe_id);
    for (const auto& [kind, key] : keys) {
      auto* one = order.add_certificates();
      one->set_kind(kind);
      one->set_csr(Must(pki::Csr::Create(key, "x")).ToDer());
    }
    v1::EnrolRequest request;
    request.set_order(order.SerializeAsString());
    request.set_token_key(parsed.key.public_key().ToDer());
    request.set_signature(Must(parsed.key.Sign(EnrolBytes(request.order()))));
    return request;
  }

  pki::testing::Identity Enrolled(v1::CertificateKind kind) {
    const pki::PrivateKey key = Must(pki::PrivateKey::Generate());
    const auto issued = Must(ca_->Enrol(Request(Token({kind}), kPensions, {{kind, key}}), "uid 1"));
    return {key, Must(pki::Certificate::FromDer(issued.certificates(0).certificate()))};
  }

  absl::StatusOr<pki::testing::Identity> Renewed(
      const pki::testing::Identity& old, v1::CertificateKind kind,
      const pki::PrivateKey& key = Must(pki::PrivateKey::Generate()),
      const pki::PrivateKey* signer = nullptr) {
    v1::RenewOrder order;
    order.set_certificate(std::string(pki::AsBytes(old.certificate.fingerprint())));
    order.mutable_replacement()->set_kind(kind);
    order.mutable_replacement()->set_csr(Must(pki::Csr::Create(key, "x")).ToDer());
    order.set_issued_us(absl::ToUnixMicros(clock_.Now() + order_age_));
    v1::RenewRequest request;
    request.set_order(order.SerializeAsString());
    request.set_signature(
        Must((signer == nullptr ? old.key : *signer).Sign(RenewBytes(request.order()))));
    EGOV_ASSIGN_OR_RETURN(const auto issued, ca_->Renew(request, "uid 1"));
    EGOV_ASSIGN_OR_RETURN(auto certificate,
                          pki::Certificate::FromDer(issued.certificates(0).certificate()));
    return pki::testing::Identity{key, certificate};
  }

  pki::ChainVerifier Trust() {
    std::vector<pki::Crl> lists;
    for (const char* name : {"root", "transport", "seal", "time-stamp"}) {
      lists.push_back(
          Must(pki::Crl::FromPem(Must(ReadFile(home_ + "/published/crl/" + name + ".pem")))));
    }
    return Must(pki::ChainVerifier::Create(
        Must(pki::Certificate::ChainFromPem(Must(ReadFile(home_ + "/published/anchors.pem")))),
        std::move(lists), pki::Revocation::kRequired));
  }
  absl::Status Verify(const pki::Certificate& certificate, Purpose purpose) {
    const auto authorities =
        Must(pki::Certificate::ChainFromPem(Must(ReadFile(home_ + "/published/authorities.pem"))));
    return Trust().Verify(certificate, authorities, purpose, clock_.Now()).status();
  }

  const std::string home_ = TemporaryFolder() + "/ca";
  base::ManualClock clock_{kNow};
  absl::Duration order_age_ = absl::ZeroDuration();
  std::unique_ptr<Ca> ca_;
};

TEST_F(CaTest, ATokenBringsTheCertificatesItNamesAndNoOthers) {
  const std::string token =
      Token({v1::CERTIFICATE_KIND_TRANSPORT, v1::CERTIFICATE_KIND_SEAL}, {"pensions.example"});
  const auto tls = Must(pki::PrivateKey::Generate()), seal = Must(pki::PrivateKey::Generate());
  EXPECT_THAT(ca_->Enrol(Request(token, kPensions, {{v1::CERTIFICATE_KIND_LOG, tls}}), "uid 1"),
              Fails(kDenied, "NOT_IN_TOKEN"));
  EXPECT_THAT(ca_->Enrol(Request(token, "spiffe://ee/GOV/70000310/officers",
                                 {{v1::CERTIFICATE_KIND_SEAL, seal}}),
                         "uid 1"),
              Fails(kDenied, "NOT_IN_TOKEN"));
  const auto issued = Must(ca_->Enrol(
      Request(token, kPensions,
              {{v1::CERTIFICATE_KIND_TRANSPORT, tls}, {v1::CERTIFICATE_KIND_SEAL, seal}}),
      "uid 1"));
  const auto tls_certificate =
      Must(pki::Certificate::FromDer(issued.certificates(0).certificate()));
  const auto seal_certificate =
      Must(pki::Certificate::FromDer(issued.certificates(1).certificate()));
  EXPECT_THAT(Verify(tls_certificate, Purpose::kTransport), IsOk());
  EXPECT_THAT(Verify(seal_certificate, Purpose::kSeal), IsOk());
  EXPECT_EQ(tls_certificate.SpiffeId()->ToUri(), kPensions);
  EXPECT_EQ(tls_certificate.dns_names(), std::vector<std::string>{"pensions.example"});
  EXPECT_EQ(tls_certificate.not_after(), kNow + absl::Hours(24));
  EXPECT_EQ(seal_certificate.not_after(), kNow + absl::Hours(8760));
  EXPECT_EQ(seal_certificate.public_key(), seal.public_key());
}

TEST_F(CaTest, EachKindServesItsOwnPurpose) {
  EXPECT_THAT(Verify(Enrolled(v1::CERTIFICATE_KIND_LOG).certificate, Purpose::kLog), IsOk());
  EXPECT_THAT(Verify(Enrolled(v1::CERTIFICATE_KIND_TIME_STAMP).certificate, Purpose::kTimeStamp),
              IsOk());
}

TEST_F(CaTest, ATokenWorksOnceAlsoAfterARestart) {
  const auto kind = v1::CERTIFICATE_KIND_SEAL;
  const std::string token = Token({kind});
  const auto request = Request(token, kPensions, {{kind, Must(pki::PrivateKey::Generate())}});
  const auto first = Must(ca_->Enrol(request, "uid 1"));
  const auto other = Request(token, kPensions, {{kind, Must(pki::PrivateKey::Generate())}});
  EXPECT_THAT(ca_->Enrol(other, "uid 1"), Fails(kPrecondition, "TOKEN_USED"));
  // The same question again is a lost reply.
  EXPECT_EQ(Must(ca_->Enrol(request, "uid 1")).SerializeAsString(), first.SerializeAsString());
  Open();
  EXPECT_THAT(ca_->Enrol(other, "uid 1"), Fails(kPrecondition, "TOKEN_USED"));
  EXPECT_EQ(Must(ca_->Enrol(request, "uid 1")).SerializeAsString(), first.SerializeAsString());
}

TEST_F(CaTest, ATokenEndsAndAForgedOneNeverBegan) {
  const auto kind = v1::CERTIFICATE_KIND_SEAL;
  const auto key = Must(pki::PrivateKey::Generate());
  const std::string token = Token({kind});
  const std::string forged = MakeTokenText(pki::Secret::Random(32), pki::Digest{});
  EXPECT_THAT(ca_->Enrol(Request(forged, kPensions, {{kind, key}}), "uid 1"),
              Fails(kUnauthenticated, "TOKEN_UNKNOWN"));
  auto changed = Request(token, kPensions, {{kind, key}});
  changed.mutable_order()->back() ^= 1;
  EXPECT_THAT(ca_->Enrol(changed, "uid 1"), Fails(kUnauthenticated, "BAD_SIGNATURE"));
  clock_.Advance(absl::Hours(25));
  EXPECT_THAT(ca_->Enrol(Request(token, kPensions, {{kind, key}}), "uid 1"),
              Fails(kPrecondition, "TOKEN_EXPIRED"));
}

TEST_F(CaTest, TheTokenIsNowhereOnDisk) {
  const std::string token = Token({v1::CERTIFICATE_KIND_SEAL});
  const std::string journal = Must(ReadFile(home_ + "/journal"));
  const EnrolmentToken parsed = Must(ParseToken(token));
  EXPECT_EQ(journal.find(token.substr(13, 40)), std::string::npos);
  EXPECT_EQ(journal.find(parsed.key.public_key().ToDer()), std::string::npos);
  EXPECT_NE(journal.find(std::string(pki::AsBytes(parsed.key.public_key().digest()))),
            std::string::npos);
}

TEST_F(CaTest, AKeyHasOneUse) {
  const auto key = Must(pki::PrivateKey::Generate());
  const std::string both = Token({v1::CERTIFICATE_KIND_TRANSPORT, v1::CERTIFICATE_KIND_SEAL});
  EXPECT_THAT(
      ca_->Enrol(Request(both, kPensions,
                         {{v1::CERTIFICATE_KIND_TRANSPORT, key}, {v1::CERTIFICATE_KIND_SEAL, key}}),
                 "uid 1"),
      Fails(kInvalid, "KEY_REUSED"));
  const auto seal = Enrolled(v1::CERTIFICATE_KIND_SEAL);
  EXPECT_THAT(
      ca_->Enrol(Request(both, kPensions, {{v1::CERTIFICATE_KIND_TRANSPORT, seal.key}}), "uid 1"),
      Fails(kInvalid, "KEY_REUSED"));
  EXPECT_THAT(ca_->Enrol(Request(both, kPensions,
                                 {{v1::CERTIFICATE_KIND_SEAL,
                                   Must(pki::PrivateKey::Generate(pki::KeyType::kEd25519))}}),
                         "uid 1"),
              Fails(kInvalid, "KEY_NOT_ACCEPTED"));
}

TEST_F(CaTest, ACertificateIsRenewedByItsOwnKeyAsWhatItWas) {
  const auto kind = v1::CERTIFICATE_KIND_TRANSPORT;
  const auto old = Enrolled(kind);
  clock_.Advance(absl::Hours(16));
  const auto renewed = Renewed(old, kind);
  ASSERT_THAT(renewed, IsOk());
  EXPECT_EQ(renewed->certificate.SpiffeId()->ToUri(), kPensions);
  EXPECT_EQ(renewed->certificate.subject(), old.certificate.subject());
  EXPECT_EQ(renewed->certificate.not_after(), clock_.Now() + absl::Hours(24));
  EXPECT_THAT(Verify(renewed->certificate, Purpose::kTransport), IsOk());
  // And the new one in turn, also after a restart.
  Open();
  EXPECT_THAT(Renewed(*renewed, kind), IsOk());
}

TEST_F(CaTest, RenewalIsRefusedToAnyoneElse) {
  const auto kind = v1::CERTIFICATE_KIND_TRANSPORT;
  const auto old = Enrolled(kind);
  const auto stranger = Must(pki::PrivateKey::Generate());
  EXPECT_THAT(Renewed(old, kind, stranger, &stranger), Fails(kUnauthenticated, "BAD_SIGNATURE"));
  EXPECT_THAT(Renewed(old, v1::CERTIFICATE_KIND_SEAL), Fails(kDenied, "NOT_IN_TOKEN"));
  order_age_ = -absl::Minutes(6);
  EXPECT_THAT(Renewed(old, kind), Fails(kUnauthenticated, "ORDER_TOO_OLD"));
  order_age_ = absl::ZeroDuration();
  const auto foreign = pki::testing::MakeMember(pki::testing::MakeRoot("x", kNow),
                                                Purpose::kTransport, "ee/GOV/1/a", kNow);
  EXPECT_THAT(Renewed(foreign, kind), Fails(kUnauthenticated, "CERTIFICATE_UNKNOWN"));
  clock_.Advance(absl::Hours(25));
  EXPECT_THAT(Renewed(old, kind), Fails(kUnauthenticated, "EXPIRED"));
}

TEST_F(CaTest, AStolenKeyCannotMintWithoutEnd) {
  const auto kind = v1::CERTIFICATE_KIND_TRANSPORT;
  const auto old = Enrolled(kind);
  for (int i = 0; i < 10; ++i) ASSERT_THAT(Renewed(old, kind), IsOk());
  EXPECT_THAT(Renewed(old, kind), Fails(absl::StatusCode::kResourceExhausted, "RENEWED_TOO_OFTEN"));
}

TEST_F(CaTest, RevokingAnIdentityTakesItsCertificatesSuccessorsAndTokens) {
  const auto kind = v1::CERTIFICATE_KIND_TRANSPORT;
  const auto old = Enrolled(kind);
  const auto renewed = Must(Renewed(old, kind));
  const std::string token = Token({v1::CERTIFICATE_KIND_SEAL});
  ca::RevokeRequest request;
  request.set_spiffe_id(kPensions);
  request.set_reason(1);
  EXPECT_EQ(Must(ca_->Revoke(request, "uid 0")), 2u);
  clock_.Advance(absl::Seconds(1));
  for (int restart = 0; restart < 2; ++restart) {
    EXPECT_THAT(Verify(old.certificate, Purpose::kTransport), Fails(kUnauthenticated, "REVOKED"));
    EXPECT_THAT(Verify(renewed.certificate, Purpose::kTransport),
                Fails(kUnauthenticated, "REVOKED"));
    EXPECT_THAT(Renewed(renewed, kind), Fails(kUnauthenticated, "REVOKED"));
    EXPECT_THAT(
        ca_->Enrol(Request(token, kPensions,
                           {{v1::CERTIFICATE_KIND_SEAL, Must(pki::PrivateKey::Generate())}}),
                   "uid 1"),
        Fails(kUnauthenticated, "TOKEN_UNKNOWN"));
    Open();
  }
  EXPECT_EQ(Must(ca_->Revoke(request, "uid 0")), 0u);
}

TEST_F(CaTest, OneCertificateIsRevokedAlone) {
  const auto seal = Enrolled(v1::CERTIFICATE_KIND_SEAL);
  const auto tls = Enrolled(v1::CERTIFICATE_KIND_TRANSPORT);
  ca::RevokeRequest request;
  request.set_fingerprint(std::string(pki::AsBytes(seal.certificate.fingerprint())));
  EXPECT_EQ(Must(ca_->Revoke(request, "uid 0")), 1u);
  EXPECT_THAT(Verify(seal.certificate, Purpose::kSeal), Fails(kUnauthenticated, "REVOKED"));
  EXPECT_THAT(Verify(tls.certificate, Purpose::kTransport), IsOk());
}

TEST_F(CaTest, ListsAreRenewedBeforeTheirEndAndTheirNumbersGrow) {
  const auto list = [&] {
    return Must(pki::Crl::FromPem(Must(ReadFile(home_ + "/published/crl/seal.pem"))));
  };
  const uint64_t first = list().number();
  ASSERT_THAT(ca_->Maintain(), IsOk());
  EXPECT_EQ(list().number(), first);
  clock_.Advance(absl::Hours(13));
  ASSERT_THAT(ca_->Maintain(), IsOk());
  EXPECT_EQ(list().number(), first + 1);
  EXPECT_EQ(list().next_update(), clock_.Now() + absl::Hours(24));
  Open();
  EXPECT_GT(list().number(), first + 1);
}

TEST_F(CaTest, TheSignerWorksWithoutTheRootsKeyAndTheRootRevokesAnAuthority) {
  ASSERT_EQ(Shell("mv " + home_ + "/root " + home_ + "/../offline"), 0);
  Open();
  const auto seal = Enrolled(v1::CERTIFICATE_KIND_SEAL);
  EXPECT_THAT(Verify(seal.certificate, Purpose::kSeal), IsOk());
  ASSERT_THAT(SignRootList(home_, home_ + "/../offline", "seal",
                           pki::RevocationReason::kCaCompromise, kNow),
              IsOk());
  EXPECT_THAT(Verify(seal.certificate, Purpose::kSeal), Fails(kUnauthenticated, "REVOKED"));
}

TEST_F(CaTest, AnAuthorityIsNeverOverwritten) {
  EXPECT_THAT(MakeHome(home_, "ee", "Test", kNow), Fails(kPrecondition, "ALREADY_MADE"));
}

TEST_F(CaTest, ATokenForWhatNoCertificateCanCarryIsNotMade) {
  ca::MakeTokenRequest request;
  request.set_spiffe_id(kPensions);
  request.add_kinds(v1::CERTIFICATE_KIND_TRANSPORT);
  request.add_dns_names("a,URI:spiffe://ee/GOV/1/other");
  EXPECT_THAT(ca_->MakeToken(request, "uid 0"), Fails(kInvalid, "BAD_PROFILE"));
  request.clear_dns_names();
  request.set_spiffe_id("spiffe://ee/GOV");
  EXPECT_THAT(ca_->MakeToken(request, "uid 0"), Fails(kInvalid, "BAD_SPIFFE_ID"));
}

}  // namespace
}  // namespace egov::identity
