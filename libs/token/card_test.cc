// What cards do and SoftHSM does not: counted PINs, removal, defects. The module is the one of
// testing/card_module.c, loaded as any other.
#include <dlfcn.h>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libs/base/testing/status_matchers.h"
#include "libs/token/module.h"
#include "libs/token/testing/soft_token.h"
#include "libs/token/token.h"

namespace egov::token {
namespace {

using absl::StatusCode;
using base::Fails;
using base::IsOk;
using pki::KeyType;
using pki::testing::Must;
using testing::kPin;
using testing::kPuk;
using testing::Pin;

const std::string& ModulePath() {
  static const auto* const path = new std::string(
      absl::StrCat(std::getenv("TEST_SRCDIR"), "/egov/libs/token/testing/card_module.so"));
  return *path;
}

template <typename Function>
Function* Card(const char* name) {
  static void* const module = dlopen(ModulePath().c_str(), RTLD_NOW | RTLD_LOCAL);
  return reinterpret_cast<Function*>(dlsym(module, name));
}
void Fault(const char* name, bool on = true) {
  Card<void(const char*, int)>("card_fault")(name, on);
}

const std::string kDigest(32, 'd');

class CardTest : public ::testing::Test {
 protected:
  static Token Insert() {
    testing::UseEmptyStore();
    testing::AddToken("card");
    Card<void()>("card_reset")();
    return Must(Must(Module::Open(ModulePath())).Find({"card", ""}));
  }
  absl::Status Sign(absl::string_view pin) const {
    return token_.Sign(key_.id, kDigest, Pin(pin)).status();
  }
  static std::string Tries(const absl::Status& status) {
    const auto detail = base::DetailOf(status);
    const auto tries = detail->metadata.find("tries");
    return tries == detail->metadata.end() ? "" : tries->second;
  }
  PinState State() const { return Must(token_.Info()).pin; }

