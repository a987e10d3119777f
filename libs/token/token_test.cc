// Against SoftHSM, a real PKCS #11 module, and with the programs of OpenSC and OpenSSL at its side.
#include "libs/token/token.h"

#include <dlfcn.h>
#include <p11-kit-1/p11-kit/pkcs11.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libs/base/bytes.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/token/module.h"
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
using testing::kPin;
using testing::kPuk;
using testing::kSoftHsm;
using ::testing::Not;
using testing::Pin;

std::string DigestOf(absl::string_view text) {
  const pki::Digest digest = pki::Sha256Of(text);
  return std::string(reinterpret_cast<const char*>(digest.data()), digest.size());
}

// Cryptoki itself, beside the library under test.
CK_FUNCTION_LIST* Raw() {
  void* const module = dlopen(kSoftHsm, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  CK_FUNCTION_LIST* functions = nullptr;
  reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"))(&functions);
  return functions;
}

// A session with the one initialised token, logged in.
CK_SESSION_HANDLE LoggedIn(CK_FUNCTION_LIST* raw) {
  CK_SLOT_ID slots[4];
  CK_ULONG count = 4;
  EXPECT_EQ(raw->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
  CK_SESSION_HANDLE session = 0;
  for (CK_ULONG i = 0; i < count && session == 0; ++i) {
    CK_TOKEN_INFO info{};
    raw->C_GetTokenInfo(slots[i], &info);
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    raw->C_OpenSession(slots[i], CKF_SERIAL_SESSION, nullptr, nullptr, &session);
  }
  std::string pin = kPin;
  EXPECT_EQ(raw->C_Login(session, CKU_USER, reinterpret_cast<unsigned char*>(&pin[0]), pin.size()),
            CKR_OK);
  return session;
}

class TokenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::UseEmptyStore();
    testing::AddToken("citizen");
  }
  Module Open() { return Must(Module::Open(kSoftHsm)); }
  Token Find(const std::string& label = "citizen") { return Must(Open().Find({label, ""})); }
  // A key with a certificate for this use.
  NewKey Fill(const Token& token, Use use, KeyType type = KeyType::kP256) {
    NewKey key = Must(token.MakeKey(use, type, Pin()));
    EXPECT_THAT(token.WriteCertificate(authority_.Issue(use, key.public_key), Pin()), IsOk());
    return key;
  }
  std::string Path(const std::string& name) { return ::testing::TempDir() + "/" + name; }
  static std::string Tool(const std::string& arguments) {
    return absl::StrCat("pkcs11-tool --module ", kSoftHsm, " --token-label citizen ", arguments);
  }
  const testing::CitizensAuthority authority_;
};

TEST_F(TokenTest, ATokenIsFoundByLabelOrBySerial) {
  testing::AddToken("other");
  const Module module = Open();
  const auto tokens = Must(module.Tokens());
  ASSERT_EQ(tokens.size(), 2);
  for (const TokenInfo& info : tokens) {
    EXPECT_EQ(Must(module.Find({info.label, ""})).serial(), info.serial);
    EXPECT_EQ(Must(module.Find({"", info.serial})).label(), info.label);
    EXPECT_EQ(info.model, "SoftHSM v2");
    EXPECT_EQ(info.pin, PinState::kGood);
  }
  EXPECT_THAT(module.Find({tokens[0].label, tokens[1].serial}),
              Fails(StatusCode::kNotFound, "TOKEN_NOT_FOUND"));
}

TEST_F(TokenTest, ANameThatFitsSeveralTokensFindsNone) {
  testing::AddToken("citizen");
  EXPECT_THAT(Open().Find({"citizen", ""}),
              Fails(StatusCode::kFailedPrecondition, "AMBIGUOUS_TOKEN"));
  EXPECT_THAT(Open().Find({}), Fails(StatusCode::kFailedPrecondition, "AMBIGUOUS_TOKEN"));
}

TEST_F(TokenTest, WhatIsNoModuleIsRefused) {
  const auto refused = Fails(StatusCode::kFailedPrecondition, "MODULE_UNUSABLE", "module");
  EXPECT_THAT(Module::Open("/nowhere/module.so"), refused);
  EXPECT_THAT(Module::Open("libsofthsm2.so"), refused);  // is never searched for
  EXPECT_THAT(Module::Open(""), refused);
  EXPECT_THAT(Module::Open("/usr/lib/x86_64-linux-gnu/libcrypto.so.3"), refused);
  testing::WriteFile(Path("no.so"), "not a library");
  EXPECT_THAT(Module::Open(Path("no.so")), refused);
}

