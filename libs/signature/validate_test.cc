// Verdicts on signatures that were tampered with, each with the name of what is wrong.
#include "libs/signature/validate.h"

#include <openssl/ecdsa.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <memory>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/pki/sha256.h"
#include "libs/signature/internal/names.h"
#include "libs/signature/internal/xml.h"
#include "libs/signature/testing/house.h"
#include "libs/signature/testing/zip.h"

namespace egov::signature {
namespace {

using base::Fails;
using ::testing::ElementsAre;
using testing::House;
using testing::Identity;
using ::testing::IsEmpty;
using testing::Must;

constexpr absl::string_view kC14n = "http://www.w3.org/2001/10/xml-exc-c14n#";

std::string Codes(const SignatureReport& report) {
  std::string codes;
  for (const Warning& warning : report.warnings) absl::StrAppend(&codes, warning.code, " ");
  return codes;
}

std::string Sha256Base64(absl::string_view bytes) {
  return absl::Base64Escape(pki::AsBytes(pki::Sha256Of(bytes)));
}

// What an attacker who has the signer's key, or the signer, can do: digests and value made anew
// over whatever the edited XML says.
std::string Resign(std::string xml, const pki::PrivateKey& key) {
  const auto find = [](xmlDoc* doc, absl::string_view space,
                       std::initializer_list<absl::string_view> names) {
    xmlNode* signature = internal::OnlyChild(xmlDocGetRootElement(doc), internal::kDs, "Signature");
    return internal::Path(signature, space, names);
  };
  const auto replace_text = [&](absl::string_view after, absl::string_view end, std::string text) {
    const size_t from = xml.find('>', xml.find(std::string(after))) + 1;
    xml.replace(from, xml.find(std::string(end), from) - from, text);
  };
  auto doc = Must(internal::ParseXml(xml, "X", "x"));
  xmlNode* object = find(doc.get(), internal::kDs, {"Object"});
  xmlNode* properties =
      internal::Path(object, internal::kXades, {"QualifyingProperties", "SignedProperties"});
  if (properties != nullptr) {
    const size_t reference = xml.find("Type=\"http://uri.etsi.org/01903#SignedProperties\"");
    if (reference != std::string::npos) {
      const size_t from = xml.find("<ds:DigestValue>", reference) + 16;
      xml.replace(from, xml.find('<', from) - from,
                  Sha256Base64(*internal::Canonical(properties, kC14n)));
    }
  }
  doc = Must(internal::ParseXml(xml, "X", "x"));
  const std::string text =
      *internal::Canonical(find(doc.get(), internal::kDs, {"SignedInfo"}), kC14n);
  const std::string der = Must(key.Sign(text));
  const unsigned char* at = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* value = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));  // NOLINT
  std::string raw(64, '\0');
  BN_bn2binpad(ECDSA_SIG_get0_r(value), reinterpret_cast<unsigned char*>(&raw[0]), 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(value), reinterpret_cast<unsigned char*>(&raw[32]), 32);
  ECDSA_SIG_free(value);
  replace_text("<ds:SignatureValue", "<", absl::Base64Escape(raw));
  return xml;
}

class ValidateTest : public ::testing::Test {
 protected:
  // A container of one file with this as its signature, whatever it is.
  SignatureReport Judge(const std::string& xml, const std::string& content = "content") {
    const std::string zip = testing::Zip(
        {{"mimetype", std::string(kAsicEMediaType), false},
         {"a.txt", content},
         {"META-INF/manifest.xml",
          testing::Manifest({{"/", std::string(kAsicEMediaType)}, {"a.txt", "text/plain"}})},
         {"META-INF/signatures0.xml", xml}});
    return Must(Validate(Must(Container::FromBytes(zip)), house.anchors, house.now))
        .signatures.at(0);
  }
  // Edited without and with signing anew.
  std::string Edit(const std::string& xml, const std::string& from, const std::string& to) {
    const size_t at = xml.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return at == std::string::npos ? xml : std::string(xml).replace(at, from.size(), to);
  }
  SignatureReport Edited(const std::string& from, const std::string& to) {
    return Judge(Edit(lt, from, to));
  }
  SignatureReport Resigned(const std::string& from, const std::string& to) {
    return Judge(Resign(Edit(b, from, to), house.signer.key));
  }

