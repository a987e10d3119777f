#include "services/identity/directory/directory.h"

#include <google/protobuf/util/json_util.h>

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/pki/certificate.h"
#include "libs/pki/spiffe.h"
#include "services/identity/common/files.h"

namespace egov::identity {

using directory::v1::Directory;
using directory::v1::SignedDirectory;

namespace {

constexpr absl::Duration kFutureSlack = absl::Minutes(5);

base::Error Bad(absl::string_view why) {
  return base::Error(absl::StatusCode::kInvalidArgument, "BAD_DIRECTORY",
                     absl::StrCat("the directory cannot be used: ", why));
}

std::string SignedBytes(absl::string_view directory) {
  return absl::StrCat(absl::string_view("egov.directory.v1\0", 18), directory);
}

absl::Status CheckMembers(const Directory& directory) {
  std::set<std::string> seen;
  for (int i = 0; i < directory.members_size(); ++i) {
    const auto& member = directory.members(i);
    for (const auto& subsystem : member.subsystems()) {
      const auto id = pki::SpiffeId::Make(directory.instance(), member.member_class(),
                                          member.code(), subsystem.code());
      if (!id.ok()) return Bad("a subsystem's name").Field(absl::StrCat("members[", i, "]"));
      if (!seen.insert(id->ToUri()).second) {
        return Bad("a subsystem twice").Field(absl::StrCat("members[", i, "]"));
      }
    }
    const auto member_id =
        pki::SpiffeId::Make(directory.instance(), member.member_class(), member.code(), "x");
    if (!member_id.ok()) return Bad("a member's name").Field(absl::StrCat("members[", i, "]"));
    if (!seen.insert("member " + member_id->ToUri()).second) {
      return Bad("a member twice").Field(absl::StrCat("members[", i, "]"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckServices(const Directory& directory) {
  std::set<std::string> seen;
  for (int i = 0; i < directory.services_size(); ++i) {
    const auto& service = directory.services(i);
    const std::string field = absl::StrCat("services[", i, "]");
    const auto id = pki::SpiffeId::Parse(service.audience());
    if (!id.ok() || id->instance() != directory.instance()) {
      return Bad("a service's audience").Field(field);
    }
    if (!seen.insert(id->ToUri()).second) return Bad("a service twice").Field(field);
    if (service.addresses().empty()) return Bad("a service without address").Field(field);
  }
  return absl::OkStatus();
}

absl::Status CheckAuthorities(const Directory& directory) {
  for (int i = 0; i < directory.authorities_size(); ++i) {
    const auto& authority = directory.authorities(i);
    const std::string field = absl::StrCat("authorities[", i, "]");
    const auto certificate = pki::Certificate::FromDer(authority.certificate());
    if (!certificate.ok() || !certificate->CheckPurpose(pki::Purpose::kAuthority).ok()) {
      return Bad("an authority's certificate").Field(field);
    }
    if (authority.role() == directory::v1::AUTHORITY_ROLE_UNSPECIFIED ||
        !directory::v1::AuthorityRole_IsValid(authority.role())) {
      return Bad("an authority without role").Field(field);
    }
    if (authority.valid_to() != 0 && authority.valid_to() <= authority.valid_from()) {
      return Bad("an authority that ends before it begins").Field(field);
    }
  }
  for (int i = 0; i < directory.time_stamping_authorities_size(); ++i) {
    const auto& authority = directory.time_stamping_authorities(i);
    const std::string field = absl::StrCat("time_stamping_authorities[", i, "]");
    const auto certificate = pki::Certificate::FromDer(authority.certificate());
    if (!certificate.ok() || !certificate->CheckPurpose(pki::Purpose::kTimeStamp).ok()) {
      return Bad("a time-stamping authority's certificate").Field(field);
    }
    if (authority.clock_assurance() != "kernel" && authority.clock_assurance() != "declared") {
      return Bad("a clock assurance that is neither kernel nor declared").Field(field);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckExpiry(const Directory& directory, absl::Time now, absl::Duration grace) {
  if (absl::FromUnixSeconds(directory.expires()) + grace < now) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "DIRECTORY_EXPIRED",
                       "the directory has expired and its grace is over");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Directory> DirectoryFromJson(absl::string_view json) {
  Directory directory;
  google::protobuf::util::JsonParseOptions strict;
  strict.ignore_unknown_fields = false;
  const auto status =
      google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &directory, strict);
  if (!status.ok()) return Bad(std::string(status.message()));
  EGOV_RETURN_IF_ERROR(CheckDirectory(directory));
  return directory;
}

std::string DirectoryToJson(const Directory& directory) {
  std::string json;
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  // Fails only for Any and malformed time types, which the message has not.
  (void)google::protobuf::util::MessageToJsonString(directory, &json, options);
  return json;
}

absl::Status CheckDirectory(const Directory& directory) {
  if (!pki::SpiffeId::Make(directory.instance(), "x", "x", "x").ok()) {
    return Bad("no instance").Field("instance");
  }
  if (directory.version() == 0) return Bad("no version").Field("version");
  if (directory.issued() <= 0 || directory.expires() <= directory.issued()) {
    return Bad("it ends before it was made").Field("expires");
  }
  EGOV_RETURN_IF_ERROR(CheckMembers(directory));
  EGOV_RETURN_IF_ERROR(CheckServices(directory));
  return CheckAuthorities(directory);
}

absl::StatusOr<SignedDirectory> PrepareDirectory(const Directory& directory) {
  EGOV_RETURN_IF_ERROR(CheckDirectory(directory));
  SignedDirectory signed_directory;
  signed_directory.set_directory(directory.SerializeAsString());
  return signed_directory;
}

absl::Status SignDirectory(const pki::PrivateKey& key, SignedDirectory* directory) {
  EGOV_ASSIGN_OR_RETURN(const std::string signature, key.Sign(SignedBytes(directory->directory())));
  const std::string digest(pki::AsBytes(key.public_key().digest()));
  for (auto& existing : *directory->mutable_signatures()) {
    if (existing.key_digest() != digest) continue;
    existing.set_signature(signature);
    return absl::OkStatus();
  }
  auto* added = directory->add_signatures();
  added->set_key_digest(digest);
  added->set_signature(signature);
  return absl::OkStatus();
}

absl::StatusOr<Directory> VerifyDirectory(const SignedDirectory& signed_directory,
                                          const DirectoryKeys& keys, absl::Time now,
                                          uint64_t last_version, absl::Duration grace) {
  const std::string bytes = SignedBytes(signed_directory.directory());
  std::set<pki::Digest> signers;  // a key counts once, however often it is listed or has signed
  for (const pki::PublicKey& key : keys.keys) {
    for (const auto& signature : signed_directory.signatures()) {
      if (signature.key_digest() == pki::AsBytes(key.digest()) &&
          key.Verify(bytes, signature.signature()).ok()) {
        signers.insert(key.digest());
        break;
      }
    }
  }
  if (keys.threshold == 0 || signers.size() < keys.threshold) {
    return base::Error(absl::StatusCode::kUnauthenticated, "NOT_ENOUGH_SIGNATURES",
                       absl::StrCat("the directory has ", signers.size(), " good signatures of ",
                                    keys.threshold, " needed"));
  }
  Directory directory;
  if (!directory.ParseFromString(signed_directory.directory())) return Bad("malformed");
  EGOV_RETURN_IF_ERROR(CheckDirectory(directory));
  if (directory.version() < last_version) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "OLD_DIRECTORY",
                       "an older edition than the one already accepted");
  }
  if (absl::FromUnixSeconds(directory.issued()) > now + kFutureSlack) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "DIRECTORY_FROM_FUTURE",
                       "the directory was issued after this machine's time");
  }
  EGOV_RETURN_IF_ERROR(CheckExpiry(directory, now, grace));
  return directory;
}

absl::StatusOr<pki::ChainVerifier> VerifierOf(const Directory& directory,
                                              directory::v1::AuthorityRole role, absl::Time at,
                                              std::vector<pki::Crl> lists) {
  std::vector<pki::Certificate> anchors;
  for (const auto& authority : directory.authorities()) {
    if (authority.role() != role || at < absl::FromUnixSeconds(authority.valid_from()) ||
        (authority.valid_to() != 0 && at >= absl::FromUnixSeconds(authority.valid_to()))) {
      continue;
    }
    EGOV_ASSIGN_OR_RETURN(auto certificate, pki::Certificate::FromDer(authority.certificate()));
    anchors.push_back(std::move(certificate));
  }
  return pki::ChainVerifier::Create(std::move(anchors), std::move(lists));
}

absl::StatusOr<std::unique_ptr<DirectoryCache>> DirectoryCache::Open(std::string path,
                                                                     DirectoryKeys keys,
                                                                     absl::Duration grace,
                                                                     const base::Clock& clock) {
  std::unique_ptr<DirectoryCache> cache(
      new DirectoryCache(std::move(path), std::move(keys), grace, clock));
  const auto bytes = ReadFile(cache->path_);
  if (!bytes.ok()) return absl::StatusOr<std::unique_ptr<DirectoryCache>>(std::move(cache));
  SignedDirectory signed_directory;
  // A cache that expired while the process was down still says which edition may not be undercut.
  auto directory = signed_directory.ParseFromString(*bytes)
                       ? VerifyDirectory(signed_directory, cache->keys_, absl::InfiniteFuture(), 0,
                                         absl::InfiniteDuration())
                       : absl::StatusOr<Directory>(Bad("malformed").status());
  if (!directory.ok()) {
    return base::Error(absl::StatusCode::kDataLoss, "BAD_DIRECTORY_CACHE",
                       absl::StrCat(cache->path_, ": ", std::string(directory.status().message())));
  }
  cache->current_ = std::make_shared<const Directory>(*std::move(directory));
  cache->current_bytes_ = signed_directory.directory();
  return absl::StatusOr<std::unique_ptr<DirectoryCache>>(std::move(cache));
}

absl::Status DirectoryCache::Update(absl::string_view bytes) {
  SignedDirectory signed_directory;
  if (!signed_directory.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Bad("malformed");
  }
  std::lock_guard<std::mutex> lock(mutex_);
  const uint64_t last = current_ == nullptr ? 0 : current_->version();
  EGOV_ASSIGN_OR_RETURN(Directory directory,
                        VerifyDirectory(signed_directory, keys_, clock_.Now(), last, grace_));
  if (directory.version() == last) {
    if (signed_directory.directory() == current_bytes_) return absl::OkStatus();
    return base::Error(absl::StatusCode::kFailedPrecondition, "OLD_DIRECTORY",
                       "another content under the number of the edition already accepted");
  }
  if (current_ != nullptr && directory.instance() != current_->instance()) {
    return Bad("it is another instance's").Field("instance");
  }
  // On disk first: what was accepted once must be known after a restart.
  EGOV_RETURN_IF_ERROR(WriteFile(path_, bytes));
  current_ = std::make_shared<const Directory>(std::move(directory));
  current_bytes_ = signed_directory.directory();
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Directory>> DirectoryCache::Current() const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (current_ == nullptr) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "NO_DIRECTORY",
                       "no directory has been received yet");
  }
  EGOV_RETURN_IF_ERROR(CheckExpiry(*current_, clock_.Now(), grace_));
  return current_;
}

}  // namespace egov::identity
