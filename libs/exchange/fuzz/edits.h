// A fuzz target's input as edits of something genuine: what is signed cannot be guessed, so the
// interesting mistakes lie near it.
#ifndef EGOV_LIBS_EXCHANGE_FUZZ_EDITS_H_
#define EGOV_LIBS_EXCHANGE_FUZZ_EDITS_H_

#include <algorithm>
#include <cstdint>
#include <string>

namespace egov::exchange {

// Four bytes an edit: u8 what (set, insert, remove, cut, repeat), u16 where, u8 value.
inline std::string Edit(std::string bytes, const uint8_t* data, size_t size) {
  for (; size >= 4; data += 4, size -= 4) {
    const size_t at = bytes.empty() ? 0 : (size_t{data[1]} << 8 | data[2]) % bytes.size();
    switch (data[0] % 5) {
      case 0:
        if (!bytes.empty()) bytes[at] = static_cast<char>(data[3]);
        break;
      case 1:
        bytes.insert(at, 1, static_cast<char>(data[3]));
        break;
      case 2:
        bytes.erase(at, 1);
        break;
      case 3:
        bytes.resize(at);
        break;
      case 4:
        bytes.insert(at, bytes.substr(at, data[3]));
        break;
    }
  }
  return bytes;
}

}  // namespace egov::exchange

#endif  // EGOV_LIBS_EXCHANGE_FUZZ_EDITS_H_
