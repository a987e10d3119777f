// A PKCS #11 module with the habits of a card, which SoftHSM does not have: it counts wrong PINs
// and PUKs, blocks after three, and can be taken out. All cryptography and storage is SoftHSM's; a
// call that is not named here goes straight to it.
//
// What can go wrong with a card is switched on by name with card_fault(). Not thread safe: the
// counts are plain numbers, the library under test locks the token.
#include <dlfcn.h>
#include <p11-kit-1/p11-kit/pkcs11.h>
#include <string.h>

enum { kTries = 3 };

static CK_FUNCTION_LIST* real;
static CK_FUNCTION_LIST ours;
static int pin_left = kTries;  // one card, whatever slot it is in
static int puk_left = kTries;

static struct {
  int removed;                 // nothing is in the reader
  int removed_while_signing;   // taken out after the PIN
  int exchanged;               // another card is in the reader
  int wrong_signatures;        // a defective card
  int shows_keys;              // makes keys that can leave it
  int no_always_authenticate;  // refuses that attribute
  int full;                    // no room
} fault;

void card_fault(const char* name, int on) {
  if (strcmp(name, "removed") == 0) fault.removed = on;
  if (strcmp(name, "removed while signing") == 0) fault.removed_while_signing = on;
  if (strcmp(name, "exchanged") == 0) fault.exchanged = on;
  if (strcmp(name, "wrong signatures") == 0) fault.wrong_signatures = on;
  if (strcmp(name, "shows keys") == 0) fault.shows_keys = on;
  if (strcmp(name, "no always authenticate") == 0) fault.no_always_authenticate = on;
  if (strcmp(name, "full") == 0) fault.full = on;
}

// How often the card was asked whether a PIN is right.
static int asked;
int card_times_asked(void) { return asked; }

// As it came from its issuer.
void card_reset(void) {
  memset(&fault, 0, sizeof(fault));
  pin_left = puk_left = kTries;
  asked = 0;
}

static CK_RV Count(CK_RV rv, int* left) {
  ++asked;
  if (rv == CKR_PIN_INCORRECT) --*left;
  if (rv == CKR_OK) *left = kTries;
  return rv;
}

static CK_RV Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
                   CK_ULONG size) {
  int* left = user == CKU_SO ? &puk_left : &pin_left;
  if (*left == 0) return CKR_PIN_LOCKED;
  return Count(real->C_Login(session, user, pin, size), left);
}

static CK_RV SetPin(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR old_pin, CK_ULONG old_size,
                    CK_UTF8CHAR_PTR new_pin, CK_ULONG new_size) {
  if (pin_left == 0) return CKR_PIN_LOCKED;
  return Count(real->C_SetPIN(session, old_pin, old_size, new_pin, new_size), &pin_left);
}

static CK_RV InitPin(CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR pin, CK_ULONG size) {
  const CK_RV rv = real->C_InitPIN(session, pin, size);
  if (rv == CKR_OK) pin_left = kTries;
  return rv;
}

static CK_RV GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
  if (fault.removed) return CKR_TOKEN_NOT_PRESENT;
  const CK_RV rv = real->C_GetTokenInfo(slot, info);
  if (rv != CKR_OK) return rv;
  if (pin_left < kTries) info->flags |= CKF_USER_PIN_COUNT_LOW;
  if (pin_left == 1) info->flags |= CKF_USER_PIN_FINAL_TRY;
  if (pin_left == 0) info->flags |= CKF_USER_PIN_LOCKED;
  if (puk_left < kTries) info->flags |= CKF_SO_PIN_COUNT_LOW;
  if (puk_left == 1) info->flags |= CKF_SO_PIN_FINAL_TRY;
  if (puk_left == 0) info->flags |= CKF_SO_PIN_LOCKED;
  if (fault.exchanged) info->serialNumber[0] = 'X';
  return rv;
}

static CK_RV GetSlotList(CK_BBOOL with_token, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count) {
  if (fault.removed && with_token) {
    *count = 0;
    return CKR_OK;
  }
  return real->C_GetSlotList(with_token, slots, count);
}

static CK_RV Sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_size,
                  CK_BYTE_PTR signature, CK_ULONG_PTR size) {
  if (fault.removed_while_signing) return CKR_DEVICE_REMOVED;
  const CK_RV rv = real->C_Sign(session, data, data_size, signature, size);
  if (rv == CKR_OK && signature != NULL && fault.wrong_signatures) signature[*size - 1] ^= 1;
  return rv;
}

static CK_RV GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism,
                             CK_ATTRIBUTE_PTR for_public, CK_ULONG public_count,
                             CK_ATTRIBUTE_PTR for_private, CK_ULONG private_count,
                             CK_OBJECT_HANDLE_PTR public_key, CK_OBJECT_HANDLE_PTR private_key) {
  CK_BBOOL yes = CK_TRUE;
  CK_ULONG i;
  if (fault.full) return CKR_DEVICE_MEMORY;
  for (i = 0; i < private_count; ++i) {
    if (fault.no_always_authenticate && for_private[i].type == CKA_ALWAYS_AUTHENTICATE) {
      return CKR_ATTRIBUTE_TYPE_INVALID;
    }
    if (fault.shows_keys && for_private[i].type == CKA_EXTRACTABLE) for_private[i].pValue = &yes;
  }
  return real->C_GenerateKeyPair(session, mechanism, for_public, public_count, for_private,
                                 private_count, public_key, private_key);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  if (real == NULL) {
    void* module = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get =
        module == NULL ? NULL : (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList");
    if (get == NULL || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
    ours = *real;
    ours.C_Login = Login;
    ours.C_SetPIN = SetPin;
    ours.C_InitPIN = InitPin;
    ours.C_GetTokenInfo = GetTokenInfo;
    ours.C_GetSlotList = GetSlotList;
    ours.C_Sign = Sign;
    ours.C_GenerateKeyPair = GenerateKeyPair;
  }
  *list = &ours;
  return CKR_OK;
}
