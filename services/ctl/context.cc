#include "services/ctl/context.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "services/ctl/files.h"

namespace egov::ctl {
namespace {

// How long an expired directory still counts: a signer on holiday must not stop a country.
constexpr absl::Duration kDirectoryGrace = absl::Hours(24 * 7);

void MakeAbsolute(const std::string& folder, std::string* path) {
  if (!path->empty() && (*path)[0] != '/') *path = absl::StrCat(folder, "/", *path);
}

}  // namespace

std::string HomeFolder() {
  const char* home = std::getenv("EGOV_HOME");
  if (home != nullptr && home[0] != '\0') return home;
  const char* user = std::getenv("HOME");
  return absl::StrCat(user != nullptr ? user : "", "/.local/share/egov");
}

absl::StatusOr<ContextConfig> LoadContext() {
  const std::string folder = HomeFolder();
  const absl::StatusOr<std::string> json = ReadFile(folder + "/ctl.json");
  if (!json.ok()) {
    return base::Error(
               absl::StatusCode::kFailedPrecondition, "NO_CONTEXT",
               absl::StrCat("there is no ", folder,
                            "/ctl.json, so it is not known who calls and where services are"))
        .Expected("deploy/local/up writes one; services/ctl/README.md says what is in it");
  }
  ContextConfig context;
  const auto parsed = google::protobuf::util::JsonStringToMessage(*json, &context);
  if (!parsed.ok()) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "BAD_CONTEXT",
                       absl::StrCat(folder, "/ctl.json: ", std::string(parsed.message())));
  }
  for (std::string* path : {context.mutable_directory(), context.mutable_anchors(),
                            context.mutable_authorities(), context.mutable_memory()}) {
    MakeAbsolute(folder, path);
  }
  for (std::string& path : *context.mutable_directory_keys()) MakeAbsolute(folder, &path);
  for (auto& identity : *context.mutable_identities())
    MakeAbsolute(folder, identity.second.mutable_folder());
  return context;
}

absl::StatusOr<std::unique_ptr<identity::DirectoryCache>> OpenDirectory(
    const ContextConfig& context) {
  identity::DirectoryKeys keys;
  keys.threshold = context.directory_threshold() == 0 ? 1 : context.directory_threshold();
  for (const std::string& path : context.directory_keys()) {
    EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
    EGOV_ASSIGN_OR_RETURN(pki::PublicKey key, pki::PublicKey::FromPem(pem));
    keys.keys.push_back(std::move(key));
  }
  return identity::DirectoryCache::Open(context.directory(), std::move(keys), kDirectoryGrace,
                                        base::Clock::Real());
}

absl::StatusOr<egov::directory::v1::Service> FindService(
    const egov::directory::v1::Directory& directory, absl::string_view name) {
  std::vector<const egov::directory::v1::Service*> found;
  for (const auto& service : directory.services()) {
    if (service.audience() == name || absl::EndsWith(service.audience(), absl::StrCat("/", name)))
      found.push_back(&service);
  }
  if (found.size() == 1 && !found[0]->addresses().empty()) return *found[0];
  return base::Error(absl::StatusCode::kFailedPrecondition, "UNKNOWN_SERVICE",
                     found.empty() ? "the directory has no such service"
                                   : "more than one service has this name")
      .Expected(
          "--service takes a SPIFFE URI or a subsystem's name; `egovctl directory show` lists "
          "them");
}

}  // namespace egov::ctl
