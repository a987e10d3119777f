// The granting side of timestamp.h.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/pki/internal/openssl.h"
#include "libs/pki/internal/timestamp.h"
#include "libs/pki/timestamp.h"

namespace egov::pki {

using internal::Access;
using internal::Deleter;

struct TimeStampAuthority::Impl {
  Options options;
  Certificate certificate;
  PrivateKey key;
  internal::X509StackPtr chain;
  TimeSource time;
  SerialSource serial;
  internal::Asn1ObjectPtr policy;
};

namespace {

using ResponseContextPtr = std::unique_ptr<TS_RESP_CTX, Deleter<TS_RESP_CTX_free>>;
using ResponsePtr = std::unique_ptr<TS_RESP, Deleter<TS_RESP_free>>;

void Refuse(TS_RESP_CTX* context, int failure, const char* text) {
  TS_RESP_CTX_set_status_info(context, TS_STATUS_REJECTION, text);
  TS_RESP_CTX_add_failure_info(context, failure);
}

int GiveTime(TS_RESP_CTX* context, void* source, long* seconds,
             long* micros) {  // NOLINT: OpenSSL's type
  const auto time = (*static_cast<TimeStampAuthority::TimeSource*>(source))();
  if (!time.ok()) {
    Refuse(context, TS_INFO_TIME_NOT_AVAILABLE, "The time is not known well enough.");
    return 0;
  }
  const int64_t all = absl::ToUnixMicros(*time);
  *seconds = all / 1000000;
  *micros = all % 1000000;
  return 1;
}

ASN1_INTEGER* GiveSerial(TS_RESP_CTX* context, void* source) {
  const auto serial = (*static_cast<TimeStampAuthority::SerialSource*>(source))();
  ASN1_INTEGER* number = serial.ok() ? ASN1_INTEGER_new() : nullptr;
  if (number == nullptr || ASN1_INTEGER_set_uint64(number, *serial) != 1) {
    Refuse(context, TS_INFO_SYSTEM_FAILURE, "No serial number could be reserved.");
    ASN1_INTEGER_free(number);
    return nullptr;
  }
  return number;
}

}  // namespace

TimeStampAuthority::TimeStampAuthority(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TimeStampAuthority::TimeStampAuthority(TimeStampAuthority&&) noexcept = default;
TimeStampAuthority& TimeStampAuthority::operator=(TimeStampAuthority&&) noexcept = default;
TimeStampAuthority::~TimeStampAuthority() = default;

absl::StatusOr<TimeStampAuthority> TimeStampAuthority::Create(
    Options options, Certificate certificate, PrivateKey key, std::vector<Certificate> chain,
    TimeSource time, SerialSource serial) {
  EGOV_RETURN_IF_ERROR(certificate.CheckPurpose(Purpose::kTimeStamp));
  if (certificate.public_key() != key.public_key()) {
    return base::Error(absl::StatusCode::kInvalidArgument, "KEY_MISMATCH",
                       "the key is not the certificate's");
  }
  internal::Asn1ObjectPtr policy(OBJ_txt2obj(options.policy.c_str(), /*no_name=*/1));
  if (policy == nullptr) {
    ERR_clear_error();
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_POLICY",
                       "the policy is not an object identifier")
        .Field("policy")
        .Expected("numbers and full stops, such as 1.3.6.1.4.1.99999.1");
  }
  if (options.accuracy < absl::ZeroDuration() || options.accuracy > absl::Hours(1)) {
    return base::Error(absl::StatusCode::kInvalidArgument, "BAD_ACCURACY", "no such accuracy")
        .Field("accuracy");
  }
  // OpenSSL adds the signer's own certificate by itself; twice it would only make tokens longer.
  chain.erase(std::remove(chain.begin(), chain.end(), certificate), chain.end());
  internal::X509StackPtr stack = internal::StackOf(chain);
  return TimeStampAuthority(std::unique_ptr<Impl>(
      new Impl{std::move(options), std::move(certificate), std::move(key), std::move(stack),
               std::move(time), std::move(serial), std::move(policy)}));
}

TimeStampAuthority::Reply TimeStampAuthority::Respond(absl::string_view request) const {
  // OpenSSL's context holds the question and the answer in the making: one for each call.
  ResponseContextPtr context(TS_RESP_CTX_new());
  TS_RESP_CTX* c = context.get();
  const int64_t accuracy = absl::ToInt64Microseconds(impl_->options.accuracy);
  bool ok = TS_RESP_CTX_set_signer_cert(c, Access::Cert(impl_->certificate)) == 1 &&
            TS_RESP_CTX_set_signer_key(c, Access::Pkey(impl_->key)) == 1 &&
            TS_RESP_CTX_set_signer_digest(c, EVP_sha256()) == 1 &&
            TS_RESP_CTX_set_ess_cert_id_digest(c, EVP_sha256()) == 1 &&  // RFC 5816
            TS_RESP_CTX_set_certs(c, impl_->chain.get()) == 1 &&
            TS_RESP_CTX_set_def_policy(c, impl_->policy.get()) == 1 &&
            TS_RESP_CTX_set_accuracy(c, static_cast<int>(accuracy / 1000000),
                                     static_cast<int>(accuracy / 1000 % 1000),
                                     static_cast<int>(accuracy % 1000)) == 1 &&
            TS_RESP_CTX_set_clock_precision_digits(c, 6) == 1;
  for (const EVP_MD* digest : {EVP_sha256(), EVP_sha384(), EVP_sha512()}) {
    ok = ok && TS_RESP_CTX_add_md(c, digest) == 1;
  }
  TS_RESP_CTX_add_flags(c, TS_TSA_NAME | (impl_->options.ordered ? TS_ORDERING : 0));
  TS_RESP_CTX_set_time_cb(c, GiveTime, &impl_->time);
  TS_RESP_CTX_set_serial_cb(c, GiveSerial, &impl_->serial);

  internal::BioPtr in = internal::MemoryReader(request);
  ResponsePtr response(ok ? TS_RESP_create_response(c, in.get()) : nullptr);
  ERR_clear_error();
  Reply reply;
  if (response == nullptr) {
    reply.failure = "systemFailure";
    return reply;
  }
  reply.der = internal::ToDer(i2d_TS_RESP, response.get());
  reply.granted = TS_RESP_get_token(response.get()) != nullptr;
  if (!reply.granted)
    reply.failure = internal::FailureName(TS_RESP_get_status_info(response.get()));
  return reply;
}

}  // namespace egov::pki
