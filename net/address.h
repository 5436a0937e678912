// net/address.h - which network addresses a program that follows other people's URLs may connect
// to.
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"

// True for an address that anybody on the internet could mean: not loopback, link-local, private,
// shared, multicast, reserved or unspecified, also when written as IPv4 inside IPv6.
// Spec: the special-purpose registries of RFC 6890.
bool address_is_public(const struct sockaddr *address);

// True when `address` lies in `cidr`: "10.0.0.0/8", "fd00::/8", or one address. False for text that
// is none of these (a host's name).
bool address_in(const struct sockaddr *address, const char *cidr);