  House house;
  Container container =
      Must(Container::FromBytes(Must(CreateContainer({{"a.txt", "text/plain", "content", ""}}))));
  std::string b = house.Sign(house.Request(container, house.signer), house.signer.key);
  std::string lt = house.SignLt(container, house.signer);
};

#define EXPECT_VERDICT(report, total, sub, why)                       \
  {                                                                   \
    const SignatureReport& judged = (report);                         \
    EXPECT_EQ(IndicationName(judged.verdict.indication), total);      \
    EXPECT_EQ(SubIndicationName(judged.verdict.sub_indication), sub); \
    EXPECT_EQ(judged.verdict.reason, why) << judged.verdict.text;     \
  }

TEST_F(ValidateTest, UntouchedItPassesAndSignedAnewItIsRead) {
  EXPECT_VERDICT(Judge(lt), "TOTAL_PASSED", "", "");
  // So that what follows is refused for its edit alone.
  EXPECT_VERDICT(Judge(Resign(b, house.signer.key)), "INDETERMINATE", "TRY_LATER", "NO_STATUS");
}

TEST_F(ValidateTest, ChangedContentIsAHashFailure) {
  EXPECT_VERDICT(Judge(lt, "Content"), "TOTAL_FAILED", "HASH_FAILURE", "HASH_FAILURE");
}

TEST_F(ValidateTest, ASwappedDigestIsACryptoFailure) {
  // The digest fits the other content, and so is no longer what was signed.
  const std::string swapped = Edit(lt, Sha256Base64("content"), Sha256Base64("Content"));
  EXPECT_VERDICT(Judge(swapped, "Content"), "TOTAL_FAILED", "SIG_CRYPTO_FAILURE", "BAD_SIGNATURE");
  EXPECT_VERDICT(Judge(swapped), "TOTAL_FAILED", "HASH_FAILURE", "HASH_FAILURE");
}

TEST_F(ValidateTest, ChangedSignedPropertiesAreAHashFailure) {
  EXPECT_VERDICT(Edited("<xades:SigningTime>2026", "<xades:SigningTime>2025"), "TOTAL_FAILED",
                 "HASH_FAILURE", "HASH_FAILURE");
}

TEST_F(ValidateTest, AnotherKeysValueIsACryptoFailure) {
  EXPECT_VERDICT(Judge(Resign(b, house.MakeSigner().key)), "TOTAL_FAILED", "SIG_CRYPTO_FAILURE",
                 "BAD_SIGNATURE");
}

TEST_F(ValidateTest, AnotherCertificateOfTheSameKeyIsNotTheSigners) {
  pki::CertificateProfile profile =
      pki::testing::Profile(pki::Purpose::kSignature, "Somebody Else", house.now);
  const auto other = Must(pki::Issue(profile, house.signer.key.public_key(),
                                     house.authority.certificate, house.authority.key));
  const auto report = Edited(absl::Base64Escape(house.signer.certificate.ToDer()),
                             absl::Base64Escape(other.ToDer()));
  EXPECT_VERDICT(report, "INDETERMINATE", "NO_SIGNING_CERTIFICATE_FOUND", "NO_SIGNING_CERTIFICATE");
}

TEST_F(ValidateTest, TwoSigningCertificatesAreRefused) {
  const size_t from = b.find("<xades:Cert>"), to = b.find("</xades:Cert>") + 13;
  const std::string cert = b.substr(from, to - from);
  EXPECT_VERDICT(Resigned(cert, cert + cert), "TOTAL_FAILED", "FORMAT_FAILURE",
                 "TWO_SIGNING_CERTIFICATES");
  const std::string property =
      absl::StrCat("<xades:SigningCertificateV2>", cert, "</xades:SigningCertificateV2>");
  EXPECT_VERDICT(Resigned(property, property + property), "TOTAL_FAILED", "FORMAT_FAILURE",
                 "TWO_SIGNING_CERTIFICATES");
  EXPECT_VERDICT(Resigned(property, property + "<xades:SigningCertificate/>"), "TOTAL_FAILED",
                 "FORMAT_FAILURE", "TWO_SIGNING_CERTIFICATES");
  EXPECT_VERDICT(Resigned(property, ""), "TOTAL_FAILED", "FORMAT_FAILURE", "BAD_SIGNATURE_XML");
}

TEST_F(ValidateTest, TheOlderNameOfTheCertificateIsReadToo) {
  const std::string xml =
      absl::StrReplaceAll(b, {{"SigningCertificateV2>", "SigningCertificate>"}});
  EXPECT_VERDICT(Judge(Resign(xml, house.signer.key)), "INDETERMINATE", "TRY_LATER", "NO_STATUS");
}

