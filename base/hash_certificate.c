#include "base/hash_certificate.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/auto.h"

SR_DEFINE_AUTO(X509, X509, X509_free);
SR_DEFINE_AUTO(EVP_PKEY, EVP_PKEY, EVP_PKEY_free);
SR_DEFINE_AUTO(EVP_MD_CTX, EVP_MD_CTX, EVP_MD_CTX_free);
SR_DEFINE_AUTO(BIO, BIO, BIO_free_all);

// Asks for no password: a certificate has none.
static int no_password(char *text, int size, int writes, void *self)
{
    (void)text;
    (void)size;
    (void)writes;
    (void)self;
    return 0;
}

static bool read_key(const char *pem, EVP_PKEY **ret_key, struct sr_err *err)
{
    const size_t bytes = strnlen(pem, SR_CERTIFICATE_BYTES_MAX + 1);
    if (bytes > SR_CERTIFICATE_BYTES_MAX)
        return sr_fail(err, SR_ERR_INVALID, "a certificate of more than %d bytes",
                       SR_CERTIFICATE_BYTES_MAX);
    sr_auto(BIO) BIO *bio = BIO_new_mem_buf(pem, (int)bytes);
    if (!bio)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a certificate");
    sr_auto(X509) X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
    if (!certificate)
        return sr_fail(err, SR_ERR_INVALID, "no certificate in PEM");
    *ret_key = X509_get_pubkey(certificate);
    if (!*ret_key || EVP_PKEY_get_base_id(*ret_key) != EVP_PKEY_RSA)
        return sr_fail(err, SR_ERR_INVALID, "a certificate without an RSA key");
    return true;
}

bool sr_certificate_verify(const char *pem, const char *digest, const void *data, size_t bytes,
                           const void *signature, size_t signature_bytes, struct sr_err *err)
{
    sr_auto(EVP_PKEY) EVP_PKEY *key = NULL;
    const EVP_MD *const type = strcmp(digest, "SHA-1") == 0     ? EVP_sha1()
                               : strcmp(digest, "SHA-256") == 0 ? EVP_sha256()
                                                                : NULL;
    if (!type)
        return sr_fail(err, SR_ERR_INVALID, "no digest of signatures: \"%.20s\"", digest);
    if (!read_key(pem, &key, err))
        return false;
    sr_auto(EVP_MD_CTX) EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || EVP_DigestVerifyInit(context, NULL, type, NULL, key) != 1)
        return sr_fail(err, SR_ERR_NO_MEMORY, "a signature");
    return EVP_DigestVerify(context, signature, signature_bytes, data, bytes) == 1 ||
           sr_fail(err, SR_ERR_DENIED, "the signature is another's");
}
