#include "libs/pki/etsi.h"

#include <openssl/x509v3.h>

#include <fstream>
#include <functional>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/pki/internal/der.h"
#include "libs/pki/internal/openssl.h"
#include "libs/pki/testing/authority.h"

namespace egov::pki {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using ::testing::HasSubstr;
using testing::Must;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1795000000);

EtsiProfile Person(EtsiKind kind, KeyPlace place = KeyPlace::kDevice) {
  EtsiProfile profile;
  profile.kind = kind;
  profile.key_place = place;
  profile.qualified = kind == EtsiKind::kSignature;
  profile.country = "EE";
  profile.common_name = "JÕEORG,JAAK-KRISTJAN,38001085718";
  profile.surname = "JÕEORG";
  profile.given_name = "JAAK-KRISTJAN";
  profile.identifier = "PNOEE-38001085718";
  profile.birth_date = absl::CivilDay(1980, 1, 8);
  profile.document = "PNOEE-38001085718-C7A2-Q";
  profile.policy = "1.3.6.1.4.1.99999.1.1";
  profile.cps_url = "https://pki.example.com/cps";
  profile.disclosure = {{"https://pki.example.com/pds_en.pdf", "en"}};
  profile.ca_issuers_url = "http://pki.example.com/citizens.crt";
  profile.ocsp_url = "http://ocsp.example.com";
  profile.crl_url = "http://pki.example.com/citizens.crl";
  profile.not_before = kNow;
  profile.not_after = kNow + absl::Hours(24 * 150);
  return profile;
}

EtsiProfile Organisation(KeyPlace place = KeyPlace::kDevice) {
  EtsiProfile profile = Person(EtsiKind::kSeal, place);
  profile.qualified = true;
  profile.common_name = "Pension Board";
  profile.organisation = "Pension Board";
  profile.surname = profile.given_name = profile.document = "";
  profile.birth_date.reset();
  profile.identifier = "NTREE-70000310";
  return profile;
}

class EtsiTest : public ::testing::Test {
 protected:
  absl::StatusOr<Certificate> Make(const EtsiProfile& profile) {
    return IssueEtsi(profile, key_.public_key(), authority_.certificate, authority_.key);
  }

  // A certificate that was spoilt after it was issued: its extensions and names are not what the
  // profile makes.
  Certificate Spoil(const EtsiProfile& profile, const std::function<void(X509*)>& spoil) {
    const Certificate good = Must(Make(profile));
    internal::X509Ptr x509(X509_dup(internal::Access::Cert(good)));
    spoil(x509.get());
    X509_sign(x509.get(), internal::Access::Pkey(authority_.key), EVP_sha256());
    return Must(Certificate::FromDer(internal::ToDer(i2d_X509, x509.get())));
  }
  std::string FirstRule(const Certificate& certificate, EtsiKind kind) {
    const auto findings = Lint(certificate, authority_.certificate, kind);
    return findings.empty() ? "" : findings[0].rule;
  }

  // What the openssl program prints.
  static std::string Printed(const Certificate& certificate) {
    const std::string path = absl::StrCat(::testing::TempDir(), "/etsi.pem");
    std::ofstream(path) << certificate.ToPem();
    std::string text;
    FILE* const pipe = popen(("openssl x509 -noout -text -in " + path + " 2>&1").c_str(), "r");
    char buffer[4096];
    while (const size_t n = fread(buffer, 1, sizeof(buffer), pipe)) text.append(buffer, n);
    pclose(pipe);
    return text;
  }

  const testing::Identity root_ = testing::MakeRoot("Root", kNow);
  static CertificateProfile AuthorityProfile() {
    CertificateProfile profile = testing::Profile(Purpose::kAuthority, "Citizens", kNow);
    profile.country = "EE";
    return profile;
  }
  const testing::Identity authority_ = testing::MakeUnder(root_, AuthorityProfile());
  const PrivateKey key_ = Must(PrivateKey::Generate());
};

TEST_F(EtsiTest, EachKindIsIssuedWithoutAFindingAndAcceptedByOpensslStrictly) {
  const std::string dir = ::testing::TempDir();
  std::ofstream(dir + "/root.pem") << root_.certificate.ToPem();
  std::ofstream(dir + "/citizens.pem") << authority_.certificate.ToPem();
  for (const EtsiProfile& profile :
       {Person(EtsiKind::kAuthentication), Person(EtsiKind::kSignature), Organisation(),
        Person(EtsiKind::kAuthentication, KeyPlace::kSoftware),
        Person(EtsiKind::kSignature, KeyPlace::kSoftware), Organisation(KeyPlace::kSoftware)}) {
    EGOV_ASSERT_OK_AND_ASSIGN(const Certificate certificate, Make(profile));
    EXPECT_TRUE(Lint(certificate, authority_.certificate, profile.kind).empty());
    std::ofstream(dir + "/leaf.pem") << certificate.ToPem();
    EXPECT_EQ(std::system(absl::StrCat("cd ", dir, " && openssl verify -x509_strict -attime ",
                                       absl::ToUnixSeconds(kNow) + 60,
                                       " -CAfile root.pem -untrusted citizens.pem leaf.pem")
                              .c_str()),
              0);
  }
}