TEST_F(TokenTest, TheModuleForCardsOpensWithoutAReader) {
  const auto module = Module::Open("/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so");
  ASSERT_THAT(module, IsOk());
  EXPECT_THAT(module->Find({"no such card", ""}), Fails(StatusCode::kNotFound, "TOKEN_NOT_FOUND"));
}

TEST_F(TokenTest, AKeyMadeOnTheTokenSignsAndNeverLeavesIt) {
  const Token token = Find();
  const NewKey key = Must(token.MakeKey(Use::kAuthentication, KeyType::kP256, Pin()));
  const std::string signature = Must(token.Sign(key.id, DigestOf("text"), Pin()));
  EXPECT_THAT(key.public_key.Verify("text", signature), IsOk());
  EXPECT_THAT(key.public_key.Verify("other", signature), Not(IsOk()));
  const std::string listed = Command(Tool(absl::StrCat("--login --pin ", kPin, " --list-objects")));
  EXPECT_THAT(listed, HasSubstr("sensitive, always sensitive, never extractable, local"));
  EXPECT_THAT(listed, HasSubstr("label:      authentication"));
  CK_FUNCTION_LIST* const raw = Raw();
  const CK_SESSION_HANDLE session = LoggedIn(raw);
  CK_OBJECT_CLASS kind = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE having{CKA_CLASS, &kind, sizeof(kind)};
  CK_OBJECT_HANDLE object = 0;
  CK_ULONG found = 0;
  ASSERT_EQ(raw->C_FindObjectsInit(session, &having, 1), CKR_OK);
  ASSERT_EQ(raw->C_FindObjects(session, &object, 1, &found), CKR_OK);
  ASSERT_EQ(found, 1);
  raw->C_FindObjectsFinal(session);
  unsigned char secret[256];
  CK_ATTRIBUTE value{CKA_VALUE, secret, sizeof(secret)};
  EXPECT_EQ(raw->C_GetAttributeValue(session, object, &value, 1), CKR_ATTRIBUTE_SENSITIVE);
  CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE extractable{CKA_EXTRACTABLE, &yes, sizeof(yes)};
  EXPECT_NE(raw->C_SetAttributeValue(session, object, &extractable, 1), CKR_OK);
  raw->C_CloseSession(session);
}

TEST_F(TokenTest, ASignatureKeyAsksForThePinEachTime) {
  const Token token = Find();
  const NewKey key = Must(token.MakeKey(Use::kSignature, KeyType::kP256, Pin()));
  EXPECT_TRUE(key.pin_for_each_signature);
  EXPECT_FALSE(
      Must(token.MakeKey(Use::kAuthentication, KeyType::kP256, Pin())).pin_for_each_signature);
  EXPECT_THAT(token.Sign(key.id, DigestOf("text"), Pin()), IsOk());
  // It is the token that asks: another program sees it too.
  EXPECT_THAT(Command(Tool(absl::StrCat("--login --pin ", kPin, " --list-objects --type privkey"))),
              HasSubstr("always authenticate"));
}

TEST_F(TokenTest, WhatP384SignsIsASha384Digest) {
  const Token token = Find();
  const NewKey key = Must(token.MakeKey(Use::kSignature, KeyType::kP384, Pin()));
  testing::WriteFile(Path("text"), "text");
  Command("openssl dgst -sha384 -binary -out " + Path("digest") + " " + Path("text"));
  const std::string signature = Must(token.Sign(key.id, testing::ReadFile(Path("digest")), Pin()));
  EXPECT_THAT(key.public_key.Verify("text", signature), IsOk());
  EXPECT_THAT(token.Sign(key.id, DigestOf("text"), Pin()),
              Fails(StatusCode::kInvalidArgument, "WRONG_DIGEST", "digest"));
}

TEST_F(TokenTest, OtherKeyTypesAreNotMade) {
  for (const KeyType type : {KeyType::kRsa, KeyType::kEd25519}) {
    EXPECT_THAT(Find().MakeKey(Use::kSignature, type, Pin()),
                Fails(StatusCode::kInvalidArgument, "BAD_KEY_TYPE", "type"));
  }
}

