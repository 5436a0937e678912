// base/test_certificate.h - for tests: a certificate of an RSA key that is gone, made with openssl
// req -x509. What it has signed stands in the tests.
#pragma once

static const char sr_test_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIDATCCAemgAwIBAgIUcoz8DGiQSqUSGhShby6PlXfl050wDQYJKoZIhvcNAQEL\n"
    "BQAwDzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjIyMjIyMzhaGA8yMTI2MTAyOTIy\n"
    "MjIzOFowDzENMAsGA1UEAwwEdGVzdDCCASIwDQYJKoZIhvcNAQEBBQADggEPADCC\n"
    "AQoCggEBAKHtTBbvLdiLH0csBvxlsbfLpJ5bX+InawyoEszjw12JVkGE/3nTXc5S\n"
    "tTWb+ooMKTOQ/Tn4MHqyOdWt8S57gt9jZQ0ONa7B2vTq0xsLyKsNOoSgtCOyGNvk\n"
    "uzSN1w2nPUNqsovPmIbUNjf69qvyMcyr0Xnj/GkIOachLNvxka2cO5pyxjLryhET\n"
    "fpVE2jLOyPlvdC7ZMFupYFdnyMhykAynZolisaego41Wmivd0GDAvsW4KIzjWKd8\n"
    "2WsceRHJF9sIe2UcUOwH57/6X9cHiyBKyVV9XamF/sBssTS9gS03nuY7NRuy1yXw\n"
    "DrIrqJq3K/kO+u9PWtUjJgeGFsqT1asCAwEAAaNTMFEwHQYDVR0OBBYEFNlCFJcg\n"
    "LVHX4WYqcQw9S3Kt5iLSMB8GA1UdIwQYMBaAFNlCFJcgLVHX4WYqcQw9S3Kt5iLS\n"
    "MA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADggEBAJF/X3uloDRB2dRw\n"
    "idgR5cbldaJ6eNOD0fF7fYzQereX2uqhKIZXbe1assvPoBbj2sUFGpwaf4DnnFF2\n"
    "66yBTUjJ1YCk3LZQd99Vv5Hvx5N57GW73ObbSObdNs/GoUOmKhf/E0+tnvWw5QQb\n"
    "HgYe90X0vv3VnFp9UhDgMK7SKPpvhFN/JA08DaDiLHJKBxhOg1O9AGsyFjVBVlWz\n"
    "WfjwZefhB3OX/59oF8V5H/zqR+o5dm6PDKlQjKfBRk346UXEfRvCAIcPOmpHwrs6\n"
    "zySPpqgVhM4NrwT9zIYtkMfwDFSsRbJ/SnBt1e/xUW+u+eVk1ZIF8awzMpVHessF\n"
    "Gr/FbFE=\n"
    "-----END CERTIFICATE-----\n";
