#include "libs/signature/internal/status.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/pki/crl.h"
#include "libs/pki/ocsp.h"
#include "libs/signature/internal/judge.h"

namespace egov::signature::internal {
namespace {

bool IsSerial(const ASN1_INTEGER* number, const std::string& serial) {
  std::unique_ptr<BIGNUM, decltype(&BN_free)> value(ASN1_INTEGER_to_BN(number, nullptr), BN_free);
  BIGNUM* wanted = nullptr;
  BN_hex2bn(&wanted, serial.c_str());
  const bool same = value != nullptr && wanted != nullptr && BN_cmp(value.get(), wanted) == 0;
  BN_free(wanted);
  return same;
}

// When an answer says that it was made, if it speaks of this serial at all. VerifyOcsp has to be
// told a moment, and for an answer of long ago that is its own.
absl::optional<absl::Time> ProducedAt(const std::string& der, const std::string& serial) {
  const unsigned char* at = reinterpret_cast<const unsigned char*>(der.data());
  std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)> response(
      d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())),  // NOLINT
      OCSP_RESPONSE_free);
  std::unique_ptr<OCSP_BASICRESP, decltype(&OCSP_BASICRESP_free)> basic(
      response == nullptr ? nullptr : OCSP_response_get1_basic(response.get()),
      OCSP_BASICRESP_free);
  tm fields{};
  if (basic == nullptr || ASN1_TIME_to_tm(OCSP_resp_get0_produced_at(basic.get()), &fields) != 1) {
    ERR_clear_error();
    return absl::nullopt;
  }
  for (int i = 0; i < OCSP_resp_count(basic.get()); ++i) {
    ASN1_INTEGER* number = nullptr;
    const OCSP_CERTID* id = OCSP_SINGLERESP_get0_id(OCSP_resp_get0(basic.get(), i));
    OCSP_id_get0_info(nullptr, nullptr, nullptr, &number, const_cast<OCSP_CERTID*>(id));
    if (IsSerial(number, serial)) return absl::FromTM(fields, absl::UTCTimeZone());
  }
  return absl::nullopt;
}

bool KeyLost(pki::RevocationReason reason) {
  return reason == pki::RevocationReason::kKeyCompromise ||
         reason == pki::RevocationReason::kCaCompromise ||
         reason == pki::RevocationReason::kUnspecified;
}

// A verdict from one source; `known` is when what it says was known to be so.
struct Word {
  bool revoked = false;
  pki::RevocationReason reason = pki::RevocationReason::kUnspecified;
  absl::Time revoked_at;
};

// Revocation at or before the moment; nullopt: it was in force.
absl::optional<Verdict> Revoked(const Word& word, absl::Time at, bool key_loss_is_retroactive) {
  if (!word.revoked) return absl::nullopt;
  // Whoever takes the hold away removes the entry: until then nobody can say what was before.
  if (word.reason == pki::RevocationReason::kCertificateHold) {
    if (word.revoked_at > at) return absl::nullopt;
    return Open(SubIndication::kTryLater, "ON_HOLD", "the certificate is suspended");
  }
  if (word.revoked_at > at && !(key_loss_is_retroactive && KeyLost(word.reason))) {
    return absl::nullopt;
  }
  return Open(SubIndication::kRevokedNoPoe, "REVOKED",
              absl::StrCat("revoked at ", absl::FormatTime(word.revoked_at, absl::UTCTimeZone())));
}

}  // namespace

StatusFound StatusAt(const pki::Certificate& certificate, const pki::Certificate& issuer,
                     const std::vector<std::string>& ocsp, const std::vector<std::string>& crls,
                     absl::Time at, Freshness freshness, bool key_loss_is_retroactive) {
  // Time-stamps have fractions of a second, these answers do not: the same second is not before.
  const absl::Time least = absl::FromUnixSeconds(absl::ToUnixSeconds(at));
  StatusFound best{Open(SubIndication::kTryLater, "NO_STATUS",
                        "nothing shows whether the certificate was in force"),
                   absl::nullopt};
  const auto good = [&](absl::Time known) {
    // The earliest that will do, so that its distance from the moment tells something.
    if (!best.verdict.passed() || known < *best.known) best = {Passed(), known};
  };
  const auto unfit = [&](absl::string_view reason, absl::string_view text) {
    if (!best.verdict.passed()) best.verdict = Open(SubIndication::kTryLater, reason, text);
  };

  for (const std::string& answer : ocsp) {
    const auto produced_at = ProducedAt(answer, certificate.serial());
    if (!produced_at) continue;
    pki::OcspExpectation expectation;
    expectation.at = *produced_at;
    const auto verdict = pki::VerifyOcsp(answer, certificate, issuer, expectation);
    if (!verdict.ok()) {
      const auto detail = base::DetailOf(verdict.status());
      unfit(absl::StrCat("OCSP_", detail ? detail->reason : "REFUSED"), verdict.status().message());
      continue;
    }
    const pki::OcspStatus& status = verdict->status;
    if (status.state == pki::OcspState::kUnknown) {
      unfit("UNKNOWN_CERTIFICATE", "its authority does not know the certificate");
      continue;
    }
    // One true word of a revocation outweighs any number of older good ones.
    if (const auto revoked =
            Revoked({status.state == pki::OcspState::kRevoked, status.reason, status.revoked}, at,
                    key_loss_is_retroactive)) {
      return {*revoked, *produced_at};
    }
    const bool still_current = status.next_update && *status.next_update >= at;
    if (freshness == Freshness::kInForce && (*produced_at >= least || still_current)) {
      good(*produced_at);
    } else if (*produced_at < least) {
      unfit("OCSP_BEFORE_TIME_STAMP", "the OCSP answer was made before the time-stamp");
    } else if (status.this_update < least - kStatusAge) {
      unfit("STALE_STATUS", "the OCSP answer repeats what was known long before the time-stamp");
    } else {
      good(*produced_at);
    }
  }

  for (const std::string& der : crls) {
    const auto list = pki::Crl::FromDer(der);
    if (!list.ok() || list->issuer() != certificate.issuer()) continue;
    if (const absl::Status signed_by = list->VerifySignature(issuer); !signed_by.ok()) {
      unfit("CRL_BAD_SIGNATURE", signed_by.message());
      continue;
    }
    const auto entry = list->Find(certificate.serial());
    if (entry) {
      if (const auto revoked =
              Revoked({true, entry->reason, entry->revoked}, at, key_loss_is_retroactive)) {
        return {*revoked, list->this_update()};
      }
    }
    if (list->this_update() >= least ||
        (freshness == Freshness::kInForce && list->next_update() >= at)) {
      good(list->this_update());
    } else {
      unfit("STALE_STATUS", "the revocation list is older than the time-stamp");
    }
  }
  return best;
}

}  // namespace egov::signature::internal
