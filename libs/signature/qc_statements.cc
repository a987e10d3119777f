// QcStatements (RFC 3739 section 3.2.6; ETSI EN 319 412-5 clause 4): a sequence of statements, each
// an object identifier and whatever it defines.
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <memory>

#include "libs/signature/validate.h"

namespace egov::signature {
namespace {

constexpr absl::string_view kQcCompliance = "0.4.0.1862.1.1";
constexpr absl::string_view kQcSscd = "0.4.0.1862.1.4";
constexpr absl::string_view kQcType = "0.4.0.1862.1.6";

void FreeAny(ASN1_SEQUENCE_ANY* sequence) { sk_ASN1_TYPE_pop_free(sequence, ASN1_TYPE_free); }
using SequencePtr = std::unique_ptr<ASN1_SEQUENCE_ANY, decltype(&FreeAny)>;

SequencePtr Sequence(const ASN1_STRING* der) {
  const unsigned char* at = ASN1_STRING_get0_data(der);
  return SequencePtr(d2i_ASN1_SEQUENCE_ANY(nullptr, &at, ASN1_STRING_length(der)), FreeAny);
}
SequencePtr Sequence(const ASN1_TYPE* value) {
  if (value == nullptr || value->type != V_ASN1_SEQUENCE) return SequencePtr(nullptr, FreeAny);
  return Sequence(value->value.sequence);
}

std::string ObjectText(const ASN1_TYPE* value) {
  if (value == nullptr || value->type != V_ASN1_OBJECT) return "";
  char text[128];
  const int size = OBJ_obj2txt(text, sizeof(text), value->value.object, 1);
  return size > 0 && size < static_cast<int>(sizeof(text)) ? std::string(text, size) : "";
}

std::string TypeName(const std::string& oid) {
  if (oid == "0.4.0.1862.1.6.1") return "esign";
  if (oid == "0.4.0.1862.1.6.2") return "eseal";
  if (oid == "0.4.0.1862.1.6.3") return "web";
  return oid;
}

}  // namespace

QcStatements QcStatementsOf(const pki::Certificate& certificate) {
  QcStatements statements;
  const unsigned char* at = reinterpret_cast<const unsigned char*>(certificate.ToDer().data());
  std::unique_ptr<X509, decltype(&X509_free)> x509(
      d2i_X509(nullptr, &at, static_cast<long>(certificate.ToDer().size())), X509_free);  // NOLINT
  const int index = x509 == nullptr ? -1 : X509_get_ext_by_NID(x509.get(), NID_qcStatements, -1);
  if (index < 0) return statements;
  const SequencePtr all = Sequence(X509_EXTENSION_get_data(X509_get_ext(x509.get(), index)));
  for (int i = 0; all != nullptr && i < sk_ASN1_TYPE_num(all.get()); ++i) {
    const SequencePtr statement = Sequence(sk_ASN1_TYPE_value(all.get(), i));
    if (statement == nullptr || sk_ASN1_TYPE_num(statement.get()) == 0) continue;
    const std::string id = ObjectText(sk_ASN1_TYPE_value(statement.get(), 0));
    if (id == kQcCompliance) {
      statements.compliance = true;
    } else if (id == kQcSscd) {
      statements.sscd = true;
    } else if (id == kQcType && sk_ASN1_TYPE_num(statement.get()) == 2) {
      const SequencePtr types = Sequence(sk_ASN1_TYPE_value(statement.get(), 1));
      for (int k = 0; types != nullptr && k < sk_ASN1_TYPE_num(types.get()); ++k) {
        statements.types.push_back(TypeName(ObjectText(sk_ASN1_TYPE_value(types.get(), k))));
      }
    } else if (!id.empty()) {
      statements.others.push_back(id);
    }
  }
  ERR_clear_error();
  return statements;
}

}  // namespace egov::signature
