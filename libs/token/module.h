// Cards and USB tokens over PKCS #11 (OASIS, 2.40): the maker's module, a shared library, and the
// tokens it sees.
//
// Errors, beside those of carrier.h (code/REASON; Expected says what to do):
//   FAILED_PRECONDITION/MODULE_UNUSABLE  no such library, or not a PKCS #11 2 module
//   NOT_FOUND/TOKEN_NOT_FOUND            no token of this name is put in
//   FAILED_PRECONDITION/AMBIGUOUS_TOKEN  more than one; say the serial
//   UNAVAILABLE/TOKEN_REMOVED            taken out, or another one is in its place; Find again
//   UNAVAILABLE/TOKEN_BUSY               other code of this process is logged in
//   INTERNAL/TOKEN_FAILED                anything else, with PKCS #11's number
#ifndef EGOV_LIBS_TOKEN_MODULE_H_
#define EGOV_LIBS_TOKEN_MODULE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/token/token.h"

namespace egov::token {

// Which token: what is empty fits every token. Labels are chosen by issuers and may be shared;
// serials are the maker's.
struct TokenName {
  std::string label;
  std::string serial;
};

// A loaded module. Copies share it; it is initialised once in a process (C_Initialize, with the
// system's locks) and finalised when the last Module and Token are gone, unless other code had
// initialised it before. Everything of it must be gone before main returns (SoftHSM with
// OpenSSL 3 crashes in its destructors otherwise), and a forked child must not use it.
//
// Thread safety: may be used from many threads; one call at a time goes into the module. Cost:
// opening milliseconds, with card readers more; a library once loaded stays in memory.
class Module {
 public:
  // `path` is absolute: what is loaded runs with all our rights, so it is never searched for.
  static absl::StatusOr<Module> Open(const std::string& path);

  // Initialised tokens that are put in now, in the module's order.
  absl::StatusOr<std::vector<TokenInfo>> Tokens() const;

  absl::StatusOr<Token> Find(const TokenName& name) const;

 private:
  explicit Module(std::shared_ptr<internal::Library> library) : library_(std::move(library)) {}
  std::shared_ptr<internal::Library> library_;
};

}  // namespace egov::token

#endif  // EGOV_LIBS_TOKEN_MODULE_H_
