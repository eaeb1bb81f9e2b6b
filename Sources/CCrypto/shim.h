// The functions on a hash's state as a value are deprecated since OpenSSL 3.0, and as stable as its others.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
