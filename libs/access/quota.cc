#include "libs/access/quota.h"

#include <utility>

#include "absl/time/civil_time.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/storage/table.h"

namespace egov::access {
namespace {

// Three numbers, because this row is written with every group of a busy service.
struct SpentCodec {
  static bool Append(const Spent& spent, std::string* out) {
    base::AppendU64(static_cast<uint64_t>(spent.day), out);
    base::AppendU64(spent.calls, out);
    base::AppendU64(spent.codes, out);
    return true;
  }
  static bool Parse(absl::string_view bytes, Spent* spent) {
    if (bytes.size() != 24) return false;
    spent->day = static_cast<int64_t>(base::ReadU64(bytes));
    spent->calls = base::ReadU64(bytes.substr(8));
    spent->codes = base::ReadU64(bytes.substr(16));
    return true;
  }
};

const storage::Table<std::string, Spent, SpentCodec>& SpentTable() {
  static const auto* const table = new storage::Table<std::string, Spent, SpentCodec>(0x0023);
  return *table;
}

}  // namespace

int64_t Quota::DayOf(absl::Time now) const {
  return absl::ToCivilDay(now, time_zone_) - absl::CivilDay(1970, 1, 1);
}

absl::Status Quota::Spend(const std::shared_ptr<HeldRight>& right, uint64_t codes, absl::Time now) {
  if (right->calls_per_day == 0 && right->codes_per_day == 0) return absl::OkStatus();
  const int64_t today = DayOf(now);
  const char* reason = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    Spent spent = right->spent;
    if (today > spent.day) spent = {today, 0, 0};
    if (right->calls_per_day != 0 && spent.calls >= right->calls_per_day) {
      reason = "CALL_QUOTA";
    } else if (right->codes_per_day != 0 &&
               (spent.codes >= right->codes_per_day ? codes > 0
                                                    : codes > right->codes_per_day - spent.codes)) {
      reason = "CODE_QUOTA";
    } else {
      spent.calls += 1;
      spent.codes += codes;
      right->spent = spent;
      if (!right->dirty) {
        right->dirty = true;
        dirty_.push_back(right);
      }
      return absl::OkStatus();
    }
  }
  const bool calls = reason[1] == 'A';
  base::Error error(absl::StatusCode::kResourceExhausted, reason,
                    calls ? "the calls of this right are spent for today"
                          : "the subjects of this right are spent for today");
  if (calls || codes <= right->codes_per_day) {
    const absl::CivilDay tomorrow = absl::ToCivilDay(now, time_zone_) + 1;
    // In whole seconds: nobody needs more, and refusals look alike.
    error.RetryAfter(absl::Ceil(absl::FromCivil(tomorrow, time_zone_) - now, absl::Seconds(1)));
  } else {
    error.Expected("no more subjects than the right has for a whole day");
  }
  return error;
}

absl::Status Quota::Load(storage::Reader& reader, const RightsTable& rights) {
  std::lock_guard<std::mutex> lock(mutex_);
  return SpentTable().Scan(reader, SpentTable().All(),
                           [&](const std::string& id, const Spent& spent) {
                             if (const auto right = rights.FindById(id)) {
                               right->spent = spent;
                             } else {
                               gone_.push_back(id);
                             }
                             return true;
                           });
}

void Quota::Forget(const HeldRight& right) {
  std::lock_guard<std::mutex> lock(mutex_);
  gone_.push_back(right.id);
}

void Quota::OnGroup(storage::Group& group) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto& right : dirty_) {
    right->dirty = false;
    writing_.push_back(std::move(right));
  }
  dirty_.clear();
  deleting_.insert(deleting_.end(), gone_.begin(), gone_.end());
  gone_.clear();
  std::string value;
  for (const auto& right : writing_) {
    value.clear();
    // Cannot fail: three numbers always serialise.
    if (SpentTable().Encode(right->spent, &value).ok())
      group.Put(SpentTable().EncodeRowKey(right->id), value);
  }
  for (const std::string& id : deleting_) group.Delete(SpentTable().EncodeRowKey(id));
}

void Quota::AfterGroup(const absl::Status& outcome) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!outcome.ok()) {
    // Nothing was written: again with the next group.
    for (auto& right : writing_) {
      if (right->dirty) continue;
      right->dirty = true;
      dirty_.push_back(std::move(right));
    }
    gone_.insert(gone_.end(), deleting_.begin(), deleting_.end());
  }
  writing_.clear();
  deleting_.clear();
}

}  // namespace egov::access