TEST_F(EtsiTest, TheTwoCertificatesOfOneCarrierAreForOneUseEach) {
  EGOV_ASSERT_OK_AND_ASSIGN(const Certificate one, Make(Person(EtsiKind::kAuthentication)));
  EGOV_ASSERT_OK_AND_ASSIGN(const Certificate two, Make(Person(EtsiKind::kSignature)));
  EXPECT_EQ(one.key_usage(), kDigitalSignature);
  EXPECT_EQ(two.key_usage(), kContentCommitment);
  EXPECT_EQ(one.subject(), two.subject());
  EXPECT_EQ(FirstRule(one, EtsiKind::kSignature), "NAT-4.3.2-2");
  EXPECT_EQ(FirstRule(two, EtsiKind::kAuthentication), "NAT-4.3.2-2");
  const std::string text = Printed(two);
  EXPECT_THAT(text, HasSubstr("serialNumber = PNOEE-38001085718"));
  EXPECT_THAT(text, HasSubstr("DirName:/CN=PNOEE-38001085718-C7A2-Q"));
  EXPECT_THAT(text, HasSubstr("OCSP - URI:http://ocsp.example.com"));
  EXPECT_THAT(text, HasSubstr("CPS: https://pki.example.com/cps"));
}

TEST_F(EtsiTest, ACarrierInSoftwareNeverClaimsADevice) {
  const std::string device = "0.4.0.194112.1.2", software = "0.4.0.194112.1.0";
  const std::string of_device = Printed(Must(Make(Person(EtsiKind::kSignature))));
  EXPECT_THAT(of_device, HasSubstr(device));
  const Certificate soft = Must(Make(Person(EtsiKind::kSignature, KeyPlace::kSoftware)));
  EXPECT_THAT(Printed(soft), HasSubstr(software));
  EXPECT_THAT(Printed(soft), Not(HasSubstr(device)));
  EXPECT_THAT(soft.ToDer(), Not(HasSubstr(internal::DerOid("0.4.0.1862.1.4"))));
  EXPECT_THAT(Must(Make(Person(EtsiKind::kSignature))).ToDer(),
              HasSubstr(internal::DerOid("0.4.0.1862.1.4")));
}

TEST_F(EtsiTest, WithoutAQualifiedIssuerNothingQualifiedIsClaimed) {
  EtsiProfile profile = Person(EtsiKind::kSignature);
  profile.qualified = false;
  const Certificate certificate = Must(Make(profile));
  EXPECT_THAT(certificate.ToDer(), Not(HasSubstr(internal::DerOid("0.4.0.1862.1.1"))));
  EXPECT_THAT(Printed(certificate), HasSubstr("0.4.0.2042.1.2"));
}

