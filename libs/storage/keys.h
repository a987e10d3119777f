// Typed keys whose bytes order as their values do.
//
// Built in: uint8/16/32/64, int64, std::string (any bytes; escaped and terminated, so that it can
// stand inside a tuple), std::array<uint8_t, N> (fixed bytes), Descending (largest first), Position
// (a place in the log, see Transaction::PutStamped), and std::tuple of all of these. A type of
// one's own specialises KeyCodec.
#ifndef EGOV_LIBS_STORAGE_KEYS_H_
#define EGOV_LIBS_STORAGE_KEYS_H_

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>

#include "absl/strings/string_view.h"
#include "libs/base/bytes.h"

namespace egov::storage {

// A uint64 that sorts from the largest to the smallest: the newest first.
struct Descending {
  uint64_t value = 0;
  friend bool operator==(Descending a, Descending b) { return a.value == b.value; }
};

// A position in the log, as PutStamped writes it.
struct Position {
  uint64_t value = 0;
  friend bool operator==(Position a, Position b) { return a.value == b.value; }
};

// Append writes `value` behind *out; Take reads it from the front of *in, false when *in is not
// such a key.
template <typename T, typename Enable = void>
struct KeyCodec;

template <typename T>
struct KeyCodec<T, std::enable_if_t<std::is_integral<T>::value && !std::is_same<T, bool>::value>> {
  using Unsigned = std::make_unsigned_t<T>;
  // Signed numbers are moved by half the range, so that the negative ones sort first.
  static constexpr Unsigned kFlip =
      std::is_signed<T>::value ? Unsigned(Unsigned(1) << (8 * sizeof(T) - 1)) : Unsigned(0);

  static void Append(T value, std::string* out) {
    char bytes[sizeof(T)];
    Unsigned rest = static_cast<Unsigned>(value) ^ kFlip;
    for (size_t i = sizeof(T); i-- > 0;) {
      bytes[i] = static_cast<char>(rest & 0xff);
      rest = static_cast<Unsigned>(static_cast<uint64_t>(rest) >> 8);
    }
    out->append(bytes, sizeof(T));
  }
  static bool Take(absl::string_view* in, T* value) {
    if (in->size() < sizeof(T)) return false;
    uint64_t rest = 0;
    for (size_t i = 0; i < sizeof(T); ++i) rest = rest << 8 | static_cast<uint8_t>((*in)[i]);
    *value = static_cast<T>(static_cast<Unsigned>(rest) ^ kFlip);
    in->remove_prefix(sizeof(T));
    return true;
  }
};

template <>
struct KeyCodec<Descending> {
  static void Append(Descending key, std::string* out) { base::AppendU64(~key.value, out); }
  static bool Take(absl::string_view* in, Descending* key) {
    if (in->size() < 8) return false;
    key->value = ~base::ReadU64(*in);
    in->remove_prefix(8);
    return true;
  }
};

template <>
struct KeyCodec<Position> {
  static void Append(Position key, std::string* out) { base::AppendU64(key.value, out); }
  static bool Take(absl::string_view* in, Position* key) {
    return KeyCodec<uint64_t>::Take(in, &key->value);
  }
};

template <size_t N>
struct KeyCodec<std::array<uint8_t, N>> {
  static void Append(const std::array<uint8_t, N>& key, std::string* out) {
    out->append(reinterpret_cast<const char*>(key.data()), N);
  }
  static bool Take(absl::string_view* in, std::array<uint8_t, N>* key) {
    if (in->size() < N) return false;
    for (size_t i = 0; i < N; ++i) (*key)[i] = static_cast<uint8_t>((*in)[i]);
    in->remove_prefix(N);
    return true;
  }
};

// Bytes with 00 written as 00 FF, ended by 00 01: no key is another's prefix, and "a" sorts before
// "a\0" before "ab".
template <>
struct KeyCodec<std::string> {
  static void Append(absl::string_view key, std::string* out) {
    for (size_t zero; (zero = key.find('\0')) != absl::string_view::npos;) {
      out->append(key.data(), zero);
      out->append("\x00\xff", 2);
      key.remove_prefix(zero + 1);
    }
    out->append(key.data(), key.size());
    out->append("\x00\x01", 2);
  }
  static bool Take(absl::string_view* in, std::string* key) {
    key->clear();
    for (;;) {
      const size_t zero = in->find('\0');
      if (zero == absl::string_view::npos || zero + 1 >= in->size()) return false;
      key->append(in->data(), zero);
      const char mark = (*in)[zero + 1];
      in->remove_prefix(zero + 2);
      if (mark == '\x01') return true;
      if (mark != '\xff') return false;
      key->push_back('\0');
    }
  }
};

template <typename... Parts>
struct KeyCodec<std::tuple<Parts...>> {
  static void Append(const std::tuple<Parts...>& key, std::string* out) {
    std::apply([out](const Parts&... parts) { (KeyCodec<Parts>::Append(parts, out), ...); }, key);
  }
  static bool Take(absl::string_view* in, std::tuple<Parts...>* key) {
    return std::apply([in](Parts&... parts) { return (KeyCodec<Parts>::Take(in, &parts) && ...); },
                      *key);
  }
};

// The bytes of one key, or of the leading parts of one.
template <typename Key>
std::string EncodeKey(const Key& key) {
  std::string out;
  KeyCodec<Key>::Append(key, &out);
  return out;
}

// False when `bytes` is not exactly one such key.
template <typename Key>
bool DecodeKey(absl::string_view bytes, Key* key) {
  return KeyCodec<Key>::Take(&bytes, key) && bytes.empty();
}

// The first byte string after all those that begin with `prefix`; empty (no bound) when there is
// none.
std::string AfterPrefix(absl::string_view prefix);

}  // namespace egov::storage

#endif  // EGOV_LIBS_STORAGE_KEYS_H_
