#include "libs/token/internal/cryptoki.h"

#include <dlfcn.h>

#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace egov::token::internal {
namespace {

// A certificate is the largest thing we read; a module that says more is broken.
constexpr CK_ULONG kLargestAttribute = 64 * 1024;

std::mutex& RegistryMutex() {
  static auto* const mutex = new std::mutex;
  return *mutex;
}
// Every library opened so far, by its functions: one file has one set, whatever path led to it.
std::map<CK_FUNCTION_LIST*, Library*>& Registry() {
  static auto* const registry = new std::map<CK_FUNCTION_LIST*, Library*>;
  return *registry;
}

base::Error Unusable(const std::string& path, absl::string_view why) {
  return base::Error(absl::StatusCode::kFailedPrecondition, "MODULE_UNUSABLE",
                     absl::StrCat("the PKCS #11 module ", path, " cannot be used: ", why))
      .Field("module")
      .Expected("the absolute path of a PKCS #11 2.x module for this machine");
}

// Fields of CK_INFO structures are padded with blanks (PKCS #11 section 3.2), by some modules with
// zeros.
template <size_t kSize>
std::string Text(const unsigned char (&field)[kSize]) {
  absl::string_view text(reinterpret_cast<const char*>(field), kSize);
  text = text.substr(0, text.find('\0'));
  return std::string(absl::StripTrailingAsciiWhitespace(text));
}

struct PinFlags {
  CK_FLAGS few, last, blocked, change;
};
constexpr PinFlags kUserFlags = {CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY,
                                 CKF_USER_PIN_LOCKED, CKF_USER_PIN_TO_BE_CHANGED};
constexpr PinFlags kOfficerFlags = {CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED,
                                    CKF_SO_PIN_TO_BE_CHANGED};

PinState StateOf(CK_FLAGS flags, const PinFlags& names) {
  if ((flags & names.blocked) != 0) return PinState::kBlocked;
  if ((flags & names.last) != 0) return PinState::kLastTry;
  if ((flags & names.few) != 0) return PinState::kFewTries;
  if ((flags & names.change) != 0) return PinState::kMustChange;
  return PinState::kGood;
}

base::Error Removed(absl::string_view what) {
  return base::Error(absl::StatusCode::kUnavailable, "TOKEN_REMOVED", what)
      .Expected("the same card or token put in again, and everything asked anew");
}

}  // namespace

base::Error Failure(CK_RV rv, absl::string_view what) {
  using absl::StatusCode;
  switch (rv) {
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_DEVICE_REMOVED:
    case CKR_SLOT_ID_INVALID:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
      return Removed(absl::StrCat(what, ": the card or token was taken out"));
    case CKR_SESSION_COUNT:
    case CKR_SESSION_READ_ONLY_EXISTS:
    case CKR_SESSION_READ_WRITE_SO_EXISTS:
    case CKR_USER_ALREADY_LOGGED_IN:
    case CKR_USER_ANOTHER_ALREADY_LOGGED_IN:
    case CKR_USER_TOO_MANY_TYPES:
      return base::Error(StatusCode::kUnavailable, "TOKEN_BUSY",
                         absl::StrCat(what, ": other code of this process uses the token"))
          .Expected("that the other code logs out and closes its sessions");
    case CKR_DEVICE_MEMORY:
      return base::Error(StatusCode::kResourceExhausted, "TOKEN_FULL",
                         absl::StrCat(what, ": there is no room on the token"))
          .Expected("an old key and certificate deleted first");
    case CKR_TOKEN_WRITE_PROTECTED:
    case CKR_ACTION_PROHIBITED:
      return base::Error(StatusCode::kFailedPrecondition, "TOKEN_READ_ONLY",
                         absl::StrCat(what, ": the token does not let itself be changed"))
          .Expected("a token that its issuer left open, or the issuer's own program");
    case CKR_MECHANISM_INVALID:
    case CKR_MECHANISM_PARAM_INVALID:
    case CKR_FUNCTION_NOT_SUPPORTED:
    case CKR_DOMAIN_PARAMS_INVALID:
    case CKR_CURVE_NOT_SUPPORTED:
      return base::Error(StatusCode::kUnimplemented, "NOT_SUPPORTED",
                         absl::StrCat(what, ": the token cannot do this"))
          .Expected("a token with ECDSA on this curve");
    default:
      return base::Error(StatusCode::kInternal, "TOKEN_FAILED",
                         absl::StrCat(what, absl::StrFormat(" (PKCS #11 error 0x%x)", rv)))
          .Expected("the token put in anew; if that does not help, another token");
  }
}

