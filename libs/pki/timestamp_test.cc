#include "libs/pki/timestamp.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

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
using testing::Must;

constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;
constexpr char kPolicy[] = "1.3.6.1.4.1.99999.1";

class TimeStampTest : public ::testing::Test {
 protected:
  TimeStampAuthority Authority(TimeStampAuthority::TimeSource time = nullptr) {
    if (time == nullptr) time = [this] { return absl::StatusOr<absl::Time>(now_); };
    TimeStampAuthority::Options options;
    options.policy = kPolicy;
    options.accuracy = absl::Milliseconds(1500) + absl::Microseconds(7);
    return Must(TimeStampAuthority::Create(options, stamp_.certificate, stamp_.key,
                                           {stamp_.certificate}, std::move(time),
                                           [this] { return absl::StatusOr<uint64_t>(++serial_); }));
  }
  ChainVerifier Trust(std::vector<Crl> lists = {}) {
    return Must(ChainVerifier::Create({root_.certificate}, std::move(lists)));
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

  // The openssl program judges by the real time.
  absl::Time now_ = absl::Now();
  uint64_t serial_ = 41;
  Identity root_ = MakeRoot("Root", now_);
  Identity stamp_ = MakeMember(root_, Purpose::kTimeStamp, "", now_);
  const Digest imprint_ = Sha256Of("data");
};

TEST_F(TimeStampTest, AGrantedStampSaysWhenByWhomAndHowExactly) {
  const TimeStampRequest request = TimeStampRequest::New(imprint_);
  const auto reply = Authority().Respond(request.ToDer());
  ASSERT_TRUE(reply.granted) << reply.failure;
  const auto stamp = VerifyTimeStamp(reply.der, imprint_, request.nonce, Trust());
  ASSERT_THAT(stamp, IsOk());
  EXPECT_EQ(stamp->time, absl::FromUnixMicros(absl::ToUnixMicros(now_)));
  EXPECT_EQ(stamp->accuracy, absl::Milliseconds(1500) + absl::Microseconds(7));
  EXPECT_EQ(stamp->policy, kPolicy);
  EXPECT_EQ(stamp->serial, "2a");
  EXPECT_EQ(stamp->authority, stamp_.certificate.subject());
  EXPECT_EQ(stamp->certificate, stamp_.certificate);
  EXPECT_EQ(stamp->nonce, request.nonce);
  EXPECT_TRUE(stamp->ordered);
  // The bare token says the same.
  EXPECT_THAT(VerifyTimeStamp(*TokenOfResponse(reply.der), imprint_, request.nonce, Trust()),
              IsOk());
}

TEST_F(TimeStampTest, AStampForOtherDataOrAnotherQuestionIsRefused) {
  const TimeStampRequest request = TimeStampRequest::New(imprint_);
  const std::string der = Authority().Respond(request.ToDer()).der;
  EXPECT_THAT(VerifyTimeStamp(der, Sha256Of("other"), request.nonce, Trust()),
              Fails(kUnauthenticated, "WRONG_IMPRINT"));
  EXPECT_THAT(VerifyTimeStamp(der, imprint_, request.nonce + 1, Trust()),
              Fails(kUnauthenticated, "WRONG_NONCE"));
  TimeStampRequest without = request;
  without.nonce = 0;
  EXPECT_THAT(
      VerifyTimeStamp(Authority().Respond(without.ToDer()).der, imprint_, request.nonce, Trust()),
      Fails(kUnauthenticated, "WRONG_NONCE"));
}

TEST_F(TimeStampTest, AnyChangedByteOfTheTokenIsRefusedOrLeavesTheStatementAsItWas) {
  const TimeStampRequest request = TimeStampRequest::New(imprint_);
  const std::string token = *TokenOfResponse(Authority().Respond(request.ToDer()).der);
  const TimeStamp original = Must(VerifyTimeStamp(token, imprint_, request.nonce, Trust()));
  int accepted = 0;
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] ^= 1;
    const auto stamp = VerifyTimeStamp(changed, imprint_, request.nonce, Trust());
    if (!stamp.ok()) continue;
    ++accepted;  // bytes of CMS that no signature covers, such as the version
    EXPECT_EQ(stamp->time, original.time);
    EXPECT_EQ(stamp->serial, original.serial);
    EXPECT_EQ(stamp->policy, original.policy);
    EXPECT_EQ(stamp->certificate, original.certificate);
  }
  EXPECT_LT(accepted, 16);
}

