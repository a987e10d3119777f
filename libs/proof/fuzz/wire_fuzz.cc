// Headers, records, receipts, checkpoints and time-stamp responses from the wire.
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "libs/proof/stamp.h"
#include "libs/proof/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)egov::proof::OpenHeader(bytes);
  (void)egov::proof::OpenRecord(bytes);
  (void)egov::proof::NarrowResponse(bytes);
  egov::exchange::v1::Receipt receipt;
  if (egov::proof::ParseStrictly(bytes, "BAD_RECEIPT", &receipt).ok()) {
    (void)egov::proof::RootOfReceipt(receipt, receipt.index() + 1);
    (void)egov::proof::ParseNote(receipt.checkpoint());
  }
  const auto note = egov::proof::ParseNote(bytes);
  // What is taken as a note is one: its text is the beginning of it.
  if (note.ok() && bytes.substr(0, note->signed_text.size()) != note->signed_text) __builtin_trap();
  return 0;
}