absl::StatusOr<std::shared_ptr<Library>> Library::Open(const std::string& path) {
  if (path.empty() || path[0] != '/') return Unusable(path, "the path is not absolute");
  // Stays loaded: threads that a module starts, and what OpenSSL remembers of it, outlive us.
  void* const loaded = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (loaded == nullptr) return Unusable(path, dlerror());
  const auto list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(loaded, "C_GetFunctionList"));
  CK_FUNCTION_LIST* functions = nullptr;
  if (list == nullptr || list(&functions) != CKR_OK || functions == nullptr) {
    return Unusable(path, "it is a library without PKCS #11 functions");
  }
  if (functions->version.major != 2) return Unusable(path, "its PKCS #11 is not version 2");

  std::lock_guard<std::mutex> lock(RegistryMutex());
  Library*& library = Registry()[functions];
  if (library == nullptr) library = new Library(functions);  // stays, as the library itself
  if (library->users_ == 0) {
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    const CK_RV rv = functions->C_Initialize(&arguments);
    if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
      return Unusable(path, absl::StrFormat("it does not start (PKCS #11 error 0x%x)", rv));
    }
    library->ours_ = rv == CKR_OK;
  }
  ++library->users_;
  return std::shared_ptr<Library>(library, Release);
}

void Library::Release(Library* library) {
  std::lock_guard<std::mutex> lock(RegistryMutex());
  if (--library->users_ == 0 && library->ours_) library->functions_->C_Finalize(nullptr);
}

absl::StatusOr<std::vector<CK_SLOT_ID>> Library::Slots() const {
  constexpr char kWhat[] = "the slots cannot be listed";
  std::vector<CK_SLOT_ID> slots;
  for (CK_RV rv = CKR_BUFFER_TOO_SMALL; rv == CKR_BUFFER_TOO_SMALL;) {
    CK_ULONG count = 0;
    rv = functions_->C_GetSlotList(CK_TRUE, nullptr, &count);
    if (rv != CKR_OK) return Failure(rv, kWhat);
    slots.resize(count);
    // One put in between the two calls makes the list too small.
    rv = functions_->C_GetSlotList(CK_TRUE, slots.data(), &count);
    if (rv == CKR_OK) slots.resize(count);
    if (rv != CKR_OK && rv != CKR_BUFFER_TOO_SMALL) return Failure(rv, kWhat);
  }
  return slots;
}

absl::StatusOr<TokenInfo> Library::Info(CK_SLOT_ID slot) const {
  CK_TOKEN_INFO from{};
  const CK_RV rv = functions_->C_GetTokenInfo(slot, &from);
  if (rv != CKR_OK) return Failure(rv, "the token cannot be read");
  TokenInfo info;
  info.label = Text(from.label);
  info.serial = Text(from.serialNumber);
  info.maker = Text(from.manufacturerID);
  info.model = Text(from.model);
  info.pin = StateOf(from.flags, kUserFlags);
  if ((from.flags & CKF_USER_PIN_INITIALIZED) == 0) info.pin = PinState::kNotSet;
  info.puk = StateOf(from.flags, kOfficerFlags);
  if ((from.flags & CKF_TOKEN_INITIALIZED) == 0) info.puk = PinState::kNotSet;
  info.pin_min = from.ulMinPinLen;
  info.pin_max = from.ulMaxPinLen;
  return info;
}

absl::Status CheckPin(const TokenInfo& info, const pki::Secret& pin, absl::string_view field) {
  // Not sent: a card may count it as a wrong one.
  if (pin.size() >= info.pin_min && pin.size() <= info.pin_max && !pin.empty()) {
    return absl::OkStatus();
  }
  return base::Error(absl::StatusCode::kInvalidArgument, "PIN_MALFORMED",
                     "no PIN of this token has this length")
      .Field(field)
      .Expected(absl::StrCat(info.pin_min, " to ", info.pin_max, " characters"));
}

absl::StatusOr<std::unique_ptr<Session>> Session::Open(const Place& place, Mode mode) {
  std::unique_lock<std::mutex> lock(place.library->mutex());
  std::unique_ptr<Session> session(new Session(place, std::move(lock)));
  EGOV_ASSIGN_OR_RETURN(session->info_, place.library->Info(place.slot));
  if (session->info_.serial != place.serial || session->info_.label != place.label) {
    return Removed("another card or token is in this one's place");
  }
  const CK_FLAGS flags = CKF_SERIAL_SESSION | (mode == Mode::kWrite ? CKF_RW_SESSION : 0);
  const CK_RV rv =
      session->call().C_OpenSession(place.slot, flags, nullptr, nullptr, &session->handle_);
  if (rv != CKR_OK) return Failure(rv, "no session with the token");
  return session;
}

Session::~Session() {
  if (logged_in_) call().C_Logout(handle_);
  if (handle_ != CK_INVALID_HANDLE) call().C_CloseSession(handle_);
}

absl::Status Session::Login(CK_USER_TYPE user, const pki::Secret& secret) {
  if (user == CKU_SO) {
    if (secret.empty()) {
      return base::Error(absl::StatusCode::kInvalidArgument, "PUK_MALFORMED", "the PUK is empty")
          .Field("puk")
          .Expected("the PUK that came with the token");
    }
  } else {
    EGOV_RETURN_IF_ERROR(CheckPin(info_, secret, "pin"));
  }
  // Cryptoki asks for bytes that it may write and does not.
  auto* bytes = reinterpret_cast<CK_UTF8CHAR_PTR>(const_cast<char*>(secret.Reveal().data()));
  const CK_RV rv = call().C_Login(handle_, user, bytes, secret.size());
  if (rv != CKR_OK) return PinFailure(rv, user);
  if (user != CKU_CONTEXT_SPECIFIC) logged_in_ = true;
  return absl::OkStatus();
}

