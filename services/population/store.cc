#include "services/population/store.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"

namespace egov::population {

using egov::population::v1::ChangeKind;
using egov::population::v1::Person;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

namespace {

constexpr size_t kFew = 64;  // subjects whose absence is asked of the transaction, too

std::string SequenceKey() {
  std::string key;
  base::AppendU16(0x0100, &key);
  return key + "person";
}

// Makes `out` longer by `size` bytes, and where they begin.
uint8_t* Grow(size_t size, std::string* out) {
  const size_t at = out->size();
  out->resize(at + size);
  return reinterpret_cast<uint8_t*>(&(*out)[at]);
}

// The tag of a length-delimited field; of those below 16, one byte.
uint8_t* WriteTag(int field, uint8_t* out) {
  return CodedOutputStream::WriteTagToArray(
      WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED), out);
}

// Puts back what an event changed.
void Undo(const rows::EventRow& event, Person* person) {
  const rows::Facts& before = event.before();
  switch (event.kind()) {
    case egov::population::v1::CHANGE_KIND_DEATH:
    case egov::population::v1::CHANGE_KIND_DEATH_ANNULLED:
      person->clear_death();
      if (before.has_death()) *person->mutable_death() = before.death();
      break;
    case egov::population::v1::CHANGE_KIND_NAME:
      *person->mutable_names() = before.names();
      break;
    case egov::population::v1::CHANGE_KIND_RESIDENCE:
      person->clear_residence();
      if (before.has_residence()) *person->mutable_residence() = before.residence();
      break;
    case egov::population::v1::CHANGE_KIND_IDENTIFIER_REPLACED:
      *person->mutable_identifier() = before.identifier();
      *person->mutable_other_identifiers() = before.other_identifiers();
      break;
    default:
      break;
  }
}

}  // namespace

bool ChangeCodec::Append(const ChangeRow& row, std::string* out) {
  char bytes[23];
  char* end = PutBigEndian(row.person, bytes);
  *end++ = static_cast<char>(row.kind);
  end = PutBigEndian(row.valid_from, end);
  end = PutBigEndian(row.code.scheme, end);
  end = PutBigEndian(row.code.packed, end);
  out->append(bytes, end - bytes);
  return true;
}

bool ChangeCodec::Parse(absl::string_view bytes, ChangeRow* row) {
  if (bytes.size() != 23) return false;
  row->person = base::ReadU64(bytes);
  row->kind = static_cast<ChangeKind>(static_cast<uint8_t>(bytes[8]));
  row->valid_from = base::ReadU32(bytes.substr(9));
  row->code = {base::ReadU16(bytes.substr(13)), base::ReadU64(bytes.substr(15))};
  return true;
}

Store::Store(storage::Store* store, Schemes schemes, absl::TimeZone zone)
    : schemes_(std::move(schemes)), zone_(zone), surrogates_(store, SequenceKey()) {}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(storage::Store* store,
                                                   const StoreOptions& options) {
  EGOV_ASSIGN_OR_RETURN(Schemes schemes, Schemes::Of(options.schemes));
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(options.time_zone, &zone)) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIG",
                       "there is no such time zone")
        .Field("register.time_zone")
        .Expected("a name of the tz database: Europe/Tallinn");
  }
  std::unique_ptr<Store> opened(new Store(store, std::move(schemes), zone));
  EGOV_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Reader> snapshot, store->Snapshot());
  EGOV_RETURN_IF_ERROR(opened->column_.Build(*snapshot));
  store->AddFollower(opened->identifiers_.All().begin, &opened->column_);
  return opened;
}

