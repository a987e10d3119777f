#include "libs/access/access.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <shared_mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/access/quota.h"
#include "libs/access/rights.h"
#include "libs/base/bytes.h"
#include "libs/base/status.h"
#include "libs/civil/date.h"
#include "libs/pki/spiffe.h"
#include "libs/storage/table.h"

namespace egov::access {
namespace {

namespace v1 = egov::access::v1;

constexpr char kOfficers[] = "officers";

absl::Status Denied(absl::string_view reason, absl::string_view text) {
  return base::Error(absl::StatusCode::kPermissionDenied, reason, text);
}

absl::Status NoRight() { return Denied("NO_RIGHT", "the caller has no right for this method"); }

absl::Status Invalid(absl::string_view reason, absl::string_view field, absl::string_view text) {
  return base::Error(absl::StatusCode::kInvalidArgument, reason, text).Field(field);
}

class StoredAccess final : public Access {
 public:
  explicit StoredAccess(AccessOptions options)
      : options_(std::move(options)),
        quota_(options_.time_zone),
        rights_follower_(this),
        officers_follower_(this),
        version_follower_(this) {
    for (const KnownMethod& method : options_.methods) {
      std::vector<std::string> items = method.items;
      std::sort(items.begin(), items.end());
      methods_[method.service][method.method] = std::move(items);
    }
  }

  absl::Status Init(storage::Store* store);

  absl::Status MayKnock(absl::string_view caller, absl::string_view service,
                        absl::string_view method) const override {
    std::shared_lock<std::shared_mutex> lock(mutex_);
    if (table_.Find(caller, service, method) != nullptr || IsOfficer(caller))
      return absl::OkStatus();
    lock.unlock();
    return NoRight();
  }

  absl::StatusOr<Grant> Authorize(storage::Transaction& transaction, const Asked& asked) override;
  absl::Status RequireOfficer(storage::Transaction& transaction, absl::string_view caller) override;
  absl::Status Spend(const Grant& grant, uint64_t codes, absl::Time now) override {
    return quota_.Spend(grant.right, codes, now);
  }

  absl::StatusOr<v1::Right> GrantRight(storage::Transaction& transaction, const v1::Right& right,
                                       absl::string_view new_id) override;
  absl::Status RevokeRight(storage::Transaction& transaction, absl::string_view id) override;
  absl::StatusOr<v1::ListRightsResponse> ListRights(storage::Transaction& transaction,
                                                    absl::string_view subsystem) override;
  absl::Status AppointOfficer(storage::Transaction& transaction, absl::string_view uri) override;
  absl::Status DismissOfficer(storage::Transaction& transaction, absl::string_view uri) override;

  absl::Status OnGroup(storage::Group& group) override {
    quota_.OnGroup(group);
    return absl::OkStatus();
  }
  void AfterGroup(const absl::Status& outcome) override { quota_.AfterGroup(outcome); }

 private:
  // Followers of the three tables. The version is told last (they are asked in the order in which
  // they were added), so the table is never older than its version says.
  using RowFunction = void (StoredAccess::*)(absl::string_view, absl::optional<absl::string_view>);
  template <RowFunction kFunction>
  struct RowFollower final : public storage::Follower {
    explicit RowFollower(StoredAccess* access) : access(access) {}
    void OnCommitted(uint64_t, absl::string_view key,
                     absl::optional<absl::string_view> value) override {
      (access->*kFunction)(key, value);
    }
    StoredAccess* const access;
  };
  void FollowRight(absl::string_view key, absl::optional<absl::string_view> value);
  void FollowOfficer(absl::string_view key, absl::optional<absl::string_view> value);
  void FollowVersion(absl::string_view key, absl::optional<absl::string_view> value);

  bool IsOfficer(absl::string_view caller) const { return table_.officers.contains(caller); }

  absl::StatusOr<uint64_t> ReadVersion(storage::Reader& reader) const;
  // Makes the transaction depend on the version, so that a change conflicts with it, and locks the
  // table once it has got there.
  absl::StatusOr<std::shared_lock<std::shared_mutex>> LockFor(storage::Transaction& transaction);
  // Makes this transaction a change of rights.
  absl::Status Change(storage::Transaction& transaction);

  // Whether the first officer is still to be written. FIRST_OFFICER_CHANGED.
  absl::StatusOr<bool> FirstOfficerMissing(storage::Reader& reader) const;

  absl::Status CheckOfficer(absl::string_view uri) const;
  absl::Status CheckRight(const v1::Right& right) const;
  absl::StatusOr<std::vector<std::string>> OfficerRows(storage::Reader& reader) const;

