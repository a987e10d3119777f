// Cryptoki, PKCS #11's C interface, behind an owner for each thing that must be given back. The
// only header here that names its types.
#ifndef EGOV_LIBS_TOKEN_INTERNAL_CRYPTOKI_H_
#define EGOV_LIBS_TOKEN_INTERNAL_CRYPTOKI_H_

#include <p11-kit-1/p11-kit/pkcs11.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/base/status.h"
#include "libs/pki/secret.h"
#include "libs/token/token.h"

namespace egov::token::internal {

// The typed error of a return value. `what` is said in the text: "the token cannot be read".
base::Error Failure(CK_RV rv, absl::string_view what);

// A module in this process. Its functions are called under mutex(): login belongs to all sessions
// of a process (PKCS #11 section 5.6), so whoever logs in has the module for itself meanwhile, and
// modules are not as thread safe as they say (SoftHSM 2.6.1 calls gmtime).
class Library {
 public:
  static absl::StatusOr<std::shared_ptr<Library>> Open(const std::string& path);

  std::mutex& mutex() { return mutex_; }
  const CK_FUNCTION_LIST& call() const { return *functions_; }
  absl::StatusOr<std::vector<CK_SLOT_ID>> Slots() const;  // with a token in
  absl::StatusOr<TokenInfo> Info(CK_SLOT_ID slot) const;

 private:
  explicit Library(CK_FUNCTION_LIST* functions) : functions_(functions) {}
  static void Release(Library* library);

  CK_FUNCTION_LIST* const functions_;
  std::mutex mutex_;
  int users_ = 0;      // guarded by the registry's mutex, as the next
  bool ours_ = false;  // initialised by us, so finalised by us
};

// A token where it was found.
struct Place {
  std::shared_ptr<Library> library;
  CK_SLOT_ID slot = 0;
  std::string label;
  std::string serial;
};

// The fields of `info`'s PIN that decide whether a PIN may be tried at all.
absl::Status CheckPin(const TokenInfo& info, const pki::Secret& pin, absl::string_view field);

// A session, the lock of its module, and what is logged in; all given back at the end.
class Session {
 public:
  enum class Mode { kRead, kWrite };
  // TOKEN_REMOVED when another token is there now: a PIN must not go to it.
  static absl::StatusOr<std::unique_ptr<Session>> Open(const Place& place, Mode mode);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const CK_FUNCTION_LIST& call() const { return place_.library->call(); }
  CK_SESSION_HANDLE handle() const { return handle_; }
  const TokenInfo& info() const { return info_; }  // as it was when the session began

  absl::Status Login(CK_USER_TYPE user, const pki::Secret& secret);
  // The error of a call that was given the PIN (or, with CKU_SO, the PUK), by what the token says
  // of it now.
  absl::Status PinFailure(CK_RV rv, CK_USER_TYPE user) const;

  absl::StatusOr<std::vector<CK_OBJECT_HANDLE>> Find(std::vector<CK_ATTRIBUTE> having) const;
  // Empty when the object has no such attribute or does not show it.
  std::string Read(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE attribute) const;
  // False also when the object has no such attribute.
  bool IsTrue(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE attribute) const;
  CK_ULONG Number(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE attribute) const;

 private:
  Session(const Place& place, std::unique_lock<std::mutex> lock)
      : place_(place), lock_(std::move(lock)) {}

  const Place place_;
  std::unique_lock<std::mutex> lock_;
  TokenInfo info_;
  CK_SESSION_HANDLE handle_ = CK_INVALID_HANDLE;
  bool logged_in_ = false;
};

// Attributes of a template; what they point to must outlive it.
CK_ATTRIBUTE Bytes(CK_ATTRIBUTE_TYPE type, absl::string_view value);
CK_ATTRIBUTE Flag(CK_ATTRIBUTE_TYPE type, bool value);
CK_ATTRIBUTE Word(CK_ATTRIBUTE_TYPE type, const CK_ULONG& value);

}  // namespace egov::token::internal

#endif  // EGOV_LIBS_TOKEN_INTERNAL_CRYPTOKI_H_
