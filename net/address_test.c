#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/test.h"

static const struct row {
    const char *name;
    bool open;
} rows[] = {
    { "8.8.8.8", true },
    { "1.0.0.1", true },
    { "172.15.255.255", true },
    { "172.32.0.0", true },
    { "100.63.255.255", true },
    { "100.128.0.0", true },
    { "0.0.0.0", false },
    { "10.1.2.3", false },
    { "100.64.0.1", false },
    { "127.0.0.1", false },
    { "127.255.255.255", false },
    { "169.254.169.254", false },
    { "172.16.0.1", false },
    { "172.31.255.255", false },
    { "192.168.1.1", false },
    { "198.19.0.1", false },
    { "224.0.0.1", false },
    { "255.255.255.255", false },
    { "2606:4700::1111", true },
    { "::", false },
    { "::1", false },
    { "fe80::1", false },
    { "fd00::1", false },
    { "ff02::1", false },
    { "2001:db8::1", false },
    { "::ffff:127.0.0.1", false },
    { "::ffff:8.8.8.8", true },
    { "64:ff9b::a00:1", false },
    { "2002:7f00:1::", false },
    { "2002:808:808::", true },
};

static struct sockaddr_storage parse(const char *text)
{
    struct sockaddr_storage out = { 0 };
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
        memcpy(&out, &in, sizeof(in));
    else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
        memcpy(&out, &in6, sizeof(in6));
    else
        fail_msg("not an address: %s", text);
    return out;
}

static void each_row(void **state)
{
    const struct row *row = *state;
    const struct sockaddr_storage address = parse(row->name);
    assert_int_equal(address_is_public((const struct sockaddr *)&address), row->open);
}

static void ranges(void **state)
{
    (void)state;
    static const struct {
        const char *address, *cidr;
        bool in;
    } cases[] = {
        { "10.1.2.3", "10.0.0.0/8", true },        { "11.1.2.3", "10.0.0.0/8", false },
        { "10.1.2.3", "10.1.2.3", true },          { "10.1.2.3", "10.1.2.2/31", true },
        { "10.1.2.3", "10.1.2.4/31", false },      { "10.1.2.3", "0.0.0.0/0", true },
        { "10.1.2.3", "10.0.0.0/33", false },      { "10.1.2.3", "10.0.0.0/", false },
        { "10.1.2.3", "example.com", false },      { "10.1.2.3", "fd00::/8", false },
        { "fd12::1", "fd00::/8", true },           { "fe12::1", "fd00::/8", false },
        { "::ffff:10.0.0.1", "10.0.0.0/8", true }, { "::1", "::1", true },
    };
    for (size_t i = 0; i < SR_TEST_COUNT(cases); i++) {
        const struct sockaddr_storage address = parse(cases[i].address);
        if (address_in((const struct sockaddr *)&address, cases[i].cidr) != cases[i].in)
            fail_msg("%s in %s", cases[i].address, cases[i].cidr);
    }
    const struct sockaddr unix_socket = { .sa_family = AF_UNIX };
    assert_false(address_is_public(&unix_socket));
    assert_false(address_in(&unix_socket, "0.0.0.0/0"));
}

int main(void)
{
    static struct CMUnitTest tests[SR_TEST_COUNT(rows) + 1];
    size_t count = SR_TEST_ADD(tests, rows, each_row);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(ranges);
    return sr_test_run(__FILE__, tests, count);
}