TEST_F(TimeStampTest, AStampOfAnUnknownOrRevokedAuthorityIsRefused) {
  const std::string der = Authority().Respond(TimeStampRequest::New(imprint_).ToDer()).der;
  const Identity other = MakeRoot("Root", now_);
  EXPECT_THAT(VerifyTimeStamp(der, imprint_, absl::nullopt,
                              Must(ChainVerifier::Create({other.certificate}))),
              Fails(kUnauthenticated, "UNKNOWN_ISSUER"));
  const auto list = [&](absl::Time revoked) {
    return Must(Crl::Build(root_.certificate, root_.key, 1, now_, now_ + absl::Hours(1),
                           {{stamp_.certificate.serial(), revoked, {}}}));
  };
  EXPECT_THAT(VerifyTimeStamp(der, imprint_, absl::nullopt, Trust({list(now_ - absl::Hours(1))})),
              Fails(kUnauthenticated, "REVOKED"));
  // Revoked afterwards: the stamp was made in time.
  EXPECT_THAT(VerifyTimeStamp(der, imprint_, absl::nullopt, Trust({list(now_ + absl::Hours(1))})),
              IsOk());
}

TEST_F(TimeStampTest, TheCertificateIsJudgedAtTheStampedMoment) {
  now_ += absl::Hours(24 * 200);
  const std::string der = Authority().Respond(TimeStampRequest::New(imprint_).ToDer()).der;
  EXPECT_THAT(VerifyTimeStamp(der, imprint_, absl::nullopt, Trust()),
              Fails(kUnauthenticated, "EXPIRED"));
}

TEST_F(TimeStampTest, OnlyATimeStampingCertificateGrants) {
  const Identity seal = MakeMember(root_, Purpose::kSeal, "ee/GOV/1/a", now_);
  const auto now = [this] { return absl::StatusOr<absl::Time>(now_); };
  const auto serial = [] { return absl::StatusOr<uint64_t>(1); };
  TimeStampAuthority::Options options;
  options.policy = kPolicy;
  EXPECT_THAT(TimeStampAuthority::Create(options, seal.certificate, seal.key, {}, now, serial),
              Fails(absl::StatusCode::kPermissionDenied, "WRONG_USAGE"));
  EXPECT_THAT(TimeStampAuthority::Create(options, stamp_.certificate, seal.key, {}, now, serial),
              Fails(absl::StatusCode::kInvalidArgument, "KEY_MISMATCH"));
  options.policy = "no policy";
  EXPECT_THAT(TimeStampAuthority::Create(options, stamp_.certificate, stamp_.key, {}, now, serial),
              Fails(absl::StatusCode::kInvalidArgument, "BAD_POLICY"));
}

TEST_F(TimeStampTest, WithoutKnownTimeNothingIsGranted) {
  const auto reply = Authority([] {
                       return absl::StatusOr<absl::Time>(absl::UnavailableError("stepped"));
                     }).Respond(TimeStampRequest::New(imprint_).ToDer());
  EXPECT_FALSE(reply.granted);
  EXPECT_EQ(reply.failure, "timeNotAvailable");
  const auto verified = VerifyTimeStamp(reply.der, imprint_, absl::nullopt, Trust());
  EXPECT_THAT(verified, Fails(absl::StatusCode::kUnavailable, "TIME_STAMP_REFUSED"));
  EXPECT_EQ(base::DetailOf(verified.status())->metadata.at("failure"), "timeNotAvailable");
}

TEST_F(TimeStampTest, BadQuestionsGetTheRightFailure) {
  EXPECT_EQ(Authority().Respond("garbage").failure, "badDataFormat");
  EXPECT_EQ(Authority().Respond("").failure, "badDataFormat");
  const std::string query = Path("bad.tsq");
  Write("bad.data", "data");
  const auto made_by_openssl = [&](const std::string& options) {
    const std::string command = absl::StrCat("openssl ts -query -data ", Path("bad.data"), " ",
                                             options, " -out ", query, " 2>/dev/null");
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return Authority().Respond(Read("bad.tsq"));
  };
  EXPECT_EQ(made_by_openssl("-sha1").failure, "badAlg");
  EXPECT_EQ(made_by_openssl("-sha256 -tspolicy 1.2.3.4").failure, "unacceptedPolicy");
  EXPECT_TRUE(made_by_openssl(absl::StrCat("-sha512 -tspolicy ", kPolicy)).granted);
}

