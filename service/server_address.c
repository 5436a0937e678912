// Where to listen: text to address.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "service/server.h"

// Splits "HOST:PORT" and "[HOST]:PORT".
static bool split(const char *text, char host[64], const char **ret_port)
{
    const char *colon = strrchr(text, ':');
    const char *start = text;
    size_t bytes = colon ? (size_t)(colon - text) : 0;
    if (!colon)
        return false;
    if (bytes >= 2 && text[0] == '[' && text[bytes - 1] == ']') {
        start++;
        bytes -= 2;
    } else if (memchr(text, ':', bytes)) {
        return false;  // IPv6 without brackets
    }
    if (bytes >= 64)
        return false;
    memcpy(host, start, bytes);
    host[bytes] = '\0';
    *ret_port = colon + 1;
    return true;
}

bool server_address(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_bytes,
                    struct sr_err *err)
{
    char host[64];
    const char *port = NULL;
    if (!split(text, host, &port) || !*port || strlen(port) > 5 ||
        port[strspn(port, "0123456789")] || strtoul(port, NULL, 10) > 65535)
        return sr_fail(err, SR_ERR_INVALID,
                       "\"%.80s\" is no address: want HOST:PORT or [HOST]:PORT", text);
    const char *const name = !*host || strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    if (getaddrinfo(name, port, &hints, &found) != 0)
        return sr_fail(err, SR_ERR_INVALID,
                       "\"%.80s\" is no address: the host is a number or localhost, the port 0 to "
                       "65535",
                       text);
    memset(ret_address, 0, sizeof *ret_address);
    memcpy(ret_address, found->ai_addr, found->ai_addrlen);
    *ret_bytes = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

bool server_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof four);
        return ntohl(four.sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 six;
    memcpy(&six, address, sizeof six);
    return IN6_IS_ADDR_LOOPBACK(&six.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr) && six.sin6_addr.s6_addr[12] == 127);
}
