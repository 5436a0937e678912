// service/sns_messages.h - messages of SNS, signed by a key that is gone; for tests.
#pragma once
static const char sns_notification_1[] =
    "{\"Type\":\"Notification\",\"MessageId\":\"22b80b92\",\"TopicArn\":\"arn:aws:sns:eu-central-1:12345"
    "6789012:uploads\",\"Subject\":\"Amazon S3 Notification\",\"Message\":\"{\\\"Records\\\":[{\\\"eventVer"
    "sion\\\":\\\"2.1\\\",\\\"eventSource\\\":\\\"aws:s3\\\",\\\"awsRegion\\\":\\\"eu-central-1\\\",\\\"eventTime\\\":\\"
    "\"2026-11-22T10:19:01.456Z\\\",\\\"eventName\\\":\\\"ObjectCreated:Put\\\",\\\"s3\\\":{\\\"bucket\\\":{\\\"na"
    "me\\\":\\\"incoming\\\"},\\\"object\\\":{\\\"key\\\":\\\"a+b.mp4\\\",\\\"size\\\":3000,\\\"eTag\\\":\\\"35\\\",\\\"seque"
    "ncer\\\":\\\"0055\\\"}}}]}\",\"Timestamp\":\"2026-11-22T10:19:02.000Z\",\"SigningCertURL\":\"https://s"
    "ns.eu-central-1.amazonaws.com/SimpleNotificationService-0.pem\",\"SignatureVersion\":\"1\",\"S"
    "ignature\":\"ICBl6ysjI3EjfM5DP60DhZT+3oGQ/c8zuqBR9EhwHl/OpEtIGvn49ZXX3hSGXcOLCWjYgsBzzOl5g"
    "MFCoSHvNhP4rQdanWPNquD6J1BE1fEzOGfczwARmJ2Me5LCjI8dDksTcF7JDxi7N2v7LLTlB5NObch6XluOa22+3"
    "aiNaM/Zp+oLlAnx7f0DGrb5vahnkhTP2aPjojaiKkG43MKVcAyRB0xtuD1H4eh80Lr7TREzQ+yrhEs3D9RAwrqj+"
    "m2tB3RYb/uKJYco0VGc+CHAziCTaGOC9MN3vYglN/eRAjCcChaASNS3nqaXbVlPqgxT6rHouAcZFjxYunt5hkZCO"
    "A==\"}";
static const char sns_notification_2[] =
    "{\"Type\":\"Notification\",\"MessageId\":\"22b80b92\",\"TopicArn\":\"arn:aws:sns:eu-central-1:12345"
    "6789012:uploads\",\"Subject\":\"Amazon S3 Notification\",\"Message\":\"{\\\"Records\\\":[{\\\"eventVer"
    "sion\\\":\\\"2.1\\\",\\\"eventSource\\\":\\\"aws:s3\\\",\\\"awsRegion\\\":\\\"eu-central-1\\\",\\\"eventTime\\\":\\"
    "\"2026-11-22T10:19:01.456Z\\\",\\\"eventName\\\":\\\"ObjectCreated:Put\\\",\\\"s3\\\":{\\\"bucket\\\":{\\\"na"
    "me\\\":\\\"incoming\\\"},\\\"object\\\":{\\\"key\\\":\\\"a+b.mp4\\\",\\\"size\\\":3000,\\\"eTag\\\":\\\"35\\\",\\\"seque"
    "ncer\\\":\\\"0055\\\"}}}]}\",\"Timestamp\":\"2026-11-22T10:19:02.000Z\",\"SigningCertURL\":\"https://s"
    "ns.eu-central-1.amazonaws.com/SimpleNotificationService-0.pem\",\"SignatureVersion\":\"2\",\"S"
    "ignature\":\"cBmdBGJ+u0AsasZseGhBz/W6tqFZM0tOQn6nEqF5QFTFcRfJjR0QTC1OvIbq5qGS+E1TZX9birE4U"
    "gPZfntQsXU1N6UOmEoNSDiByuVMZfYOflYZEcIoEJb0onpIlPHMsyHDHniv+fFU6cvC2Jgl5isFiuAgaaVx4d6wd"
    "OF6S/EYuxPRO5UCrvN6T7puDBbi1UsNwjiq2+aKCeW91fnJZ0Qha6em4rw88743P77+KlTIDOWLG1F+0ffTciNs8"
    "oJY+UPzbBGTYqxeH7os38UNWB1Ptnd21Ok/F4+jXEPEo2JFeP8D5g8hZ85WLgeJEZadOHtJFWVEnqOY0cyVtbU1r"
    "A==\"}";
