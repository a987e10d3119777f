#include "libs/pki/ocsp.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/pki/testing/authority.h"

namespace egov::pki {
namespace {

using base::Fails;
using base::IsOk;
using testing::Identity;
using testing::MakeMember;
using testing::MakeRoot;
using testing::MakeUnder;
using testing::Must;

constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class OcspTest : public ::testing::Test {
 protected:
  OcspResponder Responder(OcspResponder::Name name = OcspResponder::Name::kKeyHash) {
    return Must(
        OcspResponder::Create(root_.certificate, responder_.certificate, responder_.key, name));
  }
  OcspStatus Good() {
    OcspStatus status;
    status.state = OcspState::kGood;
    status.this_update = now_;
    return status;
  }
  OcspStatus Revoked(RevocationReason reason) {
    OcspStatus status = Good();
    status.state = OcspState::kRevoked;
    status.revoked = now_ - absl::Hours(2);
    status.reason = reason;
    return status;
  }
  std::string Answer(const OcspRequest& request, const OcspStatus& status) {
    return Must(Responder().Answer({{request.ids[0], status}}, request.nonce, now_));
  }
  OcspExpectation Expect(const OcspRequest& request) {
    OcspExpectation expectation;
    expectation.nonce = request.nonce;
    expectation.at = now_;
    return expectation;
  }
  absl::StatusOr<OcspVerdict> Verify(const std::string& response) {
    return VerifyOcsp(response, seal_.certificate, root_.certificate, Expect(request_));
  }

  std::string Path(const std::string& name) { return ::testing::TempDir() + "/" + name; }
  void Write(const std::string& name, const std::string& bytes) {
    std::ofstream(Path(name), std::ios::binary) << bytes;
  }
  std::string Read(const std::string& name) {
    std::ostringstream out;
    out << std::ifstream(Path(name), std::ios::binary).rdbuf();
    return out.str();
  }
  // What openssl says; its exit code alone does not tell.
  std::string OpenSsl(const std::string& arguments) {
    const std::string command =
        absl::StrCat("cd ", ::testing::TempDir(), " && (openssl ocsp ", arguments, ") > said 2>&1");
    EXPECT_EQ(std::system(command.c_str()), 0) << command << "\n" << Read("said");
    return Read("said");
  }

  // The openssl program judges by the real time.
  const absl::Time now_ = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  const Identity root_ = MakeRoot("Root", now_);
  const Identity responder_ = MakeMember(root_, Purpose::kOcsp, "", now_);
  const Identity seal_ = MakeMember(root_, Purpose::kSeal, "ee/GOV/1/a", now_);
  const OcspRequest request_ = Must(OcspRequest::New(seal_.certificate, root_.certificate));
};

TEST_F(OcspTest, AQuestionIsReadAsItWasAsked) {
  OcspRequest request = request_;
  request.ids.push_back(Must(OcspIdOf(root_.certificate, "1f", OcspHash::kSha256)));
  const OcspRequest read = Must(OcspRequest::FromDer(request.ToDer()));
  ASSERT_EQ(read.ids.size(), 2u);
  EXPECT_EQ(read.nonce, request.nonce);
  EXPECT_EQ(read.nonce.size(), 32u);
  EXPECT_EQ(read.ids[0].hash, OcspHash::kSha1);
  EXPECT_EQ(read.ids[0].serial, seal_.certificate.serial());
  EXPECT_EQ(read.ids[0].issuer, OcspIssuer(root_.certificate, OcspHash::kSha1));
  EXPECT_EQ(read.ids[1].hash, OcspHash::kSha256);
  EXPECT_EQ(read.ids[1].serial, "1f");
  EXPECT_EQ(read.ids[1].issuer, OcspIssuer(root_.certificate, OcspHash::kSha256));
  EXPECT_EQ(Must(OcspRequest::DerOfPath(absl::Base64Escape(request.ToDer()))), request.ToDer());
}

TEST_F(OcspTest, AQuestionOutOfBoundsIsRefused) {
  OcspRequest request = request_;
  const auto read = [&] { return OcspRequest::FromDer(request.ToDer()); };
  request.nonce = "n";
  EXPECT_THAT(read(), IsOk());
  request.nonce = std::string(33, 'n');
  EXPECT_THAT(read(), Fails(kInvalid, "BAD_OCSP"));
  request.nonce.clear();
  EXPECT_EQ(Must(read()).nonce, "");
  for (size_t i = 1; i < OcspRequest::kMaxIds; ++i) request.ids.push_back(request.ids[0]);
  EXPECT_THAT(read(), IsOk());
  request.ids.push_back(request.ids[0]);
  EXPECT_THAT(read(), Fails(kInvalid, "BAD_OCSP"));
  request.ids.clear();
  EXPECT_THAT(read(), Fails(kInvalid, "BAD_OCSP"));
  EXPECT_THAT(OcspRequest::FromDer(request_.ToDer() + "x"), Fails(kInvalid, "BAD_OCSP"));
  EXPECT_THAT(OcspRequest::FromDer(std::string(OcspRequest::kMaxBytes + 1, '0')),
              Fails(kInvalid, "BAD_OCSP"));
  EXPECT_THAT(OcspRequest::FromDer(""), Fails(kInvalid, "BAD_OCSP"));
  EXPECT_THAT(OcspRequest::DerOfPath("%"), Fails(kInvalid, "BAD_OCSP"));
  EXPECT_THAT(OcspIdOf(root_.certificate, "xy", OcspHash::kSha1), Fails(kInvalid, "BAD_OCSP"));
  EXPECT_THAT(OcspIdOf(root_.certificate, "1", OcspHash::kOther), Fails(kInvalid, "BAD_OCSP"));
}

TEST_F(OcspTest, AnAnswerSaysHowTheCertificateStands) {
  OcspStatus status = Good();
  status.next_update = now_ + absl::Hours(1);
  status.archive_cutoff = now_ - absl::Hours(24 * 3650);
  const auto good = Verify(Answer(request_, status));
  ASSERT_THAT(good, IsOk());
  EXPECT_EQ(good->status.state, OcspState::kGood);
  EXPECT_EQ(good->status.this_update, now_);
  EXPECT_EQ(good->status.next_update, status.next_update);
  EXPECT_EQ(good->status.archive_cutoff, status.archive_cutoff);
  EXPECT_EQ(good->produced_at, now_);
  EXPECT_EQ(good->nonce, request_.nonce);
  EXPECT_EQ(good->responder, responder_.certificate);

  for (const RevocationReason reason :
       {RevocationReason::kUnspecified, RevocationReason::kKeyCompromise,
        RevocationReason::kCertificateHold, RevocationReason::kPrivilegeWithdrawn}) {
    const auto revoked = Verify(Answer(request_, Revoked(reason)));
    ASSERT_THAT(revoked, IsOk());
    EXPECT_EQ(revoked->status.state, OcspState::kRevoked);
    EXPECT_EQ(revoked->status.revoked, now_ - absl::Hours(2));
    EXPECT_EQ(revoked->status.reason, reason);
    EXPECT_EQ(revoked->status.next_update, absl::nullopt);
    EXPECT_EQ(revoked->status.archive_cutoff, absl::nullopt);
  }
  OcspStatus unknown = Good();
  unknown.state = OcspState::kUnknown;
  EXPECT_EQ(Must(Verify(Answer(request_, unknown))).status.state, OcspState::kUnknown);
}

TEST_F(OcspTest, EachKindOfHashAndKeyAndNameServes) {
  for (const OcspHash hash : {OcspHash::kSha1, OcspHash::kSha256}) {
    for (const KeyType type : {KeyType::kP256, KeyType::kP384, KeyType::kRsa, KeyType::kEd25519}) {
      const Identity by = MakeUnder(root_, testing::Profile(Purpose::kOcsp, "r", now_), type);
      for (const auto name : {OcspResponder::Name::kKeyHash, OcspResponder::Name::kSubject}) {
        const auto request = Must(OcspRequest::New(seal_.certificate, root_.certificate, hash));
        const std::string response =
            Must(Must(OcspResponder::Create(root_.certificate, by.certificate, by.key, name))
                     .Answer({{request.ids[0], Good()}}, request.nonce, now_));
        EXPECT_THAT(VerifyOcsp(response, seal_.certificate, root_.certificate, Expect(request)),
                    IsOk());
      }
    }
  }
}

TEST_F(OcspTest, TheIssuerItselfMayAnswer) {
  const auto issuer = Must(OcspResponder::Create(root_.certificate, root_.certificate, root_.key));
  const std::string response =
      Must(issuer.Answer({{request_.ids[0], Good()}}, request_.nonce, now_));
  EXPECT_EQ(Must(Verify(response)).responder, root_.certificate);
}

TEST_F(OcspTest, OnlyTheIssuersOwnResponderIsBelieved) {
  // Under the very name of the authority, and with a certificate for answers: of another key.
  const Identity other = MakeRoot("Root", now_);
  const Identity theirs = MakeMember(other, Purpose::kOcsp, "", now_);
  const auto forged = Must(OcspResponder::Create(other.certificate, theirs.certificate, theirs.key))
                          .Answer({{request_.ids[0], Good()}}, request_.nonce, now_);
  EXPECT_THAT(Verify(Must(forged)), Fails(kUnauthenticated, "UNKNOWN_RESPONDER"));
  // A sibling below the same root is no delegate of this issuer.
  CertificateProfile below = testing::Profile(Purpose::kAuthority, "Seals", now_);
  const Identity authority = MakeUnder(root_, below);
  const Identity seal = MakeMember(authority, Purpose::kSeal, "ee/GOV/1/a", now_);
  const auto request = Must(OcspRequest::New(seal.certificate, authority.certificate));
  EXPECT_THAT(
      VerifyOcsp(Answer(request, Good()), seal.certificate, authority.certificate, Expect(request)),
      Fails(kUnauthenticated, "UNKNOWN_RESPONDER"));
  EXPECT_THAT(OcspResponder::Create(authority.certificate, responder_.certificate, responder_.key),
              Fails(kUnauthenticated, "UNKNOWN_RESPONDER"));
  EXPECT_THAT(OcspResponder::Create(root_.certificate, responder_.certificate, seal_.key),
              Fails(kInvalid, "KEY_MISMATCH"));
}

TEST_F(OcspTest, ACertificateForSomethingElseDoesNotAnswer) {
  EXPECT_THAT(OcspResponder::Create(root_.certificate, seal_.certificate, seal_.key),
              Fails(absl::StatusCode::kPermissionDenied, "WRONG_USAGE"));
  EXPECT_THAT(responder_.certificate.CheckPurpose(Purpose::kOcsp), IsOk());
  for (const Purpose purpose : {Purpose::kTransport, Purpose::kSeal, Purpose::kLog,
                                Purpose::kTimeStamp, Purpose::kAuthority}) {
    EXPECT_FALSE(responder_.certificate.CheckPurpose(purpose).ok());
  }
  // Made by openssl: what a certificate without id-pkix-ocsp-nocheck looks like.
  ASSERT_THAT(root_.key.Save(Path("root.key")), IsOk());
  Write("root.pem", root_.certificate.ToPem());
  Write("plain.req", Must(Csr::Create(seal_.key, "plain")).ToPem());
  Write("plain.cnf", "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=OCSPSigning\n");
  ASSERT_EQ(std::system(absl::StrCat("cd ", ::testing::TempDir(),
                                     " && openssl x509 -req -in plain.req -CA root.pem -CAkey "
                                     "root.key -extfile plain.cnf -out plain.pem 2>/dev/null")
                            .c_str()),
            0);
  EXPECT_THAT(OcspResponder::Create(root_.certificate,
                                    Must(Certificate::FromPem(Read("plain.pem"))), seal_.key),
              Fails(absl::StatusCode::kPermissionDenied, "WRONG_USAGE"));
}

TEST_F(OcspTest, TheRespondersCertificateIsJudgedAtTheMomentOfTheAnswer) {
  CertificateProfile profile = testing::Profile(Purpose::kOcsp, "short", now_);
  profile.not_before = now_ - absl::Hours(2);
  profile.not_after = now_ - absl::Hours(1);
  const Identity ended = MakeUnder(root_, profile);
  const auto responder =
      Must(OcspResponder::Create(root_.certificate, ended.certificate, ended.key));
  const auto at = [&](absl::Time time) {
    OcspStatus status = Good();
    status.this_update = time;
    status.next_update = now_ + absl::Hours(1);
    return Verify(Must(responder.Answer({{request_.ids[0], status}}, request_.nonce, time)));
  };
  EXPECT_THAT(at(now_), Fails(kUnauthenticated, "UNKNOWN_RESPONDER"));
  EXPECT_THAT(at(now_ - absl::Minutes(90)), IsOk());
  EXPECT_THAT(at(now_ - absl::Hours(3)), Fails(kUnauthenticated, "UNKNOWN_RESPONDER"));
}

TEST_F(OcspTest, AnyChangedByteIsRefusedOrLeavesTheStatementAsItWas) {
  const std::string response = Answer(request_, Revoked(RevocationReason::kSuperseded));
  int accepted = 0;
  for (size_t i = 0; i < response.size(); ++i) {
    for (const char bit : {1, 2, 64}) {
      std::string changed = response;
      changed[i] ^= bit;
      const auto verdict = Verify(changed);
      if (!verdict.ok()) continue;
      ++accepted;
      EXPECT_EQ(verdict->status.state, OcspState::kRevoked);
      EXPECT_EQ(verdict->status.revoked, now_ - absl::Hours(2));
      EXPECT_EQ(verdict->responder, responder_.certificate);
    }
  }
  EXPECT_LT(accepted, 8);
}

TEST_F(OcspTest, AnAnswerToAnotherQuestionIsRefused) {
  OcspRequest other = request_;
  other.nonce[0] ^= 1;
  EXPECT_THAT(Verify(Answer(other, Good())), Fails(kUnauthenticated, "WRONG_NONCE"));
  other.nonce.clear();
  EXPECT_THAT(Verify(Answer(other, Good())), Fails(kUnauthenticated, "WRONG_NONCE"));
  // Not asked with one: any will do.
  OcspExpectation none = Expect(request_);
  none.nonce = absl::nullopt;
  EXPECT_THAT(VerifyOcsp(Answer(other, Good()), seal_.certificate, root_.certificate, none),
              IsOk());
  const Identity another = MakeMember(root_, Purpose::kSeal, "ee/GOV/1/b", now_);
  OcspRequest about = request_;
  about.ids[0] = Must(OcspIdOf(root_.certificate, another.certificate.serial(), OcspHash::kSha1));
  EXPECT_THAT(Verify(Answer(about, Good())), Fails(kUnauthenticated, "NOT_ANSWERED"));
}

TEST_F(OcspTest, TwoAnswersForOneCertificateAreRefused) {
  const OcspCertId& id = request_.ids[0];
  const OcspCertId same =
      Must(OcspIdOf(root_.certificate, seal_.certificate.serial(), OcspHash::kSha256));
  const OcspCertId other = Must(OcspIdOf(root_.certificate, "77", OcspHash::kSha1));
  const auto verify = [&](const std::vector<OcspAnswer>& answers) {
    return Verify(Must(Responder().Answer(answers, request_.nonce, now_)));
  };
  const OcspStatus revoked = Revoked(RevocationReason::kKeyCompromise);
  EXPECT_THAT(verify({{id, Good()}, {other, revoked}}), IsOk());
  EXPECT_THAT(verify({{id, Good()}, {id, revoked}}), Fails(kUnauthenticated, "AMBIGUOUS_ANSWER"));
  EXPECT_THAT(verify({{id, Good()}, {id, Good()}}), Fails(kUnauthenticated, "AMBIGUOUS_ANSWER"));
  EXPECT_THAT(verify({{id, Good()}, {same, revoked}}), Fails(kUnauthenticated, "AMBIGUOUS_ANSWER"));
  EXPECT_THAT(verify({{id, Good()}, {other, Good()}, {other, revoked}}),
              Fails(kUnauthenticated, "AMBIGUOUS_ANSWER"));
}

TEST_F(OcspTest, AnAnswerCountsAroundItsMoment) {
  const auto verify = [&](absl::Duration this_update, absl::optional<absl::Duration> next_update) {
    OcspStatus status = Good();
    status.this_update = now_ + this_update;
    if (next_update) status.next_update = now_ + *next_update;
    return Verify(Answer(request_, status));
  };
  EXPECT_THAT(verify(absl::Seconds(59), absl::nullopt), IsOk());
  EXPECT_THAT(verify(absl::Seconds(61), absl::nullopt), Fails(kUnauthenticated, "FROM_THE_FUTURE"));
  EXPECT_THAT(verify(-absl::Minutes(15), absl::nullopt), IsOk());
  EXPECT_THAT(verify(-absl::Minutes(17), absl::nullopt), Fails(kUnauthenticated, "STALE"));
  EXPECT_THAT(verify(-absl::Hours(20), absl::Hours(1)), IsOk());
  EXPECT_THAT(verify(-absl::Hours(20), -absl::Seconds(61)), Fails(kUnauthenticated, "STALE"));
  EXPECT_THAT(verify(absl::Seconds(30), absl::Seconds(20)), Fails(kUnauthenticated, "STALE"));
}

// Questions and answers written by hand, DER: ours never have such extensions.
class OcspExtensionTest : public OcspTest {
 protected:
  static std::string Tlv(int tag, const std::string& content) {
    std::string out(1, static_cast<char>(tag));
    if (content.size() >= 256) {
      out += {static_cast<char>(0x82), static_cast<char>(content.size() >> 8)};
    } else if (content.size() >= 128) {
      out += static_cast<char>(0x81);
    }
    return out + static_cast<char>(content.size() & 0xFF) + content;
  }
  // In [number] EXPLICIT Extensions; nobody knows 1.2.3.
  static std::string Unknown(int number, bool critical) {
    return Tlv(0xA0 | number,
               Tlv(0x30, Tlv(0x30, std::string("\x06\x02\x2a\x03") +
                                       (critical ? "\x01\x01\xff" : "") + Tlv(0x04, "x"))));
  }
  absl::Status Asked(const std::string& of_one, const std::string& of_all) {
    return OcspRequest::FromDer(
               Tlv(0x30, Tlv(0x30, Tlv(0x30, Tlv(0x30, request_.ids[0].der + of_one)) + of_all)))
        .status();
  }
  // By the issuer itself.
  absl::Status Answered(const std::string& of_one, const std::string& of_all) {
    const std::string time =
        Tlv(0x18, absl::FormatTime("%E4Y%m%d%H%M%SZ", now_, absl::UTCTimeZone()));
    const std::string key = OcspIssuer(root_.certificate, OcspHash::kSha1).substr(20);
    const std::string data =
        Tlv(0x30, Tlv(0xA2, Tlv(0x04, key)) + time +
                      Tlv(0x30, Tlv(0x30, request_.ids[0].der + Tlv(0x80, "") + time + of_one)) +
                      of_all);
    const std::string basic =
        Tlv(0x30, data + "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02" +
                      Tlv(0x03, std::string(1, '\0') + Must(root_.key.Sign(data))));
    const std::string response =
        Tlv(0x30, Tlv(0x0A, std::string(1, '\0')) +
                      Tlv(0xA0, Tlv(0x30, "\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01" +
                                              Tlv(0x04, basic))));
    OcspExpectation expectation;
    expectation.at = now_;
    return VerifyOcsp(response, seal_.certificate, root_.certificate, expectation).status();
  }
};

TEST_F(OcspExtensionTest, AnUnknownOneIsLeftAsideUnlessItIsCritical) {
  EXPECT_THAT(Asked("", ""), IsOk());
  EXPECT_THAT(Asked(Unknown(0, false), Unknown(2, false)), IsOk());
  EXPECT_THAT(Asked(Unknown(0, true), ""), Fails(kInvalid, "BAD_OCSP"));
  EXPECT_THAT(Asked("", Unknown(2, true)), Fails(kInvalid, "BAD_OCSP"));
  EXPECT_THAT(Answered("", ""), IsOk());
  EXPECT_THAT(Answered(Unknown(1, false), Unknown(1, false)), IsOk());
  EXPECT_THAT(Answered(Unknown(1, true), ""), Fails(kInvalid, "BAD_OCSP"));
  EXPECT_THAT(Answered("", Unknown(1, true)), Fails(kInvalid, "BAD_OCSP"));
}

TEST_F(OcspTest, ARefusalSaysWhy) {
  for (const auto& [failure, name] :
       {std::pair<OcspFailure, const char*>{OcspFailure::kMalformedRequest, "malformedRequest"},
        {OcspFailure::kInternalError, "internalError"},
        {OcspFailure::kTryLater, "tryLater"},
        {OcspFailure::kUnauthorized, "unauthorized"}}) {
    const auto verdict = Verify(OcspRefusal(failure));
    EXPECT_THAT(verdict, Fails(absl::StatusCode::kUnavailable, "OCSP_REFUSED"));
    EXPECT_EQ(base::DetailOf(verdict.status())->metadata.at("failure"), name);
  }
  for (const std::string& garbage : {std::string(), std::string("x"), std::string(100, '0')}) {
    EXPECT_THAT(Verify(garbage), Fails(kInvalid, "BAD_OCSP"));
  }
  EXPECT_THAT(Verify(Answer(request_, Good()) + "x"), Fails(kInvalid, "BAD_OCSP"));
}

// The openssl program as the judge from outside, both ways.
TEST_F(OcspTest, OpenSslAcceptsOurAnswers) {
  Write("root.pem", root_.certificate.ToPem());
  Write("seal.pem", seal_.certificate.ToPem());
  for (const std::string& hash : {std::string("-sha1"), std::string("-sha256")}) {
    OpenSsl(absl::StrCat("-issuer root.pem ", hash, " -cert seal.pem -reqout q.der"));
    const OcspRequest request = Must(OcspRequest::FromDer(Read("q.der")));
    EXPECT_FALSE(request.nonce.empty());
    const auto judge = [&](const OcspStatus& status) {
      Write("a.der", Answer(request, status));
      // -no_nonce: the question's own stays.
      return OpenSsl(
          absl::StrCat("-issuer root.pem ", hash,
                       " -cert seal.pem -no_nonce -reqin q.der -respin a.der -CAfile root.pem"));
    };
    const std::string good = judge(Good());
    EXPECT_TRUE(absl::StrContains(good, "Response verify OK")) << good;
    EXPECT_TRUE(absl::StrContains(good, "seal.pem: good")) << good;
    EXPECT_FALSE(absl::StrContains(good, "WARNING")) << good;
    const std::string held = judge(Revoked(RevocationReason::kCertificateHold));
    EXPECT_TRUE(absl::StrContains(held, "seal.pem: revoked")) << held;
    EXPECT_TRUE(absl::StrContains(held, "Reason: certificateHold")) << held;
    OcspStatus unknown = Good();
    unknown.state = OcspState::kUnknown;
    unknown.next_update = now_ + absl::Hours(1);
    unknown.archive_cutoff = now_ - absl::Hours(1);
    EXPECT_TRUE(absl::StrContains(judge(unknown), "seal.pem: unknown"));
  }
  Write("a.der", OcspRefusal(OcspFailure::kTryLater));
  const std::string refused = OpenSsl("-respin a.der -resp_text -noverify || true");
  EXPECT_TRUE(absl::StrContains(refused, "trylater")) << refused;
}

// What a certificate says of where its status is, as openssl reads it.
TEST_F(OcspTest, ACertificateSaysWhereItsStatusIs) {
  CertificateProfile profile = testing::Profile(Purpose::kTimeStamp, "addressed", now_);
  const auto addresses = [&] {
    Write("addressed.pem", MakeUnder(root_, profile).certificate.ToPem());
    EXPECT_EQ(std::system(absl::StrCat("cd ", ::testing::TempDir(),
                                       " && openssl x509 -in addressed.pem -noout -ext "
                                       "authorityInfoAccess > said 2>&1")
                              .c_str()),
              0);
    return Read("said");
  };
  EXPECT_FALSE(absl::StrContains(addresses(), "URI:"));
  profile.ocsp_url = "http://ocsp.example:8888";
  profile.issuer_url = "http://pki.example/ca.cer";
  const std::string said = addresses();
  EXPECT_TRUE(absl::StrContains(said, "OCSP - URI:http://ocsp.example:8888\n")) << said;
  EXPECT_TRUE(absl::StrContains(said, "CA Issuers - URI:http://pki.example/ca.cer\n")) << said;
  for (const char* bad : {"http://a,caIssuers;URI:http://b", "@section", "http://a b"}) {
    profile.ocsp_url = bad;
    EXPECT_THAT(Issue(profile, seal_.key.public_key(), root_.certificate, root_.key),
                Fails(kInvalid, "BAD_PROFILE"));
  }
}

TEST_F(OcspTest, WeAcceptWhatOpenSslAnswers) {
  Write("root.pem", root_.certificate.ToPem());
  Write("responder.pem", responder_.certificate.ToPem());
  ASSERT_THAT(responder_.key.Save(Path("responder.key")), IsOk());
  const auto ask = [&](const std::string& index, const std::string& options) {
    Write("index.txt", index);
    Write("q.der", request_.ToDer());
    OpenSsl(
        absl::StrCat("-index index.txt -rsigner responder.pem -rkey responder.key -CA "
                     "root.pem -reqin q.der -respout theirs.der -ndays 1 ",
                     options));
    return Verify(Read("theirs.der"));
  };
  std::string serial = seal_.certificate.serial();
  if (serial.size() % 2 != 0) serial.insert(0, "0");
  const std::string upper = absl::AsciiStrToUpper(serial);
  const auto good =
      ask(absl::StrCat("V\t300101000000Z\t\t", upper, "\tunknown\t/CN=x\n"), "-resp_key_id");
  ASSERT_THAT(good, IsOk());
  EXPECT_EQ(good->status.state, OcspState::kGood);
  EXPECT_EQ(good->responder, responder_.certificate);
  const auto revoked = ask(
      absl::StrCat("R\t300101000000Z\t260101120000Z,keyCompromise\t", upper, "\tunknown\t/CN=x\n"),
      "");
  ASSERT_THAT(revoked, IsOk());
  EXPECT_EQ(revoked->status.state, OcspState::kRevoked);
  EXPECT_EQ(revoked->status.reason, RevocationReason::kKeyCompromise);
  EXPECT_EQ(revoked->status.revoked, absl::FromUnixSeconds(1767268800));
  EXPECT_EQ(Must(ask("", "")).status.state, OcspState::kUnknown);
  EXPECT_THAT(ask("", "-rmd sha1"), Fails(kUnauthenticated, "BAD_SIGNATURE"));
  // The member whose seal it is says that it is good, under the same authority.
  Write("responder.pem", seal_.certificate.ToPem());
  ASSERT_THAT(seal_.key.Save(Path("responder.key")), IsOk());
  EXPECT_THAT(ask("", "-resp_key_id"), Fails(kUnauthenticated, "UNKNOWN_RESPONDER"));
}

}  // namespace
}  // namespace egov::pki