absl::Status Session::PinFailure(CK_RV rv, CK_USER_TYPE user) const {
  using absl::StatusCode;
  const bool puk = user == CKU_SO;
  const char* const name = puk ? "PUK" : "PIN";
  const auto error = [&](StatusCode code, absl::string_view what, absl::string_view text) {
    return base::Error(code, absl::StrCat(name, "_", what), absl::StrCat("the ", name, " ", text))
        .Field(puk ? "puk" : "pin");
  };
  PinState state = PinState::kGood;
  if (const auto info = place_.library->Info(place_.slot); info.ok()) {
    state = puk ? info->puk : info->pin;
  }
  if (rv == CKR_PIN_LOCKED || (rv == CKR_PIN_INCORRECT && state == PinState::kBlocked)) {
    return error(StatusCode::kFailedPrecondition, "BLOCKED", "is blocked after too many wrong ones")
        .Expected(puk ? "a new card from its issuer" : "a new PIN set with the PUK");
  }
  switch (rv) {
    case CKR_PIN_INCORRECT: {
      base::Error wrong = error(StatusCode::kUnauthenticated, "INCORRECT", "is wrong");
      if (state == PinState::kLastTry) {
        wrong.With("tries", "last").Expected("certainty: one more wrong one blocks it");
      } else if (state == PinState::kFewTries) {
        wrong.With("tries", "few").Expected("the right one: few tries are left");
      } else {
        wrong.Expected("the right one: some wrong ones in a row block it");
      }
      return wrong;
    }
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
      return error(StatusCode::kInvalidArgument, "MALFORMED",
                   "has a length or characters that none here has")
          .Expected("as the token's issuer says: often digits only");
    case CKR_USER_PIN_NOT_INITIALIZED:
      return error(StatusCode::kFailedPrecondition, "NOT_SET", "was never set")
          .Expected("a PIN set with the PUK");
    case CKR_PIN_EXPIRED:
      return error(StatusCode::kFailedPrecondition, "EXPIRED", "must be changed before it is used")
          .Expected("a change of the PIN");
    default:
      return Failure(rv, absl::StrCat("the ", name, " cannot be checked"));
  }
}

absl::StatusOr<std::vector<CK_OBJECT_HANDLE>> Session::Find(
    std::vector<CK_ATTRIBUTE> having) const {
  constexpr char kWhat[] = "the token's objects cannot be listed";
  CK_RV rv = call().C_FindObjectsInit(handle_, having.data(), having.size());
  if (rv != CKR_OK) return Failure(rv, kWhat);
  std::vector<CK_OBJECT_HANDLE> found;
  CK_OBJECT_HANDLE some[32];
  CK_ULONG count = 0;
  while ((rv = call().C_FindObjects(handle_, some, 32, &count)) == CKR_OK && count > 0) {
    found.insert(found.end(), some, some + count);
  }
  call().C_FindObjectsFinal(handle_);
  if (rv != CKR_OK) return Failure(rv, kWhat);
  return found;
}

std::string Session::Read(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE attribute) const {
  CK_ATTRIBUTE value{attribute, nullptr, 0};
  if (call().C_GetAttributeValue(handle_, object, &value, 1) != CKR_OK ||
      value.ulValueLen == CK_UNAVAILABLE_INFORMATION || value.ulValueLen > kLargestAttribute) {
    return {};
  }
  std::string bytes(value.ulValueLen, '\0');
  value.pValue = &bytes[0];
  if (call().C_GetAttributeValue(handle_, object, &value, 1) != CKR_OK ||
      value.ulValueLen > bytes.size()) {
    return {};
  }
  bytes.resize(value.ulValueLen);
  return bytes;
}

bool Session::IsTrue(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE attribute) const {
  return Read(object, attribute) == std::string(1, CK_TRUE);
}

CK_ULONG Session::Number(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE attribute) const {
  const std::string bytes = Read(object, attribute);
  CK_ULONG number = CK_UNAVAILABLE_INFORMATION;
  if (bytes.size() == sizeof(number)) bytes.copy(reinterpret_cast<char*>(&number), sizeof(number));
  return number;
}

CK_ATTRIBUTE Bytes(CK_ATTRIBUTE_TYPE type, absl::string_view value) {
  return {type, const_cast<char*>(value.data()), value.size()};
}

CK_ATTRIBUTE Flag(CK_ATTRIBUTE_TYPE type, bool value) {
  static CK_BBOOL yes = CK_TRUE;
  static CK_BBOOL no = CK_FALSE;
  return {type, value ? &yes : &no, sizeof(CK_BBOOL)};
}

CK_ATTRIBUTE Word(CK_ATTRIBUTE_TYPE type, const CK_ULONG& value) {
  return {type, const_cast<CK_ULONG*>(&value), sizeof(value)};
}

}  // namespace egov::token::internal