TEST_F(ValidateTest, SignedPropertiesThatAreNotSignedAreRefused) {
  const size_t from = b.find("<ds:Reference Type=");
  const std::string reference = b.substr(from, b.find("</ds:Reference>", from) + 15 - from);
  EXPECT_VERDICT(Resigned(reference, ""), "TOTAL_FAILED", "FORMAT_FAILURE", "BAD_SIGNATURE_XML");
  EXPECT_VERDICT(Resigned(" Type=\"http://uri.etsi.org/01903#SignedProperties\"", ""),
                 "TOTAL_FAILED", "FORMAT_FAILURE", "UNEXPECTED_REFERENCE");
  EXPECT_VERDICT(
      Resigned(reference, absl::StrReplaceAll(reference, {{"-SignedProperties", "-Value"}})),
      "TOTAL_FAILED", "FORMAT_FAILURE", "SIGNED_PROPERTIES_NOT_SIGNED");
  EXPECT_VERDICT(Resigned(reference, reference + reference), "TOTAL_FAILED", "FORMAT_FAILURE",
                 "SIGNED_PROPERTIES_NOT_SIGNED");
}

TEST_F(ValidateTest, SignatureWrappingIsRefused) {
  // The signed properties kept where the digest finds them, others where the reader looks.
  const size_t from = lt.find("<xades:SignedProperties "),
               to = lt.find("</xades:SignedProperties>") + 25;
  const std::string properties = lt.substr(from, to - from);
  const std::string forged = absl::StrReplaceAll(properties, {{"2026-", "2020-"}});
  ASSERT_NE(forged, properties);
  // Two elements of one id.
  EXPECT_VERDICT(Judge(Edit(Edit(lt, properties, forged), "</ds:Object>",
                            absl::StrCat("</ds:Object><ds:Object>", properties, "</ds:Object>"))),
                 "TOTAL_FAILED", "FORMAT_FAILURE", "DUPLICATE_ID");
  // The forged ones under another id.
  const std::string renamed = absl::StrReplaceAll(forged, {{"-SignedProperties\"", "-Other\""}});
  EXPECT_VERDICT(Judge(Edit(Edit(lt, properties, renamed), "</ds:Object>",
                            absl::StrCat("</ds:Object><ds:Object>", properties, "</ds:Object>"))),
                 "TOTAL_FAILED", "FORMAT_FAILURE", "BAD_SIGNATURE_XML");
  EXPECT_VERDICT(Judge(Edit(Edit(lt, properties, renamed), "</xades:UnsignedProperties>",
                            absl::StrCat(properties, "</xades:UnsignedProperties>"))),
                 "TOTAL_FAILED", "FORMAT_FAILURE", "SIGNED_PROPERTIES_NOT_SIGNED");
  // The signature inside another's object.
  const size_t begin = lt.find("<ds:Signature "), end = lt.find("</ds:Signature>") + 15;
  const std::string signature = lt.substr(begin, end - begin);
  EXPECT_VERDICT(Judge(Edit(lt, signature, absl::StrCat(signature, signature))), "TOTAL_FAILED",
                 "FORMAT_FAILURE", "BAD_SIGNATURE_XML");
  EXPECT_VERDICT(Judge(Edit(lt, signature, absl::StrCat("<ds:Object>", signature, "</ds:Object>"))),
                 "TOTAL_FAILED", "FORMAT_FAILURE", "BAD_SIGNATURE_XML");
}

TEST_F(ValidateTest, IdsOfOtherKindsAreRefused) {
  EXPECT_VERDICT(Edited("<ds:KeyInfo>", "<ds:KeyInfo xml:id=\"x\">"), "TOTAL_FAILED",
                 "FORMAT_FAILURE", "DUPLICATE_ID");
  EXPECT_VERDICT(Edited("<ds:KeyInfo>", "<ds:KeyInfo ID=\"x\">"), "TOTAL_FAILED", "FORMAT_FAILURE",
                 "DUPLICATE_ID");
}

