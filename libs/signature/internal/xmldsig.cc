// xmlsec1 can fetch addresses, run XSLT, evaluate XPath and find keys by itself. Here it gets none
// of that: what a reference may lead to was decided by ParseSignature; the key is given; transforms
// are named one by one; its only way to any byte outside the document is the container, through
// callbacks that stand in the place of its own for files and addresses.
#include "libs/signature/internal/xmldsig.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <xmlsec/xmlsec.h>
// Its other headers need that one before them.
#include <xmlsec/errors.h>
#include <xmlsec/io.h>
#include <xmlsec/openssl/crypto.h>
#include <xmlsec/openssl/evp.h>
#include <xmlsec/xmldsig.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace egov::signature::internal {
namespace {

// What the callbacks may read, for the validation that runs on this thread.
struct Source {
  const XadesSignature* signature = nullptr;
  const Container* container = nullptr;
  absl::Status error;
};
thread_local Source* current = nullptr;

// xmlsec1 tries the decoded form of an address first. Only that is answered: decoded names are what
// ParseSignature made sure of, each once, while "a%20b" is also how a file may really be called.
const DataReference* Find(const char* decoded) {
  if (current == nullptr || decoded == nullptr) return nullptr;
  for (const DataReference& reference : current->signature->data) {
    if (reference.file == decoded) return &reference;
  }
  return nullptr;
}

int Match(const char* uri) { return Find(uri) != nullptr ? 1 : 0; }

void* Open(const char* uri) {
  const DataReference* reference = Find(uri);
  if (reference == nullptr) return nullptr;
  auto file = current->container->OpenFile(reference->file);
  if (!file.ok()) {
    current->error = file.status();
    return nullptr;
  }
  return file->release();
}

int Read(void* context, char* buffer, int size) {
  const auto got = static_cast<DataFileReader*>(context)->Read(buffer, static_cast<size_t>(size));
  if (got.ok()) return static_cast<int>(*got);
  if (current != nullptr) current->error = got.status();
  return -1;
}

int Close(void* context) {
  delete static_cast<DataFileReader*>(context);
  return 0;
}

void Silent(const char*, int, const char*, const char*, const char*, int, const char*) {}

// Once for the process. xmlsec1's own error output would print what strangers wrote.
bool Initialize() {
  static const bool done = [] {
    if (xmlSecInit() < 0 || xmlSecCheckVersion() != 1 || xmlSecOpenSSLInit() < 0) return false;
    xmlSecErrorsSetCallback(Silent);  // xmlSecInit sets its own
    xmlSecIOCleanupCallbacks();
    return xmlSecIORegisterCallbacks(Match, Open, Read, Close) == 0;
  }();
  return done;
}

struct MethodName {
  absl::string_view uri;
  xmlSecTransformId (*transform)();
};
// The macros are calls.
const MethodName kMethods[] = {
    {"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
     [] { return xmlSecOpenSSLTransformEcdsaSha256Id; }},
    {"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
     [] { return xmlSecOpenSSLTransformEcdsaSha384Id; }},
    {"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
     [] { return xmlSecOpenSSLTransformEcdsaSha512Id; }},
    {"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
     [] { return xmlSecOpenSSLTransformRsaSha256Id; }},
    {"http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
     [] { return xmlSecOpenSSLTransformRsaSha384Id; }},
    {"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
     [] { return xmlSecOpenSSLTransformRsaSha512Id; }},
};

bool Restrict(xmlSecDSigCtx* context) {
  context->enabledReferenceUris = xmlSecTransformUriTypeSameDocument | xmlSecTransformUriTypeLocal |
                                  xmlSecTransformUriTypeRemote;
  for (const xmlSecTransformId id :
       {xmlSecTransformInclC14NId, xmlSecTransformInclC14N11Id, xmlSecTransformExclC14NId}) {
    if (xmlSecDSigCtxEnableReferenceTransform(context, id) < 0 ||
        xmlSecDSigCtxEnableSignatureTransform(context, id) < 0) {
      return false;
    }
  }
  for (const xmlSecTransformId id : {xmlSecOpenSSLTransformSha256Id, xmlSecOpenSSLTransformSha384Id,
                                     xmlSecOpenSSLTransformSha512Id}) {
    if (xmlSecDSigCtxEnableReferenceTransform(context, id) < 0) return false;
  }
  for (const MethodName& method : kMethods) {
    if (xmlSecDSigCtxEnableSignatureTransform(context, method.transform()) < 0) return false;
  }
  return true;
}

xmlSecKeyPtr KeyOf(const pki::Certificate& signer) {
  const std::string& der = signer.public_key().ToDer();
  const unsigned char* at = reinterpret_cast<const unsigned char*>(der.data());
  EVP_PKEY* pkey = d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size()));  // NOLINT
  if (pkey == nullptr) return nullptr;
  xmlSecKeyDataPtr data = xmlSecOpenSSLEvpKeyAdopt(pkey);
  if (data == nullptr) {
    EVP_PKEY_free(pkey);
    return nullptr;
  }
  xmlSecKeyPtr key = xmlSecKeyCreate();
  if (key == nullptr || xmlSecKeySetValue(key, data) < 0) {
    xmlSecKeyDataDestroy(data);
    if (key != nullptr) xmlSecKeyDestroy(key);
    return nullptr;
  }
  return key;
}

absl::Status Fail(absl::string_view reason, absl::string_view text) {
  return base::Error(absl::StatusCode::kUnauthenticated, reason, text);
}

}  // namespace

bool IsSignatureAlgorithm(absl::string_view uri) {
  for (const MethodName& method : kMethods) {
    if (method.uri == uri) return true;
  }
  return false;
}

absl::Status CheckXmlSignature(const XadesSignature& signature, const pki::Certificate& signer,
                               const Container& container) {
  if (!Initialize()) {
    return base::Error(absl::StatusCode::kInternal, "CRYPTO_FAILED", "xmlsec1 does not start");
  }
  struct Destroy {
    void operator()(xmlSecDSigCtx* context) const { xmlSecDSigCtxDestroy(context); }
  };
  std::unique_ptr<xmlSecDSigCtx, Destroy> context(xmlSecDSigCtxCreate(nullptr));
  if (context == nullptr || !Restrict(context.get())) {
    return base::Error(absl::StatusCode::kInternal, "CRYPTO_FAILED", "xmlsec1 does not start");
  }
  // With a key given, KeyInfo is not read.
  context->signKey = KeyOf(signer);
  if (context->signKey == nullptr) {
    return Fail("BAD_SIGNATURE", "the signer's key is of a kind that is not accepted");
  }
  Source source{&signature, &container, absl::OkStatus()};
  current = &source;
  const int done = xmlSecDSigCtxVerify(context.get(), signature.signature);
  current = nullptr;
  ERR_clear_error();
  EGOV_RETURN_IF_ERROR(source.error);

  xmlSecPtrList* references = &context->signedInfoReferences;
  const size_t checked = xmlSecPtrListGetSize(references);
  for (size_t i = 0; i < checked; ++i) {
    const auto* reference =
        static_cast<const xmlSecDSigReferenceCtx*>(xmlSecPtrListGetItem(references, i));
    if (reference->status != xmlSecDSigStatusSucceeded) {
      return Fail("HASH_FAILURE", "what was signed is not what is here");
    }
  }
  // Every reference that we understood was digested, and no other.
  if (done < 0 || context->status != xmlSecDSigStatusSucceeded ||
      checked != signature.data.size() + 1) {
    return Fail("BAD_SIGNATURE", "the value is not this key's over these references");
  }
  return absl::OkStatus();
}

}  // namespace egov::signature::internal