TEST_F(TokenTest, ARequestProvesPossessionOfTheKeyOnTheToken) {
  const Token token = Find();
  for (const KeyType type : {KeyType::kP256, KeyType::kP384}) {
    const NewKey key = Must(token.MakeKey(Use::kSignature, type, Pin()));
    const pki::Csr csr = Must(token.Request(key.id, "JÕEORG,JAAK-KRISTJAN", Pin()));
    EXPECT_EQ(csr.public_key(), key.public_key);
    testing::WriteFile(Path("csr.pem"), csr.ToPem());
    EXPECT_THAT(Command("openssl req -verify -noout -subject -nameopt utf8 -in " + Path("csr.pem")),
                HasSubstr("JÕEORG"));
    EXPECT_THAT(token.Request(key.id, "", Pin()),
                Fails(StatusCode::kInvalidArgument, "BAD_NAME", "common_name"));
  }
}

TEST_F(TokenTest, ACarrierHasACertificateAndAKeyForEachUse) {
  const Token token = Find();
  TokenCarrier carrier(token);
  for (const Use use : {Use::kAuthentication, Use::kSignature}) {
    EXPECT_THAT(carrier.Certificate(use),
                Fails(StatusCode::kNotFound, "CERTIFICATE_NOT_FOUND", std::string(UseName(use))));
  }
  const NewKey authentication = Fill(token, Use::kAuthentication);
  const NewKey signature = Fill(token, Use::kSignature);
  EXPECT_EQ(Must(carrier.Certificate(Use::kAuthentication)).public_key(),
            authentication.public_key);
  EXPECT_EQ(Must(carrier.Certificate(Use::kSignature)).public_key(), signature.public_key);
  EXPECT_THAT(signature.public_key.Verify(
                  "text", Must(carrier.Sign(Use::kSignature, DigestOf("text"), Pin()))),
              IsOk());
  EXPECT_THAT(authentication.public_key.Verify(
                  "text", Must(carrier.Sign(Use::kAuthentication, DigestOf("text"), Pin()))),
              IsOk());
}

TEST_F(TokenTest, ACardWithATokenForEachPinIsOneCarrier) {
  testing::AddToken("citizen (PIN2)");
  const Token first = Find("citizen");
  const Token second = Find("citizen (PIN2)");
  const NewKey authentication = Fill(first, Use::kAuthentication);
  const NewKey signature = Fill(second, Use::kSignature);
  TokenCarrier carrier(first, second);
  EXPECT_EQ(Must(carrier.Certificate(Use::kAuthentication)).public_key(),
            authentication.public_key);
  EXPECT_THAT(signature.public_key.Verify(
                  "text", Must(carrier.Sign(Use::kSignature, DigestOf("text"), Pin()))),
              IsOk());
}

TEST_F(TokenTest, TheNewestCertificateServesAndTheOldKeyCanGo) {
  const Token token = Find();
  TokenCarrier carrier(token);
  const NewKey old_key = Fill(token, Use::kSignature);
  const NewKey new_key = Must(token.MakeKey(Use::kSignature, KeyType::kP256, Pin()));
  ASSERT_THAT(token.WriteCertificate(
                  authority_.Issue(Use::kSignature, new_key.public_key, absl::Minutes(5)), Pin()),
              IsOk());
  EXPECT_EQ(Must(carrier.Certificate(Use::kSignature)).public_key(), new_key.public_key);
  ASSERT_THAT(token.Delete(old_key.id, Pin()), IsOk());
  EXPECT_THAT(token.Delete(old_key.id, Pin()), Fails(StatusCode::kNotFound, "KEY_NOT_FOUND"));
  EXPECT_THAT(token.Sign(old_key.id, DigestOf("text"), Pin()),
              Fails(StatusCode::kNotFound, "KEY_NOT_FOUND"));
  EXPECT_THAT(carrier.Sign(Use::kSignature, DigestOf("text"), Pin()), IsOk());
  const Contents contents = Must(token.Read());
  EXPECT_EQ(contents.keys.size(), 1);
  EXPECT_EQ(contents.certificates.size(), 1);
}

TEST_F(TokenTest, ACertificateReplacesTheOneBeforeOfItsKey) {
  const Token token = Find();
  const NewKey key = Fill(token, Use::kSignature);
  const pki::Certificate next = authority_.Issue(Use::kSignature, key.public_key, absl::Minutes(5));
  ASSERT_THAT(token.WriteCertificate(next, Pin()), IsOk());
  const Contents contents = Must(token.Read());
  ASSERT_EQ(contents.certificates.size(), 1);
  EXPECT_EQ(contents.certificates[0].certificate, next);
  EXPECT_EQ(contents.certificates[0].id, key.id);
}

