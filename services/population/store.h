// The population register's tables, and the few things that several commands do with them.
//
//   0x0100 "person"                        the sequence of surrogates
//   0x0101 surrogate                       -> PersonRow        a person as registered now
//   0x0102 scheme, code | 0, surrogate     -> narrow rows      whose a code is, who has died
//   (narrow.h) 0x0103 position, index                 -> ChangeRow        every change in the order
//   of the log: the feed 0x0104 surrogate, position, index      -> EventRow         what happened
//   to a person, each with before and after 0x0105 position                        -> nothing codes
//   were given out here (see LastGiven) 0x0106 first surrogate, position       -> count people
//   taken in by one window
//
// Nothing is overwritten without its earlier content staying: a person's row is the newest state,
// and the events lead from it back to any earlier one. Who was taken in by a load has no event of
// that; their first row is what it said.
//
// A person is a dense surrogate, never shown to anybody. A code leads to the same person for ever.
//
// Thread safety: any thread. Errors are the store's, and DATA_LOSS ROW_UNREADABLE.
#ifndef EGOV_SERVICES_POPULATION_STORE_H_
#define EGOV_SERVICES_POPULATION_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "egov/population/v1/population_service.pb.h"
#include "libs/exchange/call.h"
#include "libs/storage/sequence.h"
#include "libs/storage/store.h"
#include "libs/storage/table.h"
#include "services/population/narrow.h"
#include "services/population/schemes.h"
#include "services/population/store.pb.h"
#include "services/population/vital_column.h"

namespace egov::population {

struct StoreOptions {
  std::vector<std::string> schemes;  // accepted ones, by name
  std::string time_zone;             // of civil days: "Europe/Tallinn"
};

// A change as the feed tells it.
struct ChangeRow {
  uint64_t person = 0;
  egov::population::v1::ChangeKind kind = egov::population::v1::CHANGE_KIND_UNSPECIFIED;
  uint32_t valid_from = 0;  // PackDate
  Code code;                // in force after the change
};

struct ChangeCodec {
  static bool Append(const ChangeRow& row, std::string* out);
  static bool Parse(absl::string_view bytes, ChangeRow* row);
};

using PersonTable = storage::Table<uint64_t, rows::PersonRow>;
using ChangeKey = std::tuple<storage::Position, uint32_t>;
using ChangeTable = storage::Table<ChangeKey, ChangeRow, ChangeCodec>;
using EventKey = std::tuple<uint64_t, storage::Position, uint32_t>;
using EventTable = storage::Table<EventKey, rows::EventRow>;

class Store final : public exchange::Subjects {
 public:
  // Builds the column and follows the store. Before the first commit; `store` must outlive this,
  // and the last commit must have ended before this goes. INVALID_ARGUMENT BAD_CONFIG.
  static absl::StatusOr<std::unique_ptr<Store>> Open(storage::Store* store,
                                                     const StoreOptions& options);

  const Schemes& schemes() const { return schemes_; }
  const VitalColumn& column() const { return column_; }
  // The civil day of an instant.
  absl::StatusOr<civil::Date> Today(absl::Time now) const { return civil::DayOf(now, zone_); }

  // exchange::Subjects. Looks in the column; of up to 64 also in `reader`, for those not found.
  absl::Status Resolve(storage::Reader& reader, absl::Span<const disclosure::Subject> asked,
                       std::vector<disclosure::SubjectKey>* keys) override;

  // Surrogates, each given once; the first of `count`.
  absl::StatusOr<uint64_t> TakeSurrogates(uint64_t count);

  absl::StatusOr<absl::optional<IdentifierRow>> FindCode(storage::Reader& reader, Code code) const;
  absl::Status PutCode(storage::Transaction& transaction, Code code,
                       const IdentifierRow& row) const;
  absl::Status PutDeath(storage::Transaction& transaction, uint64_t person,
                        uint32_t packed_date) const;
  absl::Status DeleteDeath(storage::Transaction& transaction, uint64_t person) const;

  // Notes that codes are given out in this transaction. Who checks codes against the column instead
  // of the table asks LastGiven first: by that read the transaction conflicts with every other that
  // gives codes out after the last one the column is known to have seen.
  absl::Status NoteGiven(storage::Transaction& transaction) const;
  // The horizon at which every code given out so far is in the column; 0 when none was.
  absl::StatusOr<uint64_t> LastGiven(storage::Reader& reader) const;

  // Appends a person's row but for the parents' keys, without copying `person` into one.
  absl::Status EncodePerson(const egov::population::v1::Person& person, std::string* row) const;
  // Writes a person of whom this is the first row.
  void InsertPerson(storage::Transaction& transaction, uint64_t surrogate,
                    absl::string_view encoded, absl::Span<const uint64_t> parent_keys) const;
  // Notes one change at this transaction's position.
  absl::Status NoteChange(storage::Transaction& transaction, uint32_t index,
                          const ChangeRow& row) const;
  // Notes `count` people taken in, with surrogates from `first` on.
  absl::Status NoteLoaded(storage::Transaction& transaction, uint64_t first, uint64_t count) const;

  // The one way in which single acts change a person: the new row, its event and its change, which
  // say the same.
  absl::Status Record(storage::Transaction& transaction, uint64_t surrogate,
                      const rows::PersonRow& person, const rows::EventRow& event) const;

  // The event of `kind` that happened last to a person; nullopt when there was none.
  absl::StatusOr<absl::optional<rows::EventPlace>> LastEvent(
      storage::Reader& reader, uint64_t surrogate, egov::population::v1::ChangeKind kind) const;

  // A person as the register knew them when it had `horizon` records: the answer is the same for
  // ever. nullopt when the person came later. Cost: one read for each later event.
  absl::StatusOr<absl::optional<rows::PersonRow>> KnownAt(storage::Reader& reader,
                                                          uint64_t surrogate,
                                                          uint64_t horizon) const;

  const PersonTable& persons() const { return persons_; }
  const ChangeTable& changes() const { return changes_; }
  const EventTable& events() const { return events_; }

 private:
  Store(storage::Store* store, Schemes schemes, absl::TimeZone zone);

  const Schemes schemes_;
  const absl::TimeZone zone_;
  storage::Sequence surrogates_;
  VitalColumn column_;

  const PersonTable persons_{0x0101};
  const IdentifierTable identifiers_{kNarrowTable};
  const VitalTable vitals_{kNarrowTable};
  const ChangeTable changes_{0x0103};
  const EventTable events_{0x0104};
  const storage::Table<std::tuple<storage::Position>, std::string, storage::BytesCodec> given_{
      0x0105};
  const storage::Table<std::tuple<uint64_t, storage::Position>, std::string, storage::BytesCodec>
      loaded_{0x0106};
};

// The stored form of an identifier that was checked when it came in, and the way back.
Code CodeOf(const egov::identifiers::v1::Identifier& identifier);
egov::identifiers::v1::Identifier IdentifierOf(Code code);

// Dates of the contract and of libs/civil. A date of the contract that was checked converts without
// loss; parts that make no date are INVALID_ARGUMENT BAD_DATE.
absl::StatusOr<civil::PartialDate> FromProto(const egov::civil::v1::PartialDate& date);
void ToProto(const civil::PartialDate& date, egov::civil::v1::PartialDate* out);

}  // namespace egov::population

#endif  // EGOV_SERVICES_POPULATION_STORE_H_