  const Token token_ = Insert();
  const NewKey key_ = Must(token_.MakeKey(Use::kSignature, KeyType::kP256, Pin()));
};

TEST_F(CardTest, AWrongPinSaysHowManyTriesAreLeftUntilItIsBlocked) {
  EXPECT_EQ(State(), PinState::kGood);
  absl::Status status = Sign("000000");
  EXPECT_THAT(status, Fails(StatusCode::kUnauthenticated, "PIN_INCORRECT", "pin"));
  EXPECT_EQ(Tries(status), "few");
  EXPECT_EQ(State(), PinState::kFewTries);
  status = Sign("000001");
  EXPECT_THAT(status, Fails(StatusCode::kUnauthenticated, "PIN_INCORRECT", "pin"));
  EXPECT_EQ(Tries(status), "last");
  EXPECT_EQ(State(), PinState::kLastTry);
  // The one that blocks says so, and so does the right one afterwards.
  EXPECT_THAT(Sign("000002"), Fails(StatusCode::kFailedPrecondition, "PIN_BLOCKED", "pin"));
  EXPECT_THAT(Sign(kPin), Fails(StatusCode::kFailedPrecondition, "PIN_BLOCKED", "pin"));
  EXPECT_EQ(State(), PinState::kBlocked);
}

TEST_F(CardTest, ARightPinGivesAllTriesBack) {
  EXPECT_EQ(Tries(Sign("000000")), "few");
  EXPECT_THAT(Sign(kPin), IsOk());
  EXPECT_EQ(Tries(Sign("000000")), "few");
}

TEST_F(CardTest, ThePukUnblocks) {
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(Sign("000000").ok());
  EXPECT_THAT(token_.ChangePin(Pin(), Pin("118822")),
              Fails(StatusCode::kFailedPrecondition, "PIN_BLOCKED", "pin"));
  ASSERT_THAT(token_.Unblock(Pin(kPuk), Pin("118822")), IsOk());
  EXPECT_EQ(State(), PinState::kGood);
  EXPECT_THAT(Sign("118822"), IsOk());
}

TEST_F(CardTest, AWrongPukBlocksForGood) {
  const auto unblock = [&](absl::string_view puk) {
    return token_.Unblock(Pin(puk), Pin("118822"));
  };
  EXPECT_EQ(Tries(unblock("00000000")), "few");
  EXPECT_EQ(Must(token_.Info()).puk, PinState::kFewTries);
  EXPECT_EQ(Tries(unblock("00000001")), "last");
  EXPECT_THAT(unblock("00000002"), Fails(StatusCode::kFailedPrecondition, "PUK_BLOCKED", "puk"));
  EXPECT_THAT(unblock(kPuk), Fails(StatusCode::kFailedPrecondition, "PUK_BLOCKED", "puk"));
  EXPECT_THAT(Sign(kPin), IsOk());
}

TEST_F(CardTest, WrongChangesAreCountedAsWrongPins) {
  EXPECT_EQ(Tries(token_.ChangePin(Pin("000000"), Pin("118822"))), "few");
  EXPECT_EQ(Tries(Sign("000000")), "last");
}

TEST_F(CardTest, WhatCannotSucceedCostsNoTry) {
  const auto asked = Card<int()>("card_times_asked");
  const int before = asked();
  EXPECT_THAT(Sign(""), Fails(StatusCode::kInvalidArgument, "PIN_MALFORMED", "pin"));
  EXPECT_THAT(Sign("123"), Fails(StatusCode::kInvalidArgument, "PIN_MALFORMED", "pin"));
  EXPECT_THAT(Sign(std::string(300, '1')),
              Fails(StatusCode::kInvalidArgument, "PIN_MALFORMED", "pin"));
  EXPECT_THAT(token_.Sign("no such key", kDigest, Pin("000000")),
              Fails(StatusCode::kNotFound, "KEY_NOT_FOUND"));
  EXPECT_THAT(token_.Sign(key_.id, "short", Pin("000000")),
              Fails(StatusCode::kInvalidArgument, "WRONG_DIGEST"));
  EXPECT_THAT(token_.Unblock(Pin(kPuk), Pin("12")),
              Fails(StatusCode::kInvalidArgument, "PIN_MALFORMED", "new_pin"));
  EXPECT_EQ(asked(), before);
  EXPECT_EQ(State(), PinState::kGood);
}

TEST_F(CardTest, ASignatureKeyIsGivenThePinTwiceAndAnotherOnce) {
  const NewKey other = Must(token_.MakeKey(Use::kAuthentication, KeyType::kP256, Pin()));
  const auto asked = Card<int()>("card_times_asked");
  const int start = asked();
  EXPECT_THAT(Sign(kPin), IsOk());
  EXPECT_EQ(asked() - start, 2);
  EXPECT_THAT(token_.Sign(other.id, kDigest, Pin()), IsOk());
  EXPECT_EQ(asked() - start, 3);
}

TEST_F(CardTest, ACardTakenOutIsSaidToBe) {
  const auto removed = Fails(StatusCode::kUnavailable, "TOKEN_REMOVED");
  Fault("removed while signing");
  EXPECT_THAT(Sign(kPin), removed);
  Fault("removed while signing", false);
  Fault("removed");
  EXPECT_THAT(Sign(kPin), removed);
  EXPECT_THAT(token_.Read(), removed);
  EXPECT_THAT(Must(Module::Open(ModulePath())).Find({"card", ""}),
              Fails(StatusCode::kNotFound, "TOKEN_NOT_FOUND"));
  Fault("removed", false);
  EXPECT_THAT(Sign(kPin), IsOk());
}

TEST_F(CardTest, ThePinNeverGoesToAnotherCard) {
  const auto asked = Card<int()>("card_times_asked");
  const int before = asked();
  Fault("exchanged");
  EXPECT_THAT(Sign(kPin), Fails(StatusCode::kUnavailable, "TOKEN_REMOVED"));
  EXPECT_THAT(token_.ChangePin(Pin(), Pin("118822")),
              Fails(StatusCode::kUnavailable, "TOKEN_REMOVED"));
  EXPECT_EQ(asked(), before);
}

TEST_F(CardTest, AWrongSignatureIsNotHandedOn) {
  Fault("wrong signatures");
  EXPECT_THAT(Sign(kPin), Fails(StatusCode::kInternal, "SIGNATURE_WRONG"));
  EXPECT_THAT(token_.Request(key_.id, "name", Pin()),
              Fails(StatusCode::kInternal, "SIGNATURE_WRONG"));
}

TEST_F(CardTest, AKeyThatCouldLeaveTheCardIsDestroyed) {
  Fault("shows keys");
  EXPECT_THAT(token_.MakeKey(Use::kAuthentication, KeyType::kP256, Pin()),
              Fails(StatusCode::kFailedPrecondition, "KEY_NOT_PROTECTED"));
  EXPECT_EQ(Must(token_.Read()).keys.size(), 1);
}

TEST_F(CardTest, AModuleWithoutAlwaysAuthenticateStillMakesASignatureKey) {
  Fault("no always authenticate");
  const NewKey key = Must(token_.MakeKey(Use::kSignature, KeyType::kP256, Pin()));
  EXPECT_FALSE(key.pin_for_each_signature);
  EXPECT_THAT(token_.Sign(key.id, kDigest, Pin()), IsOk());
}

TEST_F(CardTest, AFullCardMakesNoKey) {
  Fault("full");
  EXPECT_THAT(token_.MakeKey(Use::kSignature, KeyType::kP256, Pin()),
              Fails(StatusCode::kResourceExhausted, "TOKEN_FULL"));
}

TEST_F(CardTest, NoErrorHoldsAPin) {
  const std::string wrong = "864209";
  std::vector<absl::Status> all = {Sign(wrong), token_.ChangePin(Pin(wrong), Pin(wrong)),
                                   token_.Unblock(Pin(wrong), Pin(wrong)), Sign(wrong),
                                   Sign(wrong)};
  Fault("removed");
  all.push_back(Sign(wrong));
  for (const absl::Status& status : all) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.ToString().find(wrong), std::string::npos) << status;
    EXPECT_FALSE(base::DetailOf(status)->expected.empty()) << status;
  }
}

}  // namespace
}  // namespace egov::token