TEST_F(TokenTest, ACertificateOfAnotherKeyIsNotWritten) {
  const Token token = Find();
  const pki::PrivateKey elsewhere = Must(pki::PrivateKey::Generate());
  EXPECT_THAT(
      token.WriteCertificate(authority_.Issue(Use::kSignature, elsewhere.public_key()), Pin()),
      Fails(StatusCode::kNotFound, "KEY_NOT_FOUND"));
  EXPECT_TRUE(Must(token.Read()).certificates.empty());
}

TEST_F(TokenTest, OtherProgramsSeeAndUseWhatWasMadeHere) {
  const NewKey key = Fill(Find(), Use::kAuthentication);
  const std::string id = base::ToHex(key.id);
  EXPECT_THAT(Command(Tool("--list-objects --type cert")), HasSubstr(id));
  Command(Tool(absl::StrCat("--read-object --type cert --id ", id, " -o ", Path("cert.der"))));
  Command("openssl x509 -inform DER -in " + Path("cert.der") + " -pubkey -noout -out " +
          Path("pub.pem"));
  testing::WriteFile(Path("text"), "text");
  testing::WriteFile(Path("ours.sig"), Must(Find().Sign(key.id, DigestOf("text"), Pin())));
  Command(absl::StrCat("openssl dgst -sha256 -verify ", Path("pub.pem"), " -signature ",
                       Path("ours.sig"), " ", Path("text")));
  testing::WriteFile(Path("digest"), DigestOf("text"));
  Command(
      Tool(absl::StrCat("--login --pin ", kPin, " --sign -m ECDSA --signature-format openssl --id ",
                        id, " -i ", Path("digest"), " -o ", Path("theirs.sig"))));
  EXPECT_THAT(key.public_key.Verify("text", testing::ReadFile(Path("theirs.sig"))), IsOk());
}

TEST_F(TokenTest, KeysOfOtherProgramsAreUsableHere) {
  // Made by pkcs11-tool, its certificate written by it.
  Command(Tool(
      absl::StrCat("--login --pin ", kPin,
                   " --keypairgen --key-type EC:prime256v1 --id 01 --label theirs --usage-sign")));
  const Contents contents = Must(Find().Read());
  ASSERT_EQ(contents.keys.size(), 1);
  EXPECT_EQ(contents.keys[0].id, std::string(1, '\1'));
  EXPECT_EQ(contents.keys[0].label, "theirs");
  const auto certificate = authority_.Issue(Use::kAuthentication, contents.keys[0].public_key);
  testing::WriteFile(Path("cert.der"), certificate.ToDer());
  Command(Tool(absl::StrCat("--login --pin ", kPin, " --write-object ", Path("cert.der"),
                            " --type cert --id 01")));
  // Made by openssl, brought in by softhsm2-util.
  const pki::PrivateKey elsewhere = Must(pki::PrivateKey::Generate(KeyType::kP256));
  testing::WriteFile(Path("key.pem"), elsewhere.ToPem().Reveal());
  Command(absl::StrCat("softhsm2-util --import ", Path("key.pem"),
                       " --token citizen --label imported --id 02 --pin ", kPin));
  const Token token = Find();
  TokenCarrier carrier(token);
  EXPECT_EQ(Must(carrier.Certificate(Use::kAuthentication)), certificate);
  EXPECT_THAT(certificate.public_key().Verify(
                  "text", Must(carrier.Sign(Use::kAuthentication, DigestOf("text"), Pin()))),
              IsOk());
  EXPECT_THAT(
      elsewhere.public_key().Verify("text", Must(token.Sign("\2", DigestOf("text"), Pin()))),
      IsOk());
}

TEST_F(TokenTest, WhatIsNotReadIsCountedAndWhatIsNotEcDoesNotSign) {
  Command(Tool(absl::StrCat("--login --pin ", kPin,
                            " --keypairgen --key-type rsa:2048 --id 03 --label rsa")));
  const Token token = Find();
  EXPECT_EQ(Must(token.Read()).unread, 1);
  EXPECT_THAT(token.Sign("\3", DigestOf("text"), Pin()),
              Fails(StatusCode::kNotFound, "KEY_NOT_FOUND"));
}

TEST_F(TokenTest, TwoKeysOfOneIdAreNotGuessedBetween) {
  for (int i = 0; i < 2; ++i) {
    Command(Tool(absl::StrCat("--login --pin ", kPin,
                              " --keypairgen --key-type EC:prime256v1 --id 07 --label twice")));
  }
  EXPECT_THAT(Find().Sign("\7", DigestOf("text"), Pin()),
              Fails(StatusCode::kFailedPrecondition, "AMBIGUOUS_KEY", "id"));
}