static const char sns_notification_plain[] =
    "{\"Type\":\"Notification\",\"MessageId\":\"22b80b92\",\"TopicArn\":\"arn:aws:sns:eu-central-1:12345"
    "6789012:uploads\",\"Message\":\"{\\\"Records\\\":[{\\\"eventVersion\\\":\\\"2.1\\\",\\\"eventSource\\\":\\\"aw"
    "s:s3\\\",\\\"awsRegion\\\":\\\"eu-central-1\\\",\\\"eventTime\\\":\\\"2026-11-22T10:19:01.456Z\\\",\\\"event"
    "Name\\\":\\\"ObjectCreated:Put\\\",\\\"s3\\\":{\\\"bucket\\\":{\\\"name\\\":\\\"incoming\\\"},\\\"object\\\":{\\\"ke"
    "y\\\":\\\"a+b.mp4\\\",\\\"size\\\":3000,\\\"eTag\\\":\\\"35\\\",\\\"sequencer\\\":\\\"0055\\\"}}}]}\",\"Timestamp\":\""
    "2026-11-22T10:19:02.000Z\",\"SigningCertURL\":\"https://sns.eu-central-1.amazonaws.com/Simpl"
    "eNotificationService-0.pem\",\"SignatureVersion\":\"2\",\"Signature\":\"j3T1K9T8akipGCuK6E6FJPxd"
    "SRkkgGUjRgijCbxKdYRS7AaVcWTQw6d+VwRnNK5j0Pig3tBRJA08UceYT+hnpzezrZWC9te7NOunqOpqThe+AbfV"
    "GYI189aZ55xUGXvDcTnyp48DUF+DspdeRLM5vAHw0XjjjpZMpu0QMzRO1Vi+lLYOk/FtgNszAf7AP9ZMABi7T9Pn"
    "YlThzKUgth5cvcfs5Uzuz89J6y1MDfvo5osKOXLMU8Nq5ii/BKARTD00G4VHPEQEpXge3J2Bnvs0ReOerOmzy6za"
    "TH/NU0kasublV3KcGl+xMgZPkVaK4IcRfJKtXbSubHbUULWMDpxD4w==\"}";
static const char sns_subscription[] =
    "{\"Type\":\"SubscriptionConfirmation\",\"MessageId\":\"165545c9\",\"Token\":\"2336412f\",\"TopicArn\":"
    "\"arn:aws:sns:eu-central-1:123456789012:uploads\",\"Message\":\"You have chosen to subscribe\""
    ",\"SubscribeURL\":\"https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Toke"
    "n=2336412f\",\"Timestamp\":\"2026-11-22T10:19:02.000Z\",\"SigningCertURL\":\"https://sns.eu-cent"
    "ral-1.amazonaws.com/SimpleNotificationService-0.pem\",\"SignatureVersion\":\"1\",\"Signature\":"
    "\"OEi2g9pPrdsGW9uPAozPnnFW3L7eBLkgPyUJaWb2NhFRFCFZETfN182uLQYEeh2BSUa+YuDNp0QGnOvBkukTRuJ"
    "N/0GQJBVcQQfRVxo5KvBAYr5Ailfe00LQ0jIv8myh3C6LH5NDqhZgO7uk9gYFKx6rae25e9Ki21hMQ362bKcZ06G"
    "kVcxP8pSfRa0KkxMpPWftcTR88BXqSXf3o4yFWROwhJxERuONytmiZQVADRKxUXxXIafUUzvjBnokxLXhFZkRYd3"
    "bZA9GV2dRb8+3VsMSbWbcDas5KTj6FTzbWMgvmO9JnCEZ8EshTzMtpqkuURlnM4lg/cr+NXDm3tWIJQ==\"}";