TEST_F(ValidateTest, AReferenceLeadsToADataFileAndNowhereElse) {
  for (const char* uri : {"", "#xpointer(/)", "http://127.0.0.1/a.txt", "file:///etc/hostname",
                          "../a.txt", "/etc/hostname", "a.txt#x", "a.txt?x",
                          "META-INF/manifest.xml", "mimetype", "%2e%2e/a.txt", "a%00.txt"}) {
    EXPECT_VERDICT(Resigned("URI=\"a.txt\"", absl::StrCat("URI=\"", uri, "\"")), "TOTAL_FAILED",
                   "FORMAT_FAILURE", "UNEXPECTED_REFERENCE");
  }
  EXPECT_VERDICT(Resigned("URI=\"a.txt\"", "URI=\"b.txt\""), "INDETERMINATE",
                 "SIGNED_DATA_NOT_FOUND", "SIGNED_FILE_MISSING");
}

TEST_F(ValidateTest, ATransformIsRefused) {
  for (const char* algorithm :
       {"http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116", "http://www.w3.org/2000/09/xmldsig#base64",
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature"}) {
    const std::string transforms = absl::StrCat("<ds:Transforms><ds:Transform Algorithm=\"",
                                                algorithm, "\"/></ds:Transforms>");
    EXPECT_VERDICT(Resigned("URI=\"a.txt\">", "URI=\"a.txt\">" + transforms), "TOTAL_FAILED",
                   "FORMAT_FAILURE", "UNEXPECTED_REFERENCE");
    EXPECT_VERDICT(Resigned(absl::StrCat("<ds:Transforms><ds:Transform Algorithm=\"", kC14n,
                                         "\"/></ds:Transforms>"),
                            transforms),
                   "TOTAL_FAILED", "FORMAT_FAILURE", "UNEXPECTED_REFERENCE");
  }
}

TEST_F(ValidateTest, WeakAlgorithmsAreRefused) {
  EXPECT_VERDICT(Resigned("http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue>" +
                              Sha256Base64("content"),
                          "http://www.w3.org/2000/09/xmldsig#sha1\"/><ds:DigestValue>"
                          "BA8G/XdAkkeNRQd09bowxdoXEK4="),
                 "INDETERMINATE", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE", "ALGORITHM_NOT_ACCEPTED");
  for (const char* method :
       {"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"}) {
    EXPECT_VERDICT(Resigned("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", method),
                   "INDETERMINATE", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE", "ALGORITHM_NOT_ACCEPTED");
  }
  EXPECT_VERDICT(Resigned("<xades:CertDigest><ds:DigestMethod "
                          "Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>",
                          "<xades:CertDigest><ds:DigestMethod "
                          "Algorithm=\"http://www.w3.org/2000/09/xmldsig#sha1\"/>"),
                 "INDETERMINATE", "NO_SIGNING_CERTIFICATE_FOUND", "NO_SIGNING_CERTIFICATE");
  // A method that is accepted, for another kind of key.
  EXPECT_VERDICT(Resigned("xmldsig-more#ecdsa-sha256", "xmldsig-more#rsa-sha256"), "TOTAL_FAILED",
                 "SIG_CRYPTO_FAILURE", "BAD_SIGNATURE");
}

TEST_F(ValidateTest, DocumentTypesEntitiesAndInstructionsAreRefused) {
  for (const char* prolog : {"<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/hostname\">]>",
                             "<!DOCTYPE x SYSTEM \"http://127.0.0.1/x.dtd\">",
                             "<!DOCTYPE x [<!ATTLIST ds:KeyInfo Id ID \"S\">]>",
                             "<?xml-stylesheet href=\"x.xsl\" type=\"text/xsl\"?>"}) {
    EXPECT_VERDICT(Edited("<asic:XAdESSignatures", absl::StrCat(prolog, "<asic:XAdESSignatures")),
                   "TOTAL_FAILED", "FORMAT_FAILURE", "BAD_SIGNATURE_XML");
  }
  EXPECT_VERDICT(Edited("<ds:KeyInfo>", "<ds:KeyInfo>&e;"), "TOTAL_FAILED", "FORMAT_FAILURE",
                 "BAD_SIGNATURE_XML");
  // UTF-16 would hide all of that from a search.
  EXPECT_VERDICT(Judge(std::string("\xFF\xFE<\0a\0/\0>\0", 10)), "TOTAL_FAILED", "FORMAT_FAILURE",
                 "BAD_SIGNATURE_XML");
  EXPECT_VERDICT(Judge("not XML"), "TOTAL_FAILED", "FORMAT_FAILURE", "BAD_SIGNATURE_XML");
}

TEST_F(ValidateTest, XmlThatIsMadeToBeSlowIsRefused) {
  std::string attributes, namespaces, tags;
  for (int i = 0; i < 65; ++i) absl::StrAppend(&attributes, " a", i, "=\">\"");
  for (int i = 0; i < 129; ++i) absl::StrAppend(&namespaces, "<a xmlns:n", i, "=\"x\"/>");
  for (int i = 0; i < 25001; ++i) absl::StrAppend(&tags, "<a></a>");
  for (const std::string& slow :
       {absl::StrCat("<a", attributes, "/>"), namespaces, tags, std::string(300 * 3, '<'),
        absl::StrReplaceAll(std::string(300, 'x'), {{"x", "<a>"}})}) {
    const SignatureReport report = Edited("</xades:UnsignedSignatureProperties>",
                                          slow + "</xades:UnsignedSignatureProperties>");
    EXPECT_VERDICT(report, "TOTAL_FAILED", "FORMAT_FAILURE", "BAD_SIGNATURE_XML");
  }
  // The slowest that is let in: every namespace in sight of every element of the signed properties,
  // in the canonical form that repeats them all.
  tags.clear();
  std::string around[2];
  for (int i = 0; i < 120; ++i) absl::StrAppend(&around[i % 2], " xmlns:n", i, "=\"urn:x\"");
  for (int i = 0; i < 24000; ++i) absl::StrAppend(&tags, "<a></a>");
  std::string xml = Edit(b, "<xades:SignedDataObjectProperties>",
                         absl::StrCat("<xades:SignedDataObjectProperties><a", around[0], "><a",
                                      around[1], ">", tags, "</a></a>"));
  xml = absl::StrReplaceAll(xml, {{kC14n, "http://www.w3.org/2006/12/xml-c14n11"}});
  const absl::Time start = absl::Now();
  EXPECT_VERDICT(Judge(xml), "TOTAL_FAILED", "HASH_FAILURE", "HASH_FAILURE");
  EXPECT_LT(absl::Now() - start, absl::Seconds(30));
  RecordProperty("slowest", absl::FormatDuration(absl::Now() - start));
}

TEST_F(ValidateTest, ACommentDoesNotSplitAValue) {
  // Comments are not signed; the value that is read is the one that is digested.
  const auto report = Edited("<ds:X509Certificate>", "<ds:X509Certificate><!-- x -->");
  EXPECT_TRUE(report.verdict.passed()) << report.verdict.text;
}

TEST_F(ValidateTest, FilesThatAreNotCoveredAreSaid) {
  const std::string zip = testing::Zip(
      {{"mimetype", std::string(kAsicEMediaType), false},
       {"a.txt", "content"},
       {"b.txt", "more"},
       {"META-INF/manifest.xml", testing::Manifest({{"/", std::string(kAsicEMediaType)},
                                                    {"a.txt", "text/plain"},
                                                    {"b.txt", "text/plain"}})},
       {"META-INF/signatures0.xml", lt}});
  const Report report = Must(Validate(Must(Container::FromBytes(zip)), house.anchors, house.now));
  EXPECT_TRUE(report.signatures[0].verdict.passed());
  EXPECT_EQ(Codes(report.signatures[0]), "NOT_ALL_FILES_SIGNED ");
  EXPECT_THAT(report.signatures[0].files, ElementsAre("a.txt"));
  EXPECT_THAT(report.signatures[0].uncovered, ElementsAre("b.txt"));
  EXPECT_FALSE(report.passed());
}

TEST_F(ValidateTest, AContainerPassesAsAWhole) {
  const auto whole = [&](const std::string& bytes) {
    return Must(Validate(Must(Container::FromBytes(bytes)), house.anchors, house.now)).passed();
  };
  const std::string none = Must(CreateContainer({{"a.txt", "text/plain", "content", ""}}));
  EXPECT_FALSE(whole(none));
  const std::string one = Must(WithSignature(none, lt));
  EXPECT_TRUE(whole(one));
  EXPECT_TRUE(whole(Must(WithSignature(one, house.SignLt(container, house.MakeSigner())))));
  EXPECT_FALSE(whole(Must(WithSignature(one, b))));
}

TEST_F(ValidateTest, AMediaTypeThatDiffersIsSaid) {
  const std::string xml =
      Resign(Edit(b, "<xades:MimeType>text/plain", "<xades:MimeType>text/html"), house.signer.key);
  EXPECT_EQ(Codes(Judge(xml)), "MEDIA_TYPE_DIFFERS ");
}

TEST_F(ValidateTest, OnlyPinnedAnchorsCount) {
  House strange(house.now);
  house.anchors.authorities = {strange.authority.certificate};
  EXPECT_VERDICT(Judge(lt), "INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND", "UNKNOWN_ISSUER");
  house.anchors = {{house.authority.certificate}, {strange.stamper.certificate}};
  EXPECT_VERDICT(Judge(lt), "INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND",
                 "TIME_STAMP_UNKNOWN_ISSUER");
  EXPECT_THAT(Validate(container, {{}, {house.stamper.certificate}}, house.now),
              Fails(absl::StatusCode::kInvalidArgument, "NO_ANCHOR"));
  EXPECT_THAT(Validate(container, {{house.authority.certificate}, {}}, house.now),
              Fails(absl::StatusCode::kInvalidArgument, "NO_ANCHOR"));
}

TEST_F(ValidateTest, AnAuthenticationCertificateDoesNotSign) {
  // Signed all the same by its holder: the certificate in place of the signer's, named by its
  // digest.
  const Identity tls = pki::testing::MakeMember(house.authority, pki::Purpose::kTransport,
                                                "ee/GOV/70000310/pensions", house.now);
  std::string xml = Edit(b, absl::Base64Escape(house.signer.certificate.ToDer()),
                         absl::Base64Escape(tls.certificate.ToDer()));
  xml = Edit(xml, Sha256Base64(house.signer.certificate.ToDer()),
             Sha256Base64(tls.certificate.ToDer()));
  EXPECT_VERDICT(Judge(Resign(xml, tls.key)), "INDETERMINATE", "CHAIN_CONSTRAINTS_FAILURE",
                 "WRONG_USAGE");
}

TEST_F(ValidateTest, ATimeStampThatDoesNotHoldIsNotPassedOver) {
  // Another signature's.
  const std::string other = house.SignLt(container, house.signer);
  const auto token = [](const std::string& xml) {
    const size_t from = xml.find("<xades:EncapsulatedTimeStamp>") + 29;
    return xml.substr(from, xml.find('<', from) - from);
  };
  EXPECT_VERDICT(Edited(token(lt), token(other)), "INDETERMINATE", "SIG_CONSTRAINTS_FAILURE",
                 "TIME_STAMP_WRONG_IMPRINT");
  std::string der;
  absl::Base64Unescape(token(lt), &der);
  der.back() ^= 1;
  EXPECT_VERDICT(Edited(token(lt), absl::Base64Escape(der)), "INDETERMINATE",
                 "SIG_CONSTRAINTS_FAILURE", "TIME_STAMP_BAD_SIGNATURE");
  // Two of them.
  const size_t from = lt.find("<xades:SignatureTimeStamp "),
               to = lt.find("</xades:SignatureTimeStamp>") + 27;
  const std::string property = lt.substr(from, to - from);
  EXPECT_VERDICT(
      Edited(property, property + absl::StrReplaceAll(property, {{"-TimeStamp", "-Second"}})),
      "TOTAL_FAILED", "FORMAT_FAILURE", "BAD_SIGNATURE_XML");
}

TEST_F(ValidateTest, ATimeStampFromTheFutureIsNotBelieved) {
  const std::string t = house.Stamped(b, house.now + absl::Minutes(6));
  EXPECT_VERDICT(Judge(t), "INDETERMINATE", "TIMESTAMP_ORDER_FAILURE", "TIME_STAMP_IN_FUTURE");
}

TEST_F(ValidateTest, CertificatesAreJudgedAtTheProvenMoment) {
  // The signer's certificate has ended since; the time-stamp's too.
  house.now += absl::Hours(24 * 365);
  EXPECT_VERDICT(Judge(lt), "TOTAL_PASSED", "", "");
  EXPECT_VERDICT(Judge(b), "INDETERMINATE", "OUT_OF_BOUNDS_NO_POE", "EXPIRED");
}

TEST_F(ValidateTest, AStampOlderThanTheCertificateIsAFailure) {
  pki::CertificateProfile profile =
      pki::testing::Profile(pki::Purpose::kSignature, "Late", house.now);
  profile.not_before = house.now + absl::Hours(1);
  const Identity late = pki::testing::MakeUnder(house.authority, profile);
  const std::string t =
      house.Stamped(house.Sign(house.Request(container, late), late.key), house.now);
  EXPECT_VERDICT(Judge(t), "TOTAL_FAILED", "NOT_YET_VALID", "NOT_YET_VALID");
}

TEST_F(ValidateTest, OrderAndDelayAreSaid) {
  SignatureRequest request = house.Request(container, house.signer);
  request.claimed_time = house.now + absl::Hours(1);
  const std::string t = house.Stamped(house.Sign(request, house.signer.key), house.now);
  const absl::Time later = house.now + absl::Minutes(16);
  const std::string late = Must(AddEvidence(
      t, {{house.Good(house.signer.certificate, later)}, {}, {}}, house.anchors, later));
  const auto report = Judge(late);
  EXPECT_TRUE(report.verdict.passed()) << report.verdict.text;
  EXPECT_EQ(Codes(report), "CLAIMED_TIME_AFTER_TIME_STAMP LATE_STATUS ");
}

TEST_F(ValidateTest, ATakenOutTimeStampOrStatusLowersTheLevel) {
  const auto without = [&](const std::string& element) {
    const size_t from = lt.find("<xades:" + element + " "),
                 alt = lt.find("<xades:" + element + ">");
    const size_t begin = from == std::string::npos ? alt : from;
    const size_t end = lt.find("</xades:" + element + ">") + element.size() + 9;
    return std::string(lt).erase(begin, end - begin);
  };
  SignatureReport report = Judge(without("SignatureTimeStamp"));
  EXPECT_VERDICT(report, "INDETERMINATE", "TRY_LATER", "NO_TIME_STAMP");
  report = Judge(without("RevocationValues"));
  EXPECT_VERDICT(report, "INDETERMINATE", "TRY_LATER", "NO_STATUS");
  EXPECT_EQ(report.level, Level::kT);
}

TEST_F(ValidateTest, ManyThreadsValidateEachItsOwn) {
  // xmlsec1 reads data files through callbacks of the whole process.
  const std::string other_bytes = Must(CreateContainer({{"b.txt", "text/plain", "other", ""}}));
  const Container other = Must(Container::FromBytes(other_bytes));
  const std::string mine =
      Must(WithSignature(Must(CreateContainer({{"a.txt", "text/plain", "content", ""}})), lt));
  const std::string theirs = Must(WithSignature(other_bytes, house.SignLt(other, house.signer)));
  std::atomic<int> passed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 20; ++k) {
        const auto opened = Must(Container::FromBytes(i % 2 == 0 ? mine : theirs));
        passed += Must(Validate(opened, house.anchors, house.now)).passed() ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(passed, 80);
}

TEST(QcStatementsTest, TheCertificatesOwnWords) {
  const House house;
  const QcStatements none = QcStatementsOf(house.signer.certificate);
  EXPECT_FALSE(none.compliance);
  EXPECT_THAT(none.types, IsEmpty());
  const std::string der = house.signer.certificate.ToDer();
  const unsigned char* at = reinterpret_cast<const unsigned char*>(der.data());
  std::unique_ptr<X509, decltype(&X509_free)> x509(
      d2i_X509(nullptr, &at, static_cast<long>(der.size())), X509_free);  // NOLINT
  const auto with = [&](const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_qcStatements, value);
    const int old = X509_get_ext_by_NID(x509.get(), NID_qcStatements, -1);
    if (old >= 0) X509_EXTENSION_free(X509_delete_ext(x509.get(), old));
    X509_add_ext(x509.get(), extension, -1);
    X509_EXTENSION_free(extension);
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    X509_sign(x509.get(), key.get(), EVP_sha256());
    unsigned char* out = nullptr;
    const int size = i2d_X509(x509.get(), &out);
    const std::string bytes(reinterpret_cast<char*>(out), size);
    OPENSSL_free(out);
    return QcStatementsOf(Must(pki::Certificate::FromDer(bytes)));
  };
  // QcCompliance, QcSSCD, QcType esign, QcRetentionPeriod.
  const QcStatements all = with(
      "DER:30333008060604008E4601013008060604008E460104"
      "3013060604008E4601063009060704008E460106013008060604008E460103");
  EXPECT_TRUE(all.compliance);
  EXPECT_TRUE(all.sscd);
  EXPECT_THAT(all.types, ElementsAre("esign"));
  EXPECT_THAT(all.others, ElementsAre("0.4.0.1862.1.3"));
  EXPECT_FALSE(with("DER:0500").compliance);
}

}  // namespace
}  // namespace egov::signature