TEST_F(TimeStampTest, AnImprintMayBeByALargerDigest) {
  Write("large.data", "data");
  for (const char* hash : {"-sha256", "-sha384", "-sha512"}) {
    ASSERT_EQ(std::system(absl::StrCat("openssl ts -query -cert -data ", Path("large.data"), " ",
                                       hash, " -out ", Path("large.tsq"), " 2>/dev/null")
                              .c_str()),
              0);
    const std::string der = Authority().Respond(Read("large.tsq")).der;
    const auto stamp = VerifyTimeStampOf("data", der, Trust());
    ASSERT_THAT(stamp, IsOk()) << hash;
    EXPECT_EQ(stamp->imprint, imprint_);
    EXPECT_THAT(VerifyTimeStampOf("date", der, Trust()),
                Fails(absl::StatusCode::kUnauthenticated, "WRONG_IMPRINT"));
  }
}

TEST_F(TimeStampTest, GarbageIsNoTimeStamp) {
  for (const std::string& garbage : {std::string(), std::string("x"), std::string(100, '0')}) {
    EXPECT_THAT(VerifyTimeStamp(garbage, imprint_, absl::nullopt, Trust()),
                Fails(absl::StatusCode::kInvalidArgument, "BAD_TIME_STAMP"));
  }
  const std::string der = Authority().Respond(TimeStampRequest::New(imprint_).ToDer()).der;
  EXPECT_THAT(VerifyTimeStamp(der + "x", imprint_, absl::nullopt, Trust()),
              Fails(absl::StatusCode::kInvalidArgument, "BAD_TIME_STAMP"));
}

// The openssl program as the judge from outside, both ways.
TEST_F(TimeStampTest, OpenSslAcceptsOurStamps) {
  Write("data.txt", "data");
  Write("anchors.pem", root_.certificate.ToPem());
  Write("resp.tsr", Authority().Respond(TimeStampRequest::New(imprint_).ToDer()).der);
  const auto verify = [&](const std::string& data) {
    return std::system(absl::StrCat("openssl ts -verify -data ", Path(data), " -in ",
                                    Path("resp.tsr"), " -CAfile ", Path("anchors.pem"),
                                    " > /dev/null 2>&1")
                           .c_str());
  };
  EXPECT_EQ(verify("data.txt"), 0);
  Write("data.txt", "date");
  EXPECT_NE(verify("data.txt"), 0);
}

TEST_F(TimeStampTest, WeAcceptWhatOpenSslGrants) {
  ASSERT_THAT(stamp_.key.Save(Path("tsa.key")), IsOk());
  Write("tsa.pem", stamp_.certificate.ToPem());
  Write("tsa.serial", "0A\n");
  Write("tsa.cnf", absl::StrCat("[tsa]\nserial=", Path("tsa.serial"),
                                "\nsigner_cert=", Path("tsa.pem"), "\nsigner_key=", Path("tsa.key"),
                                "\nsigner_digest=sha256\ndefault_policy=1.2.3\ndigests=sha256\n"
                                "accuracy=secs:2\ness_cert_id_alg=sha256\n"));
  const TimeStampRequest request = TimeStampRequest::New(imprint_);
  Write("query.tsq", request.ToDer());
  ASSERT_EQ(std::system(absl::StrCat("openssl ts -reply -config ", Path("tsa.cnf"),
                                     " -section tsa -queryfile ", Path("query.tsq"), " -out ",
                                     Path("theirs.tsr"), " > /dev/null 2>&1")
                            .c_str()),
            0);
  const auto stamp = VerifyTimeStamp(Read("theirs.tsr"), imprint_, request.nonce, Trust());
  ASSERT_THAT(stamp, IsOk());
  EXPECT_EQ(stamp->accuracy, absl::Seconds(2));
  EXPECT_EQ(stamp->policy, "1.2.3");
}

}  // namespace
}  // namespace egov::pki
