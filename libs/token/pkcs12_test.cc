// The openssl program writes what is read here, and reads what is written here.
#include "libs/token/pkcs12.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/token/testing/soft_token.h"

namespace egov::token {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using pki::KeyType;
using pki::testing::Must;
using testing::Command;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Pin;

constexpr char kPassword[] = "õige parool 739154";

std::string DigestOf(absl::string_view text) {
  const pki::Digest digest = pki::Sha256Of(text);
  return std::string(reinterpret_cast<const char*>(digest.data()), digest.size());
}

class Pkcs12Test : public ::testing::Test {
 protected:
  Pkcs12::Entry Entry(Use use, KeyType type = KeyType::kP256) const {
    pki::PrivateKey key = Must(pki::PrivateKey::Generate(type));
    pki::Certificate certificate = authority_.Issue(use, key.public_key());
    return {std::move(key), std::move(certificate)};
  }
  std::string Path(const std::string& name) const { return ::testing::TempDir() + "/" + name; }
  // A file of the openssl program with one key and certificate.
  std::string MadeByOpenSsl(const Pkcs12::Entry& entry, const std::string& options) const {
    testing::WriteFile(Path("key.pem"), entry.key.ToPem().Reveal());
    testing::WriteFile(Path("cert.pem"), entry.certificate.ToPem());
    testing::WriteFile(Path("ca.pem"), authority_.certificate().ToPem());
    Command(absl::StrCat("openssl pkcs12 -export -inkey ", Path("key.pem"), " -in ",
                         Path("cert.pem"), " -certfile ", Path("ca.pem"), " -passout 'pass:",
                         kPassword, "' ", options, " -out ", Path("theirs.p12")));
    return testing::ReadFile(Path("theirs.p12"));
  }
  const testing::CitizensAuthority authority_;
};

TEST_F(Pkcs12Test, AFileIsACarrierForBothUses) {
  const Pkcs12::Entry authentication = Entry(Use::kAuthentication);
  const Pkcs12::Entry signature = Entry(Use::kSignature, KeyType::kP384);
  ASSERT_THAT(Pkcs12::Save(Path("both.p12"), {authentication, signature}, Pin(kPassword)), IsOk());
  struct stat status {};
  ASSERT_EQ(stat(Path("both.p12").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600);

  Pkcs12 carrier = Must(Pkcs12::Open(Path("both.p12"), Pin(kPassword)));
  EXPECT_EQ(Must(carrier.Certificate(Use::kAuthentication)), authentication.certificate);
  EXPECT_EQ(Must(carrier.Certificate(Use::kSignature)), signature.certificate);
  EXPECT_THAT(
      authentication.key.public_key().Verify(
          "text", Must(carrier.Sign(Use::kAuthentication, DigestOf("text"), Pin(kPassword)))),
      IsOk());
  testing::WriteFile(Path("text"), "text");
  Command("openssl dgst -sha384 -binary -out " + Path("digest") + " " + Path("text"));
  EXPECT_THAT(signature.key.public_key().Verify(
                  "text", Must(carrier.Sign(Use::kSignature, testing::ReadFile(Path("digest")),
                                            Pin(kPassword)))),
              IsOk());
  EXPECT_THAT(carrier.Sign(Use::kSignature, DigestOf("text"), Pin(kPassword)),
              Fails(StatusCode::kInvalidArgument, "WRONG_DIGEST", "digest"));
}

TEST_F(Pkcs12Test, AFileForOneUseHasNothingForTheOther) {
  const std::string der = Must(Pkcs12::Encode({Entry(Use::kSignature)}, Pin(kPassword)));
  Pkcs12 carrier = Must(Pkcs12::Decode(der, Pin(kPassword)));
  EXPECT_THAT(carrier.Certificate(Use::kSignature), IsOk());
  const auto missing = Fails(StatusCode::kNotFound, "CERTIFICATE_NOT_FOUND", "authentication");
  EXPECT_THAT(carrier.Certificate(Use::kAuthentication), missing);
  EXPECT_THAT(carrier.Sign(Use::kAuthentication, DigestOf("text"), Pin(kPassword)), missing);
}

TEST_F(Pkcs12Test, EachSignatureNeedsThePassword) {
  const std::string der = Must(Pkcs12::Encode({Entry(Use::kSignature)}, Pin(kPassword)));
  const auto wrong = Fails(StatusCode::kUnauthenticated, "PIN_INCORRECT", "pin");
  EXPECT_THAT(Pkcs12::Decode(der, Pin("another password")), wrong);
  EXPECT_THAT(Pkcs12::Decode(der, Pin("")), wrong);
  Pkcs12 carrier = Must(Pkcs12::Decode(der, Pin(kPassword)));
  EXPECT_THAT(carrier.Sign(Use::kSignature, DigestOf("text"), Pin("another password")), wrong);
  EXPECT_THAT(carrier.Sign(Use::kSignature, DigestOf("text"), Pin("")), wrong);
  EXPECT_THAT(carrier.Sign(Use::kSignature, DigestOf("text"), Pin(kPassword)), IsOk());
}

TEST_F(Pkcs12Test, NoErrorHoldsThePassword) {
  const std::string der = Must(Pkcs12::Encode({Entry(Use::kSignature)}, Pin(kPassword)));
  const absl::Status status = Pkcs12::Decode(der, Pin("another password")).status();
  EXPECT_THAT(status.ToString(), Not(HasSubstr("another password")));
}

TEST_F(Pkcs12Test, OpensslReadsWhatIsWrittenAndSeesModernEncryption) {
  const Pkcs12::Entry entry = Entry(Use::kSignature);
  ASSERT_THAT(Pkcs12::Save(Path("ours.p12"), {entry}, Pin(kPassword)), IsOk());
  const std::string open =
      absl::StrCat("openssl pkcs12 -in ", Path("ours.p12"), " -passin 'pass:", kPassword, "' ");
  const std::string about = Command(open + "-info -noout");
  EXPECT_THAT(about, HasSubstr("MAC: sha256, Iteration 600000"));
  EXPECT_THAT(about,
              HasSubstr("PKCS7 Encrypted data: PBES2, PBKDF2, AES-256-CBC, Iteration 600000, "
                        "PRF hmacWithSHA256"));
  EXPECT_THAT(about, HasSubstr("Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF "
                               "hmacWithSHA256"));
  Command(open + "-nodes -nocerts -out " + Path("out.pem"));
  const std::string text = testing::ReadFile(Path("out.pem"));
  EXPECT_EQ(Must(pki::PrivateKey::FromPem(text.substr(text.find("-----BEGIN")))).public_key(),
            entry.key.public_key());
  // The certificate names a person: it is not to be read in the file.
  EXPECT_THAT(testing::ReadFile(Path("ours.p12")), Not(HasSubstr("38001085718")));
}

TEST_F(Pkcs12Test, FilesOfOpensslAreRead) {
  const Pkcs12::Entry entry = Entry(Use::kAuthentication);
  for (const char* options : {"", "-keypbe AES-128-CBC -certpbe AES-192-CBC -macalg SHA512",
                              "-certpbe NONE", "-iter 5000"}) {
    auto carrier = Pkcs12::Decode(MadeByOpenSsl(entry, options), Pin(kPassword));
    ASSERT_THAT(carrier, IsOk()) << options;
    EXPECT_EQ(Must(carrier->Certificate(Use::kAuthentication)), entry.certificate);
    EXPECT_THAT(carrier->Sign(Use::kAuthentication, DigestOf("text"), Pin(kPassword)), IsOk());
  }
}

TEST_F(Pkcs12Test, OldEncryptionIsRefusedByNameWhateverThePassword) {
  const Pkcs12::Entry entry = Entry(Use::kAuthentication);
  for (const auto& [options, name] : std::vector<std::pair<std::string, std::string>>{
           {"-legacy -macalg SHA256", "RC2"},
           {"-certpbe PBE-SHA1-3DES -keypbe AES-256-CBC", "3-KeyTripleDES"},
           {"-keypbe PBE-SHA1-3DES", "3-KeyTripleDES"},
           {"-macalg SHA1", "sha1"}}) {
    const std::string der = MadeByOpenSsl(entry, options);
    const absl::Status status = Pkcs12::Decode(der, Pin(kPassword)).status();
    EXPECT_THAT(status, Fails(StatusCode::kFailedPrecondition, "OLD_ENCRYPTION")) << options;
    EXPECT_THAT(status.ToString(), HasSubstr(name));
  }
}

TEST_F(Pkcs12Test, WhatIsUnprotectedIsRefused) {
  const Pkcs12::Entry entry = Entry(Use::kAuthentication);
  const auto bad = Fails(StatusCode::kInvalidArgument, "BAD_PKCS12");
  EXPECT_THAT(Pkcs12::Decode(MadeByOpenSsl(entry, "-nomac"), Pin(kPassword)), bad);
  EXPECT_THAT(Pkcs12::Decode(MadeByOpenSsl(entry, "-keypbe NONE"), Pin(kPassword)), bad);
}

TEST_F(Pkcs12Test, ANumberOfIterationsThatWouldTakeForeverIsRefused) {
  // In DER 9,000,000 takes four bytes, whose first is zero: room for a larger number.
  const std::string number("\x02\x04\x00\x89\x54\x40", 6);
  std::string der = MadeByOpenSsl(Entry(Use::kAuthentication), "-iter 9000000");
  ASSERT_NE(der.find(number), std::string::npos);
  der = absl::StrReplaceAll(der, {{number, std::string("\x02\x04\x7f\x89\x54\x40", 6)}});
  EXPECT_THAT(Pkcs12::Decode(der, Pin(kPassword)),
              Fails(StatusCode::kInvalidArgument, "BAD_PKCS12"));
}

TEST_F(Pkcs12Test, AnyChangedByteIsNoticed) {
  const std::string der = MadeByOpenSsl(Entry(Use::kSignature), "-iter 1");
  const pki::Certificate certificate =
      Must(Must(Pkcs12::Decode(der, Pin(kPassword))).Certificate(Use::kSignature));
  for (size_t i = 0; i < der.size(); ++i) {
    std::string changed = der;
    changed[i] ^= 1;
    auto carrier = Pkcs12::Decode(changed, Pin(kPassword));
    // Of bytes that nothing covers, such as the version, the content stays what it was.
    if (!carrier.ok()) continue;
    EXPECT_EQ(Must(carrier->Certificate(Use::kSignature)), certificate) << i;
  }
}

TEST_F(Pkcs12Test, OnlyAKeyWithItsOwnCertificateIsWritten) {
  const Pkcs12::Entry good = Entry(Use::kSignature);
  const Pkcs12::Entry other = Entry(Use::kSignature);
  const auto bad = Fails(StatusCode::kInvalidArgument, "BAD_ENTRY", "entries");
  EXPECT_THAT(Pkcs12::Encode({}, Pin(kPassword)), bad);
  EXPECT_THAT(Pkcs12::Encode({{good.key, other.certificate}}, Pin(kPassword)), bad);
  EXPECT_THAT(Pkcs12::Encode({good, other}, Pin(kPassword)), bad);
  EXPECT_THAT(Pkcs12::Encode({{good.key, authority_.certificate()}}, Pin(kPassword)), bad);
  EXPECT_THAT(Pkcs12::Encode({Entry(Use::kSignature, KeyType::kRsa)}, Pin(kPassword)), bad);
  EXPECT_THAT(Pkcs12::Encode({good}, Pin("short")),
              Fails(StatusCode::kInvalidArgument, "PIN_MALFORMED", "password"));
  EXPECT_THAT(Pkcs12::Save("/nowhere/a.p12", {good}, Pin(kPassword)),
              Fails(StatusCode::kUnavailable, "FILE_NOT_SAVED", "path"));
}

TEST_F(Pkcs12Test, WhatIsNoCarrierIsSaidToBeNone) {
  const auto bad = Fails(StatusCode::kInvalidArgument, "BAD_PKCS12");
  EXPECT_THAT(Pkcs12::Open(Path("missing.p12"), Pin(kPassword)),
              Fails(StatusCode::kNotFound, "NO_CARRIER_FILE", "path"));
  EXPECT_THAT(Pkcs12::Open(::testing::TempDir(), Pin(kPassword)),
              Fails(StatusCode::kNotFound, "NO_CARRIER_FILE", "path"));
  EXPECT_THAT(Pkcs12::Decode("", Pin(kPassword)), bad);
  EXPECT_THAT(Pkcs12::Decode("no file", Pin(kPassword)), bad);
  testing::WriteFile(Path("large.p12"), std::string((1 << 20) + 1, '0'));
  EXPECT_THAT(Pkcs12::Open(Path("large.p12"), Pin(kPassword)), bad);
  const std::string good = Must(Pkcs12::Encode({Entry(Use::kSignature)}, Pin(kPassword)));
  EXPECT_THAT(Pkcs12::Decode(good + "x", Pin(kPassword)), bad);
  EXPECT_THAT(
      Pkcs12::Decode(MadeByOpenSsl(Entry(Use::kSignature, KeyType::kRsa), ""), Pin(kPassword)),
      bad);
}

}  // namespace
}  // namespace egov::token