TEST_F(TokenTest, AChangedPinIsTheOnlyOne) {
  const Token token = Find();
  const NewKey key = Fill(token, Use::kAuthentication);
  ASSERT_THAT(token.ChangePin(Pin(), Pin("118822")), IsOk());
  EXPECT_THAT(token.Sign(key.id, DigestOf("text"), Pin()),
              Fails(StatusCode::kUnauthenticated, "PIN_INCORRECT", "pin"));
  EXPECT_THAT(token.Sign(key.id, DigestOf("text"), Pin("118822")), IsOk());
  EXPECT_THAT(token.ChangePin(Pin(), Pin("223344")),
              Fails(StatusCode::kUnauthenticated, "PIN_INCORRECT", "pin"));
  EXPECT_THAT(token.ChangePin(Pin("118822"), Pin("12")),
              Fails(StatusCode::kInvalidArgument, "PIN_MALFORMED", "new_pin"));
  EXPECT_THAT(token.Sign(key.id, DigestOf("text"), Pin("118822")), IsOk());
}

TEST_F(TokenTest, ThePukSetsANewPin) {
  const Token token = Find();
  const NewKey key = Fill(token, Use::kAuthentication);
  EXPECT_THAT(token.Unblock(Pin("00000000"), Pin("118822")),
              Fails(StatusCode::kUnauthenticated, "PUK_INCORRECT", "puk"));
  EXPECT_THAT(token.Unblock(Pin(""), Pin("118822")),
              Fails(StatusCode::kInvalidArgument, "PUK_MALFORMED", "puk"));
  EXPECT_THAT(token.Sign(key.id, DigestOf("text"), Pin()), IsOk());
  ASSERT_THAT(token.Unblock(Pin(kPuk), Pin("118822")), IsOk());
  EXPECT_THAT(token.Sign(key.id, DigestOf("text"), Pin("118822")), IsOk());
}

TEST_F(TokenTest, ManyThreadsSignAtOnceAndAWrongPinAmongThemHelpsNobody) {
  const Token token = Find();
  const NewKey key = Fill(token, Use::kSignature);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const Token own = Find();
      for (int round = 0; round < 4; ++round) {
        const std::string text = absl::StrCat(i, " ", round);
        if (i % 4 == 3) {
          EXPECT_THAT(own.Sign(key.id, DigestOf(text), Pin("000000")),
                      Fails(StatusCode::kUnauthenticated, "PIN_INCORRECT", "pin"));
        } else {
          const auto signature = own.Sign(key.id, DigestOf(text), Pin());
          ASSERT_THAT(signature, IsOk());
          EXPECT_THAT(key.public_key.Verify(text, *signature), IsOk());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(TokenTest, SomebodyElsesLoginInThisProcessIsNotUsed) {
  const Token token = Find();
  const NewKey key = Fill(token, Use::kAuthentication);
  CK_FUNCTION_LIST* const raw = Raw();
  const CK_SESSION_HANDLE session = LoggedIn(raw);
  EXPECT_THAT(token.Sign(key.id, DigestOf("text"), Pin("000000")),
              Fails(StatusCode::kUnavailable, "TOKEN_BUSY"));
  raw->C_CloseSession(session);
  EXPECT_THAT(token.Sign(key.id, DigestOf("text"), Pin("000000")),
              Fails(StatusCode::kUnauthenticated, "PIN_INCORRECT"));
  EXPECT_THAT(token.Sign(key.id, DigestOf("text"), Pin()), IsOk());
}

TEST_F(TokenTest, AModuleThatOthersStartedIsLeftRunning) {
  CK_FUNCTION_LIST* const raw = Raw();
  ASSERT_EQ(raw->C_Initialize(nullptr), CKR_OK);
  EXPECT_THAT(Find().Info(), IsOk());
  CK_INFO info{};
  EXPECT_EQ(raw->C_GetInfo(&info), CKR_OK);
  ASSERT_EQ(raw->C_Finalize(nullptr), CKR_OK);
  // One that we started is stopped with the last user.
  {
    const Token token = Find();
    EXPECT_EQ(raw->C_GetInfo(&info), CKR_OK);
    EXPECT_THAT(token.Info(), IsOk());  // its Module has gone already
  }
  EXPECT_EQ(raw->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
}

}  // namespace
}  // namespace egov::token
