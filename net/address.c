#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct range {
    uint8_t bytes[16];
    unsigned bits;
};

static const struct range special_v4[] = {
    { { 0 }, 8 },         { { 10 }, 8 },       { { 100, 64 }, 10 },      { { 127 }, 8 },
    { { 169, 254 }, 16 }, { { 172, 16 }, 12 }, { { 192, 0, 0 }, 24 },    { { 192, 0, 2 }, 24 },
    { { 192, 168 }, 16 }, { { 198, 18 }, 15 }, { { 198, 51, 100 }, 24 }, { { 203, 0, 113 }, 24 },
    { { 224 }, 4 },       { { 240 }, 4 },
};
static const struct range special_v6[] = {
    { { 0 }, 8 },     // unspecified, loopback and other oddities
    { { 0x01 }, 8 },  // discard-only and reserved
    { { 0xfc }, 7 },  // unique local
    { { 0xfe }, 7 },  // link-local, site-local, multicast
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 },
    { { 0x20, 0x01, 0x00 }, 23 },  // protocol assignments, Teredo
};
// IPv6 addresses that are IPv4 ones in disguise: where the four bytes stand.
static const struct embedded {
    struct range range;
    size_t offset;
} embedded[] = {
    { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96 }, 12 },
    { { { 0, 0x64, 0xff, 0x9b }, 96 }, 12 },
    { { { 0x20, 0x02 }, 16 }, 2 },
};

static bool matches(const uint8_t *bytes, const struct range *range)
{
    const size_t whole = range->bits / 8;
    const unsigned rest = range->bits % 8;
    if (memcmp(bytes, range->bytes, whole) != 0)
        return false;
    return rest == 0 || (bytes[whole] >> (8 - rest)) == (range->bytes[whole] >> (8 - rest));
}

static bool public_v4(const uint8_t *bytes)
{
    for (size_t i = 0; i < sizeof(special_v4) / sizeof(special_v4[0]); i++) {
        if (matches(bytes, &special_v4[i]))
            return false;
    }
    return true;
}

static const uint8_t *v4_inside(const uint8_t *v6)
{
    for (size_t i = 0; i < sizeof(embedded) / sizeof(embedded[0]); i++) {
        if (matches(v6, &embedded[i].range))
            return v6 + embedded[i].offset;
    }
    return NULL;
}

static bool public_v6(const uint8_t *bytes)
{
    const uint8_t *v4 = v4_inside(bytes);
    if (v4)
        return public_v4(v4);
    for (size_t i = 0; i < sizeof(special_v6) / sizeof(special_v6[0]); i++) {
        if (matches(bytes, &special_v6[i]))
            return false;
    }
    return true;
}

bool address_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        return public_v4((const uint8_t *)&in.sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        return public_v6(in6.sin6_addr.s6_addr);
    }
    return false;
}

static bool parse_range(const char *cidr, int family, unsigned bits_max, struct range *ret)
{
    char text[64];
    const size_t bytes = strcspn(cidr, "/");
    if (bytes >= sizeof(text))
        return false;
    memcpy(text, cidr, bytes);
    text[bytes] = '\0';
    if (inet_pton(family, text, ret->bytes) != 1)
        return false;
    ret->bits = bits_max;
    if (cidr[bytes] != '/')
        return true;
    char *end;
    const unsigned long bits = strtoul(cidr + bytes + 1, &end, 10);
    ret->bits = (unsigned)bits;
    return *end == '\0' && end > cidr + bytes + 1 && bits <= bits_max;
}

bool address_in(const struct sockaddr *address, const char *cidr)
{
    struct range range = { 0 };
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        if (parse_range(cidr, AF_INET6, 128, &range))
            return matches(in6.sin6_addr.s6_addr, &range);
        const uint8_t *v4 = v4_inside(in6.sin6_addr.s6_addr);
        return v4 && parse_range(cidr, AF_INET, 32, &range) && matches(v4, &range);
    }
    if (address->sa_family != AF_INET || !parse_range(cidr, AF_INET, 32, &range))
        return false;
    struct sockaddr_in in;
    memcpy(&in, address, sizeof(in));
    return matches((const uint8_t *)&in.sin_addr, &range);
}
