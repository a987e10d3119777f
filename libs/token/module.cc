#include "libs/token/module.h"

#include <utility>

#include "libs/base/status.h"
#include "libs/token/internal/cryptoki.h"

namespace egov::token {
namespace {

bool Fits(const TokenInfo& info, const TokenName& name) {
  return (name.label.empty() || info.label == name.label) &&
         (name.serial.empty() || info.serial == name.serial);
}

bool IsInitialised(const TokenInfo& info) { return info.puk != PinState::kNotSet; }

}  // namespace

absl::StatusOr<Module> Module::Open(const std::string& path) {
  EGOV_ASSIGN_OR_RETURN(auto library, internal::Library::Open(path));
  return Module(std::move(library));
}

absl::StatusOr<std::vector<TokenInfo>> Module::Tokens() const {
  const std::lock_guard<std::mutex> lock(library_->mutex());
  EGOV_ASSIGN_OR_RETURN(const std::vector<CK_SLOT_ID> slots, library_->Slots());
  std::vector<TokenInfo> tokens;
  for (const CK_SLOT_ID slot : slots) {
    auto info = library_->Info(slot);
    // Taken out since the list was made, or a card that the module does not know.
    if (info.ok() && IsInitialised(*info)) tokens.push_back(*std::move(info));
  }
  return tokens;
}

absl::StatusOr<Token> Module::Find(const TokenName& name) const {
  const std::lock_guard<std::mutex> lock(library_->mutex());
  EGOV_ASSIGN_OR_RETURN(const std::vector<CK_SLOT_ID> slots, library_->Slots());
  auto place = std::make_shared<internal::Place>();
  for (const CK_SLOT_ID slot : slots) {
    const auto info = library_->Info(slot);
    if (!info.ok() || !IsInitialised(*info) || !Fits(*info, name)) continue;
    if (place->library != nullptr) {
      return base::Error(absl::StatusCode::kFailedPrecondition, "AMBIGUOUS_TOKEN",
                         "more than one token fits this name")
          .Field("token")
          .Expected("the serial of one of them");
    }
    *place = {library_, slot, info->label, info->serial};
  }
  if (place->library == nullptr) {
    return base::Error(absl::StatusCode::kNotFound, "TOKEN_NOT_FOUND",
                       "no token of this name is put in")
        .Field("token")
        .Expected("the card in its reader, the token in its socket; the label or serial it has");
  }
  return Token(std::move(place));
}

}  // namespace egov::token