TEST_F(EtsiTest, AProfileThatDoesNotHoldTogetherIsRefusedByField) {
  const auto refused = [&](const std::function<void(EtsiProfile&)>& spoil, const char* field,
                           EtsiProfile profile = Person(EtsiKind::kSignature)) {
    spoil(profile);
    EXPECT_THAT(Make(profile), Fails(StatusCode::kInvalidArgument, "BAD_PROFILE", field));
  };
  refused([](EtsiProfile& p) { p.country = "ee"; }, "country");
  refused([](EtsiProfile& p) { p.country = "EST"; }, "country");
  refused([](EtsiProfile& p) { p.common_name = ""; }, "common_name");
  refused([](EtsiProfile& p) { p.common_name = std::string(65, 'x'); }, "common_name");
  refused([](EtsiProfile& p) { p.surname = p.given_name = ""; }, "surname");
  refused([](EtsiProfile& p) { p.organisation = "Pension Board"; }, "organisation");
  refused([](EtsiProfile& p) { p.organisation = ""; }, "organisation", Organisation());
  refused([](EtsiProfile& p) { p.surname = "JÕEORG"; }, "surname", Organisation());
  refused([](EtsiProfile& p) { p.identifier = ""; }, "identifier");
  refused([](EtsiProfile& p) { p.identifier = "PNOEE-Ä"; }, "identifier");
  refused([](EtsiProfile& p) { p.qualified = true; }, "qualified",
          Person(EtsiKind::kAuthentication));
  refused([](EtsiProfile& p) { p.policy = "none"; }, "policy");
  refused([](EtsiProfile& p) { p.cps_url = "ftp://x"; }, "cps_url");
  refused([](EtsiProfile& p) { p.ocsp_url = ""; }, "ocsp_url");
  refused([](EtsiProfile& p) { p.ocsp_url = "http://x y"; }, "ocsp_url");
  refused([](EtsiProfile& p) { p.ca_issuers_url = "x"; }, "ca_issuers_url");
  refused([](EtsiProfile& p) { p.crl_url = "ldap://x"; }, "crl_url");
  refused([](EtsiProfile& p) { p.disclosure.clear(); }, "disclosure");
  refused([](EtsiProfile& p) { p.disclosure[0].url = "http://x"; }, "disclosure");
  refused([](EtsiProfile& p) { p.disclosure[0].language = "EN"; }, "disclosure");
  refused([](EtsiProfile& p) { p.not_after = p.not_before; }, "not_after");
  EtsiProfile late = Person(EtsiKind::kSignature);
  late.not_before = authority_.certificate.not_after();
  late.not_after = late.not_before + absl::Hours(1);
  EXPECT_THAT(Make(late), Fails(StatusCode::kInvalidArgument, "BAD_PROFILE", "not_before"));
  EXPECT_THAT(
      IssueEtsi(Person(EtsiKind::kSignature), key_.public_key(), authority_.certificate, root_.key),
      Fails(StatusCode::kInvalidArgument, "BAD_PROFILE", "issuer"));
}

TEST_F(EtsiTest, WhatTheProfileLetsThroughTheLintStillRefuses) {
  EtsiProfile profile = Person(EtsiKind::kSignature);
  profile.identifier = "38001085718";
  EXPECT_THAT(Make(profile), Fails(StatusCode::kFailedPrecondition, "LINT"));
  profile = Organisation();
  profile.identifier = "70000310";
  EXPECT_THAT(Make(profile), Fails(StatusCode::kFailedPrecondition, "LINT"));
  profile = Person(EtsiKind::kSignature);
  profile.surname = " JÕEORG";
  EXPECT_THAT(Make(profile), Fails(StatusCode::kFailedPrecondition, "LINT"));
  // An issuer whose name says too little.
  const testing::Identity nameless =
      testing::MakeUnder(root_, testing::Profile(Purpose::kAuthority, "Citizens", kNow));
  EXPECT_THAT(IssueEtsi(Person(EtsiKind::kSignature), key_.public_key(), nameless.certificate,
                        nameless.key),
              Fails(StatusCode::kFailedPrecondition, "LINT"));
  // A weak key: P-256 and P-384 pass, Ed25519, which the tools of the field do not know, does not.
  EXPECT_THAT(IssueEtsi(Person(EtsiKind::kSignature),
                        Must(PrivateKey::Generate(KeyType::kP384)).public_key(),
                        authority_.certificate, authority_.key),
              IsOk());
  EXPECT_THAT(IssueEtsi(Person(EtsiKind::kSignature),
                        Must(PrivateKey::Generate(KeyType::kEd25519)).public_key(),
                        authority_.certificate, authority_.key),
              Fails(StatusCode::kFailedPrecondition, "LINT"));
}

void Remove(X509* x509, int nid) {
  X509_EXTENSION_free(X509_delete_ext(x509, X509_get_ext_by_NID(x509, nid, -1)));
}
void Add(X509* x509, const char* oid, const std::string& der, bool critical = false) {
  const internal::Asn1ObjectPtr object(OBJ_txt2obj(oid, 1));
  ASN1_OCTET_STRING* const value = ASN1_OCTET_STRING_new();
  ASN1_OCTET_STRING_set(value, internal::Bytes(der), static_cast<int>(der.size()));
  X509_EXTENSION* const extension =
      X509_EXTENSION_create_by_OBJ(nullptr, object.get(), critical ? 1 : 0, value);
  X509_add_ext(x509, extension, -1);
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(value);
}