absl::Status Store::Resolve(storage::Reader& reader, absl::Span<const disclosure::Subject> asked,
                            std::vector<disclosure::SubjectKey>* keys) {
  keys->assign(asked.size(), 0);
  // The views of one question share few scheme strings: the last one found is nearly always the
  // next one.
  absl::string_view last;
  const AcceptedScheme* scheme = nullptr;
  const auto pack = [&](const disclosure::Subject& subject, uint64_t* packed) {
    if (scheme == nullptr || subject.scheme != last) {
      last = subject.scheme;
      scheme = schemes_.Find(last);
    }
    return scheme != nullptr &&
           scheme->rules->Pack(subject.value, packed) == identifiers::Fault::kNone;
  };
  if (asked.size() <= kFew) {
    // A code leads to the same person for ever, so what the column has is right for every reader;
    // only what it does not have may be newer, or written by this very transaction.
    const std::shared_ptr<const VitalColumn::View> view = column_.view();
    for (size_t i = 0; i < asked.size(); ++i) {
      Code code;
      if (!pack(asked[i], &code.packed)) continue;
      code.scheme = scheme->number;
      (*keys)[i] = view->Find(code);
      if ((*keys)[i] != 0) continue;
      EGOV_ASSIGN_OR_RETURN(const auto row, FindCode(reader, code));
      if (row) (*keys)[i] = row->person;
    }
    return absl::OkStatus();
  }
  EGOV_RETURN_IF_ERROR(column_.WaitFor(reader.horizon()));
  const std::shared_ptr<const VitalColumn::View> view = column_.view();
  std::vector<uint64_t> codes(asked.size(), 0);
  // Runs of one scheme are looked up together; a question normally is one run.
  size_t begin = 0;
  uint16_t number = 0;
  const auto look_up = [&](size_t end) {
    if (number != 0) {
      view->FindMany(number, absl::MakeConstSpan(codes).subspan(begin, end - begin),
                     absl::MakeSpan(*keys).subspan(begin, end - begin));
    }
    begin = end;
  };
  for (size_t i = 0; i < asked.size(); ++i) {
    if (!pack(asked[i], &codes[i])) continue;
    if (scheme->number != number) {
      look_up(i);
      number = scheme->number;
    }
  }
  look_up(asked.size());
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Store::TakeSurrogates(uint64_t count) {
  EGOV_ASSIGN_OR_RETURN(const uint64_t first, surrogates_.Take(count));
  // The column keeps a surrogate in 32 bits: four billion people.
  if (first + count > std::numeric_limits<uint32_t>::max()) {
    return base::Error(absl::StatusCode::kResourceExhausted, "REGISTER_FULL",
                       "the register has no number left");
  }
  return first;
}

absl::StatusOr<absl::optional<IdentifierRow>> Store::FindCode(storage::Reader& reader,
                                                              Code code) const {
  IdentifierRow row;
  EGOV_ASSIGN_OR_RETURN(const bool found,
                        identifiers_.Get(reader, {code.scheme, code.packed}, &row));
  if (!found) return absl::optional<IdentifierRow>();
  return absl::optional<IdentifierRow>(row);
}

absl::Status Store::PutCode(storage::Transaction& transaction, Code code,
                            const IdentifierRow& row) const {
  return identifiers_.Put(transaction, {code.scheme, code.packed}, row);
}

absl::Status Store::PutDeath(storage::Transaction& transaction, uint64_t person,
                             uint32_t packed_date) const {
  return vitals_.Put(transaction, {kVitalLane, person}, VitalRow{packed_date});
}

absl::Status Store::DeleteDeath(storage::Transaction& transaction, uint64_t person) const {
  return vitals_.Delete(transaction, {kVitalLane, person});
}

absl::Status Store::NoteGiven(storage::Transaction& transaction) const {
  return given_.PutStamped(transaction, std::tuple<>(), std::string());
}

absl::StatusOr<uint64_t> Store::LastGiven(storage::Reader& reader) const {
  uint64_t horizon = 0;
  EGOV_RETURN_IF_ERROR(given_.ScanBackward(
      reader, given_.All(), [&](const std::tuple<storage::Position>& key, const std::string&) {
        horizon = std::get<0>(key).value + 1;
        return false;
      }));
  return horizon;
}

// A PersonRow as its serializer would write it (store_test holds them together), without copying
// the person first.
absl::Status Store::EncodePerson(const Person& person, std::string* row) const {
  EGOV_RETURN_IF_ERROR(persons_.Encode(rows::PersonRow::default_instance(), row));
  const uint32_t size = static_cast<uint32_t>(person.ByteSizeLong());
  uint8_t* end = Grow(1 + CodedOutputStream::VarintSize32(size) + size, row);
  end = WriteTag(rows::PersonRow::kPersonFieldNumber, end);
  person.SerializeWithCachedSizesToArray(CodedOutputStream::WriteVarint32ToArray(size, end));
  return absl::OkStatus();
}

void Store::InsertPerson(storage::Transaction& transaction, uint64_t surrogate,
                         absl::string_view encoded, absl::Span<const uint64_t> parent_keys) const {
  thread_local std::string row;
  row.assign(encoded.data(), encoded.size());
  if (!parent_keys.empty()) {
    uint32_t size = 0;
    for (const uint64_t key : parent_keys) size += CodedOutputStream::VarintSize64(key);
    uint8_t* end = Grow(1 + CodedOutputStream::VarintSize32(size) + size, &row);
    end = WriteTag(rows::PersonRow::kParentKeysFieldNumber, end);
    end = CodedOutputStream::WriteVarint32ToArray(size, end);
    for (const uint64_t key : parent_keys) end = CodedOutputStream::WriteVarint64ToArray(key, end);
  }
  transaction.Put(persons_.EncodeRowKey(surrogate), row);
}

absl::Status Store::NoteChange(storage::Transaction& transaction, uint32_t index,
                               const ChangeRow& row) const {
  return changes_.PutStamped(transaction, std::tuple<>(), row, std::tuple<uint32_t>(index));
}

absl::Status Store::NoteLoaded(storage::Transaction& transaction, uint64_t first,
                               uint64_t count) const {
  std::string value;
  base::AppendU64(count, &value);
  return loaded_.PutStamped(transaction, std::tuple<uint64_t>(first), value);
}

absl::Status Store::Record(storage::Transaction& transaction, uint64_t surrogate,
                           const rows::PersonRow& person, const rows::EventRow& event) const {
  EGOV_RETURN_IF_ERROR(persons_.Put(transaction, surrogate, person));
  EGOV_RETURN_IF_ERROR(events_.PutStamped(transaction, std::tuple<uint64_t>(surrogate), event,
                                          std::tuple<uint32_t>(0)));
  ChangeRow change;
  change.person = surrogate;
  change.kind = event.kind();
  EGOV_ASSIGN_OR_RETURN(const civil::PartialDate valid_from, FromProto(event.valid_from()));
  change.valid_from = PackDate(valid_from);
  change.code = CodeOf(person.person().identifier());
  return NoteChange(transaction, 0, change);
}

absl::StatusOr<absl::optional<rows::EventPlace>> Store::LastEvent(storage::Reader& reader,
                                                                  uint64_t surrogate,
                                                                  ChangeKind kind) const {
  absl::optional<rows::EventPlace> place;
  EGOV_RETURN_IF_ERROR(events_.ScanBackward(reader, events_.Prefix(std::tuple<uint64_t>(surrogate)),
                                            [&](const EventKey& key, const rows::EventRow& event) {
                                              if (event.kind() != kind) return true;
                                              place.emplace();
                                              place->set_position(std::get<1>(key).value);
                                              place->set_index(std::get<2>(key));
                                              return false;
                                            }));
  return place;
}

absl::StatusOr<absl::optional<rows::PersonRow>> Store::KnownAt(storage::Reader& reader,
                                                               uint64_t surrogate,
                                                               uint64_t horizon) const {
  absl::optional<rows::PersonRow> person(absl::in_place);
  EGOV_ASSIGN_OR_RETURN(const bool found, persons_.Get(reader, surrogate, &*person));
  if (!found) return absl::optional<rows::PersonRow>();
  bool born_here = false, later = false;
  EGOV_RETURN_IF_ERROR(
      events_.ScanBackward(reader, events_.Prefix(std::tuple<uint64_t>(surrogate)),
                           [&](const EventKey& key, const rows::EventRow& event) {
                             const bool unknown_yet = std::get<1>(key).value >= horizon;
                             if (event.kind() == egov::population::v1::CHANGE_KIND_BIRTH) {
                               born_here = true;
                               later = unknown_yet;
                             } else if (unknown_yet) {
                               Undo(event, person->mutable_person());
                             }
                             return true;
                           }));
  if (!born_here) {
    // Taken in by the window whose surrogates begin at or before this one.
    const storage::KeyRange range =
        loaded_.Between({0, storage::Position{0}}, {surrogate + 1, storage::Position{0}});
    EGOV_RETURN_IF_ERROR(loaded_.ScanBackward(
        reader, range, [&](const std::tuple<uint64_t, storage::Position>& key, const std::string&) {
          later = std::get<1>(key).value >= horizon;
          return false;
        }));
  }
  if (later) person.reset();
  return person;
}

Code CodeOf(const egov::identifiers::v1::Identifier& identifier) {
  Code code;
  const identifiers::Scheme* rules = identifiers::Find(identifier.scheme());
  if (rules != nullptr &&
      rules->Pack(identifier.value(), &code.packed) == identifiers::Fault::kNone) {
    code.scheme = Schemes::NumberOf(identifier.scheme());
  }
  return code;
}

egov::identifiers::v1::Identifier IdentifierOf(Code code) {
  egov::identifiers::v1::Identifier identifier;
  const absl::string_view name = Schemes::NameOf(code.scheme);
  identifier.set_scheme(name.data(), name.size());
  identifier.set_value(Schemes::ValueOf(code));
  return identifier;
}

absl::StatusOr<civil::PartialDate> FromProto(const egov::civil::v1::PartialDate& date) {
  // Checked before the narrowing: 2^32 + 1985 is no year.
  if (date.year() > 9999 || date.month() > 12 || date.day() > 31) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_DATE", "there is no such date");
  }
  return civil::PartialDate::OfParts(static_cast<int>(date.year()), static_cast<int>(date.month()),
                                     static_cast<int>(date.day()));
}

void ToProto(const civil::PartialDate& date, egov::civil::v1::PartialDate* out) {
  out->set_year(static_cast<uint32_t>(date.year()));
  out->set_month(static_cast<uint32_t>(date.month()));
  out->set_day(static_cast<uint32_t>(date.day()));
}

}  // namespace egov::population
