#include "libs/rpc/revocation.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/pki/certificate.h"

namespace egov::rpc {
namespace {

base::Error Unreadable(const std::string& path, absl::string_view why) {
  return base::Error(absl::StatusCode::kFailedPrecondition, "CRL_UNREADABLE",
                     absl::StrCat(path, ": ", why))
      .Field("tls.crl_directory");
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream content;
  if (!in || !(content << in.rdbuf())) return Unreadable(path, "cannot be read");
  return content.str();
}

bool IsListName(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".pem" || extension == ".crl") return true;
  return extension.size() > 2 && extension[1] == 'r' &&
         std::all_of(extension.begin() + 2, extension.end(),
                     [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

absl::StatusOr<std::shared_ptr<const RevocationLists>> RevocationLists::Read(
    const std::string& directory, const std::vector<std::string>& authority_files) {
  std::vector<pki::Certificate> authorities;
  for (const std::string& file : authority_files) {
    EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(file));
    auto chain = pki::Certificate::ChainFromPem(pem);
    if (!chain.ok()) return Unreadable(file, chain.status().message());
    for (pki::Certificate& certificate : *chain) {
      if (certificate.is_authority()) authorities.push_back(std::move(certificate));
    }
  }
  std::error_code error;
  std::filesystem::directory_iterator files(directory, error);
  if (error) return Unreadable(directory, error.message());
  auto lists = std::make_shared<RevocationLists>();
  for (const std::filesystem::directory_entry& file : files) {
    if (!IsListName(file.path()) || !file.is_regular_file(error)) continue;
    const std::string path = file.path().string();
    EGOV_ASSIGN_OR_RETURN(const std::string pem, ReadFile(path));
    auto list = pki::Crl::FromPem(pem);
    if (!list.ok()) return Unreadable(path, list.status().message());
    // The directory also serves others (seals have an authority of their own): a list whose issuer is
    // none of ours says nothing about our peers. One that claims to be ours must be signed by it.
    bool is_ours = false, is_signed = false;
    for (const pki::Certificate& authority : authorities) {
      if (authority.subject() != list->issuer()) continue;
      is_ours = true;
      is_signed = is_signed || list->VerifySignature(authority).ok();
    }
    if (!is_ours) continue;
    if (!is_signed) return Unreadable(path, "its authority did not sign it");
    const auto [known, fresh] = lists->by_issuer_.emplace(list->issuer(), *list);
    // Number first, time for lists without one: an older list put back beside a newer changes
    // nothing.
    if (!fresh && std::make_pair(list->number(), list->this_update()) >
                      std::make_pair(known->second.number(), known->second.this_update())) {
      known->second = *std::move(list);
    }
  }
  return std::shared_ptr<const RevocationLists>(std::move(lists));
}

bool RevocationLists::IsRevoked(const std::string& issuer, const std::string& serial) const {
  const auto list = by_issuer_.find(issuer);
  return list != by_issuer_.end() && list->second.Find(serial).has_value();
}

}  // namespace egov::rpc