TEST_F(EtsiTest, TheLintNamesWhatIsWrongWithACertificateThatOthersMade) {
  const auto rule = [&](const std::function<void(X509*)>& spoil,
                        EtsiProfile profile = Person(EtsiKind::kSignature)) {
    return FirstRule(Spoil(profile, spoil), profile.kind);
  };
  EXPECT_EQ(rule([](X509*) {}), "") << "the test's own way of spoiling changes nothing else";
  EXPECT_EQ(rule([](X509* x) { X509_set_version(x, X509_VERSION_1); }), "RFC 5280 4.1.2.1");
  EXPECT_EQ(rule([](X509* x) { ASN1_INTEGER_set(X509_get_serialNumber(x), 7); }),
            "RFC 5280 4.1.2.2");
  EXPECT_EQ(rule([](X509* x) { X509_set_issuer_name(x, X509_get_subject_name(x)); }),
            "RFC 5280 4.1.2.4");
  EXPECT_EQ(rule([](X509* x) {
              X509_set1_notAfter(x, internal::ToAsn1(kNow + absl::Hours(24 * 3650)).get());
            }),
            "RFC 5280 4.1.2.5");
  const auto subject = [](const char* type, const char* value) {
    return [=](X509* x) {
      X509_NAME_add_entry_by_txt(X509_get_subject_name(x), type, MBSTRING_UTF8,
                                 internal::Bytes(value), -1, -1, 0);
    };
  };
  EXPECT_EQ(rule(subject("C", "EE")), "NAT-4.2.4-1");
  EXPECT_EQ(rule(subject("CN", "JAAK")), "NAT-4.2.4-1");
  EXPECT_EQ(rule(subject("serialNumber", "PNOEE-1")), "NAT-4.2.4-1");
  EXPECT_EQ(rule(subject("O", "Pension Board")), "NAT-4.2.4-1");
  EXPECT_EQ(rule(subject("O", "Another"), Organisation()), "LEG-4.2.1-2");
  for (const auto& [nid, expected] :
       std::vector<std::pair<int, std::string>>{{NID_key_usage, "NAT-4.3.2-2"},
                                                {NID_authority_key_identifier, "GEN-4.3.1-1"},
                                                {NID_subject_key_identifier, "RFC 5280 4.2.1.2"},
                                                {NID_certificate_policies, "EN 319 412-2 4.3.3"},
                                                {NID_qcStatements, "EN 319 412-1 5.1"},
                                                {NID_info_access, "GEN-4.4.1-3"}}) {
    EXPECT_EQ(rule([nid = nid](X509* x) { Remove(x, nid); }), expected);
  }
  EXPECT_EQ(rule([](X509* x) { Remove(x, NID_ext_key_usage); }, Person(EtsiKind::kAuthentication)),
            "RFC 5280 4.2.1.12");
  EXPECT_EQ(rule([](X509* x) { Add(x, "2.5.29.54", "\x02\x01\x00"); }), "EN 319 412-2 4.3")
      << "inhibitAnyPolicy";
  EXPECT_EQ(rule([](X509* x) { Add(x, "2.5.29.9", "\x30\x00"); }), "RFC 5280 4.2")
      << "an extension twice";
  EXPECT_EQ(rule([](X509* x) {
              Remove(x, NID_info_access);
              Add(x, "1.3.6.1.5.5.7.1.1", internal::DerSequence(""), true);
            }),
            "GEN-4.4.1-3");

  // Statements and policy that do not agree.
  using internal::DerOid;
  using internal::DerSequence;
  const auto statements = [](const std::string& all) {
    return [=](X509* x) {
      Remove(x, NID_qcStatements);
      Add(x, "1.3.6.1.5.5.7.1.3", DerSequence(all));
    };
  };
  const std::string semantics =
      DerSequence(DerOid("1.3.6.1.5.5.7.11.2") + DerSequence(DerOid("0.4.0.194121.1.1")));
  const std::string compliance = DerSequence(DerOid("0.4.0.1862.1.1"));
  const std::string device = DerSequence(DerOid("0.4.0.1862.1.4"));
  EXPECT_EQ(rule(statements(semantics)), "EN 319 412-5 4.2.1");
  EXPECT_EQ(rule(statements(semantics + compliance)), "QCS-5-01");
  EXPECT_EQ(rule(statements(semantics + compliance + compliance)), "RFC 3739 3.2.6");
  EXPECT_EQ(rule(statements("\x05\x00")), "RFC 3739 3.2.6");
  EXPECT_EQ(rule(statements(semantics + DerSequence(DerOid("1.2.3")))), "QCS-4.1-02");
  EXPECT_EQ(rule(statements(semantics + device), Person(EtsiKind::kAuthentication)),
            "EN 319 412-5 4.2.2");
  EXPECT_EQ(rule(statements(""), Person(EtsiKind::kAuthentication)), "EN 319 412-1 5.1");
}

}  // namespace
}  // namespace egov::pki