  const AccessOptions options_;
  std::map<std::string, std::map<std::string, std::vector<std::string>>> methods_;
  const storage::Table<std::string, v1::Right> rights_{0x0020};
  const storage::Table<std::string, std::string, storage::BytesCodec> officers_{0x0021};
  const std::string version_key_{"\x00\x22", 2};
  const std::string first_officer_key_{"\x00\x24", 2};

  mutable std::shared_mutex mutex_;
  std::condition_variable_any moved_;
  RightsTable table_;  // guarded by mutex_
  Quota quota_;
  RowFollower<&StoredAccess::FollowRight> rights_follower_;
  RowFollower<&StoredAccess::FollowOfficer> officers_follower_;
  RowFollower<&StoredAccess::FollowVersion> version_follower_;
};

absl::Status StoredAccess::Init(storage::Store* store) {
  if (!options_.first_officer.empty()) EGOV_RETURN_IF_ERROR(CheckOfficer(options_.first_officer));
  EGOV_ASSIGN_OR_RETURN(auto reader, store->Snapshot());
  EGOV_RETURN_IF_ERROR(
      rights_.Scan(*reader, rights_.All(), [this](const std::string&, const v1::Right& right) {
        table_.Add(right);
        return true;
      }));
  EGOV_ASSIGN_OR_RETURN(const auto officers, OfficerRows(*reader));
  table_.officers.insert(officers.begin(), officers.end());
  EGOV_ASSIGN_OR_RETURN(table_.version, ReadVersion(*reader));
  EGOV_RETURN_IF_ERROR(quota_.Load(*reader, table_));
  EGOV_ASSIGN_OR_RETURN(const bool first_officer_missing, FirstOfficerMissing(*reader));
  store->AddHook(this);
  store->AddFollower(rights_.All().begin, &rights_follower_);
  store->AddFollower(officers_.All().begin, &officers_follower_);
  store->AddFollower(version_key_, &version_follower_);
  reader.reset();
  if (!first_officer_missing) return absl::OkStatus();
  return store
      ->Run([this](storage::Transaction& transaction) -> absl::Status {
        transaction.Put(first_officer_key_, options_.first_officer);
        EGOV_RETURN_IF_ERROR(Change(transaction));
        return officers_.Insert(transaction, options_.first_officer, "");
      })
      .status();
}

absl::StatusOr<bool> StoredAccess::FirstOfficerMissing(storage::Reader& reader) const {
  if (options_.first_officer.empty()) return false;
  std::string first;
  EGOV_ASSIGN_OR_RETURN(const bool found, reader.Get(first_officer_key_, &first));
  if (!found) return table_.officers.empty();
  if (first == options_.first_officer) return false;
  return base::Error(absl::StatusCode::kFailedPrecondition, "FIRST_OFFICER_CHANGED",
                     "the configuration names another first officer than at the first start; "
                     "officers are changed by AppointOfficer and DismissOfficer")
      .Field("register.first_officer")
      .Expected(first);
}

void StoredAccess::FollowRight(absl::string_view key, absl::optional<absl::string_view> value) {
  std::string id;
  if (!rights_.DecodeRowKey(key, &id)) return;
  v1::Right right;
  // A row that cannot be read gives no right.
  const bool readable = value && rights_.Decode(*value, &right).ok();
  std::unique_lock<std::shared_mutex> lock(mutex_);
  if (readable) {
    table_.Add(right);
  } else if (const auto removed = table_.Remove(id)) {
    lock.unlock();
    quota_.Forget(*removed);
  }
}

void StoredAccess::FollowOfficer(absl::string_view key, absl::optional<absl::string_view> value) {
  std::string uri;
  if (!officers_.DecodeRowKey(key, &uri)) return;
  std::unique_lock<std::shared_mutex> lock(mutex_);
  if (value) {
    table_.officers.insert(uri);
  } else {
    table_.officers.erase(uri);
  }
}

void StoredAccess::FollowVersion(absl::string_view, absl::optional<absl::string_view> value) {
  std::unique_lock<std::shared_mutex> lock(mutex_);
  if (value && value->size() == 8) table_.version = base::ReadU64(*value);
  lock.unlock();
  moved_.notify_all();
}

absl::StatusOr<uint64_t> StoredAccess::ReadVersion(storage::Reader& reader) const {
  thread_local std::string value;
  EGOV_ASSIGN_OR_RETURN(const bool found, reader.Get(version_key_, &value));
  if (!found) return 0;
  if (value.size() != 8) {
    return base::Error(absl::StatusCode::kDataLoss, "ROW_UNREADABLE",
                       "the version of the rights is not in its format");
  }
  return base::ReadU64(value);
}

absl::StatusOr<std::shared_lock<std::shared_mutex>> StoredAccess::LockFor(
    storage::Transaction& transaction) {
  if (transaction.DependOn(version_key_)) return std::shared_lock<std::shared_mutex>(mutex_);
  EGOV_ASSIGN_OR_RETURN(const uint64_t version, ReadVersion(transaction));
  std::shared_lock<std::shared_mutex> lock(mutex_);
  // A newer table is fine: the commit will conflict. An older one gets there at once, since the
  // store is telling its followers.
  if (table_.version < version &&
      !moved_.wait_for(lock, std::chrono::seconds(5), [&] { return table_.version >= version; })) {
    return base::Error(absl::StatusCode::kUnavailable, "RIGHTS_BEHIND",
                       "a change of rights has not been taken in")
        .RetryAfter(absl::Seconds(1));
  }
  return lock;
}

absl::StatusOr<Grant> StoredAccess::Authorize(storage::Transaction& transaction,
                                              const Asked& asked) {
  const int64_t today = quota_.DayOf(asked.now);
  bool purpose = false, in_force = false;
  {
    EGOV_ASSIGN_OR_RETURN(const auto lock, LockFor(transaction));
    const RightsTable::Rights* rights = table_.Find(asked.caller, asked.service, asked.method);
    if (rights == nullptr) return NoRight();
    for (const std::shared_ptr<HeldRight>& right : *rights) {
      if (right->purpose != asked.purpose) continue;
      purpose = true;
      if (today < right->first_day || today > right->last_day) continue;
      in_force = true;
      if (!right->Covers(asked.items)) continue;
      return Grant{right, right->id, right->calls_per_day, right->codes_per_day,
                   right->time_stamp_required};
    }
  }
  if (!purpose)
    return Denied("PURPOSE_NOT_ALLOWED",
                  "no right of the caller for this method is for this purpose");
  if (!in_force)
    return Denied("RIGHT_NOT_IN_FORCE", "the right for this purpose does not hold today");
  return base::Error(absl::StatusCode::kPermissionDenied, "ITEM_NOT_ALLOWED",
                     "an item asked for is outside the right")
      .Field("items");
}

absl::Status StoredAccess::RequireOfficer(storage::Transaction& transaction,
                                          absl::string_view caller) {
  {
    EGOV_ASSIGN_OR_RETURN(const auto lock, LockFor(transaction));
    if (IsOfficer(caller)) return absl::OkStatus();
  }
  return Denied("NOT_AN_OFFICER", "only officers of this service may do this");
}

absl::Status StoredAccess::Change(storage::Transaction& transaction) {
  EGOV_ASSIGN_OR_RETURN(const uint64_t version, ReadVersion(transaction));
  std::string value;
  base::AppendU64(version + 1, &value);
  transaction.Put(version_key_, value);
  return absl::OkStatus();
}

absl::Status StoredAccess::CheckOfficer(absl::string_view uri) const {
  const auto id = pki::SpiffeId::Parse(uri);
  if (id.ok() && id->instance() == options_.instance && id->subsystem() == kOfficers)
    return absl::OkStatus();
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_OFFICER",
                     "an officer is a subsystem `officers` of this instance")
      .Field("officer")
      .Expected(absl::StrCat("spiffe://", options_.instance, "/<class>/<member>/", kOfficers));
}

absl::Status StoredAccess::CheckRight(const v1::Right& right) const {
  const auto subsystem = pki::SpiffeId::Parse(right.subsystem());
  if (!subsystem.ok() || subsystem->instance() != options_.instance)
    return Invalid("BAD_SUBSYSTEM", "subsystem", "no SPIFFE URI of a subsystem of this instance");
  const auto service = methods_.find(right.service());
  if (service == methods_.end())
    return Invalid("UNKNOWN_METHOD", "service", "there is no such service here");
  const auto method = service->second.find(right.method());
  if (method == service->second.end())
    return Invalid("UNKNOWN_METHOD", "method", "this service has no such method");
  if (right.purpose().empty())
    return Invalid("MISSING_FIELD", "purpose", "a right is for a purpose");
  for (int i = 0; i < right.items_size(); ++i) {
    if (!std::binary_search(method->second.begin(), method->second.end(), right.items(i))) {
      return Invalid("UNKNOWN_ITEM", absl::StrCat("items[", i, "]"),
                     "the method's contract has no such item");
    }
  }
  const auto day = [](const egov::civil::v1::PartialDate& date) {
    // Beyond what fits the calendar's own types.
    const uint32_t year = std::min<uint32_t>(date.year(), civil::kMaxYear + 1);
    return civil::Date::Of(static_cast<int>(year), std::min<uint32_t>(date.month(), 13),
                           std::min<uint32_t>(date.day(), 32));
  };
  const auto from = day(right.valid_from());
  if (!from.ok())
    return Invalid("BAD_PERIOD", "valid_from", "the first day is a whole day of the calendar");
  if (right.has_valid_to()) {
    const auto to = day(right.valid_to());
    if (!to.ok())
      return Invalid("BAD_PERIOD", "valid_to", "the last day is a whole day of the calendar");
    if (*to < *from)
      return Invalid("BAD_PERIOD", "valid_to", "the right would end before it begins");
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Right> StoredAccess::GrantRight(storage::Transaction& transaction,
                                                   const v1::Right& right,
                                                   absl::string_view new_id) {
  EGOV_RETURN_IF_ERROR(CheckRight(right));
  v1::Right granted = right;
  granted.set_id(std::string(new_id));
  std::sort(granted.mutable_items()->begin(), granted.mutable_items()->end());
  granted.mutable_items()->erase(
      std::unique(granted.mutable_items()->begin(), granted.mutable_items()->end()),
      granted.mutable_items()->end());
  EGOV_RETURN_IF_ERROR(Change(transaction));
  EGOV_RETURN_IF_ERROR(rights_.Put(transaction, granted.id(), granted));
  return granted;
}

absl::Status StoredAccess::RevokeRight(storage::Transaction& transaction, absl::string_view id) {
  const std::string key(id);
  EGOV_ASSIGN_OR_RETURN(const bool found, rights_.Has(transaction, key));
  if (!found) {
    return base::Error(absl::StatusCode::kNotFound, "UNKNOWN_RIGHT",
                       "there is no right of this id in force")
        .Field("id");
  }
  EGOV_RETURN_IF_ERROR(Change(transaction));
  return rights_.Delete(transaction, key);
}

absl::StatusOr<std::vector<std::string>> StoredAccess::OfficerRows(storage::Reader& reader) const {
  std::vector<std::string> uris;
  EGOV_RETURN_IF_ERROR(
      officers_.Scan(reader, officers_.All(), [&](const std::string& uri, const std::string&) {
        uris.push_back(uri);
        return true;
      }));
  return uris;
}

absl::StatusOr<v1::ListRightsResponse> StoredAccess::ListRights(storage::Transaction& transaction,
                                                                absl::string_view subsystem) {
  v1::ListRightsResponse response;
  EGOV_RETURN_IF_ERROR(
      rights_.Scan(transaction, rights_.All(), [&](const std::string&, const v1::Right& right) {
        if (subsystem.empty() || right.subsystem() == subsystem) *response.add_rights() = right;
        return true;
      }));
  EGOV_ASSIGN_OR_RETURN(auto officers, OfficerRows(transaction));
  for (std::string& uri : officers) response.add_officers(std::move(uri));
  return response;
}

absl::Status StoredAccess::AppointOfficer(storage::Transaction& transaction,
                                          absl::string_view uri) {
  EGOV_RETURN_IF_ERROR(CheckOfficer(uri));
  EGOV_RETURN_IF_ERROR(Change(transaction));
  return officers_.Insert(transaction, std::string(uri), "");
}

absl::Status StoredAccess::DismissOfficer(storage::Transaction& transaction,
                                          absl::string_view uri) {
  EGOV_ASSIGN_OR_RETURN(const auto officers, OfficerRows(transaction));
  if (std::find(officers.begin(), officers.end(), uri) == officers.end()) {
    return base::Error(absl::StatusCode::kNotFound, "UNKNOWN_OFFICER", "there is no such officer")
        .Field("officer");
  }
  if (officers.size() == 1) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "LAST_OFFICER",
                       "nobody would be left to change rights")
        .Field("officer");
  }
  EGOV_RETURN_IF_ERROR(Change(transaction));
  return officers_.Delete(transaction, std::string(uri));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Access>> Access::Open(storage::Store* store, AccessOptions options) {
  auto access = std::make_unique<StoredAccess>(std::move(options));
  EGOV_RETURN_IF_ERROR(access->Init(store));
  return std::unique_ptr<Access>(std::move(access));
}

}  // namespace egov::access
