#include <utility>

#include "absl/strings/string_view.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "services/population/commands/commands.h"

namespace egov::population::commands {
namespace {

// A change has at most some 80 bytes: a part stays below 1 MiB, a window below 16.
constexpr int kChangesInPart = 8192;
constexpr int kChangesInWindow = 8 * kChangesInPart;
// A step that filters looks at no more rows than this, so that it ends soon.
constexpr int kRowsInStep = 4 * kChangesInWindow;

// A cursor is the place after the last row that was looked at. Callers keep it and read nothing out
// of it.
struct Cursor {
  uint64_t position = 0;
  uint32_t index = 0;
};

std::string Write(const Cursor& cursor) {
  std::string bytes;
  base::AppendU64(cursor.position, &bytes);
  base::AppendU32(cursor.index, &bytes);
  return "c1-" + base::ToHex(bytes);
}

absl::StatusOr<Cursor> Read(absl::string_view text, uint64_t horizon) {
  Cursor cursor;
  if (text.empty()) return cursor;
  bool good = text.size() == 27 && text.substr(0, 3) == "c1-";
  if (good) {
    const absl::StatusOr<std::string> bytes = base::FromHex(text.substr(3));
    good = bytes.ok() && base::ToHex(*bytes) == text.substr(3);
    if (good) {
      cursor.position = base::ReadU64(*bytes);
      cursor.index = base::ReadU32(absl::string_view(*bytes).substr(8));
      // A register never gave out a place that it has not reached: after a restore from a backup,
      // say so.
      good = cursor.position <= horizon && (cursor.position < horizon || cursor.index == 0);
    }
  }
  if (good) return cursor;
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_CURSOR",
                     "The cursor is not one that this register gave.")
      .Field("cursor")
      .Expected("next_cursor of an earlier answer, or nothing to begin with the first change");
}

}  // namespace

exchange::FeedCommand<v1::WatchChangesRequest, v1::WatchChangesResponse> WatchChanges(
    const Store& store, RecordTimes recorded) {
  return [&store, recorded = std::move(recorded)](
             storage::Reader& reader, const exchange::Call& call,
             const v1::WatchChangesRequest& request, std::string* cursor,
             exchange::Emit<v1::WatchChangesResponse> emit) -> absl::StatusOr<exchange::FeedStep> {
    // What is not below the horizon may still be in the making.
    const uint64_t horizon = reader.horizon();
    EGOV_ASSIGN_OR_RETURN(Cursor at, Read(cursor->empty() ? request.cursor() : *cursor, horizon));
    uint32_t kinds = 0;  // as bits
    for (const int kind : request.kinds()) {
      if (kind > 0 && kind < 32) kinds |= 1u << kind;
    }
    const bool all = request.kinds().empty();

    v1::WatchChangesResponse part;
    int told = 0, looked = 0;
    bool full = false;
    absl::Status status;
    uint64_t timed = 0;  // position of `time`, plus one
    int64_t time = 0;
    const auto send = [&] {
      part.set_next_cursor(Write(at));
      v1::WatchChangesResponse out;
      out.Swap(&part);
      return emit(std::move(out));
    };
    const ChangeTable& changes = store.changes();
    EGOV_RETURN_IF_ERROR(changes.Scan(reader,
                                      changes.Between({storage::Position{at.position}, at.index},
                                                      {storage::Position{horizon}, 0}),
                                      [&](const ChangeKey& key, const ChangeRow& row) {
                                        const uint64_t position = std::get<0>(key).value;
                                        at = {position, std::get<1>(key) + 1};
                                        ++looked;
                                        if (all || (kinds >> row.kind & 1)) {
                                          // The many changes of one record share its time.
                                          if (timed != position + 1) {
                                            absl::StatusOr<int64_t> micros = recorded(position);
                                            if (!micros.ok()) {
                                              status = std::move(micros).status();
                                              return false;
                                            }
                                            timed = position + 1;
                                            time = *micros;
                                          }
                                          v1::Change* change = part.add_changes();
                                          *change->mutable_person() = IdentifierOf(row.code);
                                          change->set_kind(row.kind);
                                          if (row.valid_from != 0)
                                            ToProto(UnpackDate(row.valid_from),
                                                    change->mutable_valid_from());
                                          change->set_position(position);
                                          change->set_recorded_micros(time);
                                          ++told;
                                          if (part.changes_size() == kChangesInPart)
                                            status = send();
                                        }
                                        full = told == kChangesInWindow || looked == kRowsInStep;
                                        return status.ok() && !full;
                                      }));
    EGOV_RETURN_IF_ERROR(status);
    if (!full) at = {horizon, 0};  // nothing below the horizon is left
    if (!part.changes().empty()) EGOV_RETURN_IF_ERROR(send());
    *cursor = Write(at);
    if (full) return exchange::FeedStep::kMore;
    return request.until_now() ? exchange::FeedStep::kEnd : exchange::FeedStep::kIdle;
  };
}

}  // namespace egov::population::commands
