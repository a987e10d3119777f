#include "libs/rpc/tls.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/pki/certificate.h"
#include "libs/pki/key.h"
#include "libs/pki/spiffe.h"

namespace egov::rpc {
namespace {

absl::StatusOr<std::string> Read(const std::string& path, absl::string_view field) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream content;
  if (path.empty() || !in || !(content << in.rdbuf())) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "TLS_FILE_UNREADABLE",
                       absl::StrCat("The TLS file cannot be read: ", path))
        .Field(field)
        .Expected("a PEM file");
  }
  return content.str();
}

base::Error Unusable(absl::string_view field, absl::string_view why) {
  return base::Error(absl::StatusCode::kFailedPrecondition, "TLS_CERTIFICATE_UNUSABLE", why)
      .Field(field);
}

absl::StatusOr<std::vector<pki::Certificate>> ReadCertificates(const std::string& path,
                                                               absl::string_view field) {
  EGOV_ASSIGN_OR_RETURN(const std::string pem, Read(path, field));
  auto chain = pki::Certificate::ChainFromPem(pem);
  if (!chain.ok()) return Unusable(field, absl::StrCat(path, ": ", chain.status().message()));
  if (chain->empty()) return Unusable(field, absl::StrCat(path, " holds no certificate"));
  return chain;
}

using grpc::experimental::TlsCustomVerificationCheckRequest;

// Accepts the one identity that was expected. The chain has been verified by then; names of hosts
// are not looked at, because an address is not an identity.
class ExpectedServer final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit ExpectedServer(std::string uri) : uri_(std::move(uri)) {}
  ~ExpectedServer() override = default;

  bool Verify(TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>,
              grpc::Status* status) override {
    const std::vector<grpc::string_ref> uris = request->uri_names();
    const bool expected =
        uris.size() == 1 && absl::string_view(uris[0].data(), uris[0].size()) == uri_;
    *status = expected ? grpc::Status::OK
                       : grpc::Status(grpc::StatusCode::UNAUTHENTICATED,
                                      absl::StrCat("the server is not ", uri_));
    return true;
  }
  void Cancel(TlsCustomVerificationCheckRequest*) override {}

 private:
  const std::string uri_;
};

std::shared_ptr<grpc::experimental::CertificateProviderInterface> Watch(const TlsOptions& options) {
  const unsigned seconds =
      static_cast<unsigned>(std::max<int64_t>(1, absl::ToInt64Seconds(options.refresh)));
  return std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      options.files.key, options.files.certificate, options.files.anchors, seconds);
}

void WatchEverything(const TlsOptions& options, grpc::experimental::TlsCredentialsOptions* out) {
  out->watch_root_certs();
  out->watch_identity_key_cert_pairs();
  if (!options.files.crl_directory.empty()) out->set_crl_directory(options.files.crl_directory);
}

}  // namespace

absl::Status CheckTlsFiles(const TlsFiles& files) {
  EGOV_ASSIGN_OR_RETURN(const std::string key_pem, Read(files.key, "tls.key"));
  auto key = pki::PrivateKey::FromPem(key_pem);
  if (!key.ok())
    return Unusable("tls.key", absl::StrCat(files.key, " is not an unencrypted PKCS #8 key"));
  EGOV_ASSIGN_OR_RETURN(const auto chain, ReadCertificates(files.certificate, "tls.certificate"));
  if (key->public_key() != chain[0].public_key()) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "TLS_KEY_MISMATCH",
                       absl::StrCat("The key ", files.key, " is not that of ", files.certificate))
        .Field("tls.key")
        .Expected("the key of the first certificate in the chain");
  }
  EGOV_ASSIGN_OR_RETURN(const auto anchors, ReadCertificates(files.anchors, "tls.anchors"));
  for (const pki::Certificate& anchor : anchors) {
    if (!anchor.is_authority()) {
      return Unusable("tls.anchors",
                      absl::StrCat(files.anchors, ": ", anchor.subject(), " is not an authority"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Time> CertificateNotAfter(const TlsFiles& files) {
  EGOV_ASSIGN_OR_RETURN(const auto chain, ReadCertificates(files.certificate, "tls.certificate"));
  return chain[0].not_after();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> ServerTls(const TlsOptions& options) {
  EGOV_RETURN_IF_ERROR(CheckTlsFiles(options.files));
  grpc::experimental::TlsServerCredentialsOptions out(Watch(options));
  WatchEverything(options, &out);
  out.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(out);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> ChannelTls(const TlsOptions& options,
                                                                     absl::string_view audience) {
  EGOV_RETURN_IF_ERROR(CheckTlsFiles(options.files));
  const auto id = pki::SpiffeId::Parse(audience);
  if (!id.ok()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "TLS_AUDIENCE_INVALID",
                       "The expected server is not a SPIFFE id")
        .Field("audience")
        .Expected("spiffe://instance/class/member/subsystem");
  }
  grpc::experimental::TlsChannelCredentialsOptions out;
  out.set_certificate_provider(Watch(options));
  WatchEverything(options, &out);
  out.set_verify_server_certs(true);
  out.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<ExpectedServer>(
          std::string(audience)));
  out.set_check_call_host(false);
  return grpc::experimental::TlsCredentials(out);
}

}  // namespace egov::rpc
